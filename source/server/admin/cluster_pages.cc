// /clusters
#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "envoy/admin/v3/clusters.pb.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/addresses.h"
#include "source/server/admin/all_pages.h"
#include "source/server/server.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;
using envoy::config::core::v3::HealthStatus;

std::vector<const model::Cluster*> SortedClusters(const model::Snapshot& snapshot) {
  std::vector<const model::Cluster*> clusters;
  for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
    if (snapshot.clusters.Get(i) != nullptr) clusters.push_back(snapshot.clusters.Get(i));
  }
  std::sort(clusters.begin(), clusters.end(),
            [](const auto* a, const auto* b) { return a->config->name < b->config->name; });
  return clusters;
}

std::set<std::string> AddedViaApi(Server& server) {
  std::set<std::string> names;
  server.builder().ForEach(config::ResourceKind::kCluster, [&names](const config::ResourceView& view) {
    if (view.given != nullptr && !view.given->is_static) names.emplace(view.name);
  });
  return names;
}

// As published: the reasons, or "healthy".
std::string HealthText(uint32_t flags) {
  std::string text;
  const auto flag = [&](uint32_t bit, absl::string_view name) {
    if ((flags & bit) != 0) absl::StrAppend(&text, "/", name);
  };
  flag(model::kActiveUnhealthy, "failed_active_hc");
  flag(model::kEjected, "failed_outlier_check");
  flag(model::kEdsUnhealthy, "failed_eds_health");
  flag(model::kEdsDegraded, "degraded_eds_health");
  flag(model::kEdsDraining, "eds_status_draining");
  flag(model::kPendingRemoval, "pending_dynamic_removal");
  return text.empty() ? "healthy" : text;
}

HealthStatus EdsHealth(uint32_t flags) {
  if ((flags & model::kEdsUnhealthy) != 0) return envoy::config::core::v3::UNHEALTHY;
  if ((flags & model::kEdsDraining) != 0) return envoy::config::core::v3::DRAINING;
  if ((flags & model::kEdsDegraded) != 0) return envoy::config::core::v3::DEGRADED;
  return envoy::config::core::v3::HEALTHY;
}

void BreakerText(absl::string_view cluster, absl::string_view priority, const model::BreakerSettings& breaker,
                 std::string* out) {
  const auto line = [&](absl::string_view name, uint64_t value) {
    absl::StrAppend(out, cluster, "::", priority, "::", name, "::", value, "\n");
  };
  line("max_connections", breaker.connections);
  line("max_pending_requests", breaker.pending);
  line("max_requests", breaker.requests);
  line("max_retries", breaker.retries);
}

const std::string& ObservabilityName(const model::ClusterConfig& config) {
  return config.alt_stat_name.empty() ? config.name : config.alt_stat_name;
}

// What all workers together did with an endpoint.
struct EndpointUse {
  uint64_t cx_total = 0, cx_connect_fail = 0, rq_total = 0, rq_success = 0, rq_error = 0, rq_timeout = 0;
  int64_t cx_active = 0, rq_active = 0;
};
EndpointUse UseOf(const model::EndpointRecord& record) {
  EndpointUse sum;
  for (const model::EndpointCells* cells = record.cells(); cells != nullptr; cells = cells->next) {
    sum.cx_total += cells->cx_total.value();
    sum.cx_connect_fail += cells->cx_connect_fail.value();
    sum.rq_total += cells->rq_total.value();
    sum.rq_success += cells->rq_success.value();
    sum.rq_error += cells->rq_error.value();
    sum.rq_timeout += cells->rq_timeout.value();
    sum.cx_active += cells->cx_active.value();
    sum.rq_active += cells->rq_active.value();
  }
  return sum;
}

// As both forms name them.
struct Figure {
  const char* name;
  uint64_t value;
  bool gauge;
};
std::array<Figure, 8> FiguresOf(const EndpointUse& use) {
  const auto now = [](int64_t n) { return static_cast<uint64_t>(std::max<int64_t>(0, n)); };
  return {{{"cx_active", now(use.cx_active), true},
           {"cx_connect_fail", use.cx_connect_fail, false},
           {"cx_total", use.cx_total, false},
           {"rq_active", now(use.rq_active), true},
           {"rq_error", use.rq_error, false},
           {"rq_success", use.rq_success, false},
           {"rq_timeout", use.rq_timeout, false},
           {"rq_total", use.rq_total, false}}};
}

bool IsCanary(const model::Endpoint& endpoint) {
  if (endpoint.metadata == nullptr) return false;
  const auto lb = endpoint.metadata->find("envoy.lb");
  const Value* canary = lb == endpoint.metadata->end() ? nullptr : lb->second.Find("canary");
  return canary != nullptr && canary->as_bool() != nullptr && *canary->as_bool();
}

const model::Locality& LocalityOf(const model::LocalityEndpoints& endpoints) {
  static const auto* const none = new model::Locality();
  return endpoints.locality == nullptr ? *none : *endpoints.locality;
}

void EndpointText(absl::string_view cluster, const model::Locality& locality, size_t priority,
                  const model::Endpoint& endpoint, std::string* out) {
  const model::EndpointRecord& record = *endpoint.record;
  const std::string start = absl::StrCat(cluster, "::", record.CopyAddress().ToString(), "::");
  const auto line = [&](absl::string_view name, const auto& value) {
    absl::StrAppend(out, start, name, "::", value, "\n");
  };
  for (const Figure& figure : FiguresOf(UseOf(record))) line(figure.name, figure.value);
  line("hostname", record.hostname());
  line("health_flags", HealthText(record.flags.load(std::memory_order_relaxed)));
  line("weight", endpoint.weight);
  line("region", locality.region);
  line("zone", locality.zone);
  line("sub_zone", locality.sub_zone);
  line("canary", IsCanary(endpoint) ? "true" : "false");
  line("priority", priority);
  line("success_rate", "-1");
  line("local_origin_success_rate", "-1");
}

