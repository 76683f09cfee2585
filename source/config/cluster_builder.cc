#include "source/config/cluster_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver.pb.h"
#include "source/base/hash.h"
#include "source/config/tls_builder.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
using extension::DurationOf;
using extension::Fault;
using extension::Item;
using DnsCluster = envoy::extensions::clusters::dns::v3::DnsCluster;

const std::string& EdsNameOf(const cluster_v3::Cluster& proto) {
  const std::string& name = proto.eds_cluster_config().service_name();
  return name.empty() ? proto.name() : name;
}

absl::Status CheckResolver(const core::TypedExtensionConfig& resolver) {
  envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig cares;
  using envoy::extensions::network::dns_resolver::getaddrinfo::v3::GetAddrInfoDnsResolverConfig;
  if (!resolver.has_typed_config()) return absl::OkStatus();
  const google::protobuf::Descriptor* type = schema::TypeOf(resolver.typed_config().type_url());
  if (type == GetAddrInfoDnsResolverConfig::descriptor()) return absl::OkStatus();
  if (type != cares.GetDescriptor()) return Fault("typed_config", "is no DNS resolver known here");
  OUTRIGGER_TRY("typed_config", schema::UnpackInto(resolver.typed_config(), cares));
  if (cares.resolvers_size() > 0) {
    return Fault("typed_config.resolvers", "is not supported: the system's configuration says whom to ask");
  }
  const auto& options = cares.dns_resolver_options();
  if (options.use_tcp_for_dns_lookups() || options.no_default_search_domain()) {
    return Fault("typed_config.dns_resolver_options", "is not supported: the system's configuration says how to ask");
  }
  return absl::OkStatus();
}

