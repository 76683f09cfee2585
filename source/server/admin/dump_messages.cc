#include "source/server/admin/dump_messages.h"

#include <utility>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;
using config::ResourceKind;
using config::ResourceView;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

void Set(google::protobuf::Timestamp& out, WallTime time) {
  const int64_t nanos = time.time_since_epoch().count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// What all entries of dynamic resources say of one version.
template <class Out>
void FillVersion(const DynamicResource::Version& version, google::protobuf::Any& to, Out& out) {
  out.set_version_info(std::string(version.version));
  to.PackFrom(*version.message);
  Set(*out.mutable_last_updated(), version.received);
}

// ... and of the resource as a whole.
template <class Out>
void FillStatus(const DynamicResource& resource, Out& out) {
  out.set_client_status(static_cast<admin::ClientResourceStatus>(resource.status));
  if (resource.error.empty()) return;
  admin::UpdateFailureState& failure = *out.mutable_error_state();
  if (resource.failed != nullptr) failure.mutable_failed_configuration()->PackFrom(*resource.failed);
  failure.set_details(std::string(resource.error));
  failure.set_version_info(std::string(resource.error_version));
  Set(*failure.mutable_last_update_attempt(), resource.error_time);
}

}  // namespace

DumpMessages::DumpMessages(Server& server, std::function<bool(absl::string_view)> match)
    : server_(server), match_(std::move(match)) {
  *bootstrap_.mutable_bootstrap() = server.bootstrap();
  Set(*bootstrap_.mutable_last_updated(), server.started_wall());
  for (const ResourceKind kind : {ResourceKind::kCluster, ResourceKind::kEndpoints, ResourceKind::kListener,
                                  ResourceKind::kRoutes, ResourceKind::kSecret}) {
    Static(kind);
  }
  server.ForEachDynamicResource([this](const DynamicResource& resource) {
    if (Matches(resource.name)) Dynamic(resource);
  });
}

std::vector<google::protobuf::Message*> DumpMessages::All(bool endpoints) {
  std::vector<google::protobuf::Message*> all = {&bootstrap_, &clusters_};
  if (extensions_.ecds_filters_size() > 0) all.push_back(&extensions_);
  if (endpoints) all.push_back(&endpoints_);
  for (google::protobuf::Message* part :
       std::initializer_list<google::protobuf::Message*>{&listeners_, &routes_, &secrets_}) {
    all.push_back(part);
  }
  return all;
}

void DumpMessages::Static(ResourceKind kind) {
  server_.builder().ForEach(kind, [this, kind](const ResourceView& view) {
    if (view.message == nullptr || view.given == nullptr || !view.given->is_static) return;
    if (kind == ResourceKind::kListener) InlineRoutes(*view.message, server_.started_wall());
    if (!Matches(view.name)) return;
    const auto fill = [&](google::protobuf::Any& to, auto& one) {
      to.PackFrom(*view.message);
      Set(*one.mutable_last_updated(), server_.started_wall());
    };
    switch (kind) {
      case ResourceKind::kCluster: {
        auto& one = *clusters_.add_static_clusters();
        return fill(*one.mutable_cluster(), one);
      }
      case ResourceKind::kEndpoints: {
        auto& one = *endpoints_.add_static_endpoint_configs();
        return fill(*one.mutable_endpoint_config(), one);
      }
      case ResourceKind::kListener: {
        auto& one = *listeners_.add_static_listeners();
        return fill(*one.mutable_listener(), one);
      }
      case ResourceKind::kRoutes: {
        auto& one = *routes_.add_static_route_configs();
        return fill(*one.mutable_route_config(), one);
      }
      case ResourceKind::kSecret: {
        auto& one = *secrets_.add_static_secrets();
        one.set_name(std::string(view.name));
        return fill(*one.mutable_secret(), one);
      }
      case ResourceKind::kExtension:
      case ResourceKind::kVirtualHost:
        return;  // none is static
    }
  });
}

