#include "source/config/listener_builder.h"

#include <algorithm>

#include "source/base/hash.h"
#include "source/config/access_logs.h"
#include "source/config/discovered_filter.h"
#include "source/config/factory_lookup.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace listener_v3 = envoy::config::listener::v3;
using extension::Fault;
using extension::Item;

namespace {

// Says a choice of sockets that does not exist here; its default does no harm.
absl::Status CheckOriginalDestination(const listener_v3::Listener& proto) {
  if (!proto.use_original_dst().value()) return absl::OkStatus();
  return Fault("use_original_dst", "is not supported: a connection stays with the listener that accepted it");
}

absl::Status AddAddresses(const listener_v3::Listener& proto, model::Listener* out) {
  if (!proto.has_address()) return Fault("address", "is not set");
  OUTRIGGER_ASSIGN(out->addresses.emplace_back(), "address", extension::AddressOf(proto.address()));
  for (int i = 0; i < proto.additional_addresses_size(); ++i) {
    const std::string path = Item("additional_addresses", i) + ".address";
    OUTRIGGER_ASSIGN(const net::Address address, path, extension::AddressOf(proto.additional_addresses(i).address()));
    for (const net::Address& other : out->addresses) {
      if (other == address && address.port() != 0)
        return Fault(path, absl::StrCat(address.ToString(), " is there twice"));
    }
    out->addresses.push_back(address);
  }
  return absl::OkStatus();
}

uint64_t ListenerFiltersHash(const listener_v3::Listener& proto) {
  listener_v3::Listener decides;
  *decides.mutable_listener_filters() = proto.listener_filters();
  return extension::HashOf(decides);
}

// `hash`: of what they are, to be part of every connection's.
absl::Status AddListenerFilters(const listener_v3::Listener& proto, BuildContext& context, model::Listener* out,
                                uint64_t* hash) {
  *hash = ListenerFiltersHash(proto);
  for (int i = 0; i < proto.listener_filters_size(); ++i) {
    const auto& filter = proto.listener_filters(i);
    const std::string path = Item("listener_filters", i);
    OUTRIGGER_ASSIGN(const auto configs, "", ListenerFilterConfigs(filter, path, context));
    if (configs.empty()) {  // without it nobody is let in
      out->filter_config_missing = true;
      continue;
    }
    if (filter.has_config_discovery())
      *hash = StableHashMix(*hash, extension::HashOf(*configs.back().extension.config));
    OUTRIGGER_ASSIGN(model::ListenerFilterSpec spec, "", CompileAll<model::ListenerFilterSpec>(configs, context));
    spec.name = filter.name();
    spec.origin = context.OriginOf(path);
    out->listener_filters.push_back(std::move(spec));
  }
  if (proto.has_listener_filters_timeout()) {
    out->listener_filters_timeout = extension::DurationOf(proto.listener_filters_timeout());
  }
  out->continue_on_listener_filters_timeout = proto.continue_on_listener_filters_timeout();
  return absl::OkStatus();
}

absl::Status AddChains(const listener_v3::Listener& proto, uint64_t filters_hash, BuildContext& context,
                       model::Listener* out) {
  for (int i = 0; i < proto.filter_chains_size(); ++i) {
    BuildContext below = context.Below(Item("filter_chains", i));
    OUTRIGGER_ASSIGN(auto chain, Item("filter_chains", i),
                     BuildFilterChain(proto.filter_chains(i), filters_hash, below));
    for (const auto& other : out->chains) {
      if (!chain->name.empty() && other->name == chain->name) {
        return Fault(Item("filter_chains", i) + ".name", absl::StrCat("a second filter chain \"", chain->name, "\""));
      }
    }
    out->chains.push_back(std::move(chain));
  }
  if (proto.has_default_filter_chain()) {
    BuildContext below = context.Below("default_filter_chain");
    OUTRIGGER_ASSIGN(out->default_chain, "default_filter_chain",
                     BuildFilterChain(proto.default_filter_chain(), filters_hash, below));
  }
  if (out->chains.empty() && out->default_chain == nullptr)
    return Fault("filter_chains", "a listener needs a filter chain");
  OUTRIGGER_ASSIGN(out->matcher, "filter_chains", model::FilterChainMatcher::Build(out->chains));
  return absl::OkStatus();
}

void SetSockets(const listener_v3::Listener& proto, model::Listener* out) {
  out->bind_to_port = proto.has_bind_to_port()                   ? proto.bind_to_port().value()
                      : proto.deprecated_v1().has_bind_to_port() ? proto.deprecated_v1().bind_to_port().value()
                                                                 : true;
  if (proto.has_per_connection_buffer_limit_bytes())
    out->buffer_limit = proto.per_connection_buffer_limit_bytes().value();
  if (proto.has_tcp_backlog_size()) out->tcp_backlog = proto.tcp_backlog_size().value();
  // Deprecated and off by default, reuse_port says no more than what is done anyway.
  out->reuse_port =
      proto.has_enable_reuse_port() ? proto.enable_reuse_port().value() : out->reuse_port || proto.reuse_port();
  out->ipv4_compat = proto.address().socket_address().ipv4_compat();
  out->freebind = proto.freebind().value();
  out->transparent = proto.transparent().value();
  out->exact_balance = proto.connection_balance_config().has_exact_balance();
  if (proto.has_tcp_fast_open_queue_length()) out->tcp_fast_open = proto.tcp_fast_open_queue_length().value();
  out->max_accepts_per_event = proto.max_connections_to_accept_per_socket_event().value();
  for (const auto& option : proto.socket_options()) out->socket_options.push_back(extension::SocketOptionOf(option));
}

std::string StatName(const listener_v3::Listener& proto, const model::Listener& listener) {
  return proto.stat_prefix().empty() ? listener.addresses.front().ToString() : proto.stat_prefix();
}

model::TrafficDirection DirectionOf(const listener_v3::Listener& proto) {
  switch (proto.traffic_direction()) {
    case envoy::config::core::v3::INBOUND:
      return model::TrafficDirection::kInbound;
    case envoy::config::core::v3::OUTBOUND:
      return model::TrafficDirection::kOutbound;
    default:
      return model::TrafficDirection::kUnspecified;
  }
}

// For proxyless clients: checked as far as it would be used, never served.
absl::Status CheckApiListener(const listener_v3::Listener& proto, BuildContext& context) {
  OUTRIGGER_ASSIGN(auto found, "api_listener.api_listener",
                   FindNetworkFilter(context.factories(), "", proto.api_listener().api_listener()));
  auto made = found.factory->create(*found.config, context);
  return made.ok() ? absl::OkStatus() : extension::Under("api_listener.api_listener", made.status());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const model::Listener>> BuildListenerSockets(const listener_v3::Listener& proto) {
  if (proto.has_api_listener()) return nullptr;
  auto out = std::make_shared<model::Listener>();
  out->name = proto.name();
  OUTRIGGER_TRY("", AddAddresses(proto, out.get()));
  SetSockets(proto, out.get());
  return out;
}

absl::StatusOr<std::shared_ptr<const model::Listener>> BuildListener(const listener_v3::Listener& proto,
                                                                     model::ListenerSlot slot, BuildContext& context) {
  if (proto.has_api_listener()) {
    OUTRIGGER_TRY("", CheckApiListener(proto, context));
    return nullptr;
  }
  auto out = std::make_shared<model::Listener>();
  out->slot = slot;
  out->name = proto.name();
  out->origin = context.origin();
  out->content_hash = extension::HashOf(proto);
  out->direction = DirectionOf(proto);
  OUTRIGGER_TRY("", CheckOriginalDestination(proto));
  OUTRIGGER_TRY("", AddAddresses(proto, out.get()));
  SetSockets(proto, out.get());
  const std::string stat_prefix = absl::StrCat("listener.", StatName(proto, *out), ".");
  BuildContext below(context, stat_prefix);
  below.set_direction(out->direction);
  uint64_t filters_hash = 0;
  OUTRIGGER_TRY("", AddListenerFilters(proto, below, out.get(), &filters_hash));
  OUTRIGGER_TRY("", AddChains(proto, filters_hash, below, out.get()));
  for (int i = 0; i < proto.access_log_size(); ++i) {
    OUTRIGGER_ASSIGN(out->access_logs.emplace_back(), Item("access_log", i), MakeAccessLog(proto.access_log(i), below));
  }
  out->drain_on_healthcheck_fail = proto.drain_type() == listener_v3::Listener::DEFAULT;
  if (const Value* most =
          context.Runtime(absl::StrCat("envoy.resource_limits.listener.", proto.name(), ".connection_limit"));
      most != nullptr && most->as_number() != nullptr && *most->as_number() >= 0) {
    out->connection_limit = static_cast<uint64_t>(std::min(*most->as_number(), 1e18));
  }
  const std::string ours = absl::StrCat("outrigger.resource_limits.listener.", proto.name(), ".");
  const auto limit = [&](absl::string_view key, uint64_t by_default) {
    const double set = extension::RuntimeNumber(static_cast<double>(by_default), absl::StrCat(ours, key), context);
    return set >= 0 ? static_cast<uint64_t>(std::min(set, 1e12)) : by_default;
  };
  out->handshake_limit = limit("handshake_limit", model::Listener::kHandshakeLimit);
  out->first_byte_timeout =
      milliseconds(limit("first_byte_timeout_ms", static_cast<uint64_t>(ToMillis(model::Listener::kFirstByteTimeout))));
  out->ignore_global_conn_limit = proto.ignore_global_conn_limit();
  out->bypass_overload = proto.bypass_overload_manager();
  out->metadata = extension::MetadataOf(proto.metadata());
  out->stats = context.stats().Register<observe::ListenerStats>(stat_prefix);
  out->ssl_stats = context.stats().Register<observe::SslStats>(absl::StrCat(stat_prefix, "ssl."));
  return out;
}

}  // namespace outrigger::config
