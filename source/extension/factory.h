// Thread: main or a configuration thread (building is a pure function of its inputs and the FactoryContext)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "source/http/filter.h"
#include "source/matching/format_command.h"
#include "source/model/listener.h"
#include "source/model/route.h"
#include "source/observe/stats.h"

// The one seam between configuration and filters. A filter folder exports one constinit factory; the table of all
// factories is generated from filters.bzl-style lists (no static registration). Protobuf is seen here and in a filter's
// config.cc only.
namespace envoy::config::core::v3 {
class DataSource;
class ConfigSource;
}  // namespace envoy::config::core::v3
namespace envoy::config::accesslog::v3 {
class AccessLog;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpFilter;
}

namespace outrigger::extension {

using HttpFilterList =
    google::protobuf::RepeatedPtrField<envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter>;

// What a factory may ask for while it builds. Errors are returned and prefixed by the caller with resource and field
// path: a factory says only the path below its own message (fault.h): Fault("rules.policies[\"a\"].principals[0]",
// "cause"). Rules of the fields, and that they are supported, were checked before.
class FactoryContext {
 public:
  virtual ~FactoryContext() = default;
  virtual observe::StatsRegistry& stats() = 0;
  // The slot of a cluster by name, reserved if the cluster is not known (yet): its routes answer 503 NC until it comes.
  virtual model::ClusterSlot ClusterSlotOf(absl::string_view name) = 0;
  // The slot of a route table fetched by RDS, subscribed on behalf of the listener being built.
  virtual absl::StatusOr<model::RouteTableSlot> SubscribeRoutes(const envoy::config::core::v3::ConfigSource& source,
                                                                absl::string_view name) = 0;
  // Compiles an inline route table (validates per-filter configuration by the filters' own factories).
  virtual absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRoutes(
      const envoy::config::route::v3::RouteConfiguration& routes) = 0;
  virtual absl::StatusOr<std::shared_ptr<const observe::AccessLog>> BuildAccessLog(
      const envoy::config::accesslog::v3::AccessLog& log) = 0;
  // Inline, from a file (watched from then on: a change compiles the resource again), or from the environment.
  virtual absl::StatusOr<std::string> ReadDataSource(const envoy::config::core::v3::DataSource& source) = 0;
  // A whole chain; `field` is its name for errors ("http_filters"), `stat_prefix` what its filters see as theirs. The
  // last filter must be a terminal one.
  virtual absl::StatusOr<std::shared_ptr<const http::FilterChainSpec>> BuildHttpFilters(
      absl::string_view field, const HttpFilterList& filters, absl::string_view stat_prefix) = 0;
  // For formats: host name and environment.
  virtual matching::FormatOptions format_options() const = 0;
  // The value of a runtime key (see runtime.h), or null.
  virtual const Value* Runtime(absl::string_view /*key*/) const { return nullptr; }
  // All of them, for keys that have names of requests in them; null: none.
  virtual const Value::Struct* RuntimeValues() const { return nullptr; }
  virtual model::TrafficDirection direction() const = 0;
  virtual model::OriginId origin() const = 0;
  // An id for `field` of the message that is being built, and the text behind it and all others of the resource: to be
  // kept by whoever keeps ids. Null, and ids that explain nothing, where nobody knows.
  virtual model::OriginId OriginOf(absl::string_view /*field*/) { return origin(); }
  virtual std::shared_ptr<const ResourceOrigin> resource_origin() const { return nullptr; }
  virtual absl::string_view stat_prefix() const = 0;  // e.g. "http.ingress." for HTTP filters of that HCM
  virtual void Warn(std::string warning) = 0;
};

struct HttpFilterFactory {
  absl::string_view name;  // "envoy.filters.http.rbac"
  const google::protobuf::Descriptor* (*config_type)();
  absl::StatusOr<http::FilterSpec> (*create)(const google::protobuf::Message& config, FactoryContext& context);
  // Per-route configuration; both null where the filter has none. What `create_route` gives is an object of the
  // filter's own, found by Stream::RouteConfig.
  const google::protobuf::Descriptor* (*route_config_type)();
  absl::StatusOr<std::shared_ptr<const void>> (*create_route)(const google::protobuf::Message& config,
                                                              FactoryContext& context);
};
struct NetworkFilterFactory {
  absl::string_view name;
  const google::protobuf::Descriptor* (*config_type)();
  absl::StatusOr<model::NetworkFilterSpec> (*create)(const google::protobuf::Message& config, FactoryContext& context);
  bool admits = false;  // says who may talk: when its configuration changes, nothing new begins on old connections
};
struct ListenerFilterFactory {
  absl::string_view name;
  const google::protobuf::Descriptor* (*config_type)();
  absl::StatusOr<model::ListenerFilterSpec> (*create)(const google::protobuf::Message& config, FactoryContext& context);
};

// Filled by source/exe (and by tests): configuration finds extensions here by the type of their configuration. The name
// in a configuration is free, as published.
struct FactoryTable {
  std::vector<const HttpFilterFactory*> http;
  std::vector<const NetworkFilterFactory*> network;
  std::vector<const ListenerFilterFactory*> listener;
};

}  // namespace outrigger::extension
