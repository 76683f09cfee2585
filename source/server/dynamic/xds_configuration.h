// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/observe/schemas/server.h"
#include "source/server/dynamic/builder_target.h"
#include "source/server/dynamic/last_good_keeper.h"
#include "source/server/dynamic/on_demand_broker.h"
#include "source/server/dynamic/source_registry.h"
#include "source/server/server.h"
#include "source/xds/staging_graph.h"

namespace outrigger::server {

// Configuration by xDS, from the bootstrap's dynamic_resources and whatever static resources subscribe to. Its start is
// in order:
//
//   ADS stream ─▶ runtime layers ─▶ settled ─▶ clusters (CDS, and what static clusters need) ─▶ all settled
//   ─▶ listeners (LDS, static ones' needs) ─▶ settled: live
//
// With a last good configuration on disk that comes first, and what is then said to control planes is what a lost
// stream says that comes back: everything at once.
//
// Settled: everything that came is in use, or its fetch timeout is over.
class XdsConfiguration final : public DynamicConfiguration {
 public:
  explicit XdsConfiguration(GoogleChannelFactory google = nullptr) : google_(std::move(google)) {}
  ~XdsConfiguration() override;
  void Start(Server& server) override;
  void ForEachResource(const std::function<void(const DynamicResource&)>& f) const override;
  LastGoodView last_good() const override { return last_good_ == nullptr ? LastGoodView() : last_good_->view(); }
  size_t Waiting(config::ResourceKind kind) const override {
    return graph_ == nullptr ? 0 : graph_->waiting(TypeOf(kind));
  }
  void RefreshGauges() override {
    if (last_good_ != nullptr) last_good_->RefreshGauges();
  }

  ConfigurationOverview Overview() const override;
  std::vector<WaitView> WaitsOf(absl::string_view type_url, const std::string& name) const override;
  void OnPublished(uint64_t generation) override;
  void OnInUse(uint64_t generation) override;

  const xds::StagingGraph* graph() const { return graph_.get(); }
  SourceRegistry* sources() { return sources_.get(); }
  const OnDemandBroker* on_demand() const { return on_demand_.get(); }
  // Why the bootstrap's own sources cannot be used; ok while all is well.
  const absl::Status& error() const override { return error_; }

 private:
  enum class Phase : uint8_t { kRuntime, kClusters, kListeners, kDone };
  void AdoptRuntime();
  void BeginRuntime();
  void BeginClusters();
  void BeginListeners();
  void BeginFromDisk();
  void OnSettled();
  void Adopt(config::ResourceKind kind);
  void Watch(xds::ResourceType type, const envoy::config::core::v3::ConfigSource& config, absl::string_view field);
  void Fail(const absl::Status& status);
  void NoteDraining(const std::string& listener);

  const GoogleChannelFactory google_;
  Server* server_ = nullptr;
  observe::StatsScope<observe::ServerStats> server_stats_;
  std::unique_ptr<xds::UnknownFieldLog> unknown_fields_;
  std::unique_ptr<BuilderTarget> target_;
  std::unique_ptr<SourceRegistry> sources_;
  std::unique_ptr<xds::StagingGraph> graph_;
  std::unique_ptr<OnDemandBroker> on_demand_;
  // Listeners that are gone from the configuration, as long as connections of theirs are left.
  struct Draining {
    std::string name, version;
    std::shared_ptr<const google::protobuf::Message> message;
    WallTime received{};
    std::weak_ptr<const void> life;
  };
  std::vector<Draining> draining_;
  std::unique_ptr<LastGoodKeeper> last_good_;  // null: not asked for
  xds::DecodeOptions decode_;
  uint64_t published_ = 0;
  WallTime published_at_{};
  Phase phase_ = Phase::kRuntime;
  bool from_disk_ = false;
  std::shared_ptr<void> hold_;
  absl::Status error_;
};

}  // namespace outrigger::server
