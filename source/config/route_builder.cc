#include "source/config/route_builder.h"

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "source/config/route_parts.h"
#include "source/extension/values.h"
#include "source/model/header_mutation.h"

namespace outrigger::config {

namespace route_v3 = envoy::config::route::v3;
using extension::Fault;
using extension::Item;

namespace {

// What prefix_rewrite of the route or of a redirect replaces.
void SetMatched(const matching::RouteMatchSpec& match, model::Route* route) {
  using Path = matching::RouteMatchSpec::Path;
  if (match.path_kind == Path::kPrefix || match.path_kind == Path::kSeparatedPrefix) route->matched_prefix = match.path;
  if (match.path_kind == Path::kExact) {
    route->matched_prefix = match.path;
    route->match_is_exact_path = true;
  }
  if (match.path_kind == Path::kRegex) route->match_is_exact_path = true;
}

absl::Status SetAction(const route_v3::Route& proto, RouteScope& scope, model::Route* route) {
  switch (proto.action_case()) {
    case route_v3::Route::kRoute: {
      OUTRIGGER_ASSIGN(route->action, "route", ForwardActionOf(proto.route(), scope));
      return absl::OkStatus();
    }
    case route_v3::Route::kRedirect: {
      OUTRIGGER_ASSIGN(route->action, "redirect", RedirectActionOf(proto.redirect()));
      return absl::OkStatus();
    }
    case route_v3::Route::kDirectResponse: {
      OUTRIGGER_ASSIGN(route->action, "direct_response", DirectResponseOf(proto.direct_response(), scope));
      return absl::OkStatus();
    }
    default:
      return Fault("", "needs an action: route, redirect or direct_response");
  }
}

absl::StatusOr<model::Route> RouteOf(const route_v3::Route& proto, RouteScope scope, matching::RouteSpec* spec) {
  model::Route route;
  route.name = proto.name();
  route.origin = scope.context.OriginOf("");
  OUTRIGGER_ASSIGN(spec->match, "match", RouteMatchOf(proto.match(), scope.context));
  SetMatched(spec->match, &route);
  OUTRIGGER_TRY("", SetAction(proto, scope, &route));
  OUTRIGGER_ASSIGN(route.headers, "", HeaderMutationsOf(proto, scope.context));
  OUTRIGGER_ASSIGN(route.per_filter, "", PerFilterConfigOf(proto.typed_per_filter_config(), scope.context));
  route.metadata = extension::MetadataOf(proto.metadata());
  if (proto.has_per_request_buffer_limit_bytes()) {
    route.request_buffer_limit = proto.per_request_buffer_limit_bytes().value();
  } else {
    route.request_buffer_limit = scope.host.per_request_buffer_limit_bytes().value();
  }
  return route;
}

absl::StatusOr<model::VirtualHost> HostOf(const route_v3::VirtualHost& proto, RouteScope& scope,
                                          matching::VirtualHostSpec* spec) {
  model::VirtualHost host;
  host.name = spec->name = proto.name();
  host.origin = scope.context.OriginOf("");
  spec->domains.assign(proto.domains().begin(), proto.domains().end());
  if (proto.has_retry_policy()) {
    OUTRIGGER_ASSIGN(scope.host_retry, "retry_policy", RetryPolicyOf(proto.retry_policy()));
  }
  for (int i = 0; i < proto.routes_size(); ++i) {
    matching::RouteSpec route;
    route.payload = static_cast<uint32_t>(i);
    const std::string field = Item("routes", i);
    BuildContext below = scope.context.Below(field);
    OUTRIGGER_ASSIGN(auto made, field, RouteOf(proto.routes(i), scope.Of(below), &route));
    host.routes.push_back(std::move(made));
    spec->routes.push_back(std::move(route));
  }
  OUTRIGGER_ASSIGN(host.headers, "", HeaderMutationsOf(proto, scope.context));
  OUTRIGGER_ASSIGN(host.per_filter, "", PerFilterConfigOf(proto.typed_per_filter_config(), scope.context));
  host.metadata = extension::MetadataOf(proto.metadata());
  host.require_tls = proto.require_tls() == route_v3::VirtualHost::ALL ? model::VirtualHost::RequireTls::kAll
                     : proto.require_tls() == route_v3::VirtualHost::EXTERNAL_ONLY
                         ? model::VirtualHost::RequireTls::kExternalOnly
                         : model::VirtualHost::RequireTls::kNone;
  host.include_request_attempt_count = proto.include_request_attempt_count();
  host.include_attempt_count_in_response = proto.include_attempt_count_in_response();
  return host;
}

// Virtual hosts come by delta only: state of the world has no way to ask for one and hear that it does not exist.
absl::Status CheckHostsSource(const envoy::config::core::v3::ConfigSource& source) {
  using envoy::config::core::v3::ApiConfigSource;
  if (source.has_ads()) return absl::OkStatus();  // whether it is delta is known where the stream is
  if (!source.has_api_config_source())
    return Fault("", "virtual hosts come over a delta stream only: ads or api_config_source");
  const auto type = source.api_config_source().api_type();
  if (type == ApiConfigSource::DELTA_GRPC || type == ApiConfigSource::AGGREGATED_DELTA_GRPC) return absl::OkStatus();
  return Fault("api_config_source.api_type", "virtual hosts come over a delta stream only: DELTA_GRPC");
}

}  // namespace

absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRouteTable(const route_v3::RouteConfiguration& proto,
                                                                         RouteOwner owner, absl::string_view version,
                                                                         BuildContext& context) {
  auto table = std::make_shared<model::RouteTable>();
  table->name = proto.name();
  table->version = std::string(version);
  table->origin = context.OriginOf("");
  table->resource_origin = context.resource_origin();
  const bool validate =
      proto.has_validate_clusters() ? proto.validate_clusters().value() : owner == RouteOwner::kInline;
  const uint32_t most = proto.has_max_direct_response_body_size_bytes()
                            ? proto.max_direct_response_body_size_bytes().value()
                            : kDefaultMostDirectResponseBytes;
  if (proto.has_vhds()) {
    if (owner == RouteOwner::kInline)
      return Fault("vhds", "only a route configuration that is fetched itself (rds) can fetch its virtual hosts");
    OUTRIGGER_TRY("vhds.config_source", CheckHostsSource(proto.vhds().config_source()));
    context.Subscribe(ResourceKind::kVirtualHost, proto.name(), proto.vhds().config_source());
    table->fetches_hosts = true;
  }
  std::vector<matching::VirtualHostSpec> specs;
  for (int i = 0; i < proto.virtual_hosts_size(); ++i) {
    BuildContext below = context.Below(Item("virtual_hosts", i));
    RouteScope scope{proto, proto.virtual_hosts(i), below, validate, most, nullptr};
    matching::VirtualHostSpec spec;
    OUTRIGGER_ASSIGN(auto host, Item("virtual_hosts", i), HostOf(proto.virtual_hosts(i), scope, &spec));
    table->virtual_hosts.push_back(std::move(host));
    specs.push_back(std::move(spec));
  }
  OUTRIGGER_ASSIGN(table->headers, "", HeaderMutationsOf(proto, context));
  OUTRIGGER_ASSIGN(table->per_filter, "", PerFilterConfigOf(proto.typed_per_filter_config(), context));
  for (const std::string& name : proto.internal_only_headers()) {
    table->internal_only_headers.push_back(absl::AsciiStrToLower(name));
  }
  table->most_specific_header_mutations_wins = proto.most_specific_header_mutations_wins();
  table->ignore_port = proto.ignore_port_in_host_matching();
  table->ignore_path_parameters = proto.ignore_path_parameters_in_path_matching();
  matching::RouteTableOptions options;
  options.ignore_port = table->ignore_port;
  options.ignore_path_parameters = table->ignore_path_parameters;
  OUTRIGGER_ASSIGN(table->matcher, "virtual_hosts", matching::RouteTable::Build(std::move(specs), options));
  for (model::VirtualHost& host : table->virtual_hosts) {
    for (model::Route& route : host.routes) {
      route.virtual_host = &host;
      route.table = table.get();
    }
  }
  table->upstream_tls_wish = model::UpstreamTlsWishOf(*table);
  return table;
}

}  // namespace outrigger::config
