// What configuration costs as the mesh grows: see "Configuration at scale" in docs/performance.md. tools/config-bench
// runs it.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "test/benchmark/configuration/meshes.h"
#include "test/benchmark/configuration/proxy_under_push.h"

namespace outrigger::bench {
namespace {

using xds::ResourceType;

constexpr int kMostWhole = 20;  // rounds of what is resent whole

struct Medians {
  double decode, stage, publish, worker, balance, after_decode, total, longest_main, longest_worker, wall;
};

double MedianOf(const std::vector<PushCost>& costs, const std::function<double(const PushCost&)>& field) {
  std::vector<double> values;
  for (const PushCost& cost : costs) values.push_back(field(cost) * 1e6);
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

Medians MediansOf(const std::vector<PushCost>& costs) {
  const auto of = [&](auto field) { return MedianOf(costs, field); };
  return {
      of([](const PushCost& c) { return c.decode; }),         of([](const PushCost& c) { return c.stage; }),
      of([](const PushCost& c) { return c.publish; }),        of([](const PushCost& c) { return c.worker; }),
      of([](const PushCost& c) { return c.balance; }),        of([](const PushCost& c) { return c.after_decode(); }),
      of([](const PushCost& c) { return c.total(); }),        of([](const PushCost& c) { return c.longest_main; }),
      of([](const PushCost& c) { return c.longest_worker; }), of([](const PushCost& c) { return c.wall; })};
}

void Row(absl::string_view what, const Medians& m) {
  absl::PrintF("| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", what, m.decode, m.stage,
               m.publish, m.worker, m.balance, m.total, m.wall, m.longest_main, m.longest_worker);
  std::fflush(stdout);
}

void RowOfAll(absl::string_view what, const PushCost& cost) {
  absl::PrintF("| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", what, cost.total() * 1e3, cost.wall * 1e3,
               cost.decode * 1e3, cost.stage * 1e3, cost.longest_main * 1e3, cost.longest_worker * 1e3);
  std::fflush(stdout);
}

int64_t SettledHeap(ProxyUnderPush& proxy) {
  proxy.Settle();
  return HeapBytes();
}

struct ChangeCosts {
  Medians endpoint, cluster, route;
};

// Everything of a mesh, then single changes while every cluster is in use on the worker; `alone`: of endpoints only.
ChangeCosts MeasureMesh(const MeshShape& shape, int rounds, bool print, bool alone = false) {
  const std::string name = absl::StrCat(shape.clusters, " clusters, ", shape.clusters * shape.endpoints_each,
                                        " endpoints, ", shape.routes, " routes");
  ProxyUnderPush proxy(1);
  const auto all = [&](absl::string_view what, ResourceType type, const std::string& bytes) {
    const PushCost cost = proxy.Push(type, bytes);
    if (print) RowOfAll(absl::StrCat(name, ": ", what), cost);
  };
  all("clusters", ResourceType::kCluster, AllClusters(shape));
  all("endpoints", ResourceType::kEndpoints, AllEndpoints(shape));
  all("listener", ResourceType::kListener, TheListener());
  all("routes", ResourceType::kRoutes, TheRoutes(shape, 0));
  all("clusters again, unchanged", ResourceType::kCluster, AllClusters(shape));
  proxy.UseAll(shape.clusters);
  std::vector<PushCost> endpoints, clusters;
  for (int i = 1; i <= rounds; ++i) {
    const uint32_t at = static_cast<uint32_t>(i) * 7919 % shape.clusters;
    endpoints.push_back(
        proxy.PushDelta(ResourceType::kEndpoints, DeltaEndpointsOf(at, shape.endpoints_each, i), ClusterName(at)));
  }
  if (alone) return {MediansOf(endpoints), {}, {}};
  for (int i = 1; i <= rounds; ++i) {
    const uint32_t at = static_cast<uint32_t>(i) * 7919 % shape.clusters;
    // With its endpoints resent, as the next message would: then the change is in use at once.
    PushCost cost = proxy.Push(ResourceType::kCluster, OneCluster(at, i));
    const PushCost more =
        proxy.Push(ResourceType::kEndpoints, EndpointsOf(at, shape.endpoints_each, 100000 + i), ClusterName(at));
    cost.decode += more.decode;
    cost.stage += more.stage;
    cost.publish += more.publish;
    cost.worker += more.worker;
    cost.balance += more.balance;
    cost.wall += more.wall;
    cost.longest_main = std::max(cost.longest_main, more.longest_main);
    cost.longest_worker = std::max(cost.longest_worker, more.longest_worker);
    clusters.push_back(cost);
  }
  std::vector<PushCost> routes;
  for (int i = 1; i <= std::min(rounds, kMostWhole); ++i)
    routes.push_back(proxy.Push(ResourceType::kRoutes, TheRoutes(shape, i)));
  if (print) {
    std::vector<double> collect;
    for (int i = 0; i < 5; ++i) collect.push_back(proxy.LongestCollecting());
    std::nth_element(collect.begin(), collect.begin() + 2, collect.end());
    absl::PrintF("| %s: collected for the last-good store, the longest part | %.1f | | | | | |\n", name,
                 collect[2] * 1e3);
  }
  return {MediansOf(endpoints), MediansOf(clusters), MediansOf(routes)};
}

Medians MeasureOneCluster(uint32_t endpoints, int rounds, bool cold = false) {
  const MeshShape shape{1, endpoints, 1};
  ProxyUnderPush proxy(1);
  if (cold) proxy.ColdCaches();
  proxy.Push(ResourceType::kCluster, AllClusters(shape));
  proxy.Push(ResourceType::kEndpoints, AllEndpoints(shape), ClusterName(0));
  std::vector<PushCost> costs;
  for (int i = 1; i <= rounds; ++i) {
    costs.push_back(proxy.Push(ResourceType::kEndpoints, EndpointsOf(0, endpoints, i), ClusterName(0)));
  }
  return MediansOf(costs);
}

// One kind of change alone, as profilers want it: `mesh` of so many clusters, or one `cluster` (`cold`: with
// emptied caches) of so many endpoints.
int MeasureAlone(absl::string_view what, uint32_t size, int rounds) {
  if (what == "mesh") {
    Row("one endpoint", MeasureMesh({size, 10, 2 * size}, rounds, false, /*alone=*/true).endpoint);
  } else {
    Row("one endpoint", MeasureOneCluster(size, rounds, what == "cold"));
  }
  return 0;
}

struct Memory {
  double per_cluster, per_endpoint, left, resident_growth;
};

Memory MeasureMemory(const MeshShape& shape, uint32_t workers) {
  ProxyUnderPush proxy(workers);
  const MeshShape warm{4, 1, 1};  // what exists once, whatever the mesh
  proxy.Push(ResourceType::kCluster, AllClusters(warm));
  proxy.Push(ResourceType::kEndpoints, NoEndpoints(warm));
  proxy.Linger(6);
  const int64_t before = SettledHeap(proxy);
  const int64_t resident = ResidentBytes();
  proxy.Push(ResourceType::kCluster, AllClusters(shape));
  proxy.Push(ResourceType::kEndpoints, NoEndpoints(shape));
  proxy.Linger(6);
  const int64_t idle = SettledHeap(proxy);
  proxy.Push(ResourceType::kEndpoints, AllEndpoints(shape));
  const int64_t full = SettledHeap(proxy);
  std::vector<std::string> names;
  for (uint32_t i = warm.clusters; i < shape.clusters; ++i) names.push_back(ClusterName(i));
  proxy.Remove(ResourceType::kCluster, std::move(names));
  proxy.Push(ResourceType::kEndpoints, NoEndpoints(warm));
  proxy.Linger(6);  // what goes with the timer of the statistics
  const int64_t after = SettledHeap(proxy);
  const double clusters = shape.clusters - warm.clusters;
  return {static_cast<double>(idle - before) / clusters,
          static_cast<double>(full - idle) / (clusters * shape.endpoints_each),
          static_cast<double>(after - before) / static_cast<double>(full - before),
          static_cast<double>(ResidentBytes()) / static_cast<double>(resident) - 1};
}

int PrintMemory() {
  const MeshShape shape{10000, 10, 1};
  const Memory one = MeasureMemory(shape, 1);
  const Memory three = MeasureMemory(shape, 3);
  absl::PrintF("\nMemory (bytes handed out by malloc):\n\n| what | bytes | goal |\n| --- | --- | --- |\n");
  absl::PrintF("| idle cluster, one worker | %.0f | 2048 |\n", one.per_cluster);
  absl::PrintF("| idle cluster, each further worker | %.0f | 256 |\n", (three.per_cluster - one.per_cluster) / 2);
  absl::PrintF("| endpoint | %.0f | 160 |\n", one.per_endpoint);
  absl::PrintF("| left after removing all, share | %.3f | 0 |\n", one.left);
  absl::PrintF("| resident memory then, more than before | %.0f %% | 10 %% |\n", one.resident_growth * 100);
  return 0;
}

int Main(int argc, char** argv) {
  int rounds = 200;
  bool quick = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--memory") return PrintMemory();
    if (argument == "--alone" && i + 3 < argc) {  // mesh|cluster|cold SIZE ROUNDS
      uint32_t size = 0;
      if (!absl::SimpleAtoi(argv[i + 2], &size) || !absl::SimpleAtoi(argv[i + 3], &rounds) || rounds <= 0) return 2;
      return MeasureAlone(argv[i + 1], size, rounds);
    }
    if (argument == "--quick") {
      quick = true;
      rounds = 30;
    }
  }
  absl::PrintF(
      "Applying all, CPU ms:\n\n| what | total | wall | decode | stage | longest main, /ready | longest worker |\n");
  absl::PrintF("| --- | --- | --- | --- | --- | --- | --- |\n");
  const ChangeCosts small = MeasureMesh({100, 10, 200}, rounds, true);
  const ChangeCosts middle = MeasureMesh({1000, 10, 2000}, rounds, true);
  const ChangeCosts large = MeasureMesh({10000, 10, 20000}, rounds, true);
  absl::PrintF("\nOne change, every cluster in use on the worker, CPU us, medians of %d:\n\n", rounds);
  const char* kHead =
      "| what | decode | stage | publish | worker | first pick | total | wall | longest main, /ready | longest worker "
      "|\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  absl::PrintF("%s", kHead);
  Row("one endpoint, 100 clusters, 1k endpoints", small.endpoint);
  Row("one endpoint, 1k clusters, 10k endpoints", middle.endpoint);
  Row("one endpoint, 10k clusters, 100k endpoints", large.endpoint);
  Row("one cluster, 100 clusters", small.cluster);
  Row("one cluster, 1k clusters", middle.cluster);
  Row("one cluster, 10k clusters", large.cluster);
  Row("one route of 200, all resent", small.route);
  Row("one route of 2k, all resent", middle.route);
  Row("one route of 20k, all resent", large.route);
  absl::PrintF("\nRatio of one endpoint's change, 10k clusters to 100: %.2f (goal 1.50); of one cluster's: %.2f\n",
               large.endpoint.total / small.endpoint.total, large.cluster.total / small.cluster.total);
  absl::PrintF("\nOne endpoint inside one cluster, the whole cluster resent, CPU us:\n\n%s", kHead);
  const Medians thousand = MeasureOneCluster(1000, quick ? 20 : 100);
  Row("1k endpoints", thousand);
  Row("10k endpoints", MeasureOneCluster(10000, quick ? 10 : 30));
  const Medians most = MeasureOneCluster(100000, quick ? 5 : 15);
  Row("100k endpoints", most);
  const Medians cold_thousand = MeasureOneCluster(1000, quick ? 20 : 100, true);
  Row("1k endpoints, caches emptied after decoding", cold_thousand);
  const Medians cold_most = MeasureOneCluster(100000, quick ? 5 : 15, true);
  Row("100k endpoints, caches emptied after decoding", cold_most);
  absl::PrintF(
      "\nRatio of what comes after decoding, 100k endpoints to 1k: %.1f; with caches as cold for both: %.1f (goal "
      "1.5)\n",
      most.after_decode / thousand.after_decode, cold_most.after_decode / cold_thousand.after_decode);
  return PrintMemory();
}

}  // namespace
}  // namespace outrigger::bench

int main(int argc, char** argv) { return outrigger::bench::Main(argc, argv); }