namespace {

template <class Enum>
event::ResolveFamily FamilyOf(Enum family, Enum v4, Enum v6, Enum v4_first, Enum all) {
  return family == v4         ? event::ResolveFamily::kV4Only
         : family == v6       ? event::ResolveFamily::kV6Only
         : family == v4_first ? event::ResolveFamily::kV4Preferred
         : family == all      ? event::ResolveFamily::kAll
                              : event::ResolveFamily::kAuto;
}

// The old fields of Cluster and the new message say the same under the same names.
template <class Proto>
void SetDns(const Proto& proto, model::DnsConfig* out) {
  if (proto.has_dns_refresh_rate()) out->refresh_rate = DurationOf(proto.dns_refresh_rate());
  if (proto.has_dns_failure_refresh_rate()) {
    const auto& failure = proto.dns_failure_refresh_rate();
    out->failure_base = DurationOf(failure.base_interval());
    out->failure_max = failure.has_max_interval() ? DurationOf(failure.max_interval()) : out->failure_base * 10;
  }
  if (proto.has_dns_jitter()) out->jitter = DurationOf(proto.dns_jitter());
  out->respect_ttl = proto.respect_dns_ttl();
}

absl::Status SetDnsCluster(const google::protobuf::Any& any, model::ClusterConfig* out, BuiltCluster* built) {
  DnsCluster dns;
  OUTRIGGER_TRY("typed_config", schema::UnpackInto(any, dns));
  namespace dns_v3 = envoy::extensions::clusters::common::dns::v3;
  OUTRIGGER_TRY("typed_config.typed_dns_resolver_config", CheckResolver(dns.typed_dns_resolver_config()));
  SetDns(dns, &out->settings.Edit().dns);
  out->settings.Edit().dns.family =
      FamilyOf(dns.dns_lookup_family(), dns_v3::V4_ONLY, dns_v3::V6_ONLY, dns_v3::V4_PREFERRED, dns_v3::ALL);
  built->dns = true;
  built->single_endpoint = dns.all_addresses_in_single_endpoint();
  out->type = built->single_endpoint ? model::ClusterType::kLogicalDns : model::ClusterType::kStrictDns;
  return absl::OkStatus();
}

absl::Status SetType(const cluster_v3::Cluster& proto, BuildContext& context, model::ClusterConfig* out,
                     BuiltCluster* built) {
  using C = cluster_v3::Cluster;
  OUTRIGGER_TRY("typed_dns_resolver_config", CheckResolver(proto.typed_dns_resolver_config()));
  SetDns(proto, &out->settings.Edit().dns);
  out->settings.Edit().dns.family =
      FamilyOf(proto.dns_lookup_family(), C::V4_ONLY, C::V6_ONLY, C::V4_PREFERRED, C::ALL);
  if (proto.has_cluster_type()) {
    OUTRIGGER_TRY("cluster_type", SetDnsCluster(proto.cluster_type().typed_config(), out, built));
  } else {
    switch (proto.type()) {
      case C::STATIC:
        out->type = model::ClusterType::kStatic;
        break;
      case C::STRICT_DNS:
        out->type = model::ClusterType::kStrictDns;
        break;
      case C::LOGICAL_DNS:
        out->type = model::ClusterType::kLogicalDns;
        break;
      case C::EDS:
        out->type = model::ClusterType::kEds;
        break;
      default:
        return Fault("type", "is not supported");
    }
    built->dns = proto.type() == C::STRICT_DNS || proto.type() == C::LOGICAL_DNS;
    built->single_endpoint = proto.type() == C::LOGICAL_DNS;
  }
  if (out->type != model::ClusterType::kEds) {
    if (proto.has_eds_cluster_config()) return Fault("eds_cluster_config", "is for clusters of type EDS");
  } else {
    if (proto.has_load_assignment())
      return Fault("load_assignment", "a cluster of type EDS gets its endpoints elsewhere");
    if (EdsNameOf(proto) != proto.name()) out->other_eds_name = EdsNameOf(proto);
    const auto& source = proto.eds_cluster_config().eds_config();
    if (source.config_source_specifier_case() == core::ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET) {
      return Fault("eds_cluster_config.eds_config", "names no source to fetch endpoints from");
    }
    context.Subscribe(ResourceKind::kEndpoints, EdsNameOf(proto), source);
  }
  if (out->type == model::ClusterType::kLogicalDns && proto.cluster_discovery_type_case() == C::kType) {
    int endpoints = 0;
    for (const auto& locality : proto.load_assignment().endpoints()) endpoints += locality.lb_endpoints_size();
    if (endpoints != 1)
      return Fault("load_assignment.endpoints", "a cluster of type LOGICAL_DNS has exactly one endpoint");
  }
  return absl::OkStatus();
}

absl::Status SetTransports(const cluster_v3::Cluster& proto, BuildContext& context, model::ClusterConfig* out,
                           BuiltCluster* built) {
  OUTRIGGER_ASSIGN(auto first, "transport_socket",
                   ClientTransportOf(proto.has_transport_socket(), proto.transport_socket(), context));
  std::vector<model::UpstreamTransport>& transports = out->transports.Edit();
  transports.push_back({"", first.context, {}});
  if (first.missing) built->missing_transports.push_back(0);
  for (int i = 0; i < proto.transport_socket_matches_size(); ++i) {
    const auto& match = proto.transport_socket_matches(i);
    const std::string path = Item("transport_socket_matches", i);
    for (const auto& other : transports) {
      if (other.name == match.name())
        return Fault(path + ".name", absl::StrCat("a second match \"", match.name(), "\""));
    }
    OUTRIGGER_ASSIGN(auto made, path + ".transport_socket",
                     ClientTransportOf(match.has_transport_socket(), match.transport_socket(), context));
    if (made.missing) built->missing_transports.push_back(static_cast<uint32_t>(transports.size()));
    transports.push_back({match.name(), made.context, extension::ToStruct(match.match())});
  }
  return absl::OkStatus();
}

absl::Status SetSockets(const cluster_v3::Cluster& proto, model::ClusterSettings* out) {
  if (proto.has_upstream_bind_config()) {
    const auto& bind = proto.upstream_bind_config();
    if (bind.has_source_address()) {
      OUTRIGGER_ASSIGN(out->bind_to, "upstream_bind_config.source_address",
                       extension::AddressOf(bind.source_address()));
    }
    for (const auto& option : bind.socket_options()) out->socket_options.push_back(extension::SocketOptionOf(option));
  }
  if (proto.upstream_connection_options().has_tcp_keepalive()) {
    out->keepalive = extension::KeepaliveOf(proto.upstream_connection_options().tcp_keepalive());
  }
  if (proto.has_per_connection_buffer_limit_bytes()) {
    out->buffer_limit = proto.per_connection_buffer_limit_bytes().value();
  }
  return absl::OkStatus();
}

// Law 9: everything that is decided when a connection is made, but for certificates, which are renewed.
uint64_t ConnectionHash(const cluster_v3::Cluster& proto, const model::ClusterConfig& config,
                        const std::vector<uint32_t>& missing) {
  cluster_v3::Cluster decides;
  decides.mutable_typed_extension_protocol_options()->insert(proto.typed_extension_protocol_options().begin(),
                                                             proto.typed_extension_protocol_options().end());
  *decides.mutable_http_protocol_options() = proto.http_protocol_options();
  *decides.mutable_http2_protocol_options() = proto.http2_protocol_options();
  decides.set_protocol_selection(proto.protocol_selection());
  *decides.mutable_upstream_bind_config() = proto.upstream_bind_config();
  *decides.mutable_upstream_connection_options() = proto.upstream_connection_options();
  *decides.mutable_upstream_http_protocol_options() = proto.upstream_http_protocol_options();
  uint64_t hash = StableHashMix(extension::HashOf(decides), static_cast<uint64_t>(config.settings->protocol));
  for (uint32_t i = 0; i < config.transports->size(); ++i) {
    const auto& transport = (*config.transports)[i];
    const bool is_missing = std::binary_search(missing.begin(), missing.end(), i);
    hash = StableHash(transport.name, hash);
    hash = StableHash(transport.tls != nullptr ? absl::string_view(transport.tls->settings_hash())
                      : is_missing             ? "missing"
                                               : "plain",
                      hash);
  }
  return hash;
}

}  // namespace

