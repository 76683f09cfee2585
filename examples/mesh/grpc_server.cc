#include "examples/mesh/grpc_server.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "examples/mesh/echo.grpc.pb.h"

namespace outrigger::examples {
namespace {

constexpr uint32_t kMostTimes = 10000;

class EchoService final : public echo::v1::Echo::Service {
 public:
  explicit EchoService(Identity identity) : identity_(std::move(identity)) {}

  grpc::Status Say(grpc::ServerContext* context, const echo::v1::SayRequest* request,
                   echo::v1::SayReply* reply) override {
    Fill(*context, request->text(), 1, reply);
    return grpc::Status::OK;
  }
  grpc::Status Repeat(grpc::ServerContext* context, const echo::v1::RepeatRequest* request,
                      grpc::ServerWriter<echo::v1::SayReply>* writer) override {
    if (request->times() > kMostTimes) return {grpc::StatusCode::INVALID_ARGUMENT, "times is above 10000"};
    for (uint32_t i = 1; i <= request->times(); ++i) {
      echo::v1::SayReply reply;
      Fill(*context, request->text(), i, &reply);
      if (!writer->Write(reply)) return {grpc::StatusCode::CANCELLED, "the caller went away"};
    }
    return grpc::Status::OK;
  }

 private:
  void Fill(const grpc::ServerContext& context, const std::string& text, uint32_t number,
            echo::v1::SayReply* reply) const {
    const auto& metadata = context.client_metadata();
    const auto at = metadata.find("x-forwarded-client-cert");
    const absl::string_view certificate =
        at == metadata.end() ? absl::string_view() : absl::string_view(at->second.data(), at->second.size());
    reply->set_service(identity_.service);
    reply->set_version(identity_.version);
    reply->set_caller(CallerOf(certificate));
    reply->set_text(text);
    reply->set_number(number);
  }
  const Identity identity_;
};

class LibgrpcServer final : public GrpcServer {
 public:
  explicit LibgrpcServer(Identity identity) : service_(std::move(identity)) {}
  ~LibgrpcServer() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }
  bool Listen(const std::string& target) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    server_ = builder.BuildAndStart();
    return server_ != nullptr && port_ > 0;
  }
  uint32_t port() const override { return static_cast<uint32_t>(port_); }

 private:
  EchoService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(absl::string_view address, uint32_t port,
                                                              Identity identity) {
  auto server = std::make_unique<LibgrpcServer>(std::move(identity));
  const std::string target = absl::StrCat(address, ":", port);
  if (!server->Listen(target)) return absl::UnavailableError(absl::StrCat("cannot serve gRPC on ", target));
  return server;
}

}  // namespace outrigger::examples
