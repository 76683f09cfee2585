#include "source/net/connection.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/net/read_block.h"
#include "test/harness/counting_engine.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

using harness::CountingEngine;
using harness::End;
using harness::RunUntil;
using harness::TcpPair;
using harness::Turns;

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    const auto [left, right] = TcpPair(loop_);
    a_ = std::make_unique<End>(loop_, left);
    b_ = std::make_unique<End>(loop_, right);
    Turns(loop_);
  }
  CountingEngine::Counts counts_;
  event::Dispatcher loop_{std::make_unique<CountingEngine>(event::MakeEpollEngine(), counts_)};
  std::unique_ptr<End> a_, b_;
};

TEST_F(ConnectionTest, APlainConnectionIsAnnouncedOnce) {
  EXPECT_EQ(a_->recorder.connected, 1);
  EXPECT_EQ(b_->recorder.connected, 1);
  EXPECT_EQ((*a_)->local(), (*b_)->remote());
  EXPECT_EQ((*a_)->remote(), (*b_)->local());
  EXPECT_NE((*a_)->id(), (*b_)->id());
}

TEST_F(ConnectionTest, ASmallExchangeCostsOneReadAndOneWritePerSide) {
  b_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    (*b_)->Write("response head");
    (*b_)->Write("response body");
  };
  const CountingEngine::Counts before = counts_;
  constexpr int kExchanges = 100;
  for (int i = 1; i <= kExchanges; ++i) {
    a_->recorder.got.clear();
    (*a_)->Write("request");
    ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.got == "response headresponse body"; }));
  }
  EXPECT_EQ(counts_.readv - before.readv, 2 * kExchanges);
  EXPECT_EQ(counts_.writev - before.writev, 2 * kExchanges);
  EXPECT_EQ(counts_.socket_calls() - before.socket_calls(), 4 * kExchanges) << "nothing else per exchange";
}

TEST_F(ConnectionTest, AnIdleConnectionHoldsNoBlock) {
  (*a_)->Write("request");
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.got == "request"; }));
  for (End* end : {a_.get(), b_.get()}) {
    EXPECT_EQ((*end)->input().charged(), 0u);
    EXPECT_EQ((*end)->output().charged(), 0u);
  }
}

TEST_F(ConnectionTest, WhatAHandlerLeavesIsOfferedAgainAndDoesNotPinTheReadBlock) {
  std::string seen;
  b_->recorder.on_data = [&](Buffer& input, bool) { seen = input.ToString(); };
  (*a_)->Write("half");
  ASSERT_TRUE(RunUntil(loop_, [&] { return seen == "half"; }));
  EXPECT_LE((*b_)->input().charged(), size_t{kSmallBlock} + sizeof(Block));
  (*a_)->Write(" and half");
  ASSERT_TRUE(RunUntil(loop_, [&] { return seen == "half and half"; }));
  EXPECT_LE((*b_)->input().charged(), size_t{kSmallBlock} + sizeof(Block));
}

TEST_F(ConnectionTest, BodiesArriveInLargeBlocksAndWhole) {
  const std::string body(3 * 1024 * 1024, 'b');
  Buffer kept;
  b_->recorder.on_data = [&](Buffer& input, bool) { kept.Append(std::move(input)); };
  (*a_)->SetWriteLimits(0);
  (*a_)->Write(body);
  ASSERT_TRUE(RunUntil(loop_, [&] { return kept.size() == body.size(); }));
  EXPECT_EQ(kept.ToString(), body);
}

TEST_F(ConnectionTest, AFloodTakesOnlyItsShareOfATurn) {
  const auto [left, right] = TcpPair(loop_);
  End c(loop_, left), d(loop_, right);
  size_t this_turn = 0, most = 0;
  b_->recorder.on_data = [&](Buffer& input, bool) {
    this_turn += input.size();
    most = std::max(most, this_turn);
    input.Clear();
  };
  (*a_)->SetWriteLimits(0);
  (*a_)->Write(std::string(16 * 1024 * 1024, 'x'));
  c->Write("small");
  ASSERT_TRUE(RunUntil(loop_, [&] {
    this_turn = 0;
    return d.recorder.got == "small" && (*b_)->stats().bytes_read == 16u * 1024 * 1024;
  }));
  EXPECT_LE(most, Connection::kReadPerTurn);
}

