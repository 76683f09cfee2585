#include "test/simulation/oracle/things.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "source/extension/values.h"

namespace outrigger::simulation::oracle {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::ConfigSource;
using envoy::config::core::v3::TypedExtensionConfig;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using HttpConnectionManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

// The entries of maps in order: PackFrom writes them as they happen to lie in memory, and one thing would have other
// bytes each time it is sent, which the proxy takes for a change.
google::protobuf::Any Packed(const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.set_type_url(absl::StrCat("type.googleapis.com/", message.GetDescriptor()->full_name()));
  any.set_value(extension::CanonicalBytes(message));
  return any;
}

void FillSource(const Thing& thing, ConfigSource* source) {
  source->mutable_ads();
  source->set_resource_api_version(envoy::config::core::v3::V3);
  if (thing.fetch < Duration::zero()) return;
  source->mutable_initial_fetch_timeout()->set_seconds(thing.fetch / seconds(1));
  source->mutable_initial_fetch_timeout()->set_nanos(static_cast<int>((thing.fetch % seconds(1)).count()));
}

void FillEndpoints(const Thing& thing, ClusterLoadAssignment* out) {
  auto* locality = out->add_endpoints();
  for (const int server : thing.servers) {
    auto* endpoint = locality->add_lb_endpoints();
    auto* address = endpoint->mutable_endpoint()->mutable_address()->mutable_socket_address();
    address->set_address(thing.fault == Fault::kMeaning ? "no.address" : "10.0.0.4");
    const int first = thing.trust.empty() ? kFirstServerPort : kFirstTlsServerPort;
    address->set_port_value(static_cast<uint32_t>(first + server));
    if (thing.fault == Fault::kRule) endpoint->mutable_load_balancing_weight()->set_value(0);  // 1 at least
  }
  out->mutable_policy();
}

void AddTransport(const Thing& thing, Cluster* cluster) {
  if (thing.trust.empty()) return;
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
  auto* common = tls.mutable_common_tls_context();
  if (!thing.certificate.empty()) {
    auto* certificate = common->add_tls_certificate_sds_secret_configs();
    certificate->set_name(thing.certificate);
    FillSource(thing, certificate->mutable_sds_config());
  }
  common->mutable_validation_context_sds_secret_config()->set_name(thing.trust);
  FillSource(thing, common->mutable_validation_context_sds_secret_config()->mutable_sds_config());
  cluster->mutable_transport_socket()->set_name("tls");
  cluster->mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
}

Cluster WireCluster(const Thing& thing, bool http2_servers) {
  Cluster out;
  out.set_name(thing.name);
  out.mutable_connect_timeout()->set_seconds(thing.fault == Fault::kRule ? -1 : 5);  // more than none
  auto* limits = out.mutable_circuit_breakers()->add_thresholds();
  limits->mutable_max_requests()->set_value(static_cast<uint32_t>(5000 + thing.version));
  limits->mutable_max_connections()->set_value(5000);
  limits->mutable_max_pending_requests()->set_value(5000);
  if (thing.service.empty()) {
    out.set_type(Cluster::STATIC);
    out.mutable_load_assignment()->set_cluster_name(thing.name);
    Thing sound = thing;
    sound.fault = Fault::kNone;
    FillEndpoints(sound, out.mutable_load_assignment());
  } else {
    out.set_type(Cluster::EDS);
    out.mutable_eds_cluster_config()->set_service_name(thing.service);
    FillSource(thing, out.mutable_eds_cluster_config()->mutable_eds_config());
  }
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  if (http2_servers) {
    options.mutable_explicit_http_config()->mutable_http2_protocol_options();
  } else {
    options.mutable_explicit_http_config()->mutable_http_protocol_options();
  }
  (*out.mutable_typed_extension_protocol_options())["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].PackFrom(
      options);
  AddTransport(thing, &out);
  if (thing.fault == Fault::kMeaning) {  // a transport that nobody knows
    out.mutable_transport_socket()->set_name("nobody.knows");
    out.mutable_transport_socket()->mutable_typed_config()->set_type_url("type.googleapis.com/nobody.Knows");
  }
  return out;
}

void FillRoute(const Goal& goal, envoy::config::route::v3::Route* route) {
  route->mutable_match()->set_prefix(goal.prefix);
  if (!goal.runtime.empty()) {
    auto* share = route->mutable_match()->mutable_runtime_fraction();
    share->mutable_default_value()->set_numerator(100);
    share->set_runtime_key(goal.runtime);
  }
  if (goal.status != 0) {
    route->mutable_direct_response()->set_status(static_cast<uint32_t>(goal.status));
    return;
  }
  route->mutable_route()->set_cluster(goal.cluster);
  route->mutable_route()->mutable_timeout();
}

void FillHost(const Thing& thing, const Host& host, VirtualHost* made) {
  made->set_name(thing.fault == Fault::kRule ? "" : host.domain);
  made->add_domains(host.domain);
  if (thing.fault == Fault::kMeaning) made->add_domains(host.domain);  // twice is one too many
  for (const Goal& goal : host.goals) FillRoute(goal, made->add_routes());
}

VirtualHost WireHost(const Thing& thing) {
  VirtualHost out;
  FillHost(thing, thing.hosts.front(), &out);
  auto* header = out.add_response_headers_to_add();
  header->mutable_header()->set_key("x-host");
  header->mutable_header()->set_value(absl::StrCat(thing.name, ".", thing.version));
  return out;
}

RouteConfiguration WireRoutes(const Thing& thing) {
  RouteConfiguration out;
  out.set_name(thing.name);
  auto* header = out.add_response_headers_to_add();
  header->mutable_header()->set_key("x-routes");
  header->mutable_header()->set_value(absl::StrCat(thing.name, ".", thing.version));
  for (const Host& host : thing.hosts) FillHost(thing, host, out.add_virtual_hosts());
  if (thing.fetches) FillSource(thing, out.mutable_vhds()->mutable_config_source());
  return out;
}

envoy::extensions::filters::http::fault::v3::HTTPFault FaultWith(int status) {
  envoy::extensions::filters::http::fault::v3::HTTPFault fault;
  fault.mutable_abort()->set_http_status(static_cast<uint32_t>(status));
  fault.mutable_abort()->mutable_percentage()->set_numerator(100);
  auto* header = fault.add_headers();
  header->set_name(kFaultHeader);
  header->set_present_match(true);
  return fault;
}

envoy::service::runtime::v3::Runtime WireRuntime(const Thing& thing) {
  envoy::service::runtime::v3::Runtime out;
  out.set_name(thing.name);
  auto& fields = *out.mutable_layer()->mutable_fields();
  for (const std::string& key : thing.off) fields[key].set_number_value(0);
  return out;
}

TypedExtensionConfig WireExtension(const Thing& thing) {
  TypedExtensionConfig out;
  out.set_name(thing.name);
  if (thing.fault != Fault::kRule) out.mutable_typed_config()->PackFrom(FaultWith(thing.status));  // else: none
  if (thing.fault == Fault::kMeaning) out.mutable_typed_config()->set_type_url("type.googleapis.com/nobody.Knows");
  return out;
}

Secret WireSecret(const Thing& thing, const Papers& papers) {
  Secret out;
  out.set_name(thing.name);
  if (thing.shows >= 0 && thing.fault != Fault::kRule) {
    const auto& pairs = thing.name[0] == kCallerSecrets ? papers.callers : papers.servers;
    const Papers::Pair& pair = pairs[static_cast<size_t>(thing.shows)];
    auto* certificate = out.mutable_tls_certificate();
    certificate->mutable_certificate_chain()->set_inline_string(pair.certificate);
    certificate->mutable_private_key()->set_inline_string(thing.fault == Fault::kMeaning ? "no key" : pair.key);
    return out;
  }
  auto* validation = out.mutable_validation_context();
  const bool of_cluster = thing.name[0] == kServerSecrets;
  const std::string& authority = of_cluster ? papers.server_authority : papers.authority;
  const std::vector<std::string>& names = of_cluster ? papers.server_names : papers.client_names;
  validation->mutable_trusted_ca()->set_inline_string(thing.fault == Fault::kMeaning ? "nobody" : authority);
  if (thing.fault == Fault::kRule) validation->add_verify_certificate_spki("short");
  for (const int trusted : thing.trusts) {
    auto* name = validation->add_match_typed_subject_alt_names();
    name->set_san_type(envoy::extensions::transport_sockets::tls::v3::SubjectAltNameMatcher::URI);
    name->mutable_matcher()->set_exact(names[static_cast<size_t>(trusted)]);
  }
  return out;
}

void AddFilter(const Thing& thing, HttpConnectionManager* manager) {
  if (thing.filter.empty()) return;
  auto* filter = manager->add_http_filters();
  filter->set_name(thing.filter);
  auto* discovery = filter->mutable_config_discovery();
  FillSource(thing, discovery->mutable_config_source());
  discovery->add_type_urls("type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault");
  if (thing.filter_status != 0) discovery->mutable_default_config()->PackFrom(FaultWith(thing.filter_status));
  discovery->set_apply_default_config_without_warming(thing.at_once);
}

void AddWaiting(const Thing& thing, HttpConnectionManager* manager) {
  if (!thing.waits) return;
  envoy::extensions::filters::http::on_demand::v3::OnDemand config;
  if (thing.cluster_limit >= Duration::zero()) {
    FillSource(Thing(), config.mutable_odcds()->mutable_source());
    config.mutable_odcds()->mutable_timeout()->set_seconds(thing.cluster_limit / seconds(1));
    config.mutable_odcds()->mutable_timeout()->set_nanos(static_cast<int>((thing.cluster_limit % seconds(1)).count()));
  }
  auto* filter = manager->add_http_filters();
  filter->set_name("waits");
  filter->mutable_typed_config()->PackFrom(config);
}

void AddTransport(const Thing& thing, envoy::config::listener::v3::FilterChain* chain) {
  if (thing.certificate.empty()) return;
  envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext tls;
  auto* common = tls.mutable_common_tls_context();
  for (const char* protocol : {"h2", "http/1.1"}) common->add_alpn_protocols(protocol);
  auto* certificate = common->add_tls_certificate_sds_secret_configs();
  certificate->set_name(thing.certificate);
  FillSource(thing, certificate->mutable_sds_config());
  if (!thing.trust.empty()) {
    common->mutable_validation_context_sds_secret_config()->set_name(thing.trust);
    FillSource(thing, common->mutable_validation_context_sds_secret_config()->mutable_sds_config());
    tls.mutable_require_client_certificate()->set_value(true);
  }
  chain->mutable_transport_socket()->set_name("tls");
  chain->mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
}

Listener WireListener(const Thing& thing) {
  HttpConnectionManager manager;
  manager.set_stat_prefix("x");
  manager.set_server_name(absl::StrCat(thing.name, ".", thing.version));
  manager.mutable_http_protocol_options()->set_enable_trailers(true);
  manager.mutable_http2_protocol_options()->mutable_max_concurrent_streams()->set_value(
      static_cast<uint32_t>(100 + thing.codec));
  manager.mutable_rds()->set_route_config_name(thing.routes);
  FillSource(thing, manager.mutable_rds()->mutable_config_source());
  AddFilter(thing, &manager);
  AddWaiting(thing, &manager);
  auto* filter = manager.add_http_filters();
  filter->set_name("router");
  filter->mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  if (thing.fault == Fault::kMeaning) filter->mutable_typed_config()->set_type_url("type.googleapis.com/nobody.Knows");
  Listener out;
  out.set_name(thing.name);
  auto* address = out.mutable_address()->mutable_socket_address();
  address->set_address("10.0.0.2");
  address->set_port_value(static_cast<uint32_t>(thing.port));
  AddTransport(thing, out.add_filter_chains());
  auto* last = out.mutable_filter_chains(0)->add_filters();
  last->set_name(thing.fault == Fault::kRule ? "" : "hcm");
  last->mutable_typed_config()->PackFrom(manager);
  return out;
}

}  // namespace

