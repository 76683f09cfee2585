// Thread: main
#pragma once

#include <memory>
#include <string>

#include "source/grpc/client_stream.h"
#include "source/xds/transport.h"

namespace outrigger::server {

// Discovery streams as gRPC calls of one channel.
class GrpcTransport final : public xds::Transport {
 public:
  GrpcTransport(std::unique_ptr<grpc::Channel> channel, grpc::CallOptions options);
  ~GrpcTransport() override;
  std::unique_ptr<xds::Call> Open(absl::string_view method, xds::CallHandler& handler) override;
  std::string Describe() const override { return channel_->Describe(); }

 private:
  std::unique_ptr<grpc::Channel> channel_;
  const grpc::CallOptions options_;
};

}  // namespace outrigger::server
