// Thread: test
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "source/extension/factory.h"

namespace outrigger::harness {

// What a factory may ask for, without a configuration around it. Clusters get slots in the order they are asked for.
class FakeFactoryContext final : public extension::FactoryContext {
 public:
  explicit FakeFactoryContext(observe::StatsRegistry& stats) : stats_(stats) {}
  observe::StatsRegistry& stats() override { return stats_; }
  model::ClusterSlot ClusterSlotOf(absl::string_view name) override {
    clusters.emplace_back(name);
    return {static_cast<uint32_t>(clusters.size() - 1), 1};
  }
  absl::StatusOr<model::RouteTableSlot> SubscribeRoutes(const envoy::config::core::v3::ConfigSource&,
                                                        absl::string_view) override {
    return absl::UnimplementedError("no routes here");
  }
  absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildRoutes(
      const envoy::config::route::v3::RouteConfiguration&) override {
    return absl::UnimplementedError("no routes here");
  }
  absl::StatusOr<std::shared_ptr<const observe::AccessLog>> BuildAccessLog(
      const envoy::config::accesslog::v3::AccessLog&) override {
    return absl::InvalidArgumentError("no logs here");
  }
  absl::StatusOr<std::string> ReadDataSource(const envoy::config::core::v3::DataSource&) override {
    return absl::UnimplementedError("no files here");
  }
  absl::StatusOr<std::shared_ptr<const http::FilterChainSpec>> BuildHttpFilters(absl::string_view,
                                                                                const extension::HttpFilterList&,
                                                                                absl::string_view) override {
    return absl::UnimplementedError("no filters here");
  }
  const Value* Runtime(absl::string_view key) const override {
    const auto at = runtime.find(key);
    return at == runtime.end() ? nullptr : &at->second;
  }
  const Value::Struct* RuntimeValues() const override { return &runtime; }
  matching::FormatOptions format_options() const override { return {}; }
  model::TrafficDirection direction() const override { return model::TrafficDirection::kUnspecified; }
  model::OriginId origin() const override { return origins_->id(); }
  model::OriginId OriginOf(absl::string_view field) override { return origins_->AddField(std::string(field)); }
  std::shared_ptr<const ResourceOrigin> resource_origin() const override { return origins_; }
  absl::string_view stat_prefix() const override { return "http.test."; }
  void Warn(std::string warning) override { warnings.push_back(std::move(warning)); }

  std::vector<std::string> clusters, warnings;
  Value::Struct runtime;

 private:
  observe::StatsRegistry& stats_;
  std::shared_ptr<ResourceOrigin> origins_ = std::make_shared<ResourceOrigin>(100, "test", "harness", "");
};

// A message from protobuf's text form; the test ends if it is not one.
template <class Proto>
Proto FromText(const std::string& text) {
  Proto proto;
  if (!google::protobuf::TextFormat::ParseFromString(text, &proto)) std::abort();
  return proto;
}

}  // namespace outrigger::harness
