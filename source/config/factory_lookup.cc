#include "source/config/factory_lookup.h"

#include "absl/strings/str_cat.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::Message;

namespace {

struct Renamed {
  absl::string_view old_name;
  absl::string_view name;
};
constexpr Renamed kRenamed[] = {
    {"envoy.router", "envoy.filters.http.router"},
    {"envoy.buffer", "envoy.filters.http.buffer"},
    {"envoy.fault", "envoy.filters.http.fault"},
    {"envoy.http_connection_manager", "envoy.filters.network.http_connection_manager"},
    {"envoy.tcp_proxy", "envoy.filters.network.tcp_proxy"},
    {"envoy.listener.tls_inspector", "envoy.filters.listener.tls_inspector"},
    {"envoy.listener.http_inspector", "envoy.filters.listener.http_inspector"},
    {"envoy.listener.original_dst", "envoy.filters.listener.original_dst"},
};

absl::string_view CanonicalName(absl::string_view name) {
  for (const Renamed& renamed : kRenamed) {
    if (renamed.old_name == name) return renamed.name;
  }
  return name;
}

std::unique_ptr<Message> DefaultOf(const Descriptor* type) {
  const Message* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  return prototype == nullptr ? nullptr : std::unique_ptr<Message>(prototype->New());
}

template <class Factory>
absl::StatusOr<Extension<Factory>> Find(const std::vector<const Factory*>& factories, absl::string_view what,
                                        absl::string_view name, const Any& config) {
  Extension<Factory> found;
  if (config.type_url().empty()) {
    for (const Factory* factory : factories) {
      if (factory->name == CanonicalName(name)) {
        found.factory = factory;
        found.config = DefaultOf(factory->config_type());
        if (found.config != nullptr) return found;
      }
    }
    return absl::NotFoundError(absl::StrCat("no ", what, " is called \"", name, "\", and typed_config is not set"));
  }
  auto message = schema::UnpackAny(config);
  if (!message.ok()) return message.status();
  for (const Factory* factory : factories) {
    if (factory->config_type()->full_name() == (*message)->GetDescriptor()->full_name()) {
      found.factory = factory;
      found.config = *std::move(message);
      return found;
    }
  }
  return absl::NotFoundError(
      absl::StrCat("\"", name, "\" (", (*message)->GetDescriptor()->full_name(), ") is no ", what, " known here"));
}

}  // namespace

absl::StatusOr<Extension<extension::HttpFilterFactory>> FindHttpFilter(const extension::FactoryTable& table,
                                                                       absl::string_view name, const Any& config) {
  return Find(table.http, "HTTP filter", name, config);
}
absl::StatusOr<Extension<extension::NetworkFilterFactory>> FindNetworkFilter(const extension::FactoryTable& table,
                                                                             absl::string_view name,
                                                                             const Any& config) {
  return Find(table.network, "network filter", name, config);
}
absl::StatusOr<Extension<extension::ListenerFilterFactory>> FindListenerFilter(const extension::FactoryTable& table,
                                                                               absl::string_view name,
                                                                               const Any& config) {
  return Find(table.listener, "listener filter", name, config);
}

absl::StatusOr<Extension<extension::HttpFilterFactory>> FindRouteConfig(const extension::FactoryTable& table,
                                                                        const Any& config) {
  Extension<extension::HttpFilterFactory> found;
  auto message = schema::UnpackAny(config);
  if (!message.ok()) return message.status();
  for (const extension::HttpFilterFactory* factory : table.http) {
    if (factory->route_config_type != nullptr &&
        factory->route_config_type()->full_name() == (*message)->GetDescriptor()->full_name()) {
      found.factory = factory;
      found.config = *std::move(message);
      return found;
    }
  }
  return absl::NotFoundError(
      absl::StrCat((*message)->GetDescriptor()->full_name(), " is no filter's configuration of a route"));
}

}  // namespace outrigger::config
