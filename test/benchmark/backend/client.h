// Thread: main
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "test/benchmark/backend/http2.h"
#include "test/benchmark/backend/options.h"

namespace outrigger::backend {

// One accepted connection, with or without TLS. Owns the socket and the SSL.
class Client final {
 public:
  Client(int fd, SSL* ssl, const Options& options, const std::string& answer);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The socket can be read or written (edge-triggered). False: the connection is over.
  bool Ready();

 private:
  enum class Outcome { kBytes, kWait, kOver };
  Outcome Read(char* to, size_t room, size_t& got);
  bool Receive(absl::string_view bytes);
  bool Flush();
  int CountRequests(absl::string_view bytes);

  const int fd_;
  SSL* const ssl_;  // null: plain
  const std::string& answer_;
  std::unique_ptr<Http2> http2_;  // null: HTTP/1.1
  int matched_ = 0;               // how much of the blank line that ends a request was seen
  std::string unsent_;            // what the socket did not take
};

}  // namespace outrigger::backend
