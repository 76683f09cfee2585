// Thread: main
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

// How a discovery stream is carried: gRPC on our own pools, libgrpc, or a test's memory. This room knows none of them.
namespace outrigger::xds {

class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void OnConnected() = 0;                         // the peer answered the call: the stream stands
  virtual void OnMessage(absl::string_view message) = 0;  // one serialised message; the next comes in a later turn
  // Once, last, never from inside Open or Send. May destroy the call. `status` is a gRPC status number.
  virtual void OnEnd(uint32_t status, absl::string_view message) = 0;
};

// One bidirectional call; destroying it cancels.
class Call {
 public:
  virtual ~Call() = default;
  virtual void Send(absl::string_view message) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::unique_ptr<Call> Open(absl::string_view method, CallHandler& handler) = 0;
  virtual std::string Describe() const = 0;
};

}  // namespace outrigger::xds
