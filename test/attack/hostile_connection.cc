#include "test/attack/hostile_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace outrigger::attack {

HostileConnection::~HostileConnection() {
  if (fd_ >= 0) close(fd_);
}

void HostileConnection::Connect() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port_));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Closing resets: a connection that waits for the peer's FIN would use up the ports.
  const linger reset{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  ++tally_.connections;
  feed_ = attack_.feed();
  pending_.clear();
  at_ = 0;
  said_all_ = false;
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLRDHUP | (attack_.reads == Reads::kAll ? EPOLLIN : 0u);
  event.data.ptr = this;
  epoll_ctl(poller_, EPOLL_CTL_ADD, fd_, &event);
}

void HostileConnection::OnEvents(uint32_t events) {
  if (fd_ >= 0 && (events & (EPOLLERR | EPOLLHUP)) != 0) return Close(true);
  if (fd_ >= 0 && (events & EPOLLIN) != 0) Read();
  // Who reads nothing sees the end only here.
  if (fd_ >= 0 && (events & EPOLLRDHUP) != 0) return Close(true);
  if (fd_ >= 0 && (events & EPOLLOUT) != 0) Write();
}

void HostileConnection::Read() {
  char into[65536];
  const ssize_t n = read(fd_, into, sizeof(into));
  if (n > 0) tally_.read += static_cast<uint64_t>(n);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return Close(true);
  if (n > 0 && attack_.hangs_up && said_all_) Close(false);
}

void HostileConnection::Write() {
  if (!Refill()) return FallSilent();
  Send(SIZE_MAX);
  if (fd_ < 0 || at_ < pending_.size()) return;
  // The first piece went at once; after it those with a pace wait, and so do those that have nothing more to say.
  if (!Refill() || attack_.pace_ms > 0) FallSilent();
}

bool HostileConnection::Refill() {
  if (at_ < pending_.size()) return true;
  pending_.clear();
  at_ = 0;
  feed_->Next(pending_);
  return !pending_.empty();
}

void HostileConnection::Send(size_t most) {
  const ssize_t n = send(fd_, pending_.data() + at_, std::min(most, pending_.size() - at_), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) return Close(true);
  if (n <= 0) return;
  at_ += static_cast<size_t>(n);
  tally_.sent += static_cast<uint64_t>(n);
}

void HostileConnection::FallSilent() {
  said_all_ = true;
  epoll_event event{};
  event.events = EPOLLRDHUP | (attack_.reads == Reads::kAll ? EPOLLIN : 0u);
  event.data.ptr = this;
  epoll_ctl(poller_, EPOLL_CTL_MOD, fd_, &event);
}

void HostileConnection::Drip() {
  if (fd_ >= 0 && said_all_ && Refill()) Send(1);
}

void HostileConnection::Close(bool by_proxy) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (by_proxy) ++(error == ECONNREFUSED ? tally_.refused : tally_.closed);
  close(fd_);
  fd_ = -1;
}

}  // namespace outrigger::attack
