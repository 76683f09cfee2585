// Thread: worker (main has a WorkerContext too)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/grpc/client_stream.h"

namespace outrigger::grpc {

// One request, one answer. Destroying it cancels. `done` is called exactly once and may destroy the call; `answer` is
// empty unless the status is kOk. An OK without a message, or with several, is kInternal.
class UnaryCall final : public StreamHandler {
 public:
  using Done = std::function<void(GrpcStatus status, absl::string_view message, absl::string_view answer)>;
  UnaryCall(Channel& channel, absl::string_view method, absl::string_view request, const CallOptions& options,
            Done done);

 private:
  void OnMessage(absl::string_view message) override;
  void OnEnd(GrpcStatus status, absl::string_view message) override;

  Done done_;
  std::string answer_;
  int answers_ = 0;
  std::unique_ptr<ClientStream> stream_;
};

}  // namespace outrigger::grpc
