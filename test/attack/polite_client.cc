#include "test/attack/polite_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"

namespace outrigger::attack {
namespace {

using Clock = std::chrono::steady_clock;
constexpr absl::string_view kRequest = "GET /polite HTTP/1.1\r\nHost: polite.test\r\n\r\n";

int Open(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) return fd;
  close(fd);
  return -1;
}

// Until `turn`. A connection that the proxy ended meanwhile is noticed by the request.
void AwaitTurn(int fd, Clock::time_point turn) {
  pollfd hung_up{fd, 0, 0};
  for (auto left = turn - Clock::now(); left > Clock::duration::zero(); left = turn - Clock::now()) {
    const timespec wait{
        0, std::chrono::nanoseconds(std::min<Clock::duration>(left, std::chrono::milliseconds(500))).count()};
    if (ppoll(&hung_up, 1, &wait, nullptr) > 0) return;
  }
}

// Its head and as many bytes as that announces.
bool Ask(int fd) {
  if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) return false;
  std::string seen;
  size_t whole = std::string::npos;
  while (seen.size() < whole) {
    char into[4096];
    const ssize_t n = read(fd, into, sizeof(into));
    if (n <= 0) return false;
    seen.append(into, static_cast<size_t>(n));
    const size_t end = seen.find("\r\n\r\n"), length = seen.find("content-length: ");
    if (end != std::string::npos && length < end)
      whole = end + 4 + static_cast<size_t>(atoi(seen.c_str() + length + 16));
  }
  return seen.compare(0, 12, "HTTP/1.1 200") == 0;
}

}  // namespace

void PoliteClients::Run() {
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.clients; ++i) threads.emplace_back([this, i] { One(i); });
  for (std::thread& thread : threads) thread.join();
}

void PoliteClients::One(int number) {
  std::vector<int64_t> times;
  int failed = 0, fd = -1;
  const Clock::time_point begin = Clock::now(), end = begin + options_.time;
  Clock::time_point next = begin + options_.each * number / options_.clients;
  for (; next < end; next += options_.each) {
    // Whoever was kept waiting lets turns go by: all would ask at the same moment from then on, and wait for each
    // other.
    while (next + options_.each < Clock::now()) next += options_.each;
    AwaitTurn(fd, next);
    if (fd < 0) fd = Open(options_.port);
    const Clock::time_point from = Clock::now();
    if (fd >= 0 && Ask(fd)) {
      times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count());
      continue;
    }
    ++failed;
    if (fd >= 0) close(fd);
    fd = -1;
  }
  if (fd >= 0) close(fd);
  Keep(times, failed);
}

void PoliteClients::Keep(const std::vector<int64_t>& times, int failed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  times_.insert(times_.end(), times.begin(), times.end());
  std::sort(times_.begin(), times_.end());
  failed_ += failed;
}

int64_t PoliteClients::Percentile(int percent) const {
  if (times_.empty()) return 0;
  return times_[std::min(times_.size() - 1, times_.size() * static_cast<size_t>(percent) / 100)];
}

}  // namespace outrigger::attack
