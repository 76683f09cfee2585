// The fixed backend of tools/bench: one thread, keep-alive, the same answer to every request, nothing else, so that
// what is measured is the proxy. It trusts its peers: HTTP/1.1 requests without bodies only. Prints the port it took.
// usage: backend [--body=BYTES] [--http2] [--grpc] [--certificate=FILE --key=FILE [--authorities=FILE]]
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "test/benchmark/backend/client.h"
#include "test/benchmark/backend/options.h"

namespace outrigger::backend {
namespace {

bool Parse(absl::string_view word, Options& options) {
  if (absl::ConsumePrefix(&word, "--body=")) return absl::SimpleAtoi(word, &options.body);
  if (word == "--http2") return options.http2 = true;
  if (word == "--grpc") return options.http2 = options.grpc = true;
  std::string* file = absl::ConsumePrefix(&word, "--certificate=")   ? &options.certificate
                      : absl::ConsumePrefix(&word, "--key=")         ? &options.key
                      : absl::ConsumePrefix(&word, "--authorities=") ? &options.authorities
                                                                     : nullptr;
  if (file != nullptr) *file = std::string(word);
  return file != nullptr;
}

int PickProtocol(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                 unsigned int size, void* options) {
  static constexpr unsigned char kHttp2[] = "\x02h2", kHttp1[] = "\x08http/1.1";
  const bool http2 = static_cast<const Options*>(options)->http2;
  const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), length, http2 ? kHttp2 : kHttp1,
                                          http2 ? 3 : 9, offered, size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX* MakeContext(Options& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  bool good = SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (good && !options.authorities.empty()) {
    good = SSL_CTX_load_verify_locations(context, options.authorities.c_str(), nullptr) == 1;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("b"), 1);
  }
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context, &PickProtocol, &options);
  return good ? context : nullptr;
}

int Listen(int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    return -1;
  }
  *port = ntohs(at.sin_port);
  return fd;
}

void AcceptAll(int listener, int poller, SSL_CTX* context, const Options& options, const std::string& answer) {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    SSL* ssl = context == nullptr ? nullptr : SSL_new(context);
    if (ssl != nullptr) {
      SSL_set_fd(ssl, fd);
      SSL_set_accept_state(ssl);
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = new Client(fd, ssl, options, answer);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

int Run(Options& options) {
  const std::string answer =
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(options.body) + "\r\n\r\n" +
      std::string(options.body, 'o');
  signal(SIGPIPE, SIG_IGN);  // SSL_write has no MSG_NOSIGNAL
  SSL_CTX* context = nullptr;
  if (!options.certificate.empty() && (context = MakeContext(options)) == nullptr) return 1;
  int port = 0;
  const int listener = Listen(&port);
  if (listener < 0) return 1;
  const int poller = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);  // data.ptr stays null: the listener
  std::printf("%d\n", port);
  std::fflush(stdout);
  for (;;) {
    epoll_event events[256];
    const int n = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      auto* client = static_cast<Client*>(events[i].data.ptr);
      if (client == nullptr) {
        AcceptAll(listener, poller, context, options, answer);
      } else if (!client->Ready()) {
        delete client;
      }
    }
  }
}

}  // namespace
}  // namespace outrigger::backend

int main(int count, char** words) {
  outrigger::backend::Options options;
  for (int i = 1; i < count; ++i) {
    if (outrigger::backend::Parse(words[i], options)) continue;
    std::fprintf(stderr, "backend: what is %s?\n", words[i]);
    return 2;
  }
  return outrigger::backend::Run(options);
}
