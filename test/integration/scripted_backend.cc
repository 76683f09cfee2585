#include "test/integration/scripted_backend.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "source/base/bug.h"

namespace outrigger::integration {

std::string ScriptedBackend::Peer::ReadSome() {
  if (!pending_.empty()) return std::exchange(pending_, "");
  char buffer[16384];
  const ssize_t n = read(fd_, buffer, sizeof(buffer));
  return n <= 0 ? std::string() : std::string(buffer, static_cast<size_t>(n));
}

std::string ScriptedBackend::Peer::ReadRequest() {
  std::string seen = std::exchange(pending_, "");
  for (;;) {
    const size_t end = seen.find("\r\n\r\n");
    if (end != std::string::npos) {
      size_t want = end + 4;
      const size_t length_at = seen.find("content-length: ");
      size_t length = 0;
      if (length_at != std::string::npos && length_at < end &&
          absl::SimpleAtoi(seen.substr(length_at + 16, seen.find('\r', length_at) - length_at - 16), &length)) {
        want += length;
      } else if (const size_t at = seen.find("transfer-encoding: chunked"); at != std::string::npos && at < end) {
        const size_t last = seen.find("\r\n0\r\n", end + 2);
        const size_t stop = last == std::string::npos ? last : seen.find("\r\n\r\n", last + 3);  // behind the trailers
        want = stop == std::string::npos ? stop : stop + 4;
      }
      if (want != std::string::npos && seen.size() >= want) {
        pending_ = seen.substr(want);
        return seen.substr(0, want);
      }
    }
    char buffer[16384];
    const ssize_t n = read(fd_, buffer, sizeof(buffer));
    if (n <= 0) return "";
    seen.append(buffer, static_cast<size_t>(n));
  }
}

void ScriptedBackend::Peer::Write(const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<size_t>(n);
  }
}

void ScriptedBackend::Peer::Reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

bool ScriptedBackend::Peer::WaitForEnd() {
  char buffer[16384];
  ssize_t n;
  while ((n = read(fd_, buffer, sizeof(buffer))) > 0) {
  }
  return true;
}

ScriptedBackend::ScriptedBackend(std::function<void(Peer&, int)> serve) : serve_(std::move(serve)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  OUTRIGGER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  OUTRIGGER_CHECK(listen(listener_, 128) == 0);
  socklen_t length = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0 || stop_) {
        if (fd >= 0) close(fd);
        return;
      }
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      const std::lock_guard<std::mutex> lock(mutex_);
      open_.push_back(fd);
      const int number = connections_++;
      threads_.emplace_back([this, fd, number] {
        Peer peer(fd);
        serve_(peer, number);
        const std::lock_guard<std::mutex> done(mutex_);
        for (int& open : open_) {
          if (open == fd) open = -1;
        }
        close(fd);
      });
    }
  });
}

ScriptedBackend::~ScriptedBackend() {
  stop_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const int fd : open_) {
      if (fd >= 0) shutdown(fd, SHUT_RDWR);
    }
  }
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

}  // namespace outrigger::integration
