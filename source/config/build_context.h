// Thread: main
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/base/hash.h"
#include "source/base/shared_value.h"
#include "source/config/environment.h"
#include "source/config/origins.h"
#include "source/config/resource.h"
#include "source/config/slot_table.h"
#include "source/extension/factory.h"
#include "source/extension/fault.h"
#include "source/model/cluster.h"

namespace envoy::extensions::transport_sockets::tls::v3 {
class Secret;
}
namespace envoy::config::core::v3 {
class TypedExtensionConfig;
}

namespace outrigger::config {

// Sources that resources are fetched from, each once however many name it: in most meshes it is one for all.
class SourceTable {
 public:
  std::shared_ptr<const envoy::config::core::v3::ConfigSource> Share(
      const envoy::config::core::v3::ConfigSource& source);

 private:
  static constexpr size_t kMostForgotten = 64;  // beyond twice what is in use
  std::map<std::string, std::weak_ptr<const envoy::config::core::v3::ConfigSource>> sources_;  // by their bytes
  size_t sweep_at_ = kMostForgotten;
};

// Names that compiled parts refer to.
struct NameTables {
  ClusterNames clusters;
  RouteNames routes;
  ListenerNames listeners;
  SourceTable sources;
  SharedValues<model::ClusterSettings> settings;
};

// A filter's configuration that was discovered; null: not yet.
struct ReceivedExtension {
  const envoy::config::core::v3::TypedExtensionConfig* config = nullptr;
  bool is_new = false;  // being tried: whoever cannot use it refuses it
};

// Secrets and discovered configurations by name, as far as they are here.
class SecretProvider {
 public:
  virtual ~SecretProvider() = default;
  virtual ReceivedExtension FindExtension(absl::string_view name) const = 0;
  // Null: not yet. `source` is null for secrets of the bootstrap.
  virtual const envoy::extensions::transport_sockets::tls::v3::Secret* FindSecret(
      const envoy::config::core::v3::ConfigSource* source, absl::string_view name) const = 0;
  virtual bool HasCluster(absl::string_view name) const = 0;
};

// What a build of one resource found out beside its result.
struct Found {
  Dependencies dependencies;
  // The slots that the result refers to; clusters have none.
  struct Slots {
    std::vector<ClusterNames::Ref> clusters;
    std::vector<RouteNames::Ref> routes;
  };
  std::unique_ptr<Slots> slots;  // null: none
  Slots& MutableSlots();
  std::vector<std::string> warnings;
  // Of what was discovered; few have any.
  struct OfExtensions {
    std::map<std::string, std::set<std::string>, std::less<>> clusters;  // that it names, by its own name
    std::vector<std::string> conflicts;  // of a type that is not taken: prefixes of statistics
  };
  std::unique_ptr<OfExtensions> extensions;  // null: none
  OfExtensions& MutableExtensions();
  // What it asked of the runtime values, so that it is compiled again when they change: keys, and beginnings of keys
  // with their last dot.
  std::vector<uint64_t> runtime_keys;
  static constexpr uint64_t kAllRuntimeKeys = 0;
  static uint64_t HashOfKey(absl::string_view key) { return StableHash(key) | 1; }
  // What those have asked for who must know that these changed.
  static std::set<uint64_t> HashesOfChanged(const std::set<std::string>& keys);
  bool AskedAny(const std::set<uint64_t>& keys) const;
  void Finish();  // sorts and removes duplicates
  bool empty() const;
};

// The same of a part: what found nothing holds nothing.
class FoundOfPart {
 public:
  const Found& operator*() const { return some_ != nullptr ? *some_ : None(); }
  const Found* operator->() const { return &**this; }
  Found& Write();
  void Finish();

