#include "source/server/dynamic/xds_configuration.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::server {

namespace {

Duration FetchTimeoutOf(const envoy::config::core::v3::ConfigSource& config) {
  if (!config.has_initial_fetch_timeout()) return xds::StagingGraph::kFetchTimeout;
  return seconds(config.initial_fetch_timeout().seconds()) + nanoseconds(config.initial_fetch_timeout().nanos());
}

// envoy.admin.v3.ClientResourceStatus
int NumberOf(xds::ClientStatus status) {
  switch (status) {
    case xds::ClientStatus::kUnknown:
      return 0;
    case xds::ClientStatus::kRequested:
      return 1;
    case xds::ClientStatus::kDoesNotExist:
      return 2;
    case xds::ClientStatus::kAcked:
      return 3;
    case xds::ClientStatus::kNacked:
      return 4;
    case xds::ClientStatus::kReceivedError:
      return 5;
    case xds::ClientStatus::kTimeout:
      return 6;
  }
  return 0;
}

DynamicResource::Version VersionOf(const xds::Staged* staged) {
  if (staged == nullptr) return {};
  return {config::ShownMessage(staged->resource.message), staged->resource.version, staged->received};
}

}  // namespace

void XdsConfiguration::ForEachResource(const std::function<void(const DynamicResource&)>& f) const {
  if (graph_ == nullptr) return;
  std::map<absl::string_view, DynamicResource::Version> draining;  // the newest of each name
  for (const Draining& one : draining_) {
    if (!one.life.expired()) draining[one.name] = {one.message.get(), one.version, one.received};
  }
  graph_->ForEach([&](const xds::ResourceRow& row) {
    if (row.is_static) return;
    DynamicResource resource{KindOf(row.type),
                             row.name,
                             VersionOf(row.active),
                             VersionOf(row.waiting),
                             {},
                             NumberOf(row.status),
                             row.error,
                             row.error_version,
                             row.failed,
                             row.error_time};
    resource.type = xds::ShortNameOf(row.type);
    resource.type_url = xds::TypeUrlOf(row.type);
    resource.requested = row.requested;
    resource.source_error = row.source_error;
    resource.leaving = row.leaving;
    if (row.active != nullptr) {
      resource.applied = row.active->applied;
      resource.in_use_since = row.active->in_use_since;
      resource.generation = row.active->generation;
    }
    if (row.type == xds::ResourceType::kListener) {
      if (auto old = draining.extract(row.name); !old.empty()) resource.draining = old.mapped();
    }
    f(resource);
  });
  for (const auto& [name, version] : draining) {
    DynamicResource resource;
    resource.name = name;
    resource.type = xds::ShortNameOf(xds::ResourceType::kListener);
    resource.type_url = xds::TypeUrlOf(xds::ResourceType::kListener);
    resource.draining = version;
    f(resource);
  }
}

void XdsConfiguration::NoteDraining(const std::string& listener) {
  std::erase_if(draining_, [](const Draining& one) { return one.life.expired(); });
  const xds::Staged* active = graph_->ActiveOf(xds::ResourceType::kListener, listener);
  if (active == nullptr || active->resource.message == nullptr) return;
  draining_.push_back({listener, active->resource.version, active->resource.message.Get(), active->received,
                       server_->LifeOf(listener)});
}

XdsConfiguration::~XdsConfiguration() {
  last_good_.reset();  // writes what is in use
  // The graph calls sources when it lets go of resources; sources call the graph when streams end: neither happens
  // while dying.
  on_demand_.reset();
  sources_.reset();
  graph_.reset();
}

