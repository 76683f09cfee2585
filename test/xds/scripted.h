// Thread: test
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/event/simulated_world.h"
#include "source/observe/stats.h"
#include "source/xds/discovery_stream.h"
#include "source/xds/staging_graph.h"
#include "test/xds/scripted_resources.h"

namespace outrigger::xds {

// The far end of discovery streams, in memory: keeps what was said, says what it is told to.
class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  std::unique_ptr<Call> Open(absl::string_view method, CallHandler& handler) override {
    ++opened;
    last_method = std::string(method);
    auto call = std::make_unique<ScriptedCall>(*this, handler);
    current = call.get();
    sent_on_stream = 0;
    return call;
  }
  std::string Describe() const override { return "script"; }

  // Delivered in a later turn, if the stream still stands then.
  template <class AnyResponse>
  void Say(const AnyResponse& response) {
    dispatcher_.Post([this, call = current, bytes = response.SerializeAsString()] {
      if (call != nullptr && call == current) call->handler.OnMessage(bytes);
    });
  }
  void SayBytes(std::string bytes) {
    dispatcher_.Post([this, call = current, bytes] {
      if (call != nullptr && call == current) call->handler.OnMessage(bytes);
    });
  }
  void EndStream(uint32_t status = 14) {
    dispatcher_.Post([this, call = current, status] {
      if (call != nullptr && call == current) call->handler.OnEnd(status, "script");
    });
  }
  // Requests of a type since the beginning.
  std::vector<Request> Of(ResourceType type) const {
    std::vector<Request> out;
    for (const Request& request : requests) {
      if (request.type_url() == TypeUrlOf(type)) out.push_back(request);
    }
    return out;
  }

  std::vector<DeltaRequest> DeltaOf(ResourceType type) const {
    std::vector<DeltaRequest> out;
    for (const DeltaRequest& request : delta_requests) {
      if (request.type_url() == TypeUrlOf(type)) out.push_back(request);
    }
    return out;
  }

  std::vector<Request> requests;
  std::vector<DeltaRequest> delta_requests;  // where the method is a delta one
  std::function<void(const Request&)> on_request;
  std::function<void(const DeltaRequest&)> on_delta_request;
  int opened = 0, sent_on_stream = 0;
  std::string last_method;

  struct ScriptedCall final : Call {
    ScriptedCall(ScriptedTransport& t, CallHandler& h) : transport(t), handler(h) {}
    ~ScriptedCall() override {
      if (transport.current == this) transport.current = nullptr;
    }
    void Send(absl::string_view message) override {
      if (absl::StrContains(transport.last_method, "/Delta")) return SendDelta(message);
      Request request;
      request.ParseFromArray(message.data(), static_cast<int>(message.size()));
      ++transport.sent_on_stream;
      transport.requests.push_back(request);
      if (transport.on_request) transport.on_request(request);
    }
    void SendDelta(absl::string_view message) {
      DeltaRequest request;
      request.ParseFromArray(message.data(), static_cast<int>(message.size()));
      ++transport.sent_on_stream;
      transport.delta_requests.push_back(request);
      if (transport.on_delta_request) transport.on_delta_request(request);
    }
    ScriptedTransport& transport;
    CallHandler& handler;
  };
  ScriptedCall* current = nullptr;

 private:
  event::Dispatcher& dispatcher_;
};

// What a Snapshot builder would do, as a list of names; needs are read from the resources as config/ reads them.
class RecordingTarget final : public Target {
 public:
  absl::StatusOr<Needs> Check(ResourceType type, const Resource& resource) override {
    ++checks;
    if (refuse.count(resource.name) != 0) return Refusal_(type, resource);
    const auto message = resource.message.Get();
    Needs needs;
    if (type == ResourceType::kCluster) {
      const auto& cluster = static_cast<const ClusterProto&>(*message);
      if (cluster.type() == ClusterProto::EDS) {
        const std::string& service = cluster.eds_cluster_config().service_name();
        Want(ResourceType::kEndpoints, service.empty() ? cluster.name() : service,
             cluster.eds_cluster_config().eds_config(), &needs);
      }
    } else if (type == ResourceType::kListener) {
      const auto& listener = static_cast<const ListenerProto&>(*message);
      for (const auto& chain : listener.filter_chains()) {
        HttpManager manager;
        if (chain.filters(0).typed_config().UnpackTo(&manager) && manager.has_rds()) {
          Want(ResourceType::kRoutes, manager.rds().route_config_name(), manager.rds().config_source(), &needs);
        }
        NameClusters(manager.route_config(), &needs);
        for (const auto& filter : chain.filters()) {
          if (!filter.has_config_discovery()) continue;
          Want(ResourceType::kExtension, filter.name(), filter.config_discovery().config_source(), &needs);
          needs.subscriptions.back().waits = !filter.config_discovery().apply_default_config_without_warming();
        }
      }
    } else if (type == ResourceType::kRoutes) {
      NameClusters(static_cast<const RouteProto&>(*message), &needs);
    }
    return needs;
  }
  absl::Status Apply(ResourceType type, const Resource& resource) override {
    if (refuse_late.count(resource.name) != 0) return Refusal_(type, resource);
    active[{type, resource.name}] = resource;
    log.push_back(absl::StrCat("+", ShortNameOf(type), " ", resource.name.str(), "@", resource.version.str()));
    if (on_change) on_change();
    return absl::OkStatus();
  }
  void Remove(ResourceType type, const std::string& name) override {
    active.erase({type, name});
    log.push_back(absl::StrCat("-", ShortNameOf(type), " ", name));
    if (on_change) on_change();
  }
  void RequestPublish() override { ++publishes; }

