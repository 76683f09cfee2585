// Thread: worker (main has a WorkerContext too)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/grpc/frame.h"
#include "source/http/grpc_status.h"

// The seam between gRPC calls and what carries them: our own HTTP/2 pools (PoolChannel, `envoy_grpc`) or libgrpc
// (`google_grpc`).
namespace outrigger::grpc {

using http::GrpcStatus;

struct Metadata {
  std::vector<std::pair<std::string, std::string>> entries;  // names in lower case
};

// Hears one call. Any callback may destroy the stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void OnStarted() {}  // the peer's response headers came
  // One message, valid during the call. At most one per turn of the loop, none while reading is paused: a peer that
  // floods is slowed down through HTTP/2's flow control.
  virtual void OnMessage(absl::string_view message) = 0;
  // Exactly once, last, unless the stream was destroyed before. Never from inside Open() or Send().
  virtual void OnEnd(GrpcStatus status, absl::string_view message) = 0;
};

// One call, bidirectional. Destroying it cancels the call.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  // Queues one serialised message; cheap. Beyond CallOptions::most_queued_bytes of messages that the peer does not
  // take, the call ends with kResourceExhausted.
  virtual void Send(absl::string_view message) = 0;
  virtual void EndSending() = 0;  // half-close
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
};

struct CallOptions {
  Metadata metadata;
  std::string authority;  // empty: the cluster's name
  Duration deadline{0};   // 0: none
  size_t most_message_bytes = kMostMessageBytes;
  size_t most_queued_bytes = 16 << 20;
};

// Where calls go. Outlives its streams.
class Channel {
 public:
  virtual ~Channel() = default;
  // `method` is "/package.Service/Method". Never null: what goes wrong is told by OnEnd.
  virtual std::unique_ptr<ClientStream> Open(absl::string_view method, StreamHandler& handler,
                                             const CallOptions& options) = 0;
  // How logs and errors call the peer: `cluster "xds"`.
  virtual std::string Describe() const = 0;
};

}  // namespace outrigger::grpc