namespace {

// What the runtime values say instead of the numbers of one priority.
void ReplaceByRuntime(const cluster_v3::Cluster& proto, int priority, BuildContext& context,
                      model::BreakerSettings* limit) {
  std::string prefix = absl::StrCat("circuit_breakers.", proto.name(), ".");
  if (!context.HasRuntimeBelow(prefix)) return;
  prefix += priority == 0 ? "default." : "high.";
  const auto whole = [&](absl::string_view key, uint32_t* number) {
    double given = 0;
    if (!extension::NumberOf(context.Runtime(absl::StrCat(prefix, key)), &given) || !(given >= 0)) return;
    *number = static_cast<uint32_t>(std::min(given, 4294967295.0));
  };
  whole("max_connections", &limit->connections);
  whole("max_pending_requests", &limit->pending);
  whole("max_requests", &limit->requests);
  whole("max_retries", &limit->retries);
  if (!limit->budget_percent.has_value()) return;
  limit->budget_percent = std::clamp(
      extension::RuntimeNumber(*limit->budget_percent, prefix + "retry_budget.budget_percent", context), 0.0, 100.0);
  whole("retry_budget.min_retry_concurrency", &limit->budget_min_concurrency);
}

}  // namespace

namespace {

// What workers read without a lock never changes: another budget is another breaker.
bool SameBreaker(const model::BreakerSettings& a, const model::BreakerSettings& b) {
  return a.budget_percent == b.budget_percent && a.track_remaining == b.track_remaining &&
         (!a.budget_percent.has_value() || a.budget_min_concurrency == b.budget_min_concurrency);
}

}  // namespace

void SetCircuitBreakers(const cluster_v3::Cluster& proto, const model::ClusterConfig* before, BuildContext& context,
                        model::ClusterConfig* out, BuiltCluster* built) {
  model::BreakerSettings wanted[2];
  for (int i = 0; i < 2; ++i) {
    model::BreakerSettings& limit = wanted[i];
    bool given = false;
    for (const auto& threshold : proto.circuit_breakers().thresholds()) {
      // Of several for one priority the first counts, as published.
      if ((threshold.priority() == core::HIGH ? 1 : 0) != i || std::exchange(given, true)) continue;
      if (threshold.has_max_connections()) limit.connections = threshold.max_connections().value();
      if (threshold.has_max_pending_requests()) limit.pending = threshold.max_pending_requests().value();
      if (threshold.has_max_requests()) limit.requests = threshold.max_requests().value();
      if (threshold.has_max_retries()) limit.retries = threshold.max_retries().value();
      limit.track_remaining = threshold.track_remaining();
      if (!threshold.has_retry_budget()) continue;
      const auto& budget = threshold.retry_budget();
      limit.budget_percent = budget.has_budget_percent() ? budget.budget_percent().value() : 20.0;
      if (budget.has_min_retry_concurrency()) limit.budget_min_concurrency = budget.min_retry_concurrency().value();
    }
    ReplaceByRuntime(proto, i, context, &limit);
  }
  model::CircuitBreakers* const known = before == nullptr ? nullptr : before->circuit_breakers.get();
  bool same[2];
  for (size_t i = 0; i < 2; ++i) same[i] = known != nullptr && SameBreaker(known->settings(i), wanted[i]);
  if (same[0] && same[1]) {
    out->circuit_breakers = before->circuit_breakers;
  } else {
    out->circuit_breakers = std::make_shared<model::CircuitBreakers>(wanted[0], wanted[1]);
  }
  for (size_t i = 0; i < 2; ++i) {
    if (!same[i]) continue;
    if (!same[1 - i]) out->circuit_breakers->Put(i, known->Get(i));
    built->limits.push_back({i, wanted[i]});
  }
  for (const auto& threshold : proto.circuit_breakers().per_host_thresholds()) {
    if (!threshold.has_max_connections()) continue;
    out->settings.Edit().per_host_max_connections = threshold.max_connections().value();
    break;
  }
}

