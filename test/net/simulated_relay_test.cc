// A relay of plain bytes, both directions with back-pressure, between three simulated machines: pieces, delays, short
// writes, spurious events, stalled loops and (harsh) resets come from the seed.
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "source/event/simulated_world.h"
#include "source/net/connection.h"
#include "source/net/listener.h"
#include "source/net/raw_transport.h"
#include "test/harness/recorder.h"

namespace outrigger::net {
namespace {

constexpr uint32_t kLimit = 64 * 1024;

// One side of a relay: what it reads goes to the other connection, as fast as that takes it.
class Side final : public ConnectionHandler {
 public:
  std::unique_ptr<Connection> connection;
  Side* other = nullptr;
  size_t most_output = 0;

  void OnData(Buffer& input, bool end) override {
    Connection& to = *other->connection;
    to.Write(std::move(input));
    most_output = std::max(most_output, to.output().size());
    if (end) to.EndWrite();
  }
  void OnAboveWriteHigh() override { other->connection->PauseReading(); }
  void OnBelowWriteLow() override { other->connection->ResumeReading(); }
  void OnClosed(const CloseInfo& why) override {
    if (why.reason == CloseReason::kPeer) return;  // both directions ended; the other side hears the same
    other->connection->Close(Connection::CloseMode::kReset);
  }
  void Dump(DumpWriter&) const override {}
};

class Relay final : public TcpListener::Owner {
 public:
  Relay(event::Dispatcher& loop, std::shared_ptr<ListenSocket> socket, Address target)
      : loop_(loop), target_(std::move(target)), listener_(loop, std::move(socket), 0, 0, *this) {
    listener_.Start();
  }
  void OnAccepted(TcpListener&, AcceptedSocket socket) override {
    down.connection = std::make_unique<Connection>(loop_, std::move(socket), std::make_unique<RawTransport>());
    Connection::ConnectOptions options;
    options.remote = target_;
    options.timeout = seconds(200);
    up.connection = Connection::Connect(loop_, options, std::make_unique<RawTransport>());
    for (Side* side : {&down, &up}) {
      side->connection->SetWriteLimits(kLimit);
      side->connection->SetHandler(side);
    }
    down.other = &up;
    up.other = &down;
    down.connection->Start();
    listener_.Stop();
  }
  Side down, up;

 private:
  event::Dispatcher& loop_;
  Address target_;
  TcpListener listener_;
};

// The far end: answers with what it got, once that has ended.
class Server final : public TcpListener::Owner {
 public:
  Server(event::Dispatcher& loop, std::shared_ptr<ListenSocket> socket)
      : loop_(loop), listener_(loop, std::move(socket), 0, 0, *this) {
    listener_.Start();
  }
  void OnAccepted(TcpListener&, AcceptedSocket socket) override {
    connection = std::make_unique<Connection>(loop_, std::move(socket), std::make_unique<RawTransport>());
    recorder.on_data = [this](Buffer& input, bool end) {
      connection->Write(std::move(input));
      if (end) connection->EndWrite();
    };
    connection->SetWriteLimits(0);
    connection->SetHandler(&recorder);
    connection->Start();
    listener_.Stop();
  }
  harness::Recorder recorder;
  std::unique_ptr<Connection> connection;

