#include "test/simulation/live/simulated_control_plane.h"

#include <utility>

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace outrigger::simulation {

namespace cp = control_plane;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

// One stream. Its two ends know each other by posted tasks only.
class SimulatedControlPlane::Link final : public cp::AnswerSink, public std::enable_shared_from_this<Link> {
 public:
  Link(SimulatedControlPlane& server, event::Dispatcher& client, grpc::StreamHandler& handler)
      : server_(server), client_(client), handler_(&handler) {}

  // --- on the server's loop
  void Begin() { session_ = server_.core_->Open(*this, {.address = "simulated", .loopback = true}, ""); }
  void OnAsk(const std::string& bytes) {
    if (session_ == nullptr) return;
    DiscoveryRequest request;
    if (!request.ParseFromString(bytes)) return;
    cp::DiscoveryAsk ask;
    ask.type_url = request.type_url();
    ask.names.assign(request.resource_names().begin(), request.resource_names().end());
    ask.version = request.version_info();
    ask.nonce = request.response_nonce();
    ask.refused = request.has_error_detail();
    ask.refusal = request.error_detail().message();
    ask.has_node = request.has_node();
    ask.node = {request.node().id(), request.node().cluster()};
    session_->OnAsk(ask);
  }
  void Send(const cp::DiscoveryAnswer& answer) override {
    DiscoveryResponse response;
    response.set_type_url(answer.type_url);
    response.set_version_info(answer.version);
    response.set_nonce(answer.nonce);
    for (const cp::ResourcePtr& resource : answer.resources) {
      response.add_resources()->set_type_url(resource->type_url);
      response.mutable_resources(response.resources_size() - 1)->set_value(resource->bytes);
    }
    client_.Post([self = shared_from_this(), bytes = response.SerializeAsString()] { self->Hear(bytes); });
  }
  void End(bool, const std::string& reason) override { Break(reason); }
  void Break(const std::string& why) {
    Close();
    client_.Post([self = shared_from_this(), why] {
      if (self->handler_ != nullptr) std::exchange(self->handler_, nullptr)->OnEnd(grpc::GrpcStatus::kUnavailable, why);
    });
  }
  void Close() {
    if (session_ != nullptr) server_.core_->Close(std::exchange(session_, nullptr));
  }
  bool open() const { return session_ != nullptr; }

  // --- on the client's
  void Hear(const std::string& bytes) {
    if (handler_ != nullptr) handler_->OnMessage(bytes);
  }
  void Forget() { handler_ = nullptr; }

 private:
  SimulatedControlPlane& server_;
  event::Dispatcher& client_;
  grpc::StreamHandler* handler_;
  cp::Session* session_ = nullptr;
};

class SimulatedControlPlane::ClientEnd final : public grpc::ClientStream {
 public:
  ClientEnd(event::Dispatcher& server, std::shared_ptr<Link> link) : server_(server), link_(std::move(link)) {}
  ~ClientEnd() override {
    link_->Forget();
    server_.Post([link = link_] { link->Close(); });
  }
  void Send(absl::string_view message) override {
    server_.Post([link = link_, bytes = std::string(message)] { link->OnAsk(bytes); });
  }
  void EndSending() override {}
  void PauseReading() override {}
  void ResumeReading() override {}

 private:
  event::Dispatcher& server_;
  const std::shared_ptr<Link> link_;
};

class SimulatedControlPlane::LocalChannel final : public grpc::Channel {
 public:
  LocalChannel(SimulatedControlPlane& server, event::Dispatcher& client) : server_(server), client_(client) {}
  std::unique_ptr<grpc::ClientStream> Open(absl::string_view, grpc::StreamHandler& handler,
                                           const grpc::CallOptions&) override {
    auto link = std::make_shared<Link>(server_, client_, handler);
    server_.links_.push_back(link);
    server_.loop_->Post([link] { link->Begin(); });
    return std::make_unique<ClientEnd>(*server_.loop_, link);
  }
  std::string Describe() const override { return "simulated"; }

 private:
  SimulatedControlPlane& server_;
  event::Dispatcher& client_;
};

SimulatedControlPlane::SimulatedControlPlane(event::SimulatedWorld& world, cp::OrderingOptions ordering)
    : loop_(world.MakeDispatcher(world.AddHost({"10.0.0.9"}))) {
  core_ = std::make_unique<cp::XdsServer>(
      *loop_, cp::XdsServer::Options{.ordering = ordering, .policy = {.allow_unauthenticated_secrets = true}});
}

SimulatedControlPlane::~SimulatedControlPlane() {
  for (const auto& link : links_) link->Close();
}

void SimulatedControlPlane::Publish(cp::CatalogPtr catalog) {
  loop_->Post([this, catalog = std::move(catalog)] { core_->Publish(catalog); });
}

void SimulatedControlPlane::EndStreams() {
  loop_->Post([this] {
    for (const auto& link : links_) {
      if (link->open()) link->Break("the control plane went away");
    }
  });
}

size_t SimulatedControlPlane::streams() const { return core_->sessions().size(); }

std::unique_ptr<grpc::Channel> SimulatedControlPlane::MakeChannel(event::Dispatcher& client) {
  return std::make_unique<LocalChannel>(*this, client);
}

}  // namespace outrigger::simulation