void RegisterStats(absl::string_view cluster, observe::StatsRegistry& stats, model::ClusterConfig* out) {
  using observe::ClusterScope;
  out->stats = stats.Register<ClusterScope>(absl::StrCat("cluster.", cluster, "."));
  if (out->settings->protocol != model::UpstreamProtocol::kHttp2) out->stats.Show(ClusterScope::kHttp1);
  if (out->settings->protocol != model::UpstreamProtocol::kHttp1) out->stats.Show(ClusterScope::kHttp2);
  for (const model::UpstreamTransport& transport : *out->transports) {
    if (transport.tls != nullptr) out->stats.Show(ClusterScope::kSsl);
  }
  for (size_t i = 0; i < 2; ++i) {
    if (out->circuit_breakers->settings(i).track_remaining) out->stats.Show(ClusterScope::kRemaining[i]);
  }
}

namespace {

// Endpoints count their connections once, for all priorities.
absl::Status CheckPerHost(const cluster_v3::CircuitBreakers& breakers) {
  for (int i = 0; i < breakers.per_host_thresholds_size(); ++i) {
    if (breakers.per_host_thresholds(i).priority() == core::DEFAULT) continue;
    return Fault(Item("per_host_thresholds", i) + ".priority", "is supported for DEFAULT only");
  }
  return absl::OkStatus();
}

bool IsPlain(const std::vector<model::UpstreamTransport>& transports) {
  return transports.size() == 1 && transports[0].name.empty() && transports[0].tls == nullptr;
}

// Of what differs most: equal ones are looked for among those that have it in common.
uint64_t HashOf(const model::ClusterSettings& settings) {
  uint64_t hash = static_cast<uint64_t>(settings.connect_timeout.count());
  for (const Duration time : {settings.idle_timeout, settings.max_connection_duration, settings.max_stream_duration}) {
    hash = StableHashMix(hash, static_cast<uint64_t>(time.count()));
  }
  for (const uint32_t number :
       {static_cast<uint32_t>(settings.protocol), static_cast<uint32_t>(settings.lb.policy), settings.buffer_limit,
        settings.max_requests_per_connection, settings.per_host_max_connections, settings.http2.max_concurrent_streams,
        settings.http2.initial_stream_window_size, settings.maintenance_numerator, settings.keepalive.time_s}) {
    hash = StableHashMix(hash, number);
  }
  return StableHash(settings.override_auto_sni_header, hash);
}

}  // namespace

absl::StatusOr<BuiltCluster> BuildCluster(const cluster_v3::Cluster& proto, const model::ClusterConfig* before,
                                          BuildContext& context) {
  BuiltCluster built;
  auto config = std::make_shared<model::ClusterConfig>();
  config->name = proto.name();
  config->alt_stat_name = proto.alt_stat_name();
  config->origin = context.origin();
  config->resource_origin = context.resource_origin();
  config->content_hash = extension::HashOf(proto);
  model::ClusterSettings& settings = config->settings.Edit();  // shared by nobody until it is done
  if (proto.has_connect_timeout()) settings.connect_timeout = DurationOf(proto.connect_timeout());
  OUTRIGGER_TRY("", SetType(proto, context, config.get(), &built));
  OUTRIGGER_TRY("", SetLoadBalancing(proto, context, &settings));
  OUTRIGGER_TRY("", SetProtocols(proto, context, &settings));
  OUTRIGGER_TRY("", SetTransports(proto, context, config.get(), &built));
  OUTRIGGER_TRY("", SetSockets(proto, &settings));
  OUTRIGGER_TRY("circuit_breakers", CheckPerHost(proto.circuit_breakers()));
  SetCircuitBreakers(proto, before, context, config.get(), &built);
  if (proto.has_metadata()) config->metadata.Edit() = extension::MetadataOf(proto.metadata());
  settings.close_connections_on_host_health_failure = proto.close_connections_on_host_health_failure();
  extension::Fraction maintenance;
  if (extension::FractionOf(context.Runtime(absl::StrCat("upstream.maintenance_mode.", proto.name())), &maintenance)) {
    settings.maintenance_numerator = maintenance.numerator;
    settings.maintenance_denominator = maintenance.denominator;
  }
  settings.codec.stream_buffer_limit = settings.buffer_limit;
  config->connection_hash = ConnectionHash(proto, *config, built.missing_transports);
  if (IsPlain(*config->transports)) config->transports = {};
  context.names().settings.Share(HashOf(settings), &config->settings);
  const std::string& stat_name = proto.alt_stat_name().empty() ? proto.name() : proto.alt_stat_name();
  RegisterStats(stat_name, context.stats(), config.get());
  built.config = std::move(config);
  return built;
}

}  // namespace outrigger::config
