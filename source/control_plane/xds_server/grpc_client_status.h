// Thread: main, but for the On... calls of libgrpc
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "envoy/service/status/v3/csds.grpc.pb.h"
#include "source/control_plane/xds_server/grpc_streams.h"

namespace outrigger::control_plane {

// CSDS on the same addresses as discovery: who may be told what is Insight's business.
class ClientStatusService final : public envoy::service::status::v3::ClientStatusDiscoveryService::CallbackService {
 public:
  using Request = envoy::service::status::v3::ClientStatusRequest;
  using Response = envoy::service::status::v3::ClientStatusResponse;
  ClientStatusService(GrpcStreams& streams, const std::string& bound_node)
      : streams_(streams), bound_node_(bound_node) {}

  grpc::ServerUnaryReactor* FetchClientStatus(grpc::CallbackServerContext* context, const Request* request,
                                              Response* response) override;
  grpc::ServerBidiReactor<Request, Response>* StreamClientStatus(grpc::CallbackServerContext* context) override;

 private:
  GrpcStreams& streams_;
  const std::string& bound_node_;
};

}  // namespace outrigger::control_plane