void XdsConfiguration::Start(Server& server) {
  server_ = &server;
  hold_ = server.HoldInit("xds");
  target_ = std::make_unique<BuilderTarget>(
      server.dispatcher(), server.builder(),
      BuilderTarget::Calls{[&server](const BindRequest& request, const std::vector<std::string>& leaving) {
                             return server.PrepareListener(request, leaving);
                           },
                           [&server](const std::string& listener) { server.sockets().StopKeeping(listener); },
                           [this](const std::string& listener) { NoteDraining(listener); },
                           [this, &server] {
                             if (last_good_ != nullptr) last_good_->OnChanged();
                             server.RequestPublish();
                           }});
  SourceRegistry::Surroundings around;
  around.dispatcher = &server.dispatcher();
  around.context = &server.context();
  around.stats = &server.stats();
  around.builder = &server.builder();
  around.google = google_;
  around.node = server.bootstrap().node();
  if (around.node.user_agent_name().empty()) around.node.set_user_agent_name("outrigger");
  if (server.options().reject_unknown_dynamic_fields) {
    around.decode.unknown_fields = xds::DecodeOptions::UnknownFields::kRefuse;
  } else if (server.options().ignore_unknown_dynamic_fields) {
    around.decode.unknown_fields = xds::DecodeOptions::UnknownFields::kIgnore;
  } else {
    server_stats_ = server.stats().Register<observe::ServerStats>("server.");
    unknown_fields_ =
        std::make_unique<xds::UnknownFieldLog>(server.stats().main().Get(server_stats_).dynamic_unknown_fields);
    around.decode.log = unknown_fields_.get();
  }
  decode_ = around.decode;
  sources_ = std::make_unique<SourceRegistry>(std::move(around));
  graph_ = std::make_unique<xds::StagingGraph>(server.dispatcher(), server.stats(), *target_, *sources_);
  sources_->SetSink(*graph_);
  graph_->Published(server.published_generation());
  on_demand_ = std::make_unique<OnDemandBroker>(server, *graph_);
  on_demand_->Attach();
  graph_->OnSettled([this] { OnSettled(); });
  const auto& dynamic = server.bootstrap().dynamic_resources();
  if (dynamic.has_ads_config()) {
    if (const absl::Status status = sources_->SetAds(dynamic.ads_config()); !status.ok()) Fail(status);
  }
  absl::StatusOr<std::unique_ptr<LastGoodKeeper>> last_good = LastGoodKeeper::Make(server);
  if (!last_good.ok()) return Fail(last_good.status());
  last_good_ = *std::move(last_good);
  if (last_good_ != nullptr && last_good_->Load()) {
    BeginFromDisk();
  } else {
    BeginRuntime();
  }
  if (last_good_ != nullptr) {
    last_good_->Keep(*graph_, [this] { return sources_->Connected(); });
  }
}

ConfigurationOverview XdsConfiguration::Overview() const {
  ConfigurationOverview overview;
  overview.published_at = published_at_;
  if (sources_ == nullptr || graph_ == nullptr) return overview;
  sources_->ForEachSource([&](const xds::Source& source) {
    const xds::SourceState state = source.State();
    overview.sources.push_back(
        {source.Describe(), state.server, state.connected, state.since, state.error, state.error_at});
  });
  for (const xds::ResourceType type : xds::kAllResourceTypes) {
    for (const xds::TypeUse& use : graph_->uses(type)) {
      overview.types.push_back({xds::ShortNameOf(type), use.source->Describe(), use.accepted, use.in_use,
                                use.accepted_at, use.in_use_since});
    }
  }
  return overview;
}

std::vector<WaitView> XdsConfiguration::WaitsOf(absl::string_view type_url, const std::string& name) const {
  std::vector<WaitView> waits;
  const absl::optional<xds::ResourceType> type = xds::TypeOfUrl(type_url);
  if (graph_ == nullptr || !type.has_value()) return waits;
  for (const xds::Missing& one : graph_->MissingOf(*type, name)) {
    waits.push_back({xds::WordOf(one.type), one.name, one.since, one.fresh});
  }
  return waits;
}

void XdsConfiguration::OnPublished(uint64_t generation) {
  if (server_ == nullptr) return;
  if (generation != published_) published_at_ = server_->dispatcher().wall_now();
  published_ = generation;
  if (graph_ != nullptr) graph_->Published(generation);
}

void XdsConfiguration::OnInUse(uint64_t generation) {
  if (graph_ != nullptr) graph_->InUse(generation);
}

void XdsConfiguration::Fail(const absl::Status& status) {
  OUTRIGGER_LOG(kCritical, kConfigXds, status.message());
  if (error_.ok()) error_ = status;
}

