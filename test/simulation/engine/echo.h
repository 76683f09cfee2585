// Thread: its loop
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/event/dispatcher.h"

namespace outrigger::event::echo {

struct Target {
  sockaddr_storage address{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address); }
};

inline Target Ip(const std::string& text, uint16_t port) {
  Target target;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&target.address);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    target.length = sizeof(sockaddr_in);
    return target;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&target.address);
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr), 1);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  target.length = sizeof(sockaddr_in6);
  return target;
}

inline Target Unix(const std::string& path) {
  Target target;
  auto* local = reinterpret_cast<sockaddr_un*>(&target.address);
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path.data(), path.size());
  target.length = sizeof(sockaddr_un);
  return target;
}

// Sends back what it gets, with no more than 8 KiB held: reads again only when that is written.
class Connection final : public IoHandler, public Deferred {
 public:
  Connection(Engine& engine, int fd) : engine_(engine), fd_(fd) { engine_.Register(fd_, this); }
  ~Connection() override { Close(); }
  bool closed() const { return fd_ < 0; }
  void OnReady(uint32_t) override {
    while (fd_ >= 0 && (Flush() && Fill())) {
    }
  }

 private:
  bool Flush() {
    while (!held_.empty()) {
      const iovec piece{held_.data(), held_.size()};
      const IoResult n = engine_.Writev(fd_, &piece, 1);
      if (n < 0 && n != -EAGAIN) Close();
      if (n <= 0) return false;
      held_.erase(0, static_cast<size_t>(n));
    }
    if (ended_) Close();
    return fd_ >= 0;
  }
  bool Fill() {
    char into[8192];
    const iovec piece{into, sizeof(into)};
    const IoResult n = engine_.Readv(fd_, &piece, 1);
    if (n == -EAGAIN) return false;
    if (n < 0) {
      Close();
      return false;
    }
    if (n == 0) ended_ = true;
    held_.append(into, static_cast<size_t>(n));
    return true;
  }
  void Close() {
    if (fd_ >= 0) engine_.Close(fd_);
    fd_ = -1;
  }
  Engine& engine_;
  int fd_;
  bool ended_ = false;
  std::string held_;
};

class Server final : public IoHandler {
 public:
  Server(Dispatcher& dispatcher, Target where) : dispatcher_(dispatcher), engine_(dispatcher.engine()) {
    fd_ = static_cast<int>(engine_.Socket(where.address.ss_family, SOCK_STREAM, 0));
    EXPECT_EQ(engine_.Bind(fd_, where.get(), where.length), 0);
    EXPECT_EQ(engine_.Listen(fd_, 128), 0);
    engine_.Register(fd_, this);
  }
  ~Server() override { engine_.Close(fd_); }
  Target address() const {
    Target at;
    at.length = sizeof(at.address);
    engine_.LocalAddress(fd_, &at.address, &at.length);
    return at;
  }
  int accepted() const { return accepted_; }
  void OnReady(uint32_t) override {
    std::erase_if(connections_, [](const auto& c) { return c->closed(); });
    for (;;) {
      sockaddr_storage peer;
      socklen_t length = sizeof(peer);
      const IoResult fd = engine_.Accept(fd_, &peer, &length);
      if (fd == -EAGAIN) return;
      if (fd < 0) continue;
      ++accepted_;
      connections_.push_back(std::make_unique<Connection>(engine_, static_cast<int>(fd)));
    }
  }

 private:
  Dispatcher& dispatcher_;
  Engine& engine_;
  int fd_ = -1;
  int accepted_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// Sends `size` bytes that only it knows, compares what comes back with them, and starts over on a new connection if
// that breaks. Gives up never; done() once everything came back and the end was seen.
class Client final : public IoHandler {
 public:
  Client(Dispatcher& dispatcher, Target to, uint64_t number, size_t size)
      : dispatcher_(dispatcher), engine_(dispatcher.engine()), to_(to), number_(number), size_(size) {
    Start();
  }
  ~Client() override {
    if (fd_ >= 0) engine_.Close(fd_);
  }
  bool done() const { return done_; }
  bool corrupted() const { return corrupted_; }
  int attempts() const { return attempts_; }
  void OnReady(uint32_t bits) override {
    if ((bits & kError) != 0) return Fail();
    Write();
    if (fd_ >= 0) Read();
  }

 private:
  char ByteAt(size_t i) const { return static_cast<char>((i * 31 + i / 251 + number_ * 7) & 0xff); }
  void Start() {
    ++attempts_;
    sent_ = received_ = 0;
    shut_ = false;
    fd_ = static_cast<int>(engine_.Socket(to_.address.ss_family, SOCK_STREAM, 0));
    ASSERT_GE(fd_, 0);
    const IoResult result = engine_.Connect(fd_, to_.get(), to_.length);
    if (result != 0 && result != -EINPROGRESS) return Fail();
    engine_.Register(fd_, this);
  }
  void Fail() {
    engine_.Close(fd_);
    fd_ = -1;
    dispatcher_.Arm(retry_, milliseconds(5));
  }
  void Write() {
    while (sent_ < size_) {
      char piece[3000];
      const size_t n = std::min(sizeof(piece), size_ - sent_);
      for (size_t i = 0; i < n; ++i) piece[i] = ByteAt(sent_ + i);
      const iovec vectors[2] = {{piece, n / 3}, {piece + n / 3, n - n / 3}};
      const IoResult written = engine_.Writev(fd_, vectors, 2);
      if (written == -EAGAIN) return;
      if (written < 0) return Fail();
      sent_ += static_cast<size_t>(written);
    }
    if (!shut_ && engine_.Shutdown(fd_, SHUT_WR) != 0) return Fail();
    shut_ = true;
  }
  void Read() {
    for (;;) {
      char into[5000];
      const iovec piece{into, sizeof(into)};
      const IoResult n = engine_.Readv(fd_, &piece, 1);
      if (n == -EAGAIN) return;
      if (n < 0 || (n == 0 && received_ < size_)) return Fail();
      if (n == 0) break;
      for (IoResult i = 0; i < n; ++i) corrupted_ |= into[i] != ByteAt(received_++);
      corrupted_ |= received_ > size_;
    }
    done_ = true;
    engine_.Close(fd_);
    fd_ = -1;
  }

  Dispatcher& dispatcher_;
  Engine& engine_;
  Target to_;
  const uint64_t number_;
  const size_t size_;
  int fd_ = -1;
  size_t sent_ = 0, received_ = 0;
  bool shut_ = false, done_ = false, corrupted_ = false;
  int attempts_ = 0;
  Timer retry_{[this] { Start(); }};
};

}  // namespace outrigger::event::echo
