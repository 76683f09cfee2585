#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "source/net/connection.h"
#include "source/net/raw_transport.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

using harness::End;
using harness::Recorder;
using harness::RunUntil;
using harness::TcpPair;
using harness::Turns;
using CloseMode = Connection::CloseMode;

class ConnectionCloseTest : public testing::Test {
 protected:
  ConnectionCloseTest() {
    const auto [left, right] = TcpPair(loop_);
    a_ = std::make_unique<End>(loop_, left);
    b_ = std::make_unique<End>(loop_, right);
    Turns(loop_);
  }
  event::Dispatcher loop_{event::MakeEpollEngine()};
  std::unique_ptr<End> a_, b_;
};

TEST_F(ConnectionCloseTest, HalfCloseIsHeardOnceAndTheOtherDirectionGoesOn) {
  (*a_)->Write("last");
  (*a_)->EndWrite();
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.ends == 1; }));
  EXPECT_EQ(b_->recorder.got, "last");
  (*b_)->Write("answer");
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.got == "answer"; }));
  EXPECT_FALSE((*a_)->closed());
  (*b_)->EndWrite();
  ASSERT_TRUE(RunUntil(loop_, [&] { return (*a_)->closed() && (*b_)->closed(); }));
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kPeer);
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kPeer);
  EXPECT_EQ(b_->recorder.ends, 1);
}

TEST_F(ConnectionCloseTest, FlushSendsEverythingFirst) {
  const std::string body(4 * 1024 * 1024, 'f');
  (*a_)->SetWriteLimits(0);
  (*a_)->Write(body);
  (*a_)->Close(CloseMode::kFlush);
  EXPECT_EQ(a_->recorder.closes, 0) << "not before it is sent";
  EXPECT_TRUE((*a_)->closing());
  (*a_)->Write("too late");
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.ends == 1 && a_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.got.size(), body.size());
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kLocal);
}

TEST_F(ConnectionCloseTest, AFlushThatThePeerDoesNotTakeEnds) {
  (*b_)->PauseReading();
  (*a_)->SetWriteLimits(0);
  (*a_)->SetFlushTimeout(milliseconds(20));
  (*a_)->Write(std::string(32 * 1024 * 1024, 'f'));
  (*a_)->Close(CloseMode::kFlush);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.closes == 1; }));
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kWriteStalled);
}

TEST_F(ConnectionCloseTest, CloseNowIsHeardInsideTheCallAndOnce) {
  (*a_)->Write("dropped");
  (*a_)->Close(CloseMode::kNow);
  EXPECT_EQ(a_->recorder.closes, 1);
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kLocalAbort);
  (*a_)->Close(CloseMode::kNow);
  (*a_)->Close(CloseMode::kFlush);
  (*a_)->Write("x");
  (*a_)->EndWrite();
  Turns(loop_);
  EXPECT_EQ(a_->recorder.closes, 1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.ends == 1; }));
  EXPECT_EQ(b_->recorder.got, "");
}

TEST_F(ConnectionCloseTest, AHandlerMayCloseAndLetGoWhileItReads) {
  std::string seen;
  b_->recorder.on_data = [&](Buffer& input, bool) {
    const absl::string_view view = input.Front();
    (*b_)->Close(CloseMode::kNow);
    loop_.DestroyLater(std::move(b_->connection));
    seen = std::string(view);  // its bytes are still there
  };
  (*a_)->Write("look");
  ASSERT_TRUE(RunUntil(loop_, [&] { return seen == "look"; }));
  EXPECT_EQ(b_->recorder.closes, 1);
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.ends + a_->recorder.closes > 0; }));
}

TEST_F(ConnectionCloseTest, AResetIsToldAfterTheDataThatCameBeforeIt) {
  (*a_)->Write("early answer");
  ASSERT_TRUE(RunUntil(loop_, [&] { return (*a_)->output().empty(); }));
  (*a_)->Close(CloseMode::kReset);
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.got, "early answer");
  EXPECT_EQ(b_->recorder.ends, 0) << "a reset is no orderly end";
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kPeerReset);
}

