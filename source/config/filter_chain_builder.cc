#include "absl/strings/ascii.h"
#include "source/base/hash.h"
#include "source/config/discovered_filter.h"
#include "source/config/listener_builder.h"
#include "source/config/tls_builder.h"
#include "source/extension/matchers.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace listener_v3 = envoy::config::listener::v3;
using extension::Fault;
using extension::Item;

namespace {

absl::StatusOr<model::FilterChainMatch> MatchOf(const listener_v3::FilterChainMatch& proto) {
  model::FilterChainMatch out;
  using extension::BuildCidr;
  out.destination_port = proto.destination_port().value();
  OUTRIGGER_ASSIGN(out.destination, "",
                   extension::ListOf<matching::CidrRange>("prefix_ranges", proto.prefix_ranges(), BuildCidr));
  OUTRIGGER_ASSIGN(out.direct_source, "",
                   extension::ListOf<matching::CidrRange>("direct_source_prefix_ranges",
                                                          proto.direct_source_prefix_ranges(), BuildCidr));
  OUTRIGGER_ASSIGN(
      out.source, "",
      extension::ListOf<matching::CidrRange>("source_prefix_ranges", proto.source_prefix_ranges(), BuildCidr));
  for (int i = 0; i < proto.server_names_size(); ++i) {
    std::string name = absl::AsciiStrToLower(proto.server_names(i));
    const size_t star = name.rfind('*');
    if (star != std::string::npos && !(star == 0 && name.size() > 2 && name[1] == '.')) {
      return Fault(Item("server_names", i), "a wildcard is \"*.\" at the beginning");
    }
    out.server_names.push_back(std::move(name));
  }
  out.transport_protocol = proto.transport_protocol();
  out.application_protocols.assign(proto.application_protocols().begin(), proto.application_protocols().end());
  using Type = model::FilterChainMatch::SourceType;
  switch (proto.source_type()) {
    case listener_v3::FilterChainMatch::SAME_IP_OR_LOOPBACK:
      out.source_type = Type::kSameIpOrLoopback;
      break;
    case listener_v3::FilterChainMatch::EXTERNAL:
      out.source_type = Type::kExternal;
      break;
    default:
      break;
  }
  out.source_ports.assign(proto.source_ports().begin(), proto.source_ports().end());
  return out;
}

absl::Status AddFilters(const listener_v3::FilterChain& proto, BuildContext& context, model::FilterChain* out) {
  for (int i = 0; i < proto.filters_size(); ++i) {
    const auto& filter = proto.filters(i);
    const std::string path = Item("filters", i);
    OUTRIGGER_ASSIGN(const auto configs, "", NetworkFilterConfigs(filter, path, context));
    if (configs.empty()) {  // without it nobody is let in
      out->filter_config_missing = true;
      continue;
    }
    const Extension<extension::NetworkFilterFactory>& used = configs.back().extension;
    OUTRIGGER_ASSIGN(model::NetworkFilterSpec spec, "", CompileAll<model::NetworkFilterSpec>(configs, context));
    spec.origin = context.OriginOf(path);
    spec.name = filter.name();
    if (spec.connection_hash == 0) spec.connection_hash = extension::HashOf(*used.config);
    if (used.factory->admits) {
      out->trust_hash = StableHashMix(StableHash(spec.type, out->trust_hash), spec.connection_hash);
    }
    if (spec.terminal && i + 1 != proto.filters_size())
      return Fault(path, "this filter ends the chain: nothing may follow it");
    out->filters.push_back(std::move(spec));
  }
  // A chain without filters closes what it accepts, as published.
  if (!out->filters.empty() && !out->filters.back().terminal && !out->filter_config_missing) {
    return Fault(Item("filters", proto.filters_size() - 1),
                 "the last filter must be one that ends the chain, such as the HTTP connection manager or tcp_proxy");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const model::FilterChain>> BuildFilterChain(const listener_v3::FilterChain& proto,
                                                                           uint64_t listener_filters_hash,
                                                                           BuildContext& context) {
  auto out = std::make_shared<model::FilterChain>();
  out->name = proto.name();
  out->origin = context.OriginOf("");
  out->resource_origin = context.resource_origin();
  OUTRIGGER_ASSIGN(out->match, "filter_chain_match", MatchOf(proto.filter_chain_match()));
  OUTRIGGER_ASSIGN(auto transport, "transport_socket",
                   ServerTransportOf(proto.has_transport_socket(), proto.transport_socket(), context));
  out->tls = transport.context;
  out->tls_unavailable = transport.missing;
  OUTRIGGER_TRY("", AddFilters(proto, context, out.get()));
  if (proto.has_transport_socket_connect_timeout()) {
    out->transport_timeout = extension::DurationOf(proto.transport_socket_connect_timeout());
  }
  out->metadata = extension::MetadataOf(proto.metadata());
  uint64_t hash = listener_filters_hash;
  if (out->filter_config_missing) hash = StableHash("missing", hash);
  hash = StableHash(out->tls != nullptr    ? absl::string_view(out->tls->settings_hash())
                    : out->tls_unavailable ? "missing"
                                           : "plain",
                    hash);
  for (const model::NetworkFilterSpec& filter : out->filters) {
    hash = StableHashMix(StableHash(filter.type, hash), filter.connection_hash);
  }
  out->connection_hash = hash;
  if (out->tls != nullptr) out->trust_hash = StableHash(out->tls->trust_fingerprint(), out->trust_hash);
  out->slot_hash = StableHash(proto.name(), extension::HashOf(proto.filter_chain_match()));
  return out;
}

}  // namespace outrigger::config