void DumpMessages::InlineRoutes(const google::protobuf::Message& message, WallTime received) {
  const auto& listener = static_cast<const envoy::config::listener::v3::Listener&>(message);
  const auto of_chain = [&](const envoy::config::listener::v3::FilterChain& chain) {
    for (const auto& filter : chain.filters()) {
      HttpConnectionManager manager;
      if (!filter.typed_config().Is<HttpConnectionManager>() || !filter.typed_config().UnpackTo(&manager)) continue;
      if (!manager.has_route_config() || !Matches(manager.route_config().name())) continue;
      auto& one = *routes_.add_static_route_configs();
      one.mutable_route_config()->PackFrom(manager.route_config());
      Set(*one.mutable_last_updated(), received);
    }
  };
  for (const auto& chain : listener.filter_chains()) of_chain(chain);
  if (listener.has_default_filter_chain()) of_chain(listener.default_filter_chain());
}

void DumpMessages::Dynamic(const DynamicResource& resource) {
  if (resource.type == "RTDS") return;  // has no place here, as published; see /runtime
  switch (resource.kind) {
    case ResourceKind::kListener:
      return Listener(resource);
    case ResourceKind::kCluster:
      return Cluster(resource);
    case ResourceKind::kSecret:
      return Secret(resource);
    case ResourceKind::kRoutes: {
      auto& one = *routes_.add_dynamic_route_configs();
      const auto& shown = resource.active.message != nullptr ? resource.active : resource.warming;
      if (shown.message != nullptr) FillVersion(shown, *one.mutable_route_config(), one);
      return FillStatus(resource, one);
    }
    case ResourceKind::kEndpoints: {
      auto& one = *endpoints_.add_dynamic_endpoint_configs();
      const auto& shown = resource.active.message != nullptr ? resource.active : resource.warming;
      if (shown.message != nullptr) FillVersion(shown, *one.mutable_endpoint_config(), one);
      return FillStatus(resource, one);
    }
    case ResourceKind::kExtension: {
      auto& one = *extensions_.add_ecds_filters();
      const auto& shown = resource.active.message != nullptr ? resource.active : resource.warming;
      if (shown.message != nullptr) FillVersion(shown, *one.mutable_ecds_filter(), one);
      return FillStatus(resource, one);
    }
    case ResourceKind::kVirtualHost:
      return;  // the published dump has no place for one: /config_status shows it
  }
}

void DumpMessages::Listener(const DynamicResource& resource) {
  auto& one = *listeners_.add_dynamic_listeners();
  one.set_name(std::string(resource.name));
  if (resource.active.message != nullptr) {
    listeners_.set_version_info(std::string(resource.active.version));
    FillVersion(resource.active, *one.mutable_active_state()->mutable_listener(), *one.mutable_active_state());
    InlineRoutes(*resource.active.message, resource.active.received);
  }
  if (resource.warming.message != nullptr) {
    FillVersion(resource.warming, *one.mutable_warming_state()->mutable_listener(), *one.mutable_warming_state());
  }
  if (resource.draining.message != nullptr) {
    FillVersion(resource.draining, *one.mutable_draining_state()->mutable_listener(), *one.mutable_draining_state());
  }
  FillStatus(resource, one);
}

void DumpMessages::Cluster(const DynamicResource& resource) {
  if (resource.active.message != nullptr) {
    clusters_.set_version_info(std::string(resource.active.version));
    auto& one = *clusters_.add_dynamic_active_clusters();
    FillVersion(resource.active, *one.mutable_cluster(), one);
    FillStatus(resource, one);
  }
  if (resource.warming.message == nullptr && resource.active.message != nullptr) return;
  auto& one = *clusters_.add_dynamic_warming_clusters();
  if (resource.warming.message != nullptr) FillVersion(resource.warming, *one.mutable_cluster(), one);
  FillStatus(resource, one);
}

void DumpMessages::Secret(const DynamicResource& resource) {
  const bool active = resource.active.message != nullptr;
  auto& one = active ? *secrets_.add_dynamic_active_secrets() : *secrets_.add_dynamic_warming_secrets();
  one.set_name(std::string(resource.name));
  const DynamicResource::Version& shown = active ? resource.active : resource.warming;
  if (shown.message != nullptr) FillVersion(shown, *one.mutable_secret(), one);
  FillStatus(resource, one);
}

}  // namespace outrigger::server
