// Thread: made and asked by the test; serves on one of its own
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/net/listener.h"

namespace outrigger::harness {

// An upstream made of our own server sessions: answers 200 with `x-upstream: NAME` and `x-request: METHOD PATH`,
// `x-seen-id` and `x-seen-for` (request id, x-forwarded-for), and sends the request's body back (as it comes), or its
// name if there is none. Paths /status/CODE answer that code; /reset resets the stream, /late answers at the request's
// end.
class HttpUpstream {
 public:
  HttpUpstream(std::string name, http::Protocol protocol);
  ~HttpUpstream();
  HttpUpstream(const HttpUpstream&) = delete;
  uint16_t port() const { return port_; }
  int requests() const { return requests_.load(); }
  int connections() const { return connections_.load(); }

 private:
  class Connections;
  const std::string name_;
  const http::Protocol protocol_;
  std::atomic<int> requests_{0};
  std::atomic<int> connections_{0};
  uint16_t port_ = 0;
  event::Dispatcher loop_;
  std::unique_ptr<Connections> serving_;
  std::thread thread_;
};

}  // namespace outrigger::harness
