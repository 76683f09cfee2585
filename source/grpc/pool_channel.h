// Thread: worker (main has a WorkerContext too)
#pragma once

#include <memory>
#include <string>

#include "source/grpc/client_stream.h"
#include "source/upstream/worker_context.h"

namespace outrigger::grpc {

// gRPC calls over the HTTP/2 pools of one cluster, found by name at each call, so that a cluster may come, change and
// go. Calls are counted in the cluster's statistics as requests are. The cluster must speak HTTP/2
// (typed_extension_protocol_options).
class PoolChannel final : public Channel {
 public:
  PoolChannel(upstream::WorkerContext& worker, absl::string_view cluster) : worker_(worker), cluster_(cluster) {}
  std::unique_ptr<ClientStream> Open(absl::string_view method, StreamHandler& handler,
                                     const CallOptions& options) override;
  std::string Describe() const override;

 private:
  upstream::WorkerContext& worker_;
  const std::string cluster_;
};

}  // namespace outrigger::grpc
