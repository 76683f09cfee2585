#include "source/net/listener.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/net/listener_filter.h"
#include "test/harness/loop.h"

namespace outrigger::net {
namespace {

using harness::RunUntil;
using harness::Turns;

class Accepting final : public TcpListener::Owner {
 public:
  explicit Accepting(event::Dispatcher& loop) : loop_(loop) {}
  ~Accepting() {
    for (AcceptedSocket& socket : sockets) CloseAccepted(loop_.engine(), socket);
  }
  void OnAccepted(TcpListener& listener, AcceptedSocket socket) override {
    sockets.push_back(std::move(socket));
    for (const MonotonicTime until = loop_.engine().MonotonicNow() + each; loop_.engine().MonotonicNow() < until;) {
    }
    if (stop_after == sockets.size()) listener.Stop();
  }
  void OnAcceptedTogether(uint32_t count) override {
    ++batches;
    together += count;
  }
  uint32_t batches = 0, together = 0;
  std::vector<AcceptedSocket> sockets;
  size_t stop_after = 0;
  Duration each{0};  // what one costs

 private:
  event::Dispatcher& loop_;
};

class ListenerTest : public testing::Test {
 protected:
  ~ListenerTest() override {
    for (int fd : clients_) loop_.engine().Close(fd);
    if (!folder_.empty()) rmdir(folder_.c_str());
  }
  std::shared_ptr<ListenSocket> Bind(const std::string& url, ListenOptions options = {}, size_t workers = 1) {
    absl::StatusOr<Address> address = Address::ParseUrl(url);
    absl::StatusOr<std::shared_ptr<ListenSocket>> socket =
        ListenSocket::Bind(loop_.engine(), *address, options, workers);
    EXPECT_TRUE(socket.ok()) << socket.status();
    EXPECT_TRUE((*socket)->Listen().ok());
    return *socket;
  }
  int Dial(const Address& to) {
    const int fd = static_cast<int>(loop_.engine().Socket(to.family(), SOCK_STREAM, 0));
    const event::IoResult answer = loop_.engine().Connect(fd, to.sockaddr_ptr(), to.sockaddr_length());
    EXPECT_TRUE(answer == 0 || answer == -EINPROGRESS) << answer;
    clients_.push_back(fd);
    return fd;
  }
  void Dial(const Address& to, int count) {
    for (int i = 0; i < count; ++i) Dial(to);
  }
  // Short: a Unix address has 107 bytes, which a test's own folder easily exceeds.
  std::string TempPath(const std::string& name) {
    char folder[] = "/tmp/outrigger_listener_XXXXXX";
    folder_ = mkdtemp(folder);
    return absl::StrCat(folder_, "/", name);
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  Accepting accepting_{loop_};
  std::vector<int> clients_;
  std::string folder_;
};

TEST_F(ListenerTest, AcceptsWithAddresses) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  EXPECT_NE(socket->address().port(), 0);
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  listener.Start();
  Dial(socket->address());
  ASSERT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 1; }));
  const ConnectionProperties& properties = accepting_.sockets[0].properties;
  EXPECT_EQ(properties.local, socket->address());
  EXPECT_TRUE(properties.remote.IsLoopback());
  EXPECT_NE(properties.remote.port(), 0);
  EXPECT_EQ(accepting_.batches, 1u);
  Dial(socket->address(), 3);
  ASSERT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 4; }));
  EXPECT_EQ(accepting_.together, 4u);
}

TEST_F(ListenerTest, WhatIsDearToBeginLeavesTheRestOfTheQueueToTheTurnsAfter) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  listener.Start();
  accepting_.each = milliseconds(1);
  Dial(socket->address(), 3);
  ASSERT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 3; }));
  EXPECT_EQ(accepting_.batches, 3u);
}

TEST_F(ListenerTest, AWildcardListenerAsksWhereTheConnectionCameTo) {
  const std::shared_ptr<ListenSocket> socket = Bind("0.0.0.0:0");
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  listener.Start();
  Dial(Address::ParseIp("127.0.0.5", 0)->WithPort(socket->address().port()));
  ASSERT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 1; }));
  EXPECT_EQ(accepting_.sockets[0].properties.local.IpString(), "127.0.0.5");
}

TEST_F(ListenerTest, WorkersWithReusePortBindOnePort) {
  event::Dispatcher other{event::MakeEpollEngine()};
  Accepting others{other};
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0", {}, 2);
  EXPECT_FALSE(socket->shared());
  EXPECT_NE(socket->fd(0), socket->fd(1));
  TcpListener first(loop_, socket, 0, 0, accepting_), second(other, socket, 1, 0, others);
  first.Start();
  second.Start();
  Dial(socket->address(), 32);
  EXPECT_TRUE(RunUntil({&loop_, &other}, [&] { return accepting_.sockets.size() + others.sockets.size() == 32; }));
  EXPECT_GT(accepting_.sockets.size(), 0u);
  EXPECT_GT(others.sockets.size(), 0u);
}

