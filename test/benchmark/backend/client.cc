#include "test/benchmark/backend/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace outrigger::backend {
namespace {

// Of one system call: the kernel lets nobody else run meanwhile.
constexpr size_t kMostAtOnce = 128 * 1024;

bool WouldBlock(int error) { return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE; }

}  // namespace

Client::Client(int fd, SSL* ssl, const Options& options, const std::string& answer)
    : fd_(fd), ssl_(ssl), answer_(answer), http2_(options.http2 ? std::make_unique<Http2>(options) : nullptr) {}

Client::~Client() {
  SSL_free(ssl_);
  close(fd_);
}

Client::Outcome Client::Read(char* to, size_t room, size_t& got) {
  if (ssl_ != nullptr) {
    const int n = SSL_read(ssl_, to, static_cast<int>(room));  // also does the handshake
    if (n <= 0) return WouldBlock(SSL_get_error(ssl_, n)) ? Outcome::kWait : Outcome::kOver;
    got = static_cast<size_t>(n);
    return Outcome::kBytes;
  }
  const ssize_t n = recv(fd_, to, room, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN ? Outcome::kWait : Outcome::kOver;
  got = static_cast<size_t>(n);
  return Outcome::kBytes;
}

bool Client::Ready() {
  static char bytes[64 * 1024];
  if (!Flush()) return false;
  for (;;) {
    size_t got = 0;
    const Outcome outcome = Read(bytes, sizeof(bytes), got);
    if (outcome != Outcome::kBytes) return outcome == Outcome::kWait && Flush();
    if (!Receive({bytes, got})) return false;
    if (ssl_ == nullptr && got < sizeof(bytes)) return Flush();
  }
}

bool Client::Receive(absl::string_view bytes) {
  if (http2_ != nullptr) return http2_->Receive(bytes, unsent_);
  for (int left = CountRequests(bytes); left > 0; --left) unsent_ += answer_;
  return true;
}

bool Client::Flush() {
  size_t done = 0;
  while (done < unsent_.size()) {
    const size_t left = std::min(unsent_.size() - done, kMostAtOnce);
    ssize_t n;
    if (ssl_ != nullptr) {
      n = SSL_write(ssl_, unsent_.data() + done, static_cast<int>(left));
      if (n <= 0 && !WouldBlock(SSL_get_error(ssl_, static_cast<int>(n)))) return false;
    } else {
      n = send(fd_, unsent_.data() + done, left, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
    }
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  unsent_.erase(0, done);
  return true;
}

int Client::CountRequests(absl::string_view bytes) {
  static constexpr char kEnd[] = "\r\n\r\n";
  int requests = 0;
  for (const char c : bytes) {
    if (c == kEnd[matched_]) {
      if (++matched_ == 4) {
        matched_ = 0;
        ++requests;
      }
    } else {
      matched_ = c == '\r' ? 1 : 0;
    }
  }
  return requests;
}

}  // namespace outrigger::backend
