#include "source/server/dynamic/builder_target.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "source/base/log.h"
#include "source/config/listener_builder.h"
#include "source/schema/origin.h"

namespace outrigger::server {
namespace {

using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::VirtualHost;
using HttpConnectionManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

// The stat_prefix of the first connection manager of the listener that fetches these routes.
std::string RoutesPrefix(const Listener& listener, const std::string& routes) {
  const auto look = [&](const envoy::config::listener::v3::FilterChain& chain) -> std::string {
    for (const auto& filter : chain.filters()) {
      HttpConnectionManager manager;
      if (!filter.typed_config().UnpackTo(&manager)) continue;
      if (manager.rds().route_config_name() == routes)
        return absl::StrCat("http.", manager.stat_prefix(), ".rds.", routes, ".");
    }
    return "";
  };
  for (const auto& chain : listener.filter_chains()) {
    if (std::string prefix = look(chain); !prefix.empty()) return prefix;
  }
  return look(listener.default_filter_chain());
}

}  // namespace

config::ResourceKind KindOf(xds::ResourceType type) {
  switch (type) {
    case xds::ResourceType::kCluster:
      return config::ResourceKind::kCluster;
    case xds::ResourceType::kEndpoints:
      return config::ResourceKind::kEndpoints;
    case xds::ResourceType::kSecret:
      return config::ResourceKind::kSecret;
    case xds::ResourceType::kListener:
      return config::ResourceKind::kListener;
    case xds::ResourceType::kExtension:
      return config::ResourceKind::kExtension;
    case xds::ResourceType::kVirtualHost:
      return config::ResourceKind::kVirtualHost;
    case xds::ResourceType::kRuntime:
    case xds::ResourceType::kRoutes:
      break;
  }
  return config::ResourceKind::kRoutes;
}

xds::ResourceType TypeOf(config::ResourceKind kind) {
  switch (kind) {
    case config::ResourceKind::kCluster:
      return xds::ResourceType::kCluster;
    case config::ResourceKind::kEndpoints:
      return xds::ResourceType::kEndpoints;
    case config::ResourceKind::kSecret:
      return xds::ResourceType::kSecret;
    case config::ResourceKind::kListener:
      return xds::ResourceType::kListener;
    case config::ResourceKind::kExtension:
      return xds::ResourceType::kExtension;
    case config::ResourceKind::kVirtualHost:
      return xds::ResourceType::kVirtualHost;
    case config::ResourceKind::kRoutes:
      break;
  }
  return xds::ResourceType::kRoutes;
}

xds::Needs NeedsOf(const config::Dependencies& dependencies, const google::protobuf::Message& resource) {
  xds::Needs needs;
  for (const config::Subscription& wanted : dependencies.subscriptions) {
    xds::Needs::Subscription subscription{TypeOf(wanted.kind), wanted.waits, wanted.name, wanted.source,
                                          wanted.stats_prefix};
    if (wanted.kind == config::ResourceKind::kRoutes && resource.GetDescriptor() == Listener::descriptor()) {
      subscription.stats_prefix = RoutesPrefix(static_cast<const Listener&>(resource), wanted.name);
    }
    needs.subscriptions.push_back(std::move(subscription));
  }
  needs.clusters = dependencies.clusters;
  return needs;
}

namespace {
// Sources decode by schema::Validate before anything is staged.
config::Given GivenOf(const xds::Resource& resource) {
  config::Given given{.version = resource.version, .is_static = false, .validated = true};
  if (resource.wire == nullptr) given.kept = resource.message;  // endpoints have their own way
  return given;
}
}  // namespace

BuilderTarget::BuilderTarget(event::Dispatcher& dispatcher, config::SnapshotBuilder& builder, Calls calls)
    : dispatcher_(dispatcher), builder_(builder), calls_(std::move(calls)) {}

absl::StatusOr<xds::Needs> BuilderTarget::Check(xds::ResourceType type, const xds::Resource& resource) {
  absl::StatusOr<config::Dependencies> dependencies =
      type == xds::ResourceType::kVirtualHost
          ? builder_.CheckVirtualHost(resource.name, static_cast<const VirtualHost&>(*resource.message.Get()),
                                      GivenOf(resource))
          : builder_.Check(resource.message.Get(), GivenOf(resource));
  if (!dependencies.ok()) return dependencies.status();
  if (type == xds::ResourceType::kListener) {
    if (const absl::Status status = PrepareListener(resource); !status.ok()) {
      const schema::Origin origin{"listener", resource.name, resource.version, ""};
      return absl::InvalidArgumentError(schema::NackDetail(origin, status.message()));
    }
  }
  return NeedsOf(*dependencies, *resource.message.Get());
}

absl::Status BuilderTarget::PrepareListener(const xds::Resource& resource) {
  const auto sockets = config::BuildListenerSockets(static_cast<const Listener&>(*resource.message.Get()));
  if (!sockets.ok()) return sockets.status();
  if (*sockets == nullptr) return absl::OkStatus();  // of proxyless clients
  const BindRequest request = BindRequestOf(**sockets);
  if (leaving_since_ != dispatcher_.now()) leaving_.clear();
  return calls_.prepare(request, {leaving_.begin(), leaving_.end()});
}

absl::Status BuilderTarget::Apply(xds::ResourceType type, const xds::Resource& resource) {
  if (type == xds::ResourceType::kRuntime) {
    const auto message = resource.message.Get();
    SetLayer(resource.name, static_cast<const envoy::service::runtime::v3::Runtime&>(*message).layer());
    return absl::OkStatus();
  }
  if (type == xds::ResourceType::kListener) {
    leaving_.erase(resource.name);
    calls_.stop_keeping(resource.name);
  }
  if (type == xds::ResourceType::kVirtualHost) {
    return builder_
        .SetVirtualHost(resource.name, static_cast<const VirtualHost&>(*resource.message.Get()), GivenOf(resource))
        .status();
  }
  if (resource.wire != nullptr) {
    return builder_
        .SetEndpoints({resource.name, resource.wire, resource.difference, resource.message}, GivenOf(resource))
        .status();
  }
  return builder_.Set(resource.message.Get(), GivenOf(resource)).status();
}

// Values that something cannot use leave it as it was; the layer is taken, as published.
void BuilderTarget::SetLayer(const std::string& name, const google::protobuf::Struct& values) {
  const absl::Status set = builder_.SetRuntimeLayer(name, values);
  if (!set.ok()) OUTRIGGER_LOG(kWarn, kConfigXds, "runtime \"", name, "\": ", set.message());
}

void BuilderTarget::Remove(xds::ResourceType type, const std::string& name) {
  if (type == xds::ResourceType::kRuntime) return SetLayer(name, {});
  if (type == xds::ResourceType::kListener) {
    if (leaving_since_ != dispatcher_.now()) leaving_.clear();
    leaving_since_ = dispatcher_.now();
    leaving_.insert(name);
    calls_.leaves(name);
  }
  builder_.Remove(KindOf(type), name);
}

void BuilderTarget::GiveUp(xds::ResourceType type, const std::string& name) {
  if (type == xds::ResourceType::kListener) calls_.stop_keeping(name);
  builder_.GiveUp(KindOf(type), name);
}

}  // namespace outrigger::server