 private:
  static const Found& None();
  std::unique_ptr<Found> some_;
};

// One build of one resource: what factories ask for, and a record of what they asked for.
class BuildContext final : public extension::FactoryContext {
 public:
  // `origins`: where the fields of the resource get ids; null: all are the resource.
  BuildContext(const Environment& environment, NameTables& names, const SecretProvider& secrets, model::OriginId origin,
               Found& found, Origins* origins = nullptr)
      : environment_(environment),
        names_(names),
        secrets_(secrets),
        origins_(origins),
        origin_(origin),
        found_(found) {}
  // As `parent`, but seen by filters under another prefix of statistics.
  BuildContext(const BuildContext& parent, absl::string_view stat_prefix)
      : environment_(parent.environment_),
        names_(parent.names_),
        secrets_(parent.secrets_),
        origins_(parent.origins_),
        origin_(parent.origin_),
        found_(parent.found_),
        direction_(parent.direction_),
        stat_prefix_(stat_prefix),
        path_(parent.path_) {}
  // As this one, for what stands below `field` of the message being built ("filter_chains[0]").
  BuildContext Below(absl::string_view field) const;

  observe::StatsRegistry& stats() override { return environment_.stats; }
  model::ClusterSlot ClusterSlotOf(absl::string_view name) override;
  absl::StatusOr<model::RouteTableSlot> SubscribeRoutes(const envoy::config::core::v3::ConfigSource& source,
                                                        absl::string_view name) override;
  absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRoutes(
      const envoy::config::route::v3::RouteConfiguration& routes) override;
  absl::StatusOr<std::shared_ptr<const observe::AccessLog>> BuildAccessLog(
      const envoy::config::accesslog::v3::AccessLog& log) override;
  absl::StatusOr<std::string> ReadDataSource(const envoy::config::core::v3::DataSource& source) override;
  absl::StatusOr<std::shared_ptr<const http::FilterChainSpec>> BuildHttpFilters(
      absl::string_view field, const extension::HttpFilterList& filters, absl::string_view stat_prefix) override;
  matching::FormatOptions format_options() const override;
  const Value* Runtime(absl::string_view key) const override {
    found_.runtime_keys.push_back(Found::HashOfKey(key));
    const auto at = environment_.runtime.find(key);
    return at == environment_.runtime.end() ? nullptr : &at->second;
  }
  // Whether any key begins with that ("circuit_breakers.a."). Remembered as one key: for many that hardly anybody sets.
  bool HasRuntimeBelow(absl::string_view prefix) const;
  const Value::Struct* RuntimeValues() const override {
    found_.runtime_keys.push_back(Found::kAllRuntimeKeys);
    return &environment_.runtime;
  }
  model::TrafficDirection direction() const override { return direction_; }
  model::OriginId origin() const override { return origin_; }
  // `field` "": for the message itself.
  model::OriginId OriginOf(absl::string_view field) override;
  std::shared_ptr<const ResourceOrigin> resource_origin() const override {
    return origins_ == nullptr ? nullptr : origins_->TextsOf(origin_);
  }
  absl::string_view stat_prefix() const override { return stat_prefix_; }
  void Warn(std::string warning) override { found_.warnings.push_back(std::move(warning)); }

  const Environment& environment() const { return environment_; }
  const extension::FactoryTable& factories() const { return environment_.factories; }
  const SecretProvider& known() const { return secrets_; }
  NameTables& names() { return names_; }
  Found& found() { return found_; }
  void set_direction(model::TrafficDirection direction) { direction_ = direction; }
  void Subscribe(ResourceKind kind, absl::string_view name, const envoy::config::core::v3::ConfigSource& source);

  static constexpr size_t kMostFileBytes = 64 << 20;

 private:
  const Environment& environment_;
  NameTables& names_;
  const SecretProvider& secrets_;
  Origins* origins_;
  const model::OriginId origin_;
  Found& found_;
  model::TrafficDirection direction_ = model::TrafficDirection::kUnspecified;
  std::string stat_prefix_;
  std::string path_;  // of the message being built, below the resource
};

}  // namespace outrigger::config