TEST_F(ListenerTest, WorkersWithoutReusePortShareOneDescriptor) {
  event::Dispatcher other{event::MakeEpollEngine()};
  Accepting others{other};
  ListenOptions options;
  options.reuse_port = false;
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0", options, 2);
  EXPECT_TRUE(socket->shared());
  TcpListener first(loop_, socket, 0, 0, accepting_), second(other, socket, 1, 0, others);
  first.Start();
  second.Start();
  Dial(socket->address(), 32);
  EXPECT_TRUE(RunUntil({&loop_, &other}, [&] { return accepting_.sockets.size() + others.sockets.size() == 32; }));
}

TEST_F(ListenerTest, TakesOnlySoManyPerTurnButAllInTheEnd) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  TcpListener listener(loop_, socket, 0, 2, accepting_);
  Dial(socket->address(), 9);
  listener.Start();
  size_t before = 0;
  EXPECT_TRUE(RunUntil(loop_, [&] {
    EXPECT_LE(accepting_.sockets.size() - before, 2u);
    before = accepting_.sockets.size();
    return before == 9;
  }));
}

TEST_F(ListenerTest, TheSocketSurvivesItsListenersAndRefusesNobody) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  auto old_one = std::make_unique<TcpListener>(loop_, socket, 0, 0, accepting_);
  old_one->Start();
  Turns(loop_);
  Dial(socket->address(), 3);
  old_one->Stop();  // without a turn: the kernel has greeted them
  EXPECT_EQ(accepting_.sockets.size(), 3u);
  old_one.reset();
  Dial(socket->address(), 2);  // between two versions
  TcpListener new_one(loop_, socket, 0, 0, accepting_);
  new_one.Start();
  EXPECT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 5; }));
}

TEST_F(ListenerTest, AnOwnerMayStopItFromItsCallback) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  accepting_.stop_after = 1;
  Dial(socket->address(), 3);
  listener.Start();
  ASSERT_TRUE(RunUntil(loop_, [&] { return !accepting_.sockets.empty(); }));
  Turns(loop_);
  EXPECT_EQ(accepting_.sockets.size(), 3u) << "what was queued is taken, then no more";
}

TEST_F(ListenerTest, APausedListenerLeavesNewcomersInTheQueue) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  listener.Start();
  listener.Pause();
  Dial(socket->address(), 2);
  Turns(loop_);
  EXPECT_TRUE(accepting_.sockets.empty());
  listener.Resume();
  EXPECT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 2; }));
}

TEST_F(ListenerTest, AnAddressInUseIsAnErrorThatNamesIt) {
  ListenOptions options;
  options.reuse_port = false;
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0", options);
  const auto again = ListenSocket::Bind(loop_.engine(), socket->address(), options, 1);
  ASSERT_FALSE(again.ok());
  EXPECT_TRUE(absl::StrContains(again.status().message(), socket->address().ToString())) << again.status();
}

TEST_F(ListenerTest, UnixPathsHaveTheirModeAndGoWithTheSocket) {
  const std::string path = TempPath("mode.sock");
  absl::StatusOr<Address> address = Address::UnixPath(path, 0600);
  ASSERT_TRUE(address.ok());
  {
    auto socket = ListenSocket::Bind(loop_.engine(), *address, {}, 2);
    ASSERT_TRUE(socket.ok()) << socket.status();
    ASSERT_TRUE((*socket)->Listen().ok());
    EXPECT_TRUE((*socket)->shared());
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    TcpListener listener(loop_, *socket, 0, 0, accepting_);
    listener.Start();
    Dial(*address);
    EXPECT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 1; }));
    EXPECT_FALSE(ListenSocket::Bind(loop_.engine(), *address, {}, 1).ok()) << "in use";
    EXPECT_EQ(stat(path.c_str(), &info), 0) << "the failed attempt does not take it away";
  }
  struct stat info;
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

TEST_F(ListenerTest, AStaleUnixPathIsReplaced) {
  const std::string path = TempPath("stale.sock");
  const Address address = *Address::UnixPath(path);
  const int dead = static_cast<int>(loop_.engine().Socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(loop_.engine().Bind(dead, address.sockaddr_ptr(), address.sockaddr_length()), 0);
  loop_.engine().Close(dead);
  EXPECT_TRUE(ListenSocket::Bind(loop_.engine(), address, {}, 1).ok());
}

TEST_F(ListenerTest, OutOfDescriptorsItShedsOneAndGoesOnLater) {
  const std::shared_ptr<ListenSocket> socket = Bind("127.0.0.1:0");
  TcpListener listener(loop_, socket, 0, 0, accepting_);
  listener.Start();
  Turns(loop_);
  Dial(socket->address(), 3);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int free_fd = dup(0);
  close(free_fd);
  const rlimit none{static_cast<rlim_t>(free_fd), limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool noticed = RunUntil(loop_, [&] { return listener.stats().out_of_descriptors > 0; });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_TRUE(noticed);
  EXPECT_EQ(accepting_.sockets.size(), 0u);
  EXPECT_TRUE(RunUntil(loop_, [&] { return accepting_.sockets.size() == 2; })) << "one was turned away";
}

}  // namespace
}  // namespace outrigger::net