AdminResponse Text(Server& server) {
  std::string text;
  const std::set<std::string> dynamic = AddedViaApi(server);
  for (const model::Cluster* cluster : SortedClusters(server.context().snapshot())) {
    const model::ClusterConfig& config = *cluster->config;
    const std::string& name = config.name;
    absl::StrAppend(&text, name, "::observability_name::", ObservabilityName(config), "\n");
    for (size_t i = 0; config.circuit_breakers != nullptr && i < 2; ++i) {
      BreakerText(name, i == 0 ? "default_priority" : "high_priority", config.circuit_breakers->settings(i), &text);
    }
    absl::StrAppend(&text, name, "::added_via_api::", dynamic.contains(config.name) ? "true" : "false", "\n");
    if (config.type == model::ClusterType::kEds)
      absl::StrAppend(&text, name, "::eds_service_name::", config.eds_name().str(), "\n");
    for (size_t p = 0; p < cluster->endpoints->priorities.size(); ++p) {
      cluster->endpoints->priorities[p].ForEach(
          [&](const model::LocalityEndpoints& locality, const model::Endpoint& endpoint) {
            EndpointText(name, LocalityOf(locality), p, endpoint, &text);
          });
    }
  }
  return AdminResponse::Text(std::move(text));
}

void FillEndpoint(const model::Locality& locality, size_t priority, const model::Endpoint& endpoint,
                  admin::HostStatus& out) {
  const model::EndpointRecord& record = *endpoint.record;
  FillAddress(record.CopyAddress(), *out.mutable_address());
  out.set_hostname(std::string(record.hostname()));
  const auto figures = FiguresOf(UseOf(record));
  for (const bool gauge : {false, true}) {  // counters first, as published
    for (const Figure& figure : figures) {
      if (figure.gauge != gauge) continue;
      admin::SimpleMetric& one = *out.add_stats();
      one.set_name(figure.name);
      one.set_value(figure.value);
      one.set_type(gauge ? admin::SimpleMetric::GAUGE : admin::SimpleMetric::COUNTER);
    }
  }
  const uint32_t flags = record.flags.load(std::memory_order_relaxed);
  admin::HostHealthStatus& health = *out.mutable_health_status();
  health.set_eds_health_status(EdsHealth(flags));
  health.set_failed_active_health_check((flags & model::kActiveUnhealthy) != 0);
  health.set_failed_outlier_check((flags & model::kEjected) != 0);
  health.set_pending_dynamic_removal((flags & model::kPendingRemoval) != 0);
  out.set_weight(endpoint.weight);
  out.set_priority(static_cast<uint32_t>(priority));
  out.mutable_locality()->set_region(locality.region);
  out.mutable_locality()->set_zone(locality.zone);
  out.mutable_locality()->set_sub_zone(locality.sub_zone);
}

void FillBreaker(const model::BreakerSettings& breaker, envoy::config::core::v3::RoutingPriority priority,
                 envoy::config::cluster::v3::CircuitBreakers& out) {
  auto& thresholds = *out.add_thresholds();
  thresholds.set_priority(priority);
  thresholds.mutable_max_connections()->set_value(breaker.connections);
  thresholds.mutable_max_pending_requests()->set_value(breaker.pending);
  thresholds.mutable_max_requests()->set_value(breaker.requests);
  thresholds.mutable_max_retries()->set_value(breaker.retries);
}

AdminResponse Json(Server& server) {
  admin::Clusters all;
  const std::set<std::string> dynamic = AddedViaApi(server);
  for (const model::Cluster* cluster : SortedClusters(server.context().snapshot())) {
    const model::ClusterConfig& config = *cluster->config;
    admin::ClusterStatus& status = *all.add_cluster_statuses();
    status.set_name(config.name.str());
    status.set_observability_name(ObservabilityName(config));
    status.set_added_via_api(dynamic.contains(config.name));
    if (config.type == model::ClusterType::kEds) status.set_eds_service_name(config.eds_name().str());
    for (size_t i = 0; config.circuit_breakers != nullptr && i < 2; ++i) {
      FillBreaker(config.circuit_breakers->settings(i),
                  i == 0 ? envoy::config::core::v3::DEFAULT : envoy::config::core::v3::HIGH,
                  *status.mutable_circuit_breakers());
    }
    for (size_t p = 0; p < cluster->endpoints->priorities.size(); ++p) {
      cluster->endpoints->priorities[p].ForEach(
          [&](const model::LocalityEndpoints& locality, const model::Endpoint& endpoint) {
            FillEndpoint(LocalityOf(locality), p, endpoint, *status.add_host_statuses());
          });
    }
  }
  return AdminResponse::Json(schema::ToJson(all));
}

}  // namespace

void AddClusterPages(Server& server, AdminPages& pages) {
  pages.Add("/clusters", "clusters, their limits and endpoints; ?format=json", false,
            [&server](const AdminRequest& request) {
              const absl::string_view format = request.Get("format", "text");
              if (format != "text" && format != "json")
                return AdminResponse::Text("usage: /clusters?format=(text|json)\n", 400);
              return format == "json" ? Json(server) : Text(server);
            });
}

}  // namespace outrigger::server