// Two of which one, `b_`, becomes ready first.
class ConnectionOrderTest : public ConnectionTest {
 protected:
  ConnectionOrderTest() {
    const auto [left, right] = TcpPair(loop_);
    c_ = std::make_unique<End>(loop_, left);
    d_ = std::make_unique<End>(loop_, right);
    Turns(loop_);
    End* const ends[] = {b_.get(), d_.get()};
    for (End* end : ends) {
      end->recorder.on_data = [this, end](Buffer& input, bool) {
        input.Clear();
        order_ += end == b_.get() ? "b" : "d";
      };
      end->recorder.on_closed = [this] { order_ += "x"; };
    }
    (*a_)->Write("first");
    (*c_)->Write("first");
    EXPECT_TRUE(RunUntil(loop_, [&] { return order_.size() == 2; }));
  }
  void Answer(End& from, End& to) {
    from->Write("answer");
    ASSERT_TRUE(RunUntil(loop_, [&] { return to.recorder.got == "answer"; }));
    to.recorder.got.clear();
  }
  std::string Order() {
    (*a_)->Write("to b");
    (*c_)->Write("to d");
    order_.clear();
    EXPECT_TRUE(RunUntil(loop_, [&] { return order_.size() == 2; }));
    return order_;
  }
  std::unique_ptr<End> c_, d_;
  std::string order_;
};

TEST_F(ConnectionOrderTest, WhoSendsPieceByPieceComesAfterWhoAsksAndIsAnswered) {
  for (int i = 1; i < Connection::kPieces; ++i) {
    Answer(*d_, *c_);
    EXPECT_EQ(Order(), "bd");
  }
  Answer(*d_, *c_);
  EXPECT_EQ(Order(), "db");
  Answer(*d_, *c_);
  Answer(*b_, *a_);
  EXPECT_EQ(Order(), "bd");
}

TEST_F(ConnectionOrderTest, WhoSentMuchComesAfterWhoAsksForLittle) {
  Answer(*b_, *a_);
  Answer(*d_, *c_);
  (*b_)->PauseReading();
  (*a_)->Write(std::string(Connection::kMuch, 'm'));
  Turns(loop_);
  (*b_)->ResumeReading();
  ASSERT_TRUE(RunUntil(loop_, [&] { return (*b_)->stats().bytes_read == 5 + Connection::kMuch; }));
  Answer(*b_, *a_);
  EXPECT_EQ(Order(), "db");
  Answer(*b_, *a_);
  Answer(*d_, *c_);
  EXPECT_EQ(Order(), "bd") << "that was little";
}

TEST_F(ConnectionOrderTest, WhoLeavesComesAfterWhoAsks) {
  order_.clear();
  (*a_)->Close(Connection::CloseMode::kReset);
  (*c_)->Write("to d");
  ASSERT_TRUE(RunUntil(loop_, [&] { return order_.size() == 2; }));
  EXPECT_EQ(order_, "dx");
}

TEST_F(ConnectionOrderTest, WhatIsThrownAwayComesAfterWhoAsks) {
  (*b_)->Close(Connection::CloseMode::kLinger);
  Turns(loop_);
  uint32_t before = 0;
  d_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    before = (*b_)->stats().lingered;
    order_ = "d";
  };
  EXPECT_EQ((*b_)->stats().lingered, 0u);
  (*a_)->Write("for nobody");
  (*c_)->Write("to d");
  order_.clear();
  ASSERT_TRUE(RunUntil(loop_, [&] { return order_ == "d" && (*b_)->stats().lingered == 10; }));
  EXPECT_EQ(before, 0u);
}

TEST_F(ConnectionOrderTest, AResetIsNoticedBeforeMoreIsWritten) {
  const CountingEngine::Counts before = counts_;
  (*a_)->Close(Connection::CloseMode::kReset);
  (*b_)->Write("anybody?");
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kPeerReset);
  EXPECT_EQ(counts_.writev - before.writev, 0);
}

