#include "source/control_plane/authority/enrollment_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "outrigger/enroll/v1/enroll.grpc.pb.h"
#include "source/base/log.h"
#include "source/control_plane/xds_server/admission.h"
#include "source/control_plane/xds_server/grpc_peer.h"

namespace outrigger::control_plane {
namespace {

namespace v1 = outrigger::enroll::v1;

constexpr size_t kMostNodeBytes = 256;
constexpr size_t kMostRequestBytes = 64 << 10;

int64_t SecondsOf(WallTime time) { return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count(); }

absl::string_view Short(const std::string& node) { return {node.data(), std::min(node.size(), kMostNodeBytes)}; }

class Service final : public EnrollmentService, private v1::EnrollmentService::CallbackService {
 public:
  Service(event::Dispatcher& dispatcher, Authority& authority, TokenStore& tokens, Options options)
      : dispatcher_(dispatcher), authority_(authority), tokens_(tokens), options_(std::move(options)) {}

  grpc::Service* service() override { return this; }
  const Counters& counters() const override { return counters_; }

 private:
  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
                                   v1::EnrollResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    // Message and context live until Finish.
    dispatcher_.Post([this, context, request, response, reactor] {
      const absl::Status status = Handle(PeerOf(*context, ""), *request, *response);
      if (!status.ok()) {
        ++counters_.refused;
        if (options_.log == nullptr || options_.log->Take(dispatcher_.now())) {
          OUTRIGGER_LOG(kWarn, kControlPlane, "enrolment of node \"", Short(request->node()), "\" from ",
                        context->peer(), " refused: ", status.message());
        }
      }
      reactor->Finish(grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
    });
    return reactor;
  }

  absl::Status Handle(const PeerFacts& peer, const v1::EnrollRequest& request, v1::EnrollResponse& response) {
    if (request.node().size() > kMostNodeBytes || request.request_pem().size() > kMostRequestBytes) {
      ++counters_.malformed;
      return absl::InvalidArgumentError("the node id or the signing request is longer than the server takes");
    }
    const std::string domain = options_.trust_domain();
    if (domain.empty()) return absl::UnavailableError("the control plane has no mesh yet");
    const std::string spiffe_id = NodeSpiffeId(domain, request.node());
    const bool renewal = request.token().empty();
    if (renewal) {
      const auto& uris = peer.uri_sans;
      if (!peer.certified || std::find(uris.begin(), uris.end(), spiffe_id) == uris.end()) {
        return absl::PermissionDeniedError("neither a token nor this node's certificate");
      }
    } else {
      const absl::Status spent = tokens_.Spend(request.token(), request.node());
      if (!spent.ok()) return spent;
    }
    if (!options_.knows_node(request.node())) return absl::PermissionDeniedError("the mesh has no such node");
    auto issued = authority_.SignNode(request.request_pem(), spiffe_id, options_.lifetime);
    if (!issued.ok()) return absl::InvalidArgumentError(issued.status().message());
    const std::string program = options_.program_identity == nullptr ? "" : options_.program_identity(request.node());
    if (!program.empty()) {
      auto second = authority_.SignNode(request.request_pem(), program, options_.program_lifetime);
      if (!second.ok()) return absl::InvalidArgumentError(second.status().message());
      response.set_workload_certificate_pem(second->pair.certificate_pem);
      response.set_workload_not_after_seconds(SecondsOf(second->not_after));
    }
    ++(renewal ? counters_.renewed : counters_.enrolled);
    response.set_certificate_pem(issued->pair.certificate_pem);
    response.set_root_pem(authority_.roots_pem());
    response.set_not_before_seconds(SecondsOf(dispatcher_.wall_now()));
    response.set_not_after_seconds(SecondsOf(issued->not_after));
    OUTRIGGER_LOG(kInfo, kControlPlane, renewal ? "renewed" : "enrolled", " node \"", request.node(), "\"");
    return absl::OkStatus();
  }

  event::Dispatcher& dispatcher_;
  Authority& authority_;
  TokenStore& tokens_;
  const Options options_;
  Counters counters_;
};

}  // namespace

std::unique_ptr<EnrollmentService> EnrollmentService::Make(event::Dispatcher& dispatcher, Authority& authority,
                                                           TokenStore& tokens, Options options) {
  return std::make_unique<Service>(dispatcher, authority, tokens, std::move(options));
}

}  // namespace outrigger::control_plane