  bool Has(ResourceType type, const std::string& name) const { return active.count({type, name}) != 0; }
  std::string VersionOf(ResourceType type, const std::string& name) const {
    auto at = active.find({type, name});
    return at == active.end() ? "" : at->second.version;
  }
  size_t IndexOf(const std::string& line) const {
    for (size_t i = 0; i < log.size(); ++i) {
      if (log[i] == line) return i;
    }
    return log.size();
  }

  std::set<std::string> refuse, refuse_late;
  std::map<ResourceKey, Resource> active;
  std::vector<std::string> log;
  int checks = 0, publishes = 0;
  std::function<void()> on_change;

 private:
  static absl::Status Refusal_(ResourceType type, const Resource& resource) {
    return absl::InvalidArgumentError(absl::StrCat(WordOf(type), " \"", resource.name.str(), "\" (version ",
                                                   resource.version.str(), "): some.field: not liked"));
  }
  static void Want(ResourceType type, const std::string& name, const envoy::config::core::v3::ConfigSource& source,
                   Needs* needs) {
    needs->subscriptions.push_back(
        {type, /*waits=*/true, name, std::make_shared<envoy::config::core::v3::ConfigSource>(source)});
  }
  static void NameClusters(const RouteProto& routes, Needs* needs) {
    for (const auto& host : routes.virtual_hosts()) {
      for (const auto& route : host.routes()) needs->clusters.push_back(route.route().cluster());
    }
  }
};

// A client of one scripted control plane, in virtual time.
struct Scene : SourceDirectory {
  explicit Scene(uint64_t seed = 1, DiscoveryStream::Options options = {})
      : world(seed, event::FaultPlan::None()), loop(world.MakeDispatcher()), transport(*loop) {
    options.node.set_id("me");
    graph = std::make_unique<StagingGraph>(*loop, stats, target, *this);
    stream = std::make_unique<DiscoveryStream>(*loop, transport, *graph, stats, options);
  }
  ~Scene() override {
    stream.reset();
    graph.reset();
  }
  absl::StatusOr<Source*> SourceFor(ResourceType, const envoy::config::core::v3::ConfigSource& config) override {
    if (!config.has_ads()) return absl::InvalidArgumentError("not a source of this scene");
    return stream.get();
  }
  void WatchBoth() {
    graph->WatchAll(ResourceType::kCluster, *stream, seconds(15));
    graph->WatchAll(ResourceType::kListener, *stream, seconds(15));
    stream->Start();
    Run();
  }
  void Run(Duration time = milliseconds(1)) { world.RunFor(time); }
  template <class Proto>
  void Say(ResourceType type, const std::string& version, const std::vector<Proto>& resources) {
    transport.Say(Give(type, version, absl::StrCat("n", ++nonces), resources));
    Run();
  }
  void SayDelta(ResourceType type, const std::vector<Wrapped>& resources,
                const std::vector<std::string>& removed = {}) {
    transport.Say(GiveDelta(type, absl::StrCat("n", ++nonces), resources, removed));
    Run();
  }
  DeltaRequest LastDelta(ResourceType type) const {
    const std::vector<DeltaRequest> all = transport.DeltaOf(type);
    return all.empty() ? DeltaRequest() : all.back();
  }
  void SayNothing(ResourceType type, const std::string& version) {
    transport.Say(GiveNothing(type, version, absl::StrCat("n", ++nonces)));
    Run();
  }
  Request Last(ResourceType type) const {
    const std::vector<Request> all = transport.Of(type);
    return all.empty() ? Request() : all.back();
  }

  event::SimulatedWorld world;
  observe::StatsRegistry stats;  // outlives what the loop frees last
  std::unique_ptr<event::Dispatcher> loop;
  observe::StatsScope<observe::ControlPlaneStats> scope = stats.Register<observe::ControlPlaneStats>("control_plane.");
  ScriptedTransport transport;
  RecordingTarget target;
  std::unique_ptr<StagingGraph> graph;
  std::unique_ptr<DiscoveryStream> stream;
  int nonces = 0;
};

inline std::vector<std::string> NamesOf(const Request& request) {
  return {request.resource_names().begin(), request.resource_names().end()};
}

}  // namespace outrigger::xds
