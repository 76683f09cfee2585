#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/event/simulated_world.h"
#include "test/simulation/engine/echo.h"

namespace outrigger::event {
namespace {

using echo::Ip;
using echo::Target;
using echo::Unix;

struct Recorder : IoHandler {
  void OnReady(uint32_t ready) override {
    bits |= ready;
    ++calls;
  }
  uint32_t bits = 0;
  int calls = 0;
};

// A client on host 0 and a server on another, stepped by the test through their engines.
class SimulatedNetworkTest : public testing::Test {
 protected:
  SimulatedNetworkTest() {
    far_host_ = world_.AddHost({"10.0.0.2", "fd00::2"});
    client_loop_ = world_.MakeDispatcher();
    server_loop_ = world_.MakeDispatcher(far_host_);
  }
  Engine& client() { return client_loop_->engine(); }
  Engine& server() { return server_loop_->engine(); }
  int Listen(Engine& engine, Target at) {
    const int fd = static_cast<int>(engine.Socket(at.address.ss_family, SOCK_STREAM, 0));
    EXPECT_EQ(engine.Bind(fd, at.get(), at.length), 0);
    EXPECT_EQ(engine.Listen(fd, 10), 0);
    return fd;
  }
  void Connect(Target to) {
    client_fd_ = static_cast<int>(client().Socket(to.address.ss_family, SOCK_STREAM, 0));
    connect_result_ = client().Connect(client_fd_, to.get(), to.length);
    client().Register(client_fd_, &client_events_);
  }
  void Establish() {
    listener_ = Listen(server(), Ip("10.0.0.2", 80));
    Connect(Ip("10.0.0.2", 80));
    EXPECT_EQ(connect_result_, -EINPROGRESS);
    world_.RunUntil([&] { return (client_events_.bits & kWritable) != 0; }, seconds(1));
    sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    server_fd_ = static_cast<int>(server().Accept(listener_, &peer, &length));
    EXPECT_GE(server_fd_, 0);
    server().Register(server_fd_, &server_events_);
    world_.RunFor(milliseconds(1));
    client_events_ = {};
    server_events_ = {};
  }
  IoResult Write(Engine& engine, int fd, absl::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return engine.Writev(fd, &piece, 1);
  }
  std::string Read(Engine& engine, int fd, size_t most = 100) {
    std::string into(most, '\0');
    const iovec piece{into.data(), most};
    const IoResult n = engine.Readv(fd, &piece, 1);
    return n >= 0 ? into.substr(0, static_cast<size_t>(n)) : absl::StrCat("error ", -n);
  }
  int SocketError(Engine& engine, int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    EXPECT_EQ(engine.GetOption(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    return error;
  }
  std::string Error(int error) { return absl::StrCat("error ", error); }

  SimulatedWorld world_{1, FaultPlan::None()};
  int far_host_ = 0;
  std::unique_ptr<Dispatcher> client_loop_, server_loop_;
  Recorder client_events_, server_events_;
  int listener_ = -1, client_fd_ = -1, server_fd_ = -1;
  IoResult connect_result_ = 0;
};

TEST_F(SimulatedNetworkTest, BytesArriveAfterALatencyAndAreReadOnce) {
  Establish();
  EXPECT_EQ(Write(client(), client_fd_, "hello"), 5);
  EXPECT_EQ(Read(server(), server_fd_), Error(EAGAIN));
  world_.RunFor(milliseconds(1));
  EXPECT_TRUE(server_events_.bits & kReadable);
  char peeked[3];
  EXPECT_EQ(server().Peek(server_fd_, peeked, 3), 3);
  EXPECT_EQ(Read(server(), server_fd_), "hello");
  EXPECT_EQ(Read(server(), server_fd_), Error(EAGAIN));
}

TEST_F(SimulatedNetworkTest, AFullBufferStopsTheWriterUntilTheReaderMadeRoom) {
  world_.faults().smallest_buffer = world_.faults().largest_buffer = 1000;
  Establish();
  EXPECT_EQ(Write(client(), client_fd_, std::string(3000, 'x')), 1000);
  EXPECT_EQ(Write(client(), client_fd_, "y"), -EAGAIN);
  world_.RunFor(seconds(1));
  EXPECT_EQ(client_events_.calls, 0);
  EXPECT_EQ(Read(server(), server_fd_, 200).size(), 200u);
  world_.RunFor(seconds(1));
  EXPECT_EQ(client_events_.calls, 0) << "not for every byte";
  EXPECT_EQ(Read(server(), server_fd_, 300).size(), 300u);
  world_.RunFor(seconds(1));
  EXPECT_TRUE(client_events_.bits & kWritable);
  EXPECT_EQ(Write(client(), client_fd_, std::string(3000, 'x')), 500);
}

TEST_F(SimulatedNetworkTest, AHalfClosedConnectionStillCarriesTheOtherDirection) {
  Establish();
  Write(client(), client_fd_, "last");
  EXPECT_EQ(client().Shutdown(client_fd_, SHUT_WR), 0);
  EXPECT_EQ(Write(client(), client_fd_, "x"), -EPIPE);
  world_.RunFor(milliseconds(1));
  EXPECT_TRUE(server_events_.bits & kPeerClosed);
  EXPECT_EQ(Read(server(), server_fd_), "last");
  EXPECT_EQ(Read(server(), server_fd_), "");
  EXPECT_EQ(Write(server(), server_fd_, "answer"), 6);
  world_.RunFor(milliseconds(1));
  EXPECT_EQ(Read(client(), client_fd_), "answer");
}

TEST_F(SimulatedNetworkTest, ClosingWithUnreadBytesResetsButWhatArrivedCanBeRead) {
  Establish();
  Write(server(), server_fd_, "answer");
  Write(client(), client_fd_, "unread");
  world_.RunFor(milliseconds(1));
  server().Close(server_fd_);
  world_.RunFor(milliseconds(1));
  EXPECT_TRUE(client_events_.bits & kError);
  EXPECT_EQ(Read(client(), client_fd_), "answer");
  EXPECT_EQ(Read(client(), client_fd_), Error(ECONNRESET));
  EXPECT_EQ(Write(client(), client_fd_, "x"), -EPIPE);
}

TEST_F(SimulatedNetworkTest, WritingToSomebodyWhoLeftResets) {
  Establish();
  server().Close(server_fd_);
  world_.RunFor(milliseconds(1));
  EXPECT_EQ(Read(client(), client_fd_), "");
  EXPECT_EQ(Write(client(), client_fd_, "x"), 1);
  world_.RunFor(milliseconds(1));
  EXPECT_TRUE(client_events_.bits & kError);
  EXPECT_EQ(SocketError(client(), client_fd_), ECONNRESET);
}

TEST_F(SimulatedNetworkTest, LingerZeroResets) {
  Establish();
  const linger how{1, 0};
  server().SetOption(server_fd_, SOL_SOCKET, SO_LINGER, &how, sizeof(how));
  server().Close(server_fd_);
  world_.RunFor(milliseconds(1));
  EXPECT_EQ(Read(client(), client_fd_), Error(ECONNRESET));
}

TEST_F(SimulatedNetworkTest, NobodyListeningRefusesAndNobodyThereTimesOut) {
  Connect(Ip("10.0.0.2", 81));
  world_.RunFor(milliseconds(1));
  EXPECT_TRUE(client_events_.bits & kError);
  EXPECT_EQ(SocketError(client(), client_fd_), ECONNREFUSED);
  client_events_ = {};
  Connect(Ip("10.9.9.9", 80));
  world_.RunFor(seconds(120));
  EXPECT_EQ(client_events_.calls, 0);
  world_.RunFor(seconds(10));
  EXPECT_EQ(SocketError(client(), client_fd_), ETIMEDOUT);
  Connect(Unix("/no/such"));
  EXPECT_EQ(connect_result_, -ENOENT);
}

TEST_F(SimulatedNetworkTest, AddressesAreThoseOfTheHosts) {
  Establish();
  sockaddr_storage address;
  socklen_t length = sizeof(address);
  ASSERT_EQ(server().LocalAddress(server_fd_, &address, &length), 0);
  EXPECT_EQ(memcmp(&address, Ip("10.0.0.2", 80).get(), sizeof(sockaddr_in)), 0);
  sockaddr_storage mine, theirs;
  client().LocalAddress(client_fd_, &mine, &length);
  server().PeerAddress(server_fd_, &theirs, &length);
  EXPECT_EQ(memcmp(&mine, &theirs, sizeof(sockaddr_in)), 0);
  const int other = static_cast<int>(server().Socket(AF_INET, SOCK_STREAM, 0));
  Target same = Ip("10.0.0.2", 80), foreign = Ip("10.0.0.3", 80);
  EXPECT_EQ(server().Bind(other, same.get(), same.length), -EADDRINUSE);
  EXPECT_EQ(server().Bind(other, foreign.get(), foreign.length), -EADDRNOTAVAIL);
  EXPECT_GE(Listen(client(), Ip("0.0.0.0", 80)), 0) << "each host has its own ports";
}

TEST_F(SimulatedNetworkTest, ADualStackListenerHearsIpv4) {
  listener_ = Listen(server(), Ip("::", 90));
  Connect(Ip("10.0.0.2", 90));
  world_.RunFor(milliseconds(1));
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  EXPECT_GE(server().Accept(listener_, &peer, &length), 0);
  EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr));
}

TEST_F(SimulatedNetworkTest, AStaleUnixSocketRefusesUntilItsNameIsRemoved) {
  const int fd = Listen(client(), Unix("/run/a"));
  client().Close(fd);
  Connect(Unix("/run/a"));
  EXPECT_EQ(connect_result_, -ECONNREFUSED);
  Target at = Unix("/run/a");
  const int again = static_cast<int>(client().Socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_EQ(client().Bind(again, at.get(), at.length), -EADDRINUSE);
  EXPECT_TRUE(client().RemoveFile("/run/a").ok());
  EXPECT_EQ(client().Bind(again, at.get(), at.length), 0);
}

TEST_F(SimulatedNetworkTest, APartitionHoldsBytesBackInOrderUntilItHeals) {
  Establish();
  world_.Partition(0, far_host_, true);
  Write(client(), client_fd_, "one ");
  world_.RunFor(seconds(3));
  EXPECT_EQ(Read(server(), server_fd_), Error(EAGAIN));
  world_.Partition(0, far_host_, false);
  Write(client(), client_fd_, "two");
  world_.RunFor(seconds(1));
  EXPECT_EQ(Read(server(), server_fd_), "one two");
}

TEST_F(SimulatedNetworkTest, ASharedListenerWakesOneLoop) {
  auto other = world_.MakeDispatcher(far_host_);
  listener_ = Listen(server(), Ip("10.0.0.2", 80));
  Recorder a, b;
  server().RegisterShared(listener_, &a);
  other->engine().RegisterShared(listener_, &b);
  for (int i = 0; i < 40; ++i) {
    Connect(Ip("10.0.0.2", 80));
    world_.RunFor(milliseconds(2));
    sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    EXPECT_GE(server().Accept(listener_, &peer, &length), 0);
  }
  EXPECT_EQ(a.calls + b.calls, 40);
  EXPECT_GT(a.calls, 5);
  EXPECT_GT(b.calls, 5);
  client_events_ = {};
}

}  // namespace
}  // namespace outrigger::event
