#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/control_plane/mesh/mesh_parts.h"

namespace outrigger::control_plane {
namespace {

namespace core = envoy::config::core::v3;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace listener = envoy::config::listener::v3;
namespace rbac = envoy::config::rbac::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

void AddAccessLog(const mesh_v1::Mesh& mesh, hcm::HttpConnectionManager& manager) {
  if (!mesh.has_access_log()) return;
  envoy::extensions::access_loggers::file::v3::FileAccessLog file;
  file.set_path(mesh.access_log().path());
  auto& fields = *file.mutable_log_format()->mutable_json_format()->mutable_fields();
  for (const auto& [key, text] :
       std::initializer_list<std::pair<const char*, const char*>>{{"time", "%START_TIME%"},
                                                                  {"listener", "%FILTER_CHAIN_NAME%"},
                                                                  {"method", "%REQ(:METHOD)%"},
                                                                  {"host", "%REQ(:AUTHORITY)%"},
                                                                  {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
                                                                  {"status", "%RESPONSE_CODE%"},
                                                                  {"flags", "%RESPONSE_FLAGS%"},
                                                                  {"details", "%RESPONSE_CODE_DETAILS%"},
                                                                  {"duration_ms", "%DURATION%"},
                                                                  {"upstream", "%UPSTREAM_HOST%"},
                                                                  {"cluster", "%UPSTREAM_CLUSTER%"},
                                                                  {"peer", "%DOWNSTREAM_PEER_URI_SAN%"},
                                                                  {"request_id", "%REQ(X-REQUEST-ID)%"}}) {
    fields[key].set_string_value(text);
  }
  auto& log = *manager.add_access_log();
  log.set_name("envoy.access_loggers.file");
  log.mutable_typed_config()->PackFrom(file);
}

void AddRouter(hcm::HttpConnectionManager& manager) {
  auto& filter = *manager.add_http_filters();
  filter.set_name("envoy.filters.http.router");
  filter.mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
}

// What both listeners share: any HTTP version, any port in the host, WebSockets.
hcm::HttpConnectionManager Manager(const mesh_v1::Mesh& mesh, const std::string& prefix) {
  hcm::HttpConnectionManager manager;
  manager.set_stat_prefix(prefix);
  manager.set_codec_type(hcm::HttpConnectionManager::AUTO);
  manager.set_strip_any_host_port(true);
  manager.add_upgrade_configs()->set_upgrade_type("websocket");
  AddAccessLog(mesh, manager);
  return manager;
}

void AddManager(const hcm::HttpConnectionManager& manager, listener::FilterChain& chain) {
  auto& filter = *chain.add_filters();
  filter.set_name("envoy.filters.network.http_connection_manager");
  filter.mutable_typed_config()->PackFrom(manager);
}

void AddTls(const mesh_v1::Mesh& mesh, listener::FilterChain& chain) {
  tls::DownstreamTlsContext context;
  SetTls(absl::StrCat("spiffe://", mesh.trust_domain(), "/service/"), true, *context.mutable_common_tls_context());
  context.mutable_common_tls_context()->add_alpn_protocols("h2");
  context.mutable_common_tls_context()->add_alpn_protocols("http/1.1");
  context.mutable_require_client_certificate()->set_value(true);
  auto& socket = *chain.mutable_transport_socket();
  socket.set_name("envoy.transport_sockets.tls");
  socket.mutable_typed_config()->PackFrom(context);
}

void AddPrincipal(const std::string& spiffe_id, bool is_prefix, rbac::Policy& policy) {
  auto& name = *policy.add_principals()->mutable_authenticated()->mutable_principal_name();
  if (is_prefix) {
    name.set_prefix(spiffe_id);
  } else {
    name.set_exact(spiffe_id);
  }
}

template <class Names>
void AddPrincipals(const mesh_v1::Mesh& mesh, const MeshIndex& index, const Names& callers, rbac::Policy& policy) {
  for (const std::string& caller : callers) {
    const mesh_v1::Service* service = index.Find(caller);
    if (service != nullptr) {
      AddPrincipal(ServiceSpiffeId(mesh, *service), false, policy);
    } else {
      AddPrincipal(absl::StrCat("spiffe://", mesh.trust_domain(), "/service/"), true, policy);
    }
  }
}

// Methods and paths of a rule: each list is "one of", both must hold.
void SetPermission(const mesh_v1::Rule& rule, rbac::Permission& permission) {
  if (rule.methods().empty() && rule.paths().empty()) return permission.set_any(true);
  auto& all = *permission.mutable_and_rules();
  if (!rule.methods().empty()) {
    auto& any = *all.add_rules()->mutable_or_rules();
    for (const std::string& method : rule.methods()) {
      auto& header = *any.add_rules()->mutable_header();
      header.set_name(":method");
      header.mutable_string_match()->set_exact(method);
    }
  }
  if (!rule.paths().empty()) {
    auto& any = *all.add_rules()->mutable_or_rules();
    for (const std::string& path : rule.paths()) {
      auto& match = *any.add_rules()->mutable_url_path()->mutable_path();
      if (absl::EndsWith(path, "*")) {
        match.set_prefix(path.substr(0, path.size() - 1));
      } else {
        match.set_exact(path);
      }
    }
  }
}

}  // namespace

void SetTls(const std::string& spiffe_id, bool is_prefix, tls::CommonTlsContext& out) {
  auto& own = *out.add_tls_certificate_sds_secret_configs();
  own.set_name(std::string(kOwnCertificate));
  SetAds(*own.mutable_sds_config());
  auto& combined = *out.mutable_combined_validation_context();
  auto& san = *combined.mutable_default_validation_context()->add_match_typed_subject_alt_names();
  san.set_san_type(tls::SubjectAltNameMatcher::URI);
  if (is_prefix) {
    san.mutable_matcher()->set_prefix(spiffe_id);
  } else {
    san.mutable_matcher()->set_exact(spiffe_id);
  }
  auto& roots = *combined.mutable_validation_context_sds_secret_config();
  roots.set_name(std::string(kTrustedRoots));
  SetAds(*roots.mutable_sds_config());
}

bool SetCallers(const mesh_v1::Mesh& mesh, const MeshIndex& index, const mesh_v1::Service& service, rbac::RBAC& out) {
  if (service.callers().empty() && service.rules().empty()) return false;
  out.set_action(rbac::RBAC::ALLOW);
  if (!service.callers().empty()) {
    rbac::Policy& policy = (*out.mutable_policies())["callers"];
    policy.add_permissions()->set_any(true);
    AddPrincipals(mesh, index, service.callers(), policy);
  }
  for (int i = 0; i < service.rules_size(); ++i) {
    rbac::Policy& policy = (*out.mutable_policies())[absl::StrCat("rule-", i)];
    SetPermission(service.rules(i), *policy.add_permissions());
    AddPrincipals(mesh, index, service.rules(i).callers(), policy);
  }
  return true;
}

listener::Listener InboundListener(const mesh_v1::Mesh& mesh, const MeshIndex& index, const mesh_v1::Service& service,
                                   const mesh_v1::Workload& workload) {
  listener::Listener out;
  out.set_name("inbound");
  out.set_traffic_direction(core::INBOUND);
  SetAddress(workload.address(), workload.port(), *out.mutable_address());

  hcm::HttpConnectionManager manager = Manager(mesh, "inbound");
  manager.set_forward_client_cert_details(hcm::HttpConnectionManager::SANITIZE_SET);
  manager.mutable_set_current_client_cert_details()->set_uri(true);
  *manager.mutable_route_config() = InboundRoutes(workload);
  envoy::extensions::filters::http::rbac::v3::RBAC filter;
  if (SetCallers(mesh, index, service, *filter.mutable_rules())) {
    auto& configured = *manager.add_http_filters();
    configured.set_name("envoy.filters.http.rbac");
    configured.mutable_typed_config()->PackFrom(filter);
  }
  AddRouter(manager);

  const bool permissive = (service.has_tls() ? service.tls() : mesh.tls()) == mesh_v1::PERMISSIVE;
  auto& secure = *out.add_filter_chains();
  secure.set_name("inbound-tls");
  AddTls(mesh, secure);
  AddManager(manager, secure);
  if (!permissive) return out;

  secure.mutable_filter_chain_match()->set_transport_protocol("tls");
  auto& inspector = *out.add_listener_filters();
  inspector.set_name("envoy.filters.listener.tls_inspector");
  inspector.mutable_typed_config()->PackFrom(envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector());
  auto& plain = *out.add_filter_chains();
  plain.set_name("inbound-plain");
  plain.mutable_filter_chain_match()->set_transport_protocol("raw_buffer");
  AddManager(manager, plain);
  return out;
}

listener::Listener OutboundListener(const mesh_v1::Mesh& mesh, const mesh_v1::Workload& workload) {
  listener::Listener out;
  out.set_name("outbound");
  out.set_traffic_direction(core::OUTBOUND);
  std::string address = workload.outbound().address();
  if (address.empty()) address = mesh.outbound().address();
  if (address.empty()) address = "127.0.0.1";
  uint32_t port = workload.outbound().port();
  if (port == 0) port = mesh.outbound().port();
  if (port == 0) port = 15001;
  SetAddress(address, port, *out.mutable_address());

  hcm::HttpConnectionManager manager = Manager(mesh, "outbound");
  auto& rds = *manager.mutable_rds();
  rds.set_route_config_name(std::string(kOutboundRoutes));
  SetAds(*rds.mutable_config_source());
  AddRouter(manager);
  auto& chain = *out.add_filter_chains();
  chain.set_name("outbound");
  AddManager(manager, chain);
  return out;
}

}  // namespace outrigger::control_plane
