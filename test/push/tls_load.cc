#include "test/push/tls_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::push {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMostAnswer = 256 * 1024;

// A blocking connection with time limits.
class TlsConnection {
 public:
  TlsConnection(SSL_CTX* context, const TlsLoad::Options& options) : ssl_(SSL_new(context)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{static_cast<time_t>(options.limit_seconds), 0};
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(options.port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
      failure_ = "connect failed";
      return;
    }
    SSL_set_fd(ssl_, fd_);
    SSL_set_tlsext_host_name(ssl_, "push.test");
    SSL_set1_host(ssl_, "push.test");
    if (SSL_connect(ssl_) != 1) failure_ = absl::StrCat("TLS handshake failed: ", LastError());
  }
  ~TlsConnection() {
    if (failure_.empty()) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ::close(fd_);
  }
  TlsConnection(const TlsConnection&) = delete;
  const std::string& failure() const { return failure_; }
  bool usable() const { return failure_.empty() && !closing_; }

  std::string Serial() const {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    if (certificate == nullptr) return "";
    BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
    char* text = BN_bn2hex(number);
    std::string serial = text == nullptr ? "" : text;
    OPENSSL_free(text);
    BN_free(number);
    X509_free(certificate);
    return serial;
  }

  // Posts the body and compares. "" if all is well.
  std::string Exchange(const std::string& body, bool last, Tally& tally) {
    const std::string request = absl::StrCat("POST /echo HTTP/1.1\r\nhost: push.test\r\ncontent-length: ", body.size(),
                                             last ? "\r\nconnection: close" : "", "\r\n\r\n", body);
    size_t written = 0;
    if (SSL_write_ex(ssl_, request.data(), request.size(), &written) != 1) return Fail("write failed");
    size_t head = std::string::npos;
    while ((head = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!Read()) return Fail("reset before the answer");
    }
    const std::string headers = absl::AsciiStrToLower(absl::string_view(input_).substr(0, head + 2));
    input_.erase(0, head + 4);
    uint64_t length = 0;
    if (!absl::StartsWith(headers, "http/1.1 200")) return Fail(absl::StrCat("status: ", headers.substr(0, 12)));
    if (!absl::SimpleAtoi(Value(headers, "content-length"), &length)) return Fail("answer without length");
    closing_ = last || Value(headers, "connection") == "close";
    tally.Seen("RDS", Value(headers, "x-version"));
    tally.Seen("LDS", Value(headers, "server"));
    while (input_.size() < length) {
      if (!Read()) return Fail("reset in the middle of the answer");
    }
    const bool right = input_ == body;
    input_.clear();
    return right ? "" : Fail("wrong body");
  }

 private:
  static std::string LastError() {
    char text[200] = "";
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    ERR_clear_error();
    return text;
  }
  std::string Fail(const std::string& why) { return failure_ = why; }
  static std::string Value(const std::string& headers, absl::string_view name) {
    const size_t at = headers.find(absl::StrCat("\r\n", name, ": "));
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return headers.substr(begin, headers.find("\r\n", begin) - begin);
  }
  bool Read() {
    char block[16 * 1024];
    size_t got = 0;
    if (input_.size() > kMostAnswer || SSL_read_ex(ssl_, block, sizeof(block), &got) != 1) return false;
    input_.append(block, got);
    return true;
  }

  SSL* ssl_;
  int fd_ = -1;
  std::string input_;
  std::string failure_;
  bool closing_ = false;
};

}  // namespace

void TlsLoad::Run() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_locations(context, options_.authority_file.c_str(), nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const auto interval =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.per_second));
  const auto send = [&](TlsConnection& connection, uint64_t number, bool last) {
    const auto started = Clock::now();
    const std::string kind = last ? "TLS fresh" : "TLS kept";
    tally_.Sent(kind);
    std::string failure = connection.failure();
    if (failure.empty()) {
      tally_.Seen("SDS", connection.Serial());
      failure = connection.Exchange(BodyOf(number), last, tally_);
    }
    if (!failure.empty()) return tally_.Failed(kind, failure);
    tally_.Good(kind, std::chrono::duration<double, std::milli>(Clock::now() - started).count());
  };
  std::unique_ptr<TlsConnection> kept;
  Clock::time_point due = Clock::now();
  for (uint64_t number = 1; running_; ++number, due += interval) {
    std::this_thread::sleep_until(due);
    if (number % 2 == 0) {
      TlsConnection fresh(context, options_);
      send(fresh, number, true);
      continue;
    }
    if (kept == nullptr || !kept->usable()) kept = std::make_unique<TlsConnection>(context, options_);
    send(*kept, number, false);
  }
  kept.reset();
  SSL_CTX_free(context);
}

}  // namespace outrigger::push
