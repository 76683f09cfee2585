#include "source/net/listener_filter.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/net/connection.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

using harness::RunUntil;
using harness::TcpPair;
using harness::Turns;
using Outcome = ListenerFilterRun::Outcome;
using Verdict = ListenerFilter::Verdict;

// Waits for a line; its text becomes the server name. Consumes it if told to.
class LineFilter final : public ListenerFilter {
 public:
  explicit LineFilter(bool take = false) : take_(take) {}
  Verdict OnAccept(event::Engine&, AcceptedSocket&) override { return Verdict::kNeedMore; }
  Verdict OnBytes(absl::string_view seen, bool, AcceptedSocket& socket, size_t* consume) override {
    const size_t newline = seen.find('\n');
    if (newline == absl::string_view::npos) return Verdict::kNeedMore;
    if (seen[0] == '!') return Verdict::kClose;
    socket.properties.hello = std::make_unique<ConnectionProperties::Hello>();
    socket.properties.hello->server_name = std::string(seen.data(), newline);
    if (take_) *consume = newline + 1;
    return Verdict::kContinue;
  }
  size_t max_bytes() const override { return 64; }

 private:
  bool take_;
};

class ListenerFilterTest : public testing::Test, public ListenerFilterRun::Owner {
 protected:
  ListenerFilterTest() {
    const auto [client, server] = TcpPair(loop_);
    client_ = std::make_unique<harness::End>(loop_, client);
    server_ = server;
  }
  ~ListenerFilterTest() override { CloseAccepted(loop_.engine(), handed_); }

  void OnListenerFiltersDone(ListenerFilterRun& run, AcceptedSocket socket, Outcome outcome) override {
    EXPECT_FALSE(outcome_.has_value()) << "once";
    outcome_ = outcome;
    handed_ = std::move(socket);
  }
  void Run(bool take = false, ListenerFilterRun::Options options = {}, int filters = 1) {
    AcceptedSocket socket;
    socket.fd = server_;
    std::vector<std::unique_ptr<ListenerFilter>> list;
    for (int i = 0; i < filters; ++i) list.push_back(std::make_unique<LineFilter>(take));
    run_ = std::make_unique<ListenerFilterRun>(loop_, std::move(socket), std::move(list), options, *this);
    run_->Start();
  }
  bool Ends() {
    return RunUntil(loop_, [&] { return outcome_.has_value(); });
  }
  void Send(absl::string_view text) {
    const uint64_t before = (*client_)->stats().bytes_written;
    (*client_)->Write(text);
    ASSERT_TRUE(RunUntil(loop_, [&] { return (*client_)->stats().bytes_written == before + text.size(); }));
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::unique_ptr<harness::End> client_;
  int server_ = -1;
  std::unique_ptr<ListenerFilterRun> run_;
  std::optional<Outcome> outcome_;
  AcceptedSocket handed_;
};

TEST_F(ListenerFilterTest, BytesThatAreThereDecideAtOnceAndStayUnread) {
  Send("name\nrest");
  Turns(loop_);
  Run();
  ASSERT_EQ(outcome_, Outcome::kDone) << "without another turn";
  EXPECT_EQ(handed_.properties.server_name(), "name");
  harness::Recorder recorder;
  Connection connection(loop_, std::move(handed_), std::make_unique<RawTransport>());
  connection.SetHandler(&recorder);
  connection.Start();
  EXPECT_TRUE(RunUntil(loop_, [&] { return recorder.got == "name\nrest"; }));
  EXPECT_EQ(connection.properties().server_name(), "name");
}

TEST_F(ListenerFilterTest, ItWaitsForThePieces) {
  Run();
  for (const char* piece : {"n", "am", "e"}) {
    Send(piece);
    Turns(loop_);
    EXPECT_FALSE(outcome_.has_value());
  }
  Send("\n");
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kDone);
  EXPECT_EQ(handed_.properties.server_name(), "name");
}

TEST_F(ListenerFilterTest, SeveralRunInOrderAndMayConsume) {
  Run(/*take=*/true, {}, 2);
  Send("first\nsecond\nbody");
  ASSERT_TRUE(Ends());
  EXPECT_EQ(handed_.properties.server_name(), "second");
  char rest[16];
  EXPECT_EQ(loop_.engine().Peek(handed_.fd, rest, sizeof(rest)), 4);
}

TEST_F(ListenerFilterTest, AFilterMayRefuse) {
  Run();
  Send("!\n");
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kRefused);
  EXPECT_EQ(handed_.fd, -1);
  EXPECT_TRUE(RunUntil(loop_, [&] { return client_->recorder.ends + client_->recorder.closes > 0; }));
}

TEST_F(ListenerFilterTest, MoreThanItMaySeeIsRefused) {
  Run();
  Send(std::string(100, 'x'));
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kRefused);
}

TEST_F(ListenerFilterTest, APeerThatEndsIsNoticed) {
  Run();
  Send("half");
  Turns(loop_);
  (*client_)->EndWrite();
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kPeerClosed);
}

TEST_F(ListenerFilterTest, TheTimeoutCloses) {
  Run(false, {milliseconds(10), false});
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kTimeout);
  EXPECT_EQ(handed_.fd, -1);
}

TEST_F(ListenerFilterTest, TheTimeoutMayContinue) {
  Run(false, {milliseconds(10), true});
  ASSERT_TRUE(Ends());
  EXPECT_EQ(outcome_, Outcome::kTimedOut);
  EXPECT_GE(handed_.fd, 0);
}

TEST_F(ListenerFilterTest, ACancelledRunSaysNothing) {
  Run();
  run_.reset();
  EXPECT_TRUE(RunUntil(loop_, [&] { return client_->recorder.ends + client_->recorder.closes > 0; }));
  EXPECT_FALSE(outcome_.has_value());
}

}  // namespace
}  // namespace outrigger::net