 private:
  event::Dispatcher& loop_;
  TcpListener listener_;
};

struct Ending {
  std::string got;
  CloseReason reason = CloseReason::kLocal;
  bool ended = false, over = false;
  uint64_t trace = 0;
  size_t sockets = 0, most_relay_output = 0;
};

std::shared_ptr<ListenSocket> ListenOn(event::Dispatcher& loop, const char* url) {
  absl::StatusOr<std::shared_ptr<ListenSocket>> socket =
      ListenSocket::Bind(loop.engine(), *Address::ParseUrl(url), {}, 1);
  EXPECT_TRUE(socket.ok()) << socket.status();
  EXPECT_TRUE((*socket)->Listen().ok());
  return *socket;
}

Ending RunOnce(uint64_t seed, event::FaultPlan faults, const std::string& body) {
  Ending ending;
  event::SimulatedWorld world(seed, faults);
  const int hosts[] = {world.AddHost({"10.0.0.1"}), world.AddHost({"10.0.0.2"}), world.AddHost({"10.0.0.3"})};
  {
    std::unique_ptr<event::Dispatcher> client_loop = world.MakeDispatcher(hosts[0]);
    std::unique_ptr<event::Dispatcher> relay_loop = world.MakeDispatcher(hosts[1]);
    std::unique_ptr<event::Dispatcher> server_loop = world.MakeDispatcher(hosts[2]);
    Server server(*server_loop, ListenOn(*server_loop, "10.0.0.3:80"));
    Relay relay(*relay_loop, ListenOn(*relay_loop, "10.0.0.2:80"), *Address::ParseUrl("10.0.0.3:80"));

    harness::Recorder recorder;
    Connection::ConnectOptions options;
    options.remote = *Address::ParseUrl("10.0.0.2:80");
    options.timeout = seconds(200);
    std::unique_ptr<Connection> client = Connection::Connect(*client_loop, options, std::make_unique<RawTransport>());
    client->SetHandler(&recorder);
    client->SetWriteLimits(0);
    client->Write(body);
    client->EndWrite();
    ending.over = world.RunUntil([&] { return recorder.closes == 1; }, hours(1));
    world.RunFor(seconds(1));
    ending.got = recorder.got;
    ending.ended = recorder.ends > 0;
    if (recorder.closed.has_value()) ending.reason = recorder.closed->reason;
    ending.most_relay_output = std::max(relay.up.most_output, relay.down.most_output);
  }
  ending.trace = world.trace_hash();
  ending.sockets = world.open_sockets();
  return ending;
}

std::string Body(size_t n) {
  std::string body(n, 0);
  for (size_t i = 0; i < n; ++i) body[i] = static_cast<char>(i * 7 + i / 251);
  return body;
}

TEST(SimulatedRelayTest, EveryByteArrivesInOrderWhateverTheSchedule) {
  const std::string body = Body(600 * 1024);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Ending ending = RunOnce(seed, {}, body);
    ASSERT_TRUE(ending.over) << "seed " << seed;
    EXPECT_TRUE(ending.got == body) << "seed " << seed << ": " << ending.got.size() << " bytes";
    EXPECT_EQ(ending.reason, CloseReason::kPeer) << "seed " << seed;
    EXPECT_LE(ending.most_relay_output, kLimit + Connection::kReadPerTurn) << "seed " << seed;
    EXPECT_EQ(ending.sockets, 0u) << "seed " << seed;
  }
}

TEST(SimulatedRelayTest, WithResetsItEndsAndNeverLooksComplete) {
  const std::string body = Body(100 * 1024);
  int completed = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    const Ending ending = RunOnce(seed, event::FaultPlan::Harsh(), body);
    ASSERT_TRUE(ending.over) << "seed " << seed << ": hangs";
    EXPECT_TRUE(absl::string_view(body).substr(0, ending.got.size()) == ending.got) << "seed " << seed;
    EXPECT_TRUE(!ending.ended || ending.got.size() == body.size()) << "seed " << seed << ": a cut body ended in order";
    completed += ending.ended ? 1 : 0;
    EXPECT_EQ(ending.sockets, 0u) << "seed " << seed;
  }
  EXPECT_GT(completed, 0);
  EXPECT_LT(completed, 150);
}

TEST(SimulatedRelayTest, OneSeedGivesOneTrace) {
  const std::string body = Body(50 * 1024);
  EXPECT_EQ(RunOnce(7, {}, body).trace, RunOnce(7, {}, body).trace);
  EXPECT_NE(RunOnce(7, {}, body).trace, RunOnce(8, {}, body).trace);
}

}  // namespace
}  // namespace outrigger::net
