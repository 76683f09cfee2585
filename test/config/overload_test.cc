#include "source/config/overload.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/schema/reader.h"

namespace outrigger::config {
namespace {

using overload::ActionKind;
using overload::OverloadSpec;
using overload::Point;
using overload::TimerKind;
using testing::HasSubstr;

constexpr char kMonitors[] = R"(
  resource_monitors:
  - {name: heap, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1000}}
  - {name: group, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig, max_memory_bytes: 2000}}
  - {name: cpu, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig, mode: CONTAINER}}
  - {name: peers, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 9}}
  - {name: file, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig, filename: /p}}
  - {name: files, typed_config: {"@type": type.googleapis.com/outrigger.resource_monitors.v1.OpenFiles, max_open_files: 77}}
)";

absl::StatusOr<OverloadSpec> Read(const std::string& yaml) {
  envoy::config::bootstrap::v3::Bootstrap bootstrap;
  const absl::Status read = schema::ReadMessage(absl::StrCat("overload_manager:\n", yaml), bootstrap, {});
  if (!read.ok()) return read;
  return OverloadOf(bootstrap);
}
std::string Error(const std::string& yaml) {
  return std::string(Read(absl::StrCat(kMonitors, yaml)).status().message());
}

TEST(OverloadConfigTest, EveryMonitorIsKnownByItsMessage) {
  const auto spec = Read(absl::StrCat("  refresh_interval: 0.25s\n", kMonitors));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->interval, milliseconds(250));
  ASSERT_EQ(spec->monitors.size(), 6u);
  EXPECT_EQ(std::get<overload::FixedHeap>(spec->monitors[0].of).most_bytes, 1000u);
  EXPECT_EQ(std::get<overload::CgroupMemory>(spec->monitors[1].of).most_bytes, 2000u);
  EXPECT_TRUE(std::get<overload::CpuUse>(spec->monitors[2].of).container);
  EXPECT_EQ(std::get<overload::Connections>(spec->monitors[3].of).most, 9u);
  EXPECT_EQ(std::get<overload::InjectedFile>(spec->monitors[4].of).path, "/p");
  EXPECT_EQ(std::get<overload::OpenFiles>(spec->monitors[5].of).most, 77u);
}

TEST(OverloadConfigTest, NothingConfiguredWatchesNothing) {
  const auto spec = OverloadOf({});
  ASSERT_TRUE(spec.ok());
  EXPECT_FALSE(spec->configured());
  EXPECT_EQ(spec->interval, seconds(1));
}

TEST(OverloadConfigTest, ActionsAndPointsHaveEnvoysNames) {
  const auto spec = Read(absl::StrCat(kMonitors, R"(
  buffer_factory_config: {minimum_account_to_track_power_of_two: 20}
  actions:
  - name: envoy.overload_actions.stop_accepting_requests
    triggers: [{name: heap, scaled: {scaling_threshold: 0.8, saturation_threshold: 0.9}}, {name: cpu, threshold: {value: 0.5}}]
  - name: envoy.overload_actions.reduce_timeouts
    triggers: [{name: heap, threshold: {value: 0.7}}]
    typed_config:
      "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig
      timer_scale_factors:
      - {timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 2s}
      - {timer: TRANSPORT_SOCKET_CONNECT, min_scale: {value: 40}, triggers: [{name: files, threshold: {value: 0.6}}]}
  - {name: envoy.overload_actions.reset_high_memory_stream, triggers: [{name: heap, threshold: {value: 0.7}}]}
  - name: envoy.overload_actions.shrink_heap
    triggers: [{name: heap, threshold: {value: 0.7}}]
    typed_config: {"@type": type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig, timer_interval: 3s, max_unfreed_memory_bytes: 5}
  loadshed_points:
  - {name: envoy.load_shed_points.tcp_listener_accept, triggers: [{name: peers, threshold: {value: 1}}]}
)"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_EQ(spec->actions.size(), 4u);
  EXPECT_EQ(spec->actions[0].point, Point::kRejectRequest);
  ASSERT_EQ(spec->actions[0].triggers.size(), 2u);
  EXPECT_NEAR(spec->actions[0].triggers[0].Share(0.85), 0.5, 1e-9);
  EXPECT_EQ(spec->actions[0].triggers[1].monitor, 2u);
  EXPECT_EQ(spec->actions[0].triggers[1].Share(0.5), 1);
  EXPECT_EQ(spec->actions[0].triggers[1].Share(0.49), 0);
  ASSERT_EQ(spec->timers.size(), 2u);
  EXPECT_EQ(spec->timers[0].shortest, seconds(2));
  EXPECT_EQ(spec->timers[1].kind, TimerKind::kTransportConnect);
  EXPECT_DOUBLE_EQ(spec->timers[1].share, 0.4);
  EXPECT_EQ(spec->timers[1].triggers.size(), 1u);
  EXPECT_EQ(spec->actions[2].kind, ActionKind::kResetStreams);
  EXPECT_EQ(spec->smallest_power, 20u);
  EXPECT_EQ(spec->shrink_interval, seconds(3));
  EXPECT_EQ(spec->shrink_keep_bytes, 5u);
  ASSERT_EQ(spec->points.size(), 1u);
  EXPECT_EQ(spec->points[0].point, Point::kShedAccept);
}

TEST(OverloadConfigTest, WhatIsUnknownOrSaidTwiceIsRefusedByName) {
  const auto action = [](const std::string& name, const std::string& rest) {
    return absl::StrCat("  actions:\n  - {name: ", name, ", triggers: [", rest, "]}\n");
  };
  const std::string requests = "envoy.overload_actions.stop_accepting_requests";
  EXPECT_THAT(Error(action("own.action", "{name: heap, threshold: {value: 1}}")),
              HasSubstr("overload_manager.actions[0].name: \"own.action\" is no overload action"));
  EXPECT_THAT(Error(action(requests, "{name: other, threshold: {value: 1}}")),
              HasSubstr("triggers[0].name: there is no monitor \"other\""));
  EXPECT_THAT(Error(action(requests, "{name: heap, threshold: {value: 1}}, {name: heap, threshold: {value: 0}}")),
              HasSubstr("triggers[1]: there is another trigger of the same monitor"));
  EXPECT_THAT(Error(action(requests, "{name: heap, scaled: {scaling_threshold: 0.9, saturation_threshold: 0.9}}")),
              HasSubstr("scaling_threshold must be less"));
  EXPECT_THAT(Error(action("envoy.overload_actions.reduce_timeouts", "{name: heap, threshold: {value: 1}}")),
              HasSubstr("must be a ScaleTimersOverloadActionConfig"));
  EXPECT_THAT(Error(action("envoy.overload_actions.reset_high_memory_stream", "{name: heap, threshold: {value: 1}}")),
              HasSubstr("minimum_account_to_track_power_of_two"));
  EXPECT_THAT(Error("  loadshed_points: [{name: own.point, triggers: [{name: heap, threshold: {value: 1}}]}]\n"),
              HasSubstr("\"own.point\" is no load shed point"));
  EXPECT_THAT(std::string(Read("  resource_monitors: [{name: a}]\n").status().message()),
              HasSubstr("resource_monitors[0].typed_config: is no resource monitor"));
  EXPECT_THAT(std::string(Read("  refresh_interval: 0s\n").status().message()), HasSubstr("refresh_interval"));
}

}  // namespace
}  // namespace outrigger::config
