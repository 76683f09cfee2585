#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

struct H2PressureTest : testing::Test, Pair {
  // Sends until the stream says stop (or `most` bytes).
  static size_t SendUntilHigh(Exchange& exchange, size_t most, const std::function<void()>& turn) {
    size_t sent = 0;
    while (exchange.highs == 0 && sent < most) {
      exchange.SendBody(std::string(10000, 'x'), false);
      sent += 10000;
      turn();
    }
    return sent;
  }
};

TEST_F(H2PressureTest, APausedReceiverStopsTheSenderAndResumingLetsEverythingThrough) {
  server_http2.initial_stream_window_size = 100 * 1024;
  client_options.stream_buffer_limit = 64 * 1024;
  server_app.on_stream = [](Exchange& exchange) { exchange.sender->PauseReading(); };
  Open();
  Exchange& request = Start(Post(), false);
  const size_t sent = SendUntilHigh(request, 10'000'000, [&] { harness::Turns(loop, 2); });
  EXPECT_LT(sent, 400'000u) << "window and buffer bound it";
  harness::Turns(loop, 10);
  EXPECT_EQ(served().body.size(), 0u);
  EXPECT_EQ(request.lows, 0);
  served().sender->ResumeReading();
  ASSERT_TRUE(Until([&] { return request.lows == 1 && served().body.size() == sent; }));
  request.SendBody("", true);
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  EXPECT_EQ(served().body.size(), sent);
}

TEST_F(H2PressureTest, PausesAreCounted) {
  Open();
  Exchange& request = Start(Post(), false);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  served().sender->PauseReading();
  served().sender->PauseReading();
  request.SendBody("bytes", true);
  harness::Turns(loop, 6);
  served().sender->ResumeReading();
  harness::Turns(loop, 6);
  EXPECT_EQ(served().ends, 0);
  served().sender->ResumeReading();
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  EXPECT_EQ(served().body, "bytes");
}

TEST_F(H2PressureTest, ACompleteMessageWaitsForAPausedReceiverAfterItsStreamClosed) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) {
      e.Send({{":status", "200"}}, false);
      e.SendBody("all of it", false);
      e.SendTrailers({{"x", "y"}});
    };
  };
  Open();
  Exchange& request = Start(Get(), true);
  request.sender->PauseReading();
  ASSERT_TRUE(Until([&] { return request.headers != nullptr; }));
  harness::Turns(loop, 6);
  EXPECT_EQ(request.bodies, 0);
  EXPECT_EQ(client->active_streams(), 1u);
  request.sender->ResumeReading();
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.body, "all of it");
  EXPECT_NE(request.trailer_map, nullptr);
  EXPECT_EQ(request.resets, 0);
  ASSERT_TRUE(Until([&] { return client->active_streams() == 0; }));
}

TEST_F(H2PressureTest, AStalledStreamDoesNotStopTheOthers) {
  server_http2.initial_stream_window_size = 65535;
  Open();
  Exchange& stalled = Start(Post("/stalled"), false);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  served().sender->PauseReading();
  SendUntilHigh(stalled, 2'000'000, [&] { harness::Turns(loop, 1); });
  Exchange& other = Start(Post("/other"), false);
  other.SendBody(std::string(3'000'000, 'o'), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2 && served(1).ends == 1; }));
  EXPECT_EQ(served(1).body.size(), 3'000'000u);
  EXPECT_EQ(served(0).body.size(), 0u);
}

