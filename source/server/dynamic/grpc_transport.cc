#include "source/server/dynamic/grpc_transport.h"

#include <utility>

namespace outrigger::server {
namespace {

class GrpcCall final : public xds::Call, public grpc::StreamHandler {
 public:
  explicit GrpcCall(xds::CallHandler& handler) : handler_(handler) {}
  void Begin(grpc::Channel& channel, absl::string_view method, const grpc::CallOptions& options) {
    stream_ = channel.Open(method, *this, options);
  }
  void Send(absl::string_view message) override { stream_->Send(message); }
  void OnStarted() override { handler_.OnConnected(); }
  void OnMessage(absl::string_view message) override { handler_.OnMessage(message); }
  void OnEnd(grpc::GrpcStatus status, absl::string_view message) override {
    const std::string text(message);
    handler_.OnEnd(static_cast<uint32_t>(status), text);  // may destroy this
  }

 private:
  xds::CallHandler& handler_;
  std::unique_ptr<grpc::ClientStream> stream_;
};

}  // namespace

GrpcTransport::GrpcTransport(std::unique_ptr<grpc::Channel> channel, grpc::CallOptions options)
    : channel_(std::move(channel)), options_(std::move(options)) {}
GrpcTransport::~GrpcTransport() = default;

std::unique_ptr<xds::Call> GrpcTransport::Open(absl::string_view method, xds::CallHandler& handler) {
  auto call = std::make_unique<GrpcCall>(handler);
  call->Begin(*channel_, method, options_);
  return call;
}

}  // namespace outrigger::server
