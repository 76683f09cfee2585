#include "source/grpc/google/google_channel.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "source/grpc/google/google_call.h"

namespace outrigger::grpc {
namespace {

using envoy::config::core::v3::DataSource;
using envoy::config::core::v3::GrpcService;
using GoogleGrpc = GrpcService::GoogleGrpc;

constexpr size_t kMostCredentialBytes = 1 << 20;

class GoogleStream final : public ClientStream {
 public:
  explicit GoogleStream(std::shared_ptr<GoogleCall> call) : call_(std::move(call)) {}
  ~GoogleStream() override { call_->Abandon(); }
  void Send(absl::string_view message) override { call_->Send(message); }
  void EndSending() override { call_->EndSending(); }
  void PauseReading() override { call_->SetPaused(true); }
  void ResumeReading() override { call_->SetPaused(false); }

 private:
  std::shared_ptr<GoogleCall> call_;
};

class GoogleChannel final : public Channel {
 public:
  GoogleChannel(event::Dispatcher& dispatcher, std::string target, std::shared_ptr<::grpc::Channel> channel)
      : target_(std::move(target)), stub_(std::move(channel)), thread_([this, &dispatcher] { Run(dispatcher); }) {}
  ~GoogleChannel() override {
    queue_.Shutdown();  // its streams are gone, so what is under way ends soon
    thread_.join();
  }
  std::unique_ptr<ClientStream> Open(absl::string_view method, StreamHandler& handler,
                                     const CallOptions& options) override {
    auto call = std::make_shared<GoogleCall>(handler, options);
    call->Start(stub_, queue_, std::string(method));
    return std::make_unique<GoogleStream>(std::move(call));
  }
  std::string Describe() const override { return absl::StrCat("\"", target_, "\" (google_grpc)"); }

 private:
  // The thread decides nothing: it carries completions to the loop. What the loop never runs is freed with the loop.
  void Run(event::Dispatcher& dispatcher) {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      std::unique_ptr<GoogleCall::Operation> operation(static_cast<GoogleCall::Operation*>(tag));
      dispatcher.Post(
          [operation = std::move(operation), ok]() mutable { operation->call->OnDone(operation->what, ok); });
    }
  }

  const std::string target_;
  ::grpc::GenericStub stub_;
  ::grpc::CompletionQueue queue_;
  std::thread thread_;
};

absl::StatusOr<std::string> ReadSource(event::Engine& engine, const DataSource& source, absl::string_view field) {
  if (source.has_inline_string()) return source.inline_string();
  if (source.has_inline_bytes()) return source.inline_bytes();
  if (!source.has_filename()) return std::string();
  absl::StatusOr<std::string> text = engine.ReadFile(source.filename(), kMostCredentialBytes);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(
      absl::StrCat("google_grpc.channel_credentials.ssl_credentials.", field, ": ", text.status().message()));
}

absl::StatusOr<std::shared_ptr<::grpc::ChannelCredentials>> CredentialsOf(event::Engine& engine,
                                                                          const GoogleGrpc& config) {
  if (!config.has_channel_credentials()) return ::grpc::InsecureChannelCredentials();
  if (!config.channel_credentials().has_ssl_credentials()) {
    return absl::UnimplementedError("google_grpc.channel_credentials: only ssl_credentials are supported");
  }
  const auto& ssl = config.channel_credentials().ssl_credentials();
  absl::StatusOr<std::string> roots = ReadSource(engine, ssl.root_certs(), "root_certs");
  if (!roots.ok()) return roots.status();
  absl::StatusOr<std::string> key = ReadSource(engine, ssl.private_key(), "private_key");
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> chain = ReadSource(engine, ssl.cert_chain(), "cert_chain");
  if (!chain.ok()) return chain.status();
  return ::grpc::SslCredentials({*roots, *key, *chain});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Channel>> MakeGoogleChannel(event::Dispatcher& dispatcher, const GrpcService& service) {
  const GoogleGrpc& config = service.google_grpc();
  auto credentials = CredentialsOf(dispatcher.engine(), config);
  if (!credentials.ok()) return credentials.status();
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMostMessageBytes));
  // Two channels of one process to one target are two connections, as two clusters would be.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (const auto& [name, value] : config.channel_args().args()) {
    if (value.has_string_value()) arguments.SetString(name, value.string_value());
    if (value.has_int_value()) arguments.SetInt(name, static_cast<int>(value.int_value()));
  }
  return std::make_unique<GoogleChannel>(dispatcher, config.target_uri(),
                                         ::grpc::CreateCustomChannel(config.target_uri(), *credentials, arguments));
}

}  // namespace outrigger::grpc
