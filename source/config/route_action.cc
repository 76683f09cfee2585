#include <limits>

#include "absl/strings/ascii.h"
#include "source/config/factory_lookup.h"
#include "source/config/route_parts.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace route_v3 = envoy::config::route::v3;
using extension::DurationOf;
using extension::Fault;
using extension::Item;

namespace {

absl::StatusOr<std::shared_ptr<const matching::Substitution>> SubstitutionOf(
    const envoy::type::matcher::v3::RegexMatchAndSubstitute& rewrite) {
  auto made = matching::Substitution::Create(rewrite.pattern().regex(), rewrite.substitution());
  if (!made.ok()) return made.status();
  return std::make_shared<const matching::Substitution>(*std::move(made));
}

absl::StatusOr<model::ClusterSlot> KnownCluster(absl::string_view name, RouteScope& scope) {
  const model::ClusterSlot slot = scope.context.ClusterSlotOf(name);
  if (scope.validate_clusters && !scope.context.known().HasCluster(name)) {
    return Fault("", absl::StrCat("no cluster is called \"", name, "\""));
  }
  return slot;
}

absl::StatusOr<model::WeightedClusterEntry> WeightedOf(const route_v3::WeightedCluster::ClusterWeight& proto,
                                                       RouteScope& scope) {
  model::WeightedClusterEntry entry;
  entry.name = proto.name();
  entry.cluster_header = absl::AsciiStrToLower(proto.cluster_header());
  if (entry.name.empty() == entry.cluster_header.empty())
    return Fault("", "needs name or cluster_header, and not both");
  if (!entry.name.empty()) {
    OUTRIGGER_ASSIGN(entry.slot, "name", KnownCluster(entry.name, scope));
  }
  entry.weight = proto.weight().value();
  OUTRIGGER_ASSIGN(entry.headers, "", HeaderMutationsOf(proto, scope.context));
  OUTRIGGER_ASSIGN(entry.per_filter, "", PerFilterConfigOf(proto.typed_per_filter_config(), scope.context));
  entry.host_rewrite = proto.host_rewrite_literal();
  return entry;
}

absl::Status SetWeighted(const route_v3::WeightedCluster& proto, RouteScope& scope, model::ForwardAction* out) {
  for (int i = 0; i < proto.clusters_size(); ++i) {
    BuildContext below = scope.context.Below(Item("route.weighted_clusters.clusters", i));
    RouteScope inner = scope.Of(below);
    OUTRIGGER_ASSIGN(auto entry, Item("clusters", i), WeightedOf(proto.clusters(i), inner));
    out->total_weight += entry.weight;
    out->weighted.push_back(std::move(entry));
  }
  if (out->total_weight == 0) return Fault("clusters", "the weights sum up to 0");
  if (out->total_weight > std::numeric_limits<uint32_t>::max())
    return Fault("clusters", "the weights sum up to over 2^32-1");
  if (proto.has_total_weight() && proto.total_weight().value() != out->total_weight) {
    return Fault("total_weight",
                 absl::StrCat("is ", proto.total_weight().value(), ", the weights sum up to ", out->total_weight));
  }
  out->weighted_random_header = absl::AsciiStrToLower(proto.header_name());
  return absl::OkStatus();
}

absl::Status SetCluster(const route_v3::RouteAction& proto, RouteScope& scope, model::ForwardAction* out) {
  switch (proto.cluster_specifier_case()) {
    case route_v3::RouteAction::kCluster: {
      out->cluster = proto.cluster();
      OUTRIGGER_ASSIGN(out->slot, "cluster", KnownCluster(proto.cluster(), scope));
      return absl::OkStatus();
    }
    case route_v3::RouteAction::kClusterHeader:
      out->cluster_header = absl::AsciiStrToLower(proto.cluster_header());
      return absl::OkStatus();
    case route_v3::RouteAction::kWeightedClusters:
      OUTRIGGER_TRY("weighted_clusters", SetWeighted(proto.weighted_clusters(), scope, out));
      return absl::OkStatus();
    default:
      return Fault("", "needs cluster, cluster_header or weighted_clusters");
  }
}

absl::Status SetRewrites(const route_v3::RouteAction& proto, model::ForwardAction* out) {
  out->prefix_rewrite = proto.prefix_rewrite();
  out->has_prefix_rewrite = !proto.prefix_rewrite().empty();
  if (proto.has_regex_rewrite()) {
    if (out->has_prefix_rewrite) return Fault("regex_rewrite", "excludes prefix_rewrite");
    OUTRIGGER_ASSIGN(out->regex_rewrite, "regex_rewrite", SubstitutionOf(proto.regex_rewrite()));
  }
  switch (proto.host_rewrite_specifier_case()) {
    case route_v3::RouteAction::kHostRewriteLiteral:
      out->host_rewrite = proto.host_rewrite_literal();
      break;
    case route_v3::RouteAction::kAutoHostRewrite:
      out->auto_host_rewrite = proto.auto_host_rewrite().value();
      break;
    case route_v3::RouteAction::kHostRewriteHeader:
      out->host_rewrite_header = absl::AsciiStrToLower(proto.host_rewrite_header());
      break;
    case route_v3::RouteAction::kHostRewritePathRegex: {
      OUTRIGGER_ASSIGN(out->host_rewrite_path, "host_rewrite_path_regex",
                       SubstitutionOf(proto.host_rewrite_path_regex()));
      break;
    }
    default:
      break;
  }
  out->append_x_forwarded_host = proto.append_x_forwarded_host();
  return absl::OkStatus();
}

void SetTimes(const route_v3::RouteAction& proto, model::ForwardAction* out) {
  if (proto.has_timeout()) out->timeout = DurationOf(proto.timeout());
  if (proto.has_idle_timeout()) out->idle_timeout = DurationOf(proto.idle_timeout());
  if (proto.has_max_grpc_timeout()) out->grpc_timeout_max = DurationOf(proto.max_grpc_timeout());
  if (proto.has_grpc_timeout_offset()) out->grpc_timeout_offset = DurationOf(proto.grpc_timeout_offset());
  const auto& most = proto.max_stream_duration();
  if (most.has_max_stream_duration()) out->max_stream_duration = DurationOf(most.max_stream_duration());
  if (most.has_grpc_timeout_header_max()) out->grpc_timeout_header_max = DurationOf(most.grpc_timeout_header_max());
  if (most.has_grpc_timeout_header_offset()) {
    out->grpc_timeout_header_offset = DurationOf(most.grpc_timeout_header_offset());
  }
}

using MirrorList = google::protobuf::RepeatedPtrField<route_v3::RouteAction::RequestMirrorPolicy>;

absl::StatusOr<model::MirrorPolicy> MirrorOf(const route_v3::RouteAction::RequestMirrorPolicy& proto,
                                             RouteScope& scope) {
  model::MirrorPolicy out;
  out.cluster = proto.cluster();
  out.cluster_header = absl::AsciiStrToLower(proto.cluster_header());
  if (out.cluster.empty() == out.cluster_header.empty())
    return Fault("", "needs cluster or cluster_header, and not both");
  if (!out.cluster.empty()) {
    OUTRIGGER_ASSIGN(out.slot, "cluster", KnownCluster(out.cluster, scope));
  }
  if (proto.has_runtime_fraction()) {
    const auto fraction = extension::RuntimeFraction(proto.runtime_fraction(), scope.context);
    out.numerator = fraction.numerator;
    out.denominator = fraction.denominator;
  }
  out.disable_host_suffix = proto.disable_shadow_host_suffix_append();
  return out;
}

absl::Status SetMirrors(const route_v3::RouteAction& proto, RouteScope& scope, model::ForwardAction* out) {
  const MirrorList* list = &proto.request_mirror_policies();
  if (list->empty()) list = &scope.host.request_mirror_policies();
  if (list->empty()) list = &scope.table.request_mirror_policies();
  OUTRIGGER_ASSIGN(
      out->mirrors, "",
      extension::ListOf<model::MirrorPolicy>(
          "request_mirror_policies", *list,
          [&scope](const route_v3::RouteAction::RequestMirrorPolicy& one) { return MirrorOf(one, scope); }));
  return absl::OkStatus();
}

absl::Status SetUpgrades(const route_v3::RouteAction& proto, model::ForwardAction* out) {
  for (int i = 0; i < proto.upgrade_configs_size(); ++i) {
    const auto& upgrade = proto.upgrade_configs(i);
    model::ForwardAction::Upgrade made;
    made.type = absl::AsciiStrToLower(upgrade.upgrade_type());
    made.enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    made.connect_terminate = upgrade.has_connect_config();
    const std::string path = Item("upgrade_configs", i);
    if (made.connect_terminate && made.type != "connect") {
      return Fault(path + ".connect_config", "is for upgrade_type CONNECT only");
    }
    for (const auto& other : out->upgrades) {
      if (other.type == made.type)
        return Fault(path + ".upgrade_type", absl::StrCat("\"", made.type, "\" is there twice"));
    }
    out->upgrades.push_back(std::move(made));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<model::ForwardAction> ForwardActionOf(const route_v3::RouteAction& proto, RouteScope& scope) {
  model::ForwardAction out;
  OUTRIGGER_TRY("", SetCluster(proto, scope, &out));
  switch (proto.cluster_not_found_response_code()) {
    case route_v3::RouteAction::NOT_FOUND:
      out.cluster_not_found_code = 404;
      break;
    case route_v3::RouteAction::INTERNAL_SERVER_ERROR:
      out.cluster_not_found_code = 500;
      break;
    default:
      out.cluster_not_found_code = 503;
      break;
  }
  OUTRIGGER_TRY("", SetRewrites(proto, &out));
  SetTimes(proto, &out);
  out.retry = scope.host_retry;
  if (proto.has_retry_policy()) {
    OUTRIGGER_ASSIGN(out.retry, "retry_policy", RetryPolicyOf(proto.retry_policy()));
  }
  OUTRIGGER_TRY("", SetMirrors(proto, scope, &out));
  if (proto.priority() == envoy::config::core::v3::HIGH) out.priority = model::RoutingPriority::kHigh;
  OUTRIGGER_TRY("", SetUpgrades(proto, &out));
  return out;
}

absl::StatusOr<model::RedirectAction> RedirectActionOf(const route_v3::RedirectAction& proto) {
  model::RedirectAction out;
  out.https = proto.https_redirect();
  out.scheme = proto.scheme_redirect();
  out.host = proto.host_redirect();
  out.port = proto.port_redirect();
  if (out.port > 65535) return Fault("port_redirect", "is no port");
  switch (proto.path_rewrite_specifier_case()) {
    case route_v3::RedirectAction::kPathRedirect:
      out.path = proto.path_redirect();
      out.has_path = !out.path.empty();
      break;
    case route_v3::RedirectAction::kPrefixRewrite:
      out.prefix_rewrite = proto.prefix_rewrite();
      out.has_prefix = true;
      break;
    case route_v3::RedirectAction::kRegexRewrite: {
      OUTRIGGER_ASSIGN(out.regex_rewrite, "regex_rewrite", SubstitutionOf(proto.regex_rewrite()));
      break;
    }
    default:
      break;
  }
  out.strip_query = proto.strip_query();
  constexpr uint32_t kCodes[] = {301, 302, 303, 307, 308};
  const auto code = static_cast<uint32_t>(proto.response_code());
  out.code = code < 5 ? kCodes[code] : 301;
  return out;
}

absl::StatusOr<model::DirectResponse> DirectResponseOf(const route_v3::DirectResponseAction& proto, RouteScope& scope) {
  model::DirectResponse out;
  out.status = proto.status();
  if (!proto.has_body()) return out;
  OUTRIGGER_ASSIGN(out.body, "body", scope.context.ReadDataSource(proto.body()));
  if (out.body.size() > scope.most_direct_response_bytes) {
    return Fault("body", absl::StrCat("is ", out.body.size(), " bytes long, max_direct_response_body_size_bytes is ",
                                      scope.most_direct_response_bytes));
  }
  return out;
}

}  // namespace outrigger::config
