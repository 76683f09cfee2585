#include "source/control_plane/xds_server/grpc_stream.h"

#include <utility>

#include "source/control_plane/xds_server/grpc_streams.h"

namespace outrigger::control_plane {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

// What is kept for the log and the status page is the client's text: enough of it to read, not all it may send.
std::string Short(const std::string& text) {
  constexpr size_t kMostBytes = 8192;
  return text.size() <= kMostBytes ? text : std::string(text.data(), kMostBytes);
}

DiscoveryAsk AskOf(DiscoveryRequest& request, const std::string& only_type) {
  DiscoveryAsk ask;
  ask.type_url = request.type_url().empty() ? only_type : request.type_url();
  ask.names.assign(request.resource_names().begin(), request.resource_names().end());
  ask.version = request.version_info();
  ask.nonce = request.response_nonce();
  ask.refused = request.has_error_detail();
  if (ask.refused) ask.refusal = Short(request.error_detail().message());
  ask.has_node = request.has_node();
  ask.node = {request.node().id(), request.node().cluster()};
  ask.user_agent = Short(request.node().user_agent_name());
  ask.bytes = request.ByteSizeLong();
  return ask;
}

void Fill(const DiscoveryAnswer& answer, DiscoveryResponse& response) {
  response.Clear();
  response.set_type_url(answer.type_url);
  response.set_version_info(answer.version);
  response.set_nonce(answer.nonce);
  response.mutable_control_plane()->set_identifier("outrigger-control-plane");
  for (const ResourcePtr& resource : answer.resources) {
    auto* any = response.add_resources();
    any->set_type_url(resource->type_url);
    any->set_value(resource->bytes);
  }
}

}  // namespace

GrpcStream::GrpcStream(GrpcStreams& owner, PeerFacts peer, std::string only_type)
    : owner_(owner), peer_(std::move(peer)), only_type_(std::move(only_type)) {}

void GrpcStream::Begin() {
  session_ = owner_.stopped() ? nullptr : owner_.core().Open(*this, peer_, only_type_);
  if (session_ == nullptr) {
    FinishOnce(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
    return;
  }
  StartRead(&request_);
}

void GrpcStream::OnReadDone(bool ok) {
  owner_.Post([this, ok] { ReadDone(ok); });
}
void GrpcStream::OnWriteDone(bool ok) {
  owner_.Post([this, ok] { WriteDone(ok); });
}
void GrpcStream::OnDone() {
  owner_.Post([this] { Released(); });
}

void GrpcStream::ReadDone(bool ok) {
  if (finished_) return;
  if (!ok) return FinishOnce(grpc::Status::OK);  // the client is done or gone
  const DiscoveryAsk ask = AskOf(request_, only_type_);
  request_ = {};  // its metadata and capacity are not to be kept while the stream is idle
  session_->OnAsk(ask);
  if (!finished_) StartRead(&request_);
}

void GrpcStream::WriteDone(bool ok) {
  writing_ = false;
  if (finished_) return;
  if (!ok) return FinishOnce(grpc::Status::CANCELLED);
  WriteNext();
}

void GrpcStream::Send(const DiscoveryAnswer& answer) {
  queue_.push_back(answer);
  WriteNext();
}

void GrpcStream::WriteNext() {
  if (writing_ || finished_ || queue_.empty()) return;
  Fill(queue_.front(), response_);
  queue_.pop_front();
  writing_ = true;
  StartWrite(&response_);
}

void GrpcStream::End(bool denied, const std::string& reason) {
  FinishOnce(grpc::Status(denied ? grpc::StatusCode::PERMISSION_DENIED : grpc::StatusCode::INVALID_ARGUMENT, reason));
}

void GrpcStream::Stop() { FinishOnce(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is going away")); }

void GrpcStream::FinishOnce(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(status);
}

void GrpcStream::Released() {
  if (session_ != nullptr) owner_.core().Close(session_);
  session_ = nullptr;
  owner_.Remove(this);
}

}  // namespace outrigger::control_plane
