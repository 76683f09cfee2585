#include "source/control_plane/xds_server/grpc_stream.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "source/control_plane/xds_server/grpc_streams.h"

namespace outrigger::control_plane {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

// What is kept for the log and the status page is the client's text: enough of it to read, not all it may send.
std::string Short(const std::string& text) {
  constexpr size_t kMostBytes = 8192;
  return text.size() <= kMostBytes ? text : std::string(text.data(), kMostBytes);
}

// {"outrigger.in_use": {"version": ...}} in the node's metadata, of a request that says nothing else.
std::string InUseOf(const envoy::config::core::v3::Node& node) {
  const auto report = node.metadata().fields().find("outrigger.in_use");
  if (report == node.metadata().fields().end()) return "";
  const auto version = report->second.struct_value().fields().find("version");
  return version == report->second.struct_value().fields().end() ? "" : version->second.string_value();
}

// What the requests of both forms have.
template <class Request>
DiscoveryAsk CommonAsk(const Request& request, const std::string& only_type) {
  DiscoveryAsk ask;
  ask.type_url = request.type_url().empty() ? only_type : request.type_url();
  ask.nonce = request.response_nonce();
  ask.refused = request.has_error_detail();
  if (ask.refused) ask.refusal = Short(request.error_detail().message());
  ask.has_node = request.has_node();
  ask.node = {request.node().id(), request.node().cluster()};
  ask.user_agent = Short(request.node().user_agent_name());
  ask.bytes = request.ByteSizeLong();
  ask.in_use = InUseOf(request.node());
  return ask;
}

DiscoveryAsk AskOf(const DiscoveryRequest& request, const std::string& only_type) {
  DiscoveryAsk ask = CommonAsk(request, only_type);
  ask.names.assign(request.resource_names().begin(), request.resource_names().end());
  ask.version = request.version_info();
  return ask;
}

DiscoveryAsk AskOf(const DeltaDiscoveryRequest& request, const std::string& only_type) {
  DiscoveryAsk ask = CommonAsk(request, only_type);
  ask.names.assign(request.resource_names_subscribe().begin(), request.resource_names_subscribe().end());
  ask.dropped_names.assign(request.resource_names_unsubscribe().begin(), request.resource_names_unsubscribe().end());
  ask.initial_versions.insert(request.initial_resource_versions().begin(), request.initial_resource_versions().end());
  return ask;
}

void Fill(const Resource& resource, google::protobuf::Any& any) {
  any.set_type_url(resource.type_url);
  any.set_value(resource.bytes);
}

// With its version, so that a heartbeat can say what it is about.
envoy::service::discovery::v3::Resource HeadOf(const std::string& name, const std::string& version,
                                               const DiscoveryAnswer& answer) {
  envoy::service::discovery::v3::Resource out;
  out.set_name(name);
  out.set_version(version);
  if (answer.ttl <= Duration(0)) return out;
  const int64_t millis = ToMillis(answer.ttl);
  out.mutable_ttl()->set_seconds(millis / 1000);
  out.mutable_ttl()->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
  return out;
}

void Fill(const DiscoveryAnswer& answer, DiscoveryResponse& response) {
  response.set_version_info(answer.version);
  for (const ResourcePtr& resource : answer.resources) {
    if (answer.ttl <= Duration(0)) {
      Fill(*resource, *response.add_resources());
      continue;
    }
    auto wrapper = HeadOf(resource->name, resource->version, answer);
    Fill(*resource, *wrapper.mutable_resource());
    response.add_resources()->PackFrom(wrapper);
  }
  for (const auto& [name, version] : answer.heartbeats) {
    response.add_resources()->PackFrom(HeadOf(name, version, answer));
  }
}

void AddAliases(const Resource& resource, const DiscoveryAnswer& answer, envoy::service::discovery::v3::Resource& out) {
  const std::vector<std::string>& own = resource.aliases;
  for (const std::string& alias : own) out.add_aliases(alias);
  const auto names = answer.asked_as.find(resource.name);
  if (names == answer.asked_as.end()) return;
  for (const std::string& name : names->second) {
    if (std::find(own.begin(), own.end(), name) == own.end()) out.add_aliases(name);
  }
}

void Fill(const DiscoveryAnswer& answer, DeltaDiscoveryResponse& response) {
  response.set_system_version_info(answer.version);
  for (const ResourcePtr& resource : answer.resources) {
    auto& out = *response.add_resources();
    out = HeadOf(resource->name, resource->version, answer);
    AddAliases(*resource, answer, out);
    Fill(*resource, *out.mutable_resource());
  }
  for (const auto& [name, version] : answer.heartbeats) *response.add_resources() = HeadOf(name, version, answer);
  for (const std::string& name : answer.removed) response.add_removed_resources(name);
}

template <class Response>
void FillAll(const DiscoveryAnswer& answer, Response& response) {
  response.Clear();
  response.set_type_url(answer.type_url);
  response.set_nonce(answer.nonce);
  response.mutable_control_plane()->set_identifier("outrigger-control-plane");
  Fill(answer, response);
}

}  // namespace