const char* WordOf(Kind kind) {
  constexpr std::array<const char*, kKinds> kWords = {"cluster",   "endpoints", "listener", "routes",
                                                      "extension", "secret",    "runtime",  "host"};
  return kWords[static_cast<size_t>(kind)];
}

const std::string& TypeUrlOf(Kind kind) {
  static const auto* const kUrls =
      new std::array<std::string, kKinds>{"type.googleapis.com/envoy.config.cluster.v3.Cluster",
                                          "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
                                          "type.googleapis.com/envoy.config.listener.v3.Listener",
                                          "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                                          "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                                          "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
                                          "type.googleapis.com/envoy.service.runtime.v3.Runtime",
                                          "type.googleapis.com/envoy.config.route.v3.VirtualHost"};
  return (*kUrls)[static_cast<size_t>(kind)];
}

std::string RoutesOf(const std::string& host) { return host.substr(0, host.find('/')); }

std::string DomainOf(const std::string& host) {
  const size_t slash = host.find('/');
  return slash == std::string::npos ? std::string() : host.substr(slash + 1);
}

std::string HostName(const std::string& routes, const std::string& domain) { return absl::StrCat(routes, "/", domain); }

std::string Thing::Describe() const {
  std::string out = absl::StrCat(name, ".", version);
  if (fault != Fault::kNone) absl::StrAppend(&out, fault == Fault::kRule ? "!rule" : "!meaning");
  if (!service.empty()) absl::StrAppend(&out, " from ", service);
  if (!servers.empty() || kind == Kind::kEndpoints) absl::StrAppend(&out, " {", absl::StrJoin(servers, " "), "}");
  if (kind == Kind::kListener) absl::StrAppend(&out, " :", port, " ", routes, " codec ", codec);
  if (!certificate.empty()) absl::StrAppend(&out, " tls ", certificate, " trusts ", trust.empty() ? "anybody" : trust);
  if (!filter.empty()) absl::StrAppend(&out, " filter ", filter, "/", filter_status, at_once ? " at once" : "");
  if (waits) absl::StrAppend(&out, " waits for hosts");
  if (waits && cluster_limit >= Duration::zero()) {
    absl::StrAppend(&out, " and ", ToMillis(cluster_limit), " ms for clusters");
  }
  if (fetches) absl::StrAppend(&out, " fetches hosts");
  if (kind == Kind::kExtension) absl::StrAppend(&out, " ", status);
  if (kind == Kind::kRuntime) absl::StrAppend(&out, " off {", absl::StrJoin(off, " "), "}");
  if (kind == Kind::kSecret) absl::StrAppend(&out, " ", shows, " {", absl::StrJoin(trusts, " "), "}");
  for (const Host& host : hosts) {
    absl::StrAppend(&out, " [", host.domain);
    for (const Goal& goal : host.goals) {
      absl::StrAppend(&out, " ", goal.prefix, "->", goal.status != 0 ? absl::StrCat(goal.status) : goal.cluster,
                      goal.runtime.empty() ? "" : absl::StrCat(" unless ", goal.runtime));
    }
    absl::StrAppend(&out, "]");
  }
  if (fetch >= Duration::zero()) absl::StrAppend(&out, " within ", ToMillis(fetch), " ms");
  return out;
}

google::protobuf::Any Wire(const Thing& thing, bool http2_servers, const Papers& papers) {
  switch (thing.kind) {
    case Kind::kCluster:
      return Packed(WireCluster(thing, http2_servers));
    case Kind::kEndpoints: {
      ClusterLoadAssignment out;
      out.set_cluster_name(thing.name);
      FillEndpoints(thing, &out);
      // What tells versions with the same servers apart.
      out.mutable_policy()->mutable_overprovisioning_factor()->set_value(static_cast<uint32_t>(140 + thing.version));
      return Packed(out);
    }
    case Kind::kRoutes:
      return Packed(WireRoutes(thing));
    case Kind::kHost:
      return Packed(WireHost(thing));
    case Kind::kListener:
      return Packed(WireListener(thing));
    case Kind::kExtension:
      return Packed(WireExtension(thing));
    case Kind::kRuntime:
      return Packed(WireRuntime(thing));
    case Kind::kSecret:
      return Packed(WireSecret(thing, papers));
  }
  return {};
}

}  // namespace outrigger::simulation::oracle