TEST_F(ConnectionTest, AHandlerThatHasDoneItsShareGetsNoMoreUntilItIsOfferedTheRest) {
  size_t most = 0, whole = 0;
  b_->recorder.on_data = [&](Buffer& input, bool) {
    most = std::max(most, input.size());
    const size_t share = std::min<size_t>(input.size(), 1000);
    input.Drain(share);
    whole += share;
    if (!input.empty()) (*b_)->OfferAgain();
  };
  (*a_)->SetWriteLimits(0);
  (*a_)->Write(std::string(3 * 1024 * 1024, 'x'));
  ASSERT_TRUE(RunUntil(loop_, [&] { return whole == 3u * 1024 * 1024; }));
  EXPECT_LE(most, Connection::kReadPerTurn + 1000);
}

TEST_F(ConnectionTest, APausedReaderStallsItsWriterWithBoundedMemory) {
  (*b_)->PauseReading();
  (*a_)->SetWriteLimits(256 * 1024);
  size_t written = 0;
  const std::string chunk(64 * 1024, 'x');
  const auto pump = [&] {
    while (!(*a_)->above_write_high() && written < 64 * 1024 * 1024) {
      (*a_)->Write(chunk);
      written += chunk.size();
    }
  };
  pump();
  a_->recorder.on_low = pump;
  Turns(loop_, 200);
  EXPECT_TRUE((*a_)->above_write_high());
  EXPECT_LT(written, 32u * 1024 * 1024) << "what the kernel buffers, and our limit";
  EXPECT_LE((*a_)->output().size(), 256u * 1024 + chunk.size());
  EXPECT_EQ(b_->recorder.calls, 0);
  EXPECT_EQ((*b_)->input().charged(), 0u);

  (*b_)->ResumeReading();
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.got.size() == 64u * 1024 * 1024; }));
  EXPECT_EQ(a_->recorder.lows, a_->recorder.highs);
  EXPECT_EQ((*b_)->stats().read_pauses, 1u);
}

TEST_F(ConnectionTest, PausesAreCounted) {
  (*b_)->PauseReading();
  (*b_)->PauseReading();
  (*a_)->Write("x");
  Turns(loop_);
  (*b_)->ResumeReading();
  Turns(loop_);
  EXPECT_EQ(b_->recorder.calls, 0);
  (*b_)->ResumeReading();
  EXPECT_EQ(b_->recorder.calls, 0) << "not from inside the call";
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.got == "x"; }));
}

TEST_F(ConnectionTest, ResumingOffersWhatWasLeft) {
  int calls = 0;
  b_->recorder.on_data = [&](Buffer& input, bool) {
    if (++calls == 1) return (*b_)->PauseReading();
    b_->recorder.got += input.ToString();
    input.Clear();
  };
  (*a_)->Write("pipelined");
  ASSERT_TRUE(RunUntil(loop_, [&] { return calls == 1; }));
  Turns(loop_);
  EXPECT_EQ(calls, 1);
  (*b_)->ResumeReading();
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.got == "pipelined"; }));
}

TEST_F(ConnectionTest, AnotherHandlerTakesOverWithTheBytesThatWereLeft) {
  harness::Recorder next;
  b_->recorder.on_data = [&](Buffer& input, bool) {
    input.Drain(3);
    (*b_)->SetHandler(&next);
  };
  (*a_)->Write("oldnew");
  ASSERT_TRUE(RunUntil(loop_, [&] { return next.got == "new"; }));
  (*b_)->Close(Connection::CloseMode::kNow);
  EXPECT_EQ(next.closes, 1);
  EXPECT_EQ(b_->recorder.closes, 0);
}