TEST_F(ConnectionCloseTest, APausedReaderHearsOfAReset) {
  (*b_)->PauseReading();
  (*a_)->Close(CloseMode::kReset);
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kPeerReset);
}

TEST_F(ConnectionCloseTest, AnAnswerIsReadThoughOurRequestCouldNotBeWritten) {
  b_->recorder.on_data = [](Buffer& input, bool) { input.Clear(); };
  (*a_)->SetWriteLimits(0);
  (*b_)->PauseReading();  // leaves the request unread: closing then resets
  (*a_)->Write(std::string(1024 * 1024, 'r'));
  Turns(loop_);
  (*b_)->Write("413");
  (*b_)->Close(CloseMode::kFlush);
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  (*a_)->Write("more of the request");
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.closes == 1; }));
  EXPECT_EQ(a_->recorder.got, "413");
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kPeerReset);
}

TEST_F(ConnectionCloseTest, LingeringLosesNoAnswerToUnreadInput) {
  (*a_)->SetWriteLimits(0);
  b_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    if ((*b_)->closing()) return;
    (*b_)->Write(std::string(100000, 'a'));
    (*b_)->Close(CloseMode::kLinger);
  };
  (*a_)->Write(std::string(8 * 1024 * 1024, 'r'));
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.ends == 1; }));
  EXPECT_EQ(a_->recorder.got.size(), 100000u);
  EXPECT_EQ(a_->recorder.closes, 0);
  (*a_)->EndWrite();
  ASSERT_TRUE(RunUntil(loop_, [&] { return a_->recorder.closes == 1 && b_->recorder.closes == 1; }));
  EXPECT_EQ(a_->recorder.closed->reason, CloseReason::kPeer);
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kLocal);
}

TEST_F(ConnectionCloseTest, LingeringEndsWithTheMostItDiscards) {
  (*a_)->SetWriteLimits(0);
  (*b_)->SetFlushTimeout(hours(1));
  b_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    if (!(*b_)->closing()) (*b_)->Close(CloseMode::kLinger);
  };
  (*a_)->Write(std::string(64 * 1024 * 1024, 'r'));
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kLocal);
  EXPECT_GE((*b_)->stats().lingered, Connection::kMostLingered);
  EXPECT_LE((*b_)->stats().lingered, Connection::kMostLingered + Connection::kReadPerTurn);
  EXPECT_FALSE((*b_)->stats().linger_expired);
}

TEST_F(ConnectionCloseTest, LingeringEndsWithItsTime) {
  (*b_)->SetFlushTimeout(milliseconds(20));
  (*b_)->Write("bye");
  (*b_)->Close(CloseMode::kLinger);
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.closes == 1; }));
  EXPECT_EQ(b_->recorder.closed->reason, CloseReason::kLocal);
  EXPECT_TRUE((*b_)->stats().linger_expired);
  EXPECT_EQ((*b_)->stats().lingered, 0u);
}

TEST_F(ConnectionCloseTest, AnEndThatComesWhilePausedIsToldAfterTheBytes) {
  (*b_)->PauseReading();
  (*a_)->Write("bytes");
  (*a_)->EndWrite();
  Turns(loop_);
  EXPECT_EQ(b_->recorder.calls, 0);
  (*b_)->ResumeReading();
  ASSERT_TRUE(RunUntil(loop_, [&] { return b_->recorder.ends == 1; }));
  EXPECT_EQ(b_->recorder.got, "bytes");
}

// --- Clients ---

struct Client {
  Recorder recorder;
  std::unique_ptr<Connection> connection;
  Client(event::Dispatcher& loop, const Connection::ConnectOptions& options, std::unique_ptr<Transport> transport)
      : connection(Connection::Connect(loop, options, std::move(transport))) {
    connection->SetHandler(&recorder);
  }
};

