#include "source/control_plane/xds_server/grpc_client_status.h"

#include <utility>

#include "source/control_plane/xds_server/client_status.h"
#include "source/control_plane/xds_server/grpc_peer.h"

namespace outrigger::control_plane {
namespace {

using Request = ClientStatusService::Request;
using Response = ClientStatusService::Response;

grpc::Status Answer(const XdsServer& core, const PeerFacts& peer, const Request& request, Response& response) {
  const Insight insight = MaySee(core.options().policy, peer);
  if (!insight.reason.empty()) return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, insight.reason);
  const absl::Status filled = FillClientStatus(core, insight, request, response);
  return grpc::Status(static_cast<grpc::StatusCode>(filled.code()), std::string(filled.message()));
}

// One answer per request, one at a time.
class StatusStream final : public grpc::ServerBidiReactor<Request, Response>, public GrpcCall {
 public:
  StatusStream(GrpcStreams& owner, PeerFacts peer, const std::string& /*only_type*/)
      : owner_(owner), peer_(std::move(peer)) {}

  void OnReadDone(bool ok) override {
    owner_.Post([this, ok] { ReadDone(ok); });
  }
  void OnWriteDone(bool ok) override {
    owner_.Post([this, ok] { WriteDone(ok); });
  }
  void OnCancel() override {}
  void OnDone() override {
    owner_.Post([this] { owner_.Remove(this); });
  }
  void Begin() override {
    if (owner_.stopped()) return Stop();
    StartRead(&request_);
  }
  void Stop() override { FinishOnce(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is going away")); }

 private:
  void ReadDone(bool ok) {
    if (finished_) return;
    if (!ok) return FinishOnce(grpc::Status::OK);
    response_.Clear();
    const grpc::Status status = Answer(owner_.core(), peer_, request_, response_);
    if (!status.ok()) return FinishOnce(status);
    StartWrite(&response_);
  }
  void WriteDone(bool ok) {
    if (finished_) return;
    if (!ok) return FinishOnce(grpc::Status::CANCELLED);
    response_ = {};  // as long as nobody asks, it is not to be kept
    StartRead(&request_);
  }
  void FinishOnce(const grpc::Status& status) {
    if (!std::exchange(finished_, true)) Finish(status);
  }

  GrpcStreams& owner_;
  const PeerFacts peer_;
  Request request_;
  Response response_;
  bool finished_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* ClientStatusService::FetchClientStatus(grpc::CallbackServerContext* context,
                                                                 const Request* request, Response* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  streams_.Post([this, peer = PeerOf(*context, bound_node_), request, response, reactor] {
    reactor->Finish(Answer(streams_.core(), peer, *request, *response));
  });
  return reactor;
}

grpc::ServerBidiReactor<Request, Response>* ClientStatusService::StreamClientStatus(
    grpc::CallbackServerContext* context) {
  return streams_.Adopt<StatusStream>(PeerOf(*context, bound_node_), "");
}

}  // namespace outrigger::control_plane