template <class Request, class Response>
GrpcStream<Request, Response>::GrpcStream(GrpcStreams& owner, PeerFacts peer, std::string only_type)
    : owner_(owner), peer_(std::move(peer)), only_type_(std::move(only_type)) {}

template <class Request, class Response>
void GrpcStream<Request, Response>::Begin() {
  constexpr WireForm kForm = std::is_same_v<Request, DiscoveryRequest> ? WireForm::kWorld : WireForm::kDelta;
  session_ = owner_.stopped() ? nullptr : owner_.core().Open(*this, peer_, only_type_, kForm);
  if (session_ == nullptr) {
    FinishOnce(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
    return;
  }
  this->StartRead(&request_);
}

template <class Request, class Response>
void GrpcStream<Request, Response>::OnReadDone(bool ok) {
  owner_.Post([this, ok] { ReadDone(ok); });
}
template <class Request, class Response>
void GrpcStream<Request, Response>::OnWriteDone(bool ok) {
  owner_.Post([this, ok] { WriteDone(ok); });
}
template <class Request, class Response>
void GrpcStream<Request, Response>::OnDone() {
  owner_.Post([this] { Released(); });
}

template <class Request, class Response>
void GrpcStream<Request, Response>::ReadDone(bool ok) {
  if (finished_) return;
  if (!ok) return FinishOnce(grpc::Status::OK);  // the client is done or gone
  const DiscoveryAsk ask = AskOf(request_, only_type_);
  request_ = {};  // its metadata and capacity are not to be kept while the stream is idle
  session_->OnAsk(ask);
  if (!finished_) this->StartRead(&request_);
}

template <class Request, class Response>
void GrpcStream<Request, Response>::WriteDone(bool ok) {
  writing_ = false;
  if (finished_) return;
  if (!ok) return FinishOnce(grpc::Status::CANCELLED);
  WriteNext();
}

template <class Request, class Response>
void GrpcStream<Request, Response>::Send(const DiscoveryAnswer& answer) {
  queue_.push_back(answer);
  WriteNext();
}

template <class Request, class Response>
void GrpcStream<Request, Response>::WriteNext() {
  if (writing_ || finished_ || queue_.empty()) return;
  FillAll(queue_.front(), response_);
  queue_.pop_front();
  writing_ = true;
  this->StartWrite(&response_);
}

template <class Request, class Response>
void GrpcStream<Request, Response>::End(bool denied, const std::string& reason) {
  FinishOnce(grpc::Status(denied ? grpc::StatusCode::PERMISSION_DENIED : grpc::StatusCode::INVALID_ARGUMENT, reason));
}

template <class Request, class Response>
void GrpcStream<Request, Response>::Stop() {
  FinishOnce(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is going away"));
}

template <class Request, class Response>
void GrpcStream<Request, Response>::FinishOnce(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  this->Finish(status);
}

template <class Request, class Response>
void GrpcStream<Request, Response>::Released() {
  if (session_ != nullptr) owner_.core().Close(session_);
  session_ = nullptr;
  owner_.Remove(this);
}

template class GrpcStream<DiscoveryRequest, DiscoveryResponse>;
template class GrpcStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

}  // namespace outrigger::control_plane