void XdsConfiguration::Adopt(config::ResourceKind kind) {
  server_->builder().ForEach(kind, [&](const config::ResourceView& view) {
    if (!view.given->is_static || view.dependencies == nullptr) return;
    graph_->AdoptStatic(TypeOf(kind), std::string(view.name), NeedsOf(*view.dependencies, *view.message));
  });
}

void XdsConfiguration::Watch(xds::ResourceType type, const envoy::config::core::v3::ConfigSource& config,
                             absl::string_view field) {
  absl::StatusOr<xds::Source*> source = sources_->SourceFor(type, config);
  if (!source.ok()) return Fail(absl::InvalidArgumentError(absl::StrCat(field, ".", source.status().message())));
  graph_->WatchAll(type, **source, FetchTimeoutOf(config));
}

// The layers that come from control planes are needed by nobody in particular: the bootstrap itself subscribes to them.
void XdsConfiguration::AdoptRuntime() {
  xds::Needs needs;
  for (const auto& layer : server_->bootstrap().layered_runtime().layers()) {
    if (!layer.has_rtds_layer()) continue;
    needs.subscriptions.push_back(
        {xds::ResourceType::kRuntime, /*waits=*/true, layer.rtds_layer().name(),
         std::make_shared<envoy::config::core::v3::ConfigSource>(layer.rtds_layer().rtds_config()), "runtime."});
    const auto source = sources_->SourceFor(xds::ResourceType::kRuntime, layer.rtds_layer().rtds_config());
    if (source.ok()) continue;
    Fail(absl::InvalidArgumentError(absl::StrCat("layered_runtime.layers[\"", layer.name(),
                                                 "\"].rtds_layer.rtds_config.", source.status().message())));
  }
  if (!needs.subscriptions.empty()) graph_->AdoptStatic(xds::ResourceType::kRuntime, "", needs);
}

// Runtime values come first: what is built of them then is built once.
void XdsConfiguration::BeginRuntime() {
  AdoptRuntime();
  sources_->StartAds();
  OnSettled();
}

void XdsConfiguration::BeginClusters() {
  phase_ = Phase::kClusters;
  Adopt(config::ResourceKind::kCluster);
  const auto& dynamic = server_->bootstrap().dynamic_resources();
  if (dynamic.has_cds_config())
    Watch(xds::ResourceType::kCluster, dynamic.cds_config(), "dynamic_resources.cds_config");
}

void XdsConfiguration::BeginListeners() {
  phase_ = Phase::kListeners;
  Adopt(config::ResourceKind::kListener);
  const auto& dynamic = server_->bootstrap().dynamic_resources();
  if (dynamic.has_lds_config())
    Watch(xds::ResourceType::kListener, dynamic.lds_config(), "dynamic_resources.lds_config");
}

void XdsConfiguration::BeginFromDisk() {
  from_disk_ = true;
  AdoptRuntime();
  Adopt(config::ResourceKind::kCluster);
  const auto& dynamic = server_->bootstrap().dynamic_resources();
  if (dynamic.has_cds_config())
    Watch(xds::ResourceType::kCluster, dynamic.cds_config(), "dynamic_resources.cds_config");
  BeginListeners();
  last_good_->Offer(*graph_, decode_);
  sources_->StartAds();
  OnSettled();
}

void XdsConfiguration::OnSettled() {
  if (last_good_ != nullptr) last_good_->OnSettled();
  if (phase_ == Phase::kRuntime && graph_->StaticSettled(xds::ResourceType::kRuntime)) BeginClusters();
  if (phase_ == Phase::kClusters && graph_->Settled(xds::ResourceType::kCluster) &&
      graph_->StaticSettled(xds::ResourceType::kCluster)) {
    BeginListeners();
  }
  if (phase_ == Phase::kListeners && graph_->Settled(xds::ResourceType::kListener) &&
      graph_->StaticSettled(xds::ResourceType::kListener) &&
      (!from_disk_ ||
       (graph_->StaticSettled(xds::ResourceType::kRuntime) && graph_->Settled(xds::ResourceType::kCluster) &&
        graph_->StaticSettled(xds::ResourceType::kCluster)))) {
    phase_ = Phase::kDone;
    hold_.reset();
    if (last_good_ != nullptr) last_good_->OnLive();
  }
}

}  // namespace outrigger::server