class Listening {
 public:
  explicit Listening(event::Dispatcher& loop) : engine_(loop.engine()) {
    const Address any = *Address::ParseIp("127.0.0.1", 0);
    fd_ = static_cast<int>(engine_.Socket(AF_INET, SOCK_STREAM, 0));
    engine_.Bind(fd_, any.sockaddr_ptr(), any.sockaddr_length());
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    engine_.LocalAddress(fd_, &bound, &length);
    address_ = *Address::FromSockaddr(reinterpret_cast<sockaddr*>(&bound), length);
  }
  ~Listening() { engine_.Close(fd_); }
  void Listen() { engine_.Listen(fd_, 8); }
  const Address& address() const { return address_; }

 private:
  event::Engine& engine_;
  int fd_;
  Address address_;
};

TEST_F(ConnectionCloseTest, AClientConnectsAndSendsWhatWasWrittenMeanwhile) {
  Listening listening(loop_);
  listening.Listen();
  Connection::ConnectOptions options;
  options.remote = listening.address();
  options.timeout = seconds(5);
  Client client(loop_, options, std::make_unique<RawTransport>());
  client.connection->Write("early");
  EXPECT_EQ(client.recorder.connected, 0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return client.recorder.connected == 1; }));
  ASSERT_TRUE(RunUntil(loop_, [&] { return client.connection->stats().bytes_written == 5; }));
  EXPECT_NE(client.connection->local().port(), 0);
}

TEST_F(ConnectionCloseTest, ARefusedConnectIsToldFromTheLoop) {
  Listening bound_only(loop_);
  Connection::ConnectOptions options;
  options.remote = bound_only.address();
  Client client(loop_, options, std::make_unique<RawTransport>());
  EXPECT_EQ(client.recorder.closes, 0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return client.recorder.closes == 1; }));
  EXPECT_EQ(client.recorder.closed->reason, CloseReason::kConnectFailed);
  EXPECT_EQ(client.recorder.closed->error, ECONNREFUSED);
  EXPECT_EQ(client.recorder.connected, 0);
}

TEST_F(ConnectionCloseTest, AConnectThatFailsAtOnceIsToldFromTheLoopToo) {
  Connection::ConnectOptions options;
  options.remote = *Address::UnixPath("/nonexistent/socket");
  Client client(loop_, options, std::make_unique<RawTransport>());
  EXPECT_EQ(client.recorder.closes, 0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return client.recorder.closes == 1; }));
  EXPECT_EQ(client.recorder.closed->reason, CloseReason::kConnectFailed);
  EXPECT_EQ(client.recorder.closed->error, ENOENT);
}

// A transport whose handshake never ends.
class Mute final : public Transport {
 public:
  void Attach(Connection&) override {}
  void OnConnected() override {}
  IoOutcome Read(Buffer&, size_t) override { return {IoStatus::kMore, 0}; }
  IoOutcome Write(Buffer&, bool) override { return {IoStatus::kMore, 0}; }
  bool handshake_done() const override { return false; }
  const TransportFailure& failure() const override { return failure_; }
  void Dump(DumpWriter&) const override {}

 private:
  TransportFailure failure_;
};

TEST_F(ConnectionCloseTest, TheConnectTimeoutCoversTheHandshake) {
  Listening listening(loop_);
  listening.Listen();
  Connection::ConnectOptions options;
  options.remote = listening.address();
  options.timeout = milliseconds(20);
  Client client(loop_, options, std::make_unique<Mute>());
  ASSERT_TRUE(RunUntil(loop_, [&] { return client.recorder.closes == 1; }));
  EXPECT_EQ(client.recorder.closed->reason, CloseReason::kConnectTimeout);
}

TEST_F(ConnectionCloseTest, AnAcceptedHandshakeTimesOut) {
  const auto [left, right] = TcpPair(loop_);
  Recorder recorder;
  Connection connection(loop_, right, std::make_unique<Mute>());
  connection.SetHandler(&recorder);
  connection.SetHandshakeTimeout(milliseconds(20));
  connection.Start();
  ASSERT_TRUE(RunUntil(loop_, [&] { return recorder.closes == 1; }));
  EXPECT_EQ(recorder.closed->reason, CloseReason::kTransportFailed);
  EXPECT_STREQ(recorder.closed->detail, "handshake_timeout");
  loop_.engine().Close(left);
}

}  // namespace
}  // namespace outrigger::net
