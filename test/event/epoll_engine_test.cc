#include "source/event/epoll_engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

struct Handler : IoHandler {
  explicit Handler(std::function<void(uint32_t)> ready) : ready(std::move(ready)) {}
  void OnReady(uint32_t bits) override { ready(bits); }
  std::function<void(uint32_t)> ready;
};

class EpollEngineTest : public testing::Test {
 protected:
  struct Pair {
    int client = -1;
    int server = -1;
  };
  void SetUp() override {
    listener_ = static_cast<int>(engine_.Socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_GE(listener_, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(engine_.Bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    ASSERT_EQ(engine_.Listen(listener_, 16), 0);
    length_ = sizeof(address_);
    ASSERT_EQ(engine_.LocalAddress(listener_, &address_, &length_), 0);
    engine_.Register(listener_, &ignore_);
  }
  void TearDown() override { engine_.Close(listener_); }
  Pair Connect() {
    Pair pair;
    pair.client = static_cast<int>(engine_.Socket(AF_INET, SOCK_STREAM, 0));
    const IoResult connecting = engine_.Connect(pair.client, reinterpret_cast<sockaddr*>(&address_), length_);
    EXPECT_TRUE(connecting == 0 || connecting == -EINPROGRESS);
    sockaddr_storage peer;
    while (pair.server < 0) {
      socklen_t length = sizeof(peer);
      const IoResult accepted = engine_.Accept(listener_, &peer, &length);
      if (accepted == -EAGAIN) {
        dispatcher_.RunOnce(seconds(5));
        continue;
      }
      EXPECT_GE(accepted, 0);
      pair.server = static_cast<int>(accepted);
    }
    return pair;
  }
  IoResult Write(int fd, absl::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return engine_.Writev(fd, &piece, 1);
  }
  std::string Read(int fd) {
    char into[100];
    const iovec piece{into, sizeof(into)};
    const IoResult n = engine_.Readv(fd, &piece, 1);
    return n >= 0 ? std::string(into, static_cast<size_t>(n)) : absl::StrCat("error ", -n);
  }
  void RunUntil(const std::function<bool()>& done) {
    while (!done()) dispatcher_.RunOnce(seconds(5));
  }

  Dispatcher dispatcher_{MakeEpollEngine()};
  Engine& engine_ = dispatcher_.engine();
  Handler ignore_{[](uint32_t) {}};
  int listener_ = -1;
  sockaddr_storage address_;
  socklen_t length_ = 0;
};

TEST_F(EpollEngineTest, BytesArriveAndReadinessIsReportedOncePerEdge) {
  const Pair pair = Connect();
  int events = 0;
  uint32_t bits = 0;
  Handler server([&](uint32_t b) {
    ++events;
    bits = b;
  });
  engine_.Register(pair.server, &server);
  RunUntil([&] { return events > 0; });
  EXPECT_EQ(bits, kWritable);
  events = 0;
  EXPECT_EQ(Write(pair.client, "hello"), 5);
  RunUntil([&] { return events > 0; });
  EXPECT_TRUE(bits & kReadable);
  dispatcher_.RunOnce(Duration::zero());
  EXPECT_EQ(events, 1) << "not read, but not reported again";
  char peeked[2];
  EXPECT_EQ(engine_.Peek(pair.server, peeked, 2), 2);
  EXPECT_EQ(Read(pair.server), "hello");
  EXPECT_EQ(Read(pair.server), absl::StrCat("error ", EAGAIN));
  engine_.Close(pair.server);
  engine_.Close(pair.client);
}

TEST_F(EpollEngineTest, HalfCloseAndResetAreTold) {
  Pair pair = Connect();
  uint32_t bits = 0;
  Handler server([&](uint32_t b) { bits |= b; });
  engine_.Register(pair.server, &server);
  engine_.Shutdown(pair.client, SHUT_WR);
  RunUntil([&] { return (bits & kPeerClosed) != 0; });
  EXPECT_EQ(Read(pair.server), "");
  engine_.Close(pair.server);
  engine_.Close(pair.client);
  pair = Connect();
  engine_.Register(pair.server, &server);
  bits = 0;
  const linger reset{1, 0};
  engine_.SetOption(pair.client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  engine_.Close(pair.client);
  RunUntil([&] { return (bits & kError) != 0; });
  int error = 0;
  socklen_t length = sizeof(error);
  EXPECT_EQ(engine_.GetOption(pair.server, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_EQ(Write(pair.server, "x"), -EPIPE) << "and no signal";
  engine_.Close(pair.server);
}

TEST_F(EpollEngineTest, GatheredWritesKeepTheirOrder) {
  const Pair pair = Connect();
  char a[] = "one ", b[] = "two ", c[] = "three";
  const iovec pieces[] = {{a, 4}, {b, 4}, {c, 5}};
  EXPECT_EQ(engine_.Writev(pair.client, pieces, 3), 13);
  Handler server([](uint32_t) {});
  engine_.Register(pair.server, &server);
  std::string got;
  RunUntil([&] {
    const std::string more = Read(pair.server);
    if (more.rfind("error", 0) != 0) got += more;
    return got.size() >= 13;
  });
  EXPECT_EQ(got, "one two three");
  engine_.Close(pair.server);
  engine_.Close(pair.client);
}

// Two sockets become ready in one wait; whichever is called first unregisters, or closes and reuses, the other.
TEST_F(EpollEngineTest, AHandlerThatIsGoneIsNotCalledForAnEventOfTheSameBatch) {
  for (const bool close : {false, true}) {
    Pair pairs[2] = {Connect(), Connect()};
    int calls = 0;
    int reused = -1;
    Handler stranger(
        [&](uint32_t bits) { EXPECT_FALSE(bits & kReadable) << "an event of the descriptor's former life"; });
    std::unique_ptr<Handler> handlers[2];
    for (int i = 0; i < 2; ++i) {
      handlers[i] = std::make_unique<Handler>([&, i](uint32_t bits) {
        if ((bits & kReadable) == 0) return;
        ++calls;
        const int other = pairs[1 - i].server;
        if (!close) {
          engine_.Unregister(other);
          return;
        }
        engine_.Close(other);
        reused = static_cast<int>(engine_.Socket(AF_INET, SOCK_DGRAM, 0));
        EXPECT_EQ(reused, other);
        engine_.Register(reused, &stranger);
      });
      engine_.Register(pairs[i].server, handlers[i].get());
    }
    dispatcher_.RunOnce(seconds(5));
    Write(pairs[0].client, "x");
    Write(pairs[1].client, "x");
    RunUntil([&] { return calls > 0; });
    dispatcher_.RunOnce(Duration::zero());
    EXPECT_EQ(calls, 1);
    for (const Pair& pair : pairs) {
      engine_.Close(pair.client);
      engine_.Close(pair.server);
    }
  }
}

TEST_F(EpollEngineTest, ASharedListenerTellsOneLoopAtLeastAndCanBeRegisteredAgain) {
  engine_.Unregister(listener_);
  Dispatcher other(MakeEpollEngine());
  int calls[2] = {};
  Handler here([&](uint32_t) { ++calls[0]; });
  Handler there([&](uint32_t) { ++calls[1]; });
  for (int round = 1; round <= 2; ++round) {
    engine_.RegisterShared(listener_, &here);
    other.engine().RegisterShared(listener_, &there);
    const int before = calls[0] + calls[1];
    const int client = static_cast<int>(engine_.Socket(AF_INET, SOCK_STREAM, 0));
    engine_.Connect(client, reinterpret_cast<sockaddr*>(&address_), length_);
    while (calls[0] + calls[1] == before) {
      dispatcher_.RunOnce(milliseconds(1));
      other.RunOnce(milliseconds(1));
    }
    sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    const IoResult accepted = engine_.Accept(listener_, &peer, &length);
    EXPECT_GE(accepted, 0);
    engine_.Close(static_cast<int>(accepted));
    engine_.Close(client);
    engine_.Unregister(listener_);
    other.engine().Unregister(listener_);
  }
}

TEST_F(EpollEngineTest, ConnectingToNobodyIsRefused) {
  engine_.Close(listener_);
  const int fd = static_cast<int>(engine_.Socket(AF_INET, SOCK_STREAM, 0));
  IoResult result = engine_.Connect(fd, reinterpret_cast<sockaddr*>(&address_), length_);
  bool done = result != -EINPROGRESS;
  Handler client([&](uint32_t bits) { done = (bits & kError) != 0; });
  engine_.Register(fd, &client);
  RunUntil([&] { return done; });
  if (result == -EINPROGRESS) {
    int error = 0;
    socklen_t length = sizeof(error);
    engine_.GetOption(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    result = -error;
  }
  EXPECT_EQ(result, -ECONNREFUSED);
  engine_.Close(fd);
}

TEST_F(EpollEngineTest, BadDescriptorsGiveErrorsNotCrashes) {
  EXPECT_EQ(engine_.Close(100000), -EBADF);
  EXPECT_EQ(Read(100000), absl::StrCat("error ", EBADF));
  engine_.Unregister(5000);
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  EXPECT_EQ(engine_.Accept(listener_, &peer, &length), -EAGAIN);
  EXPECT_EQ(engine_.PeerAddress(listener_, &peer, &length), -ENOTCONN);
}

TEST_F(EpollEngineTest, WhatTheKernelDoesNotWatchEndsInsteadOfTheProcess) {
  // A regular file is refused by epoll as a socket is when the kernel has no room for it.
  const std::string path = absl::StrCat(testing::TempDir(), "/unwatched");
  const int fd = static_cast<int>(engine_.OpenAppend(path));
  ASSERT_GE(fd, 0);
  uint32_t heard = 0;
  Handler handler([&](uint32_t bits) { heard |= bits; });
  engine_.Register(fd, &handler);
  dispatcher_.RunOnce(seconds(5));
  EXPECT_NE(heard & kPeerClosed, 0u);
  EXPECT_NE(heard & kError, 0u);
  engine_.Close(fd);
}

TEST_F(EpollEngineTest, AListeningSocketThatTheKernelDoesNotWatchIsLookedAtAndStaysOpen) {
  EpollEngine other({});
  int heard = 0;
  Handler handler([&](uint32_t) { ++heard; });
  // Refused like one for which there is no room: this event cannot be had exclusively.
  other.RegisterLevel(listener_, &handler, EPOLLIN | EPOLLRDHUP | EPOLLET | EPOLLEXCLUSIVE);
  while (heard < 3) {
    other.Wait(seconds(60));
    other.Deliver();
  }
  const Pair pair = Connect();
  EXPECT_GE(pair.server, 0) << "and the other loop that watches it is none the worse";
  engine_.Close(pair.client);
  engine_.Close(pair.server);
  other.Unregister(listener_);
}

TEST_F(EpollEngineTest, TheTableOfDescriptorsHasRoomForManyFromTheStart) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  std::ifstream status("/proc/self/status");
  uint64_t size = 0;
  for (std::string line; size == 0 && std::getline(status, line);) sscanf(line.c_str(), "FDSize: %lu", &size);
  EXPECT_GE(size, std::min<uint64_t>(limit.rlim_cur, 16'384));
}

TEST_F(EpollEngineTest, ConnectionsThatAreClosedTogetherAreAllClosedSomeOfThemLater) {
  constexpr int kMany = 20;
  std::vector<Pair> pairs;
  Handler deaf([](uint32_t) {});
  for (int i = 0; i < kMany; ++i) {
    pairs.push_back(Connect());
    engine_.Register(pairs.back().server, &deaf);
  }
  dispatcher_.RunOnce(Duration::zero());
  for (const Pair& pair : pairs) EXPECT_EQ(engine_.Close(pair.server), 0);
  const auto ended = [&] {
    int count = 0;
    for (const Pair& pair : pairs) count += Read(pair.client).empty() ? 1 : 0;
    return count;
  };
  EXPECT_LT(ended(), kMany);
  while (ended() < kMany) dispatcher_.RunOnce(Duration::zero());
  for (const Pair& pair : pairs) engine_.Close(pair.client);
}

TEST_F(EpollEngineTest, WhoIsReadyBehindManyThatHaveNothingToDoIsServedInTheSameTurn) {
  std::vector<Pair> pairs;
  int served = 0;
  Handler idle([&](uint32_t) { ++served; });
  for (int i = 0; i < 60; ++i) {
    pairs.push_back(Connect());
    engine_.Register(pairs.back().server, &idle);
  }
  int most = 0;
  while (most < 60) {  // a turn in which the system gave our CPU to somebody else looks as if they had much to do
    for (const Pair& pair : pairs) Write(pair.client, "x");
    do {
      served = 0;
      dispatcher_.RunOnce(Duration::zero());
      most = std::max(most, served);
    } while (served > 0);
  }
  for (const Pair& pair : pairs) engine_.Close(pair.client), engine_.Close(pair.server);
}

TEST_F(EpollEngineTest, FilesAreReadAppendedReplacedListedAndRemoved) {
  const std::string folder = absl::StrCat(testing::TempDir(), "/files_", engine_.RandomBits());
  const std::string path = folder + "/state";
  ASSERT_TRUE(engine_.MakeFolder(folder, 0700).ok());
  EXPECT_TRUE(engine_.MakeFolder(folder, 0700).ok());
  EXPECT_EQ(engine_.ReadFile(path, 100).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(engine_.ReplaceFile(path, "first", 0600).ok());
  ASSERT_TRUE(engine_.ReplaceFile(path, "second", 0600).ok());
  EXPECT_EQ(*engine_.ReadFile(path, 6), "second");
  EXPECT_EQ(engine_.ReadFile(path, 5).status().code(), absl::StatusCode::kResourceExhausted);
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(engine_.ChangeMode(path, 0640), 0);
  EXPECT_EQ(engine_.ChangeMode(folder + "/no", 0640), -ENOENT);
  const int log = static_cast<int>(engine_.OpenAppend(folder + "/log"));
  ASSERT_GE(log, 0);
  EXPECT_EQ(engine_.Append(log, "a"), 1);
  EXPECT_EQ(engine_.Append(log, "b"), 1);
  engine_.Close(log);
  EXPECT_EQ(*engine_.ReadFile(folder + "/log", 10), "ab");
  EXPECT_EQ(*engine_.ListFolder(folder), (std::vector<std::string>{"log", "state"})) << "no temporary file is left";
  EXPECT_FALSE(engine_.ReplaceFile(folder + "/no/such", "x", 0600).ok());
  EXPECT_FALSE(engine_.ListFolder(folder + "/no").ok());
  EXPECT_FALSE(engine_.ReadFile(folder, 10).ok()) << "a folder is not a file";
  EXPECT_FALSE(engine_.MakeFolder(path, 0700).ok());
  EXPECT_TRUE(engine_.RemoveFile(path).ok());
  EXPECT_FALSE(engine_.RemoveFile(path).ok());
}

TEST_F(EpollEngineTest, RandomBitsDiffer) {
  char a[16], b[16];
  engine_.SecureRandom(a, sizeof(a));
  engine_.SecureRandom(b, sizeof(b));
  EXPECT_NE(memcmp(a, b, sizeof(a)), 0);
  EXPECT_NE(engine_.RandomBits(), engine_.RandomBits());
}

}  // namespace
}  // namespace outrigger::event