TEST_F(ConnectionTest, StoredSmallPiecesShareOneReadBlock) {
#ifdef OUTRIGGER_SANITIZED
  GTEST_SKIP() << "there each read has a block of its own, to be poisoned";
#endif
  // Many connections of which each keeps its few bytes: one 128 KiB block must serve many of them.
  Buffer kept;
  b_->recorder.on_data = [&](Buffer& input, bool) { kept.MoveFrom(input, input.size()); };
  for (int i = 0; i < 50; ++i) {
    const uint64_t before = (*b_)->stats().bytes_read;
    (*a_)->Write(std::string(600, 'k'));
    ASSERT_TRUE(RunUntil(loop_, [&] { return (*b_)->stats().bytes_read == before + 600; }));
  }
  EXPECT_EQ(kept.size(), 30000u);
  EXPECT_LE(kept.charged(), 2 * (size_t{kLargeBlock} + sizeof(Block)) + 1024);
}

TEST_F(ConnectionTest, MuchOutputIsSentBeforeTheNextOneIsReadAndUsesTheSameBlock) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "there each read has a block of its own, to be poisoned";
#endif
  // Two sources that become ready in one turn, each with somebody to pass it on to.
  const auto [from, to] = TcpPair(loop_);
  End c(loop_, from), d(loop_, to);
  const auto [out1, far1] = TcpPair(loop_);
  End e(loop_, out1), f(loop_, far1);
  const auto [out2, far2] = TcpPair(loop_);
  End g(loop_, out2), h(loop_, far2);
  Turns(loop_);
  const std::string body(24 * 1024, 'b');
  std::vector<const char*> blocks;
  size_t waiting = 0;
  const auto relay = [&](End& out) {
    return [&](Buffer& input, bool) {
      waiting += e->output().size() + g->output().size();
      blocks.push_back(input.Front().data());
      out->Write(std::move(input));
    };
  };
  (*b_)->PauseReading();
  d->PauseReading();
  (*a_)->Write(body);
  c->Write(body);
  std::string seen(body.size(), '\0');
  const auto is_whole = [&](int fd) {
    return loop_.engine().Peek(fd, seen.data(), seen.size()) == static_cast<event::IoResult>(body.size());
  };
  ASSERT_TRUE(RunUntil(loop_, [&] { return is_whole((*b_)->fd()) && is_whole(d->fd()); }));
  b_->recorder.on_data = relay(e);
  d.recorder.on_data = relay(g);
  (*b_)->ResumeReading();
  d->ResumeReading();
  ASSERT_TRUE(RunUntil(loop_, [&] { return f.recorder.got.size() + h.recorder.got.size() == 2 * body.size(); }));
  EXPECT_EQ(waiting, 0u);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0], blocks[1]);
}

TEST_F(ConnectionTest, MuchOutputInPiecesOfOneEventIsOneWrite) {
  const std::string piece(20 * 1024, 'p');
  b_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    for (int i = 0; i < 3; ++i) (*b_)->Write(piece);
  };
  const CountingEngine::Counts before = counts_;
  (*a_)->Write("request");
  ASSERT_TRUE(RunUntil(loop_, [&] { return (*b_)->stats().bytes_written == 3 * piece.size(); }));
  EXPECT_EQ(counts_.writev - before.writev, 2) << "the request and its answer";
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.got.size() == 3 * piece.size(); }));
}

TEST_F(ConnectionTest, MoreThanAFlushWaitingIsWrittenAtOnce) {
  const CountingEngine::Counts before = counts_;
  (*a_)->SetWriteLimits(0);
  (*a_)->Write(std::string(Connection::kFlushNow, 'x'));
  EXPECT_EQ(counts_.writev - before.writev, 1) << "not only at the end of the turn";
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.got.size() == Connection::kFlushNow; }));
}

TEST(ReadBlockTest, AStalledSmallPieceIsCopiedOutOfItsBlock) {
  Buffer buffer;
  size_t room = 0;
  ReadBlock::OfThread().Room(&room);
  EXPECT_GE(room, size_t{kLargeBlock} / 2);
  ReadBlock::OfThread().Commit(100, buffer);
  EXPECT_GT(buffer.charged(), size_t{kMediumBlock});
  CompactIfWasteful(buffer);
  EXPECT_EQ(buffer.size(), 100u);
  EXPECT_LE(buffer.charged(), size_t{kSmallBlock} + sizeof(Block));
}

}  // namespace
}  // namespace outrigger::net
