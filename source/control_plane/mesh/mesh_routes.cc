#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/control_plane/mesh/mesh_parts.h"

namespace outrigger::control_plane {
namespace {

namespace route = envoy::config::route::v3;

constexpr char kRetryOn[] = "connect-failure,refused-stream";

void SetMatch(const mesh_v1::Match& match, route::RouteMatch& out) {
  if (!match.path().empty()) {
    out.set_path(match.path());
  } else {
    out.set_prefix(match.prefix().empty() ? "/" : match.prefix());
  }
  for (const mesh_v1::Header& header : match.headers()) {
    auto& wanted = *out.add_headers();
    wanted.set_name(absl::AsciiStrToLower(header.name()));
    switch (header.value_case()) {
      case mesh_v1::Header::kExact:
        wanted.mutable_string_match()->set_exact(header.exact());
        break;
      case mesh_v1::Header::kPrefix:
        wanted.mutable_string_match()->set_prefix(header.prefix());
        break;
      case mesh_v1::Header::kPresent:
        wanted.set_present_match(header.present());
        break;
      case mesh_v1::Header::VALUE_NOT_SET:
        break;
    }
  }
}

void SetRetries(const mesh_v1::Retries& retries, route::RetryPolicy& out) {
  out.set_retry_on(retries.on().empty() ? kRetryOn : retries.on());
  out.mutable_num_retries()->set_value(retries.attempts());
  if (retries.has_per_try_timeout()) *out.mutable_per_try_timeout() = retries.per_try_timeout();
}

std::string TargetCluster(const mesh_v1::Service& owner, const mesh_v1::Target& target) {
  return ClusterName(target.service().empty() ? owner.name() : target.service(), target.version());
}

void SetTargets(const mesh_v1::Service& owner, const mesh_v1::Route& from, route::RouteAction& out) {
  if (from.to_size() == 1) return out.set_cluster(TargetCluster(owner, from.to(0)));
  for (const mesh_v1::Target& target : from.to()) {
    auto& cluster = *out.mutable_weighted_clusters()->add_clusters();
    cluster.set_name(TargetCluster(owner, target));
    cluster.mutable_weight()->set_value(target.has_weight() ? target.weight() : 1);
  }
}

// What holds for a route that does not say is the service's.
void SetAction(const mesh_v1::Service& service, const mesh_v1::Route* from, route::RouteAction& out) {
  if (from == nullptr) {
    out.set_cluster(ClusterName(service.name(), ""));
  } else {
    SetTargets(service, *from, out);
    if (!from->rewrite_prefix().empty()) out.set_prefix_rewrite(from->rewrite_prefix());
  }
  if (from != nullptr && from->has_timeout()) {
    *out.mutable_timeout() = from->timeout();
  } else if (service.has_timeout()) {
    *out.mutable_timeout() = service.timeout();
  }
  if (from != nullptr && from->has_retries()) {
    SetRetries(from->retries(), *out.mutable_retry_policy());
  } else if (service.has_retries()) {
    SetRetries(service.retries(), *out.mutable_retry_policy());
  }
}

}  // namespace

route::RouteConfiguration OutboundRoutes(const mesh_v1::Mesh& mesh) {
  route::RouteConfiguration out;
  out.set_name(std::string(kOutboundRoutes));
  for (const mesh_v1::Service& service : mesh.services()) {
    auto& host = *out.add_virtual_hosts();
    host.set_name(service.name());
    for (const std::string& name : service.hosts()) host.add_domains(absl::AsciiStrToLower(name));
    if (service.hosts().empty()) host.add_domains(absl::AsciiStrToLower(service.name()));
    for (int i = 0; i < service.routes_size(); ++i) {
      auto& made = *host.add_routes();
      made.set_name(absl::StrCat(service.name(), "-", i));
      SetMatch(service.routes(i).match(), *made.mutable_match());
      SetAction(service, &service.routes(i), *made.mutable_route());
    }
    if (!service.routes().empty()) continue;
    auto& made = *host.add_routes();
    made.set_name(service.name());
    made.mutable_match()->set_prefix("/");
    SetAction(service, nullptr, *made.mutable_route());
  }
  return out;
}

route::RouteConfiguration InboundRoutes(const mesh_v1::Workload& workload) {
  route::RouteConfiguration out;
  out.set_name("inbound");
  auto& host = *out.add_virtual_hosts();
  host.set_name("application");
  host.add_domains("*");
  const auto add = [&host](absl::string_view cluster, bool grpc_only) {
    auto& made = *host.add_routes();
    made.set_name(std::string(cluster));
    made.mutable_match()->set_prefix("/");
    if (grpc_only) made.mutable_match()->mutable_grpc();
    made.mutable_route()->set_cluster(std::string(cluster));
    // The caller's sidecar keeps the time.
    made.mutable_route()->mutable_timeout()->set_seconds(0);
  };
  const mesh_v1::Application& application = workload.application();
  if (application.grpc_port() != 0) add(kApplicationGrpc, application.port() != 0);
  if (application.port() != 0) add(kApplicationHttp, false);
  return out;
}

}  // namespace outrigger::control_plane