TEST_F(H2PressureTest, ResettingAStalledStreamReturnsTheConnectionsCredit) {
  server_http2.initial_stream_window_size = 65535;
  server_http2.initial_connection_window_size = 100'000;
  Open();
  for (int i = 0; i < 10; ++i) {
    Exchange& stalled = Start(Post(), false);
    ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == static_cast<size_t>(i + 1); }));
    served(i).sender->PauseReading();
    stalled.SendBody(std::string(65535, 's'), false);
    harness::Turns(loop, 6);
    served(i).sender->Reset(ResetReason::kLocalReset);
    ASSERT_TRUE(Until([&] { return stalled.resets == 1; })) << i;
  }
  Exchange& other = Start(Post(), false);
  other.SendBody(std::string(500'000, 'o'), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 11 && served(10).ends == 1; }));
}

TEST_F(H2PressureTest, StreamsTakeTurns) {
  Open();
  Exchange& large = Start(Post("/large"), false);
  large.SendBody(std::string(8'000'000, 'l'), true);
  Exchange& small = Start(Post("/small"), false);
  small.SendBody(std::string(50'000, 's'), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2 && served(1).ends == 1; }));
  EXPECT_LT(served(0).body.size(), 4'000'000u) << "the small body did not wait for the large one";
  ASSERT_TRUE(Until([&] { return served(0).ends == 1; }));
  EXPECT_EQ(served(0).body.size(), 8'000'000u);
}

struct H2StalledPeerTest : testing::Test, Raw {};

// Answers that nobody above remembers must not stay because the peer's window never opens.
TEST_F(H2StalledPeerTest, ACompleteAnswerBehindAClosedWindowIsResetAfterTheFlushTimeout) {
  http2.stream_flush_timeout = milliseconds(500);
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.Send({{":status", "200"}}, false);
      e.SendBody(std::string(100'000, 'x'), true);
    };
  };
  Open(true);
  Write(Settings({{4, 0}}));  // INITIAL_WINDOW_SIZE
  for (uint32_t i = 0; i < 10; ++i) Write(Headers(1 + 2 * i, Get(), true));
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 10 && Count(1) == 10; }));
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
  ASSERT_TRUE(Until([&] { return Count(3) == 10; }));
  EXPECT_EQ(counters.tx_flush_timeout, 10u);
  EXPECT_FALSE(closed());
}

TEST_F(H2StalledPeerTest, AnAnswerThatGoesOutSlowlyIsNotCut) {
  http2.stream_flush_timeout = seconds(1);  // less than all of it takes, and much more than a piece
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.Send({{":status", "200"}}, false);
      e.SendBody(std::string(1000, 'x'), true);
    };
  };
  Open(true);
  Write(Settings({{4, 0}}));
  Write(Headers(1, Get(), true));
  ASSERT_TRUE(Until([&] { return Count(1) == 1; }));
  for (int i = 1; i <= 10; ++i) {
    const MonotonicTime next = loop.now() + milliseconds(110);
    ASSERT_TRUE(Until([&] { return loop.now() >= next; }));
    Write(Frame(8, 0, 1, Number(100, 4)));
    ASSERT_TRUE(Until([&] { return Count(0) == static_cast<size_t>(i); }));
  }
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
  EXPECT_EQ(Count(3), 0u);
  EXPECT_EQ(counters.tx_flush_timeout, 0u);
}

TEST_F(H2StalledPeerTest, APeerThatDoesNotReadBoundsWhatWeKeep) {
  options.stream_buffer_limit = 256 * 1024;
  Open(true);
  connection->SetWriteLimits(256 * 1024);
  Write(Frame(8, 0, 0, Number(0x7fff0000 - 65535, 4)));
  std::string open;
  for (uint32_t i = 0; i < 20; ++i)
    open += Headers(1 + 2 * i, Get(), true) + Frame(8, 0, 1 + 2 * i, Number(0x7fff0000 - 65535, 4));
  Write(open);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 20 && server_app.exchanges[19]->done(); }));
  (*peer)->PauseReading();
  size_t sent = 0;
  for (auto& exchange : server_app.exchanges) exchange->Send({{":status", "200"}}, false);
  for (int round = 0; round < 5000; ++round) {
    bool all_high = true;
    for (auto& exchange : server_app.exchanges) {
      if (exchange->highs > exchange->lows) continue;
      all_high = false;
      exchange->SendBody(std::string(16000, 'x'), false);
      sent += 16000;
    }
    harness::Turns(loop, 1);
    if (all_high) break;
  }
  EXPECT_GT(connection->output().size(), 0u);
  EXPECT_LT(connection->output().size(), 256u * 1024 + 128 * 1024);
  for (auto& exchange : server_app.exchanges) EXPECT_GT(exchange->highs, exchange->lows);
  (*peer)->ResumeReading();
  ASSERT_TRUE(Until([&] { return server_app.exchanges[0]->lows > 0 && server_app.exchanges[19]->lows > 0; }));
  for (auto& exchange : server_app.exchanges) exchange->SendBody("", true);
  size_t seen = 0;
  ASSERT_TRUE(Until([&] { return peer->recorder.got.size() > sent; }));
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
  harness::Turns(loop, 10);
  for (const SeenFrame& frame : Seen()) seen += frame.type == 0 ? frame.payload.size() : 0;
  EXPECT_EQ(seen, sent);
}

}  // namespace
}  // namespace outrigger::http::h2
