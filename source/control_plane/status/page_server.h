// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// Answers HTTP/1.1 requests on the main loop with whole pages, on the proxy's own codec. Request bodies are dropped.
class PageServer {
 public:
  static constexpr size_t kMostConnections = 256;  // further ones are closed at once
  static constexpr Duration kLongestConnection = minutes(5);

  struct Request {
    absl::string_view method, path;  // the path without its query
    bool cross_site = false;         // a browser sent it from a page of somebody else
    absl::string_view query = {};    // what follows the "?", as it came
  };
  struct Page {
    uint32_t status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  using Handler = std::function<Page(const Request&)>;

  // `address`: "127.0.0.1:18080", "[::1]:0".
  static absl::StatusOr<std::unique_ptr<PageServer>> Listen(event::Dispatcher& dispatcher, absl::string_view address,
                                                            Handler handler);
  virtual ~PageServer() = default;
  virtual uint32_t port() const = 0;
};

}  // namespace outrigger::control_plane
