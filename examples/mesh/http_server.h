// Thread: its dispatcher's
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "examples/mesh/answer.h"
#include "source/event/dispatcher.h"
#include "source/http/codec_options.h"
#include "source/net/listener.h"

namespace outrigger::examples {

// Answers every HTTP/1.1 request with Answer() and status 200; a path "/status/NNN" picks another status (200 to 599).
// Request bodies above kMostBody are refused with 413. Built on the proxy's own codec and connections.
class HttpServer final : private net::TcpListener::Owner {
 public:
  static constexpr size_t kMostBody = 1024 * 1024;

  // Listens on address:port at once; port 0 takes a free one.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(event::Dispatcher& dispatcher, absl::string_view address,
                                                           uint32_t port, Identity identity);
  ~HttpServer();
  uint32_t port() const;

 private:
  HttpServer(event::Dispatcher& dispatcher, std::shared_ptr<net::ListenSocket> socket, Identity identity);
  void OnAccepted(net::TcpListener& listener, net::AcceptedSocket socket) override;

  event::Dispatcher& dispatcher_;
  std::shared_ptr<net::ListenSocket> socket_;
  const Identity identity_;
  http::CodecCounters counters_;
  net::TcpListener listener_;
};

}  // namespace outrigger::examples
