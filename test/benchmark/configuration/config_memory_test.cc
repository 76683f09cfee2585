// What clusters cost that nobody uses, in bytes that the allocator has handed out, and that they come back.
#include <cstdio>

#include "gtest/gtest.h"
#include "test/benchmark/configuration/meshes.h"
#include "test/benchmark/configuration/proxy_under_push.h"

namespace outrigger::bench {
namespace {

using xds::ResourceType;

int64_t SettledHeap(ProxyUnderPush& proxy) {
  proxy.Settle();
  proxy.server().builder().ForgetUnused();  // as the timer of the statistics does, every few seconds
  proxy.server().stats().EndInterval();
  return HeapBytes();
}

struct Idle {
  explicit Idle(uint32_t workers) : proxy(workers) {
    proxy.Push(ResourceType::kCluster, AllClusters(kWarm));
    proxy.Push(ResourceType::kEndpoints, NoEndpoints(kWarm));
    before = SettledHeap(proxy);
    names_before = proxy.server().stats().scope_count();
    proxy.Push(ResourceType::kCluster, AllClusters(kMesh));
    proxy.Push(ResourceType::kEndpoints, NoEndpoints(kMesh));
    full = SettledHeap(proxy);
  }
  double per_cluster() const { return static_cast<double>(full - before) / (kMesh.clusters - kWarm.clusters); }

  static constexpr MeshShape kWarm{4, 1, 1}, kMesh{4000, 10, 1};
  ProxyUnderPush proxy;
  int64_t before = 0, full = 0;
  size_t names_before = 0;
};

#ifdef OUTRIGGER_SANITIZED
#define SKIP_WHERE_MALLINFO_KNOWS_NOTHING() GTEST_SKIP() << "the sanitizers have an allocator of their own"
#else
#define SKIP_WHERE_MALLINFO_KNOWS_NOTHING()
#endif

TEST(ConfigMemoryTest, AnIdleClusterIsSmallWithAnyNumberOfWorkers) {
  SKIP_WHERE_MALLINFO_KNOWS_NOTHING();
  constexpr double kMost = 4200;         // bytes
  constexpr double kMostOfWorker = 256;  // for each further one
  const double one = Idle(1).per_cluster(), three = Idle(3).per_cluster();
  std::printf("%.0f bytes per idle cluster, %.0f for each further worker\n", one, (three - one) / 2);
  EXPECT_LE(one, kMost);
  EXPECT_LE((three - one) / 2, kMostOfWorker);
}

TEST(ConfigMemoryTest, WhatALargeConfigurationTookComesBackWhenItIsRemoved) {
  SKIP_WHERE_MALLINFO_KNOWS_NOTHING();
  Idle mesh(1);
  std::vector<std::string> names;
  for (uint32_t i = Idle::kWarm.clusters; i < Idle::kMesh.clusters; ++i) names.push_back(ClusterName(i));
  mesh.proxy.Remove(ResourceType::kCluster, std::move(names));
  mesh.proxy.Push(ResourceType::kEndpoints, NoEndpoints(Idle::kWarm));
  const int64_t after = SettledHeap(mesh.proxy);
  const double left = static_cast<double>(after - mesh.before) / static_cast<double>(mesh.full - mesh.before);
  std::printf("%.1f %% left\n", left * 100);
  EXPECT_LE(mesh.proxy.server().stats().scope_count(), mesh.names_before + observe::StatsRegistry::kRetiredScopes);
  EXPECT_LE(left, 0.1);
}

}  // namespace
}  // namespace outrigger::bench
