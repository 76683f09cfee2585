#include "source/config/overload.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/overload/v3/overload.pb.h"
#include "envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory.pb.h"
#include "envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.pb.h"
#include "envoy/extensions/resource_monitors/injected_resource/v3/injected_resource.pb.h"
#include "outrigger/resource_monitors/v1/open_files.pb.h"
#include "source/extension/fault.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace {

namespace v3 = envoy::config::overload::v3;
namespace monitors = envoy::extensions::resource_monitors;
using extension::Fault;
using extension::Item;
using overload::ActionKind;
using overload::OverloadSpec;
using overload::Point;
using overload::TimerKind;
using overload::Triggers;
using Scaled = v3::ScaleTimersOverloadActionConfig;

struct KnownAction {
  absl::string_view name;
  ActionKind kind;
  Point point;
};
constexpr KnownAction kActions[] = {
    {"envoy.overload_actions.stop_accepting_requests", ActionKind::kPoint, Point::kRejectRequest},
    {"envoy.overload_actions.disable_http_keepalive", ActionKind::kPoint, Point::kDisableKeepalive},
    {"envoy.overload_actions.reject_incoming_connections", ActionKind::kPoint, Point::kRejectConnection},
    {"envoy.overload_actions.stop_accepting_connections", ActionKind::kStopAccepting, Point{}},
    {"envoy.overload_actions.reduce_timeouts", ActionKind::kReduceTimeouts, Point{}},
    {"envoy.overload_actions.reset_high_memory_stream", ActionKind::kResetStreams, Point{}},
    {"envoy.overload_actions.shrink_heap", ActionKind::kShrinkHeap, Point{}},
};
struct KnownPoint {
  absl::string_view name;
  Point point;
};
constexpr KnownPoint kShedPoints[] = {
    {"envoy.load_shed_points.tcp_listener_accept", Point::kShedAccept},
    {"envoy.load_shed_points.hcm_ondata_creating_codec", Point::kShedCodec},
    {"envoy.load_shed_points.http1_server_abort_dispatch", Point::kShedHttp1},
    {"envoy.load_shed_points.http2_server_go_away_on_dispatch", Point::kShedHttp2},
    {"envoy.load_shed_points.http2_server_go_away_and_close_on_dispatch", Point::kShedHttp2Close},
    {"envoy.load_shed_points.http_connection_manager_decode_headers", Point::kShedHeaders},
    {"envoy.load_shed_points.connection_pool_new_connection", Point::kShedPool},
};

// Into `into`, if the Any has a message of that type.
template <class Message>
absl::StatusOr<bool> Unpack(const google::protobuf::Any& any, Message& into) {
  if (schema::TypeOf(any.type_url()) != Message::descriptor()) return false;
  if (absl::Status unpacked = schema::UnpackInto(any, into); !unpacked.ok()) return unpacked;
  return true;
}

template <class Message, class Convert>
absl::Status Try(const google::protobuf::Any& any, bool* found, Convert convert) {
  if (*found) return absl::OkStatus();
  Message message;
  const absl::StatusOr<bool> is = Unpack(any, message);
  if (!is.ok()) return is.status();
  *found = *is;
  if (*is) convert(message);
  return absl::OkStatus();
}

absl::Status AddMonitor(const v3::ResourceMonitor& proto, OverloadSpec* out) {
  overload::MonitorSpec made{.name = proto.name(), .of = overload::FixedHeap{}};
  const google::protobuf::Any& any = proto.typed_config();
  bool found = false;
  OUTRIGGER_TRY("typed_config", Try<monitors::fixed_heap::v3::FixedHeapConfig>(any, &found, [&](const auto& config) {
                  made.of = overload::FixedHeap{config.max_heap_size_bytes()};
                }));
  OUTRIGGER_TRY("typed_config",
                Try<monitors::cgroup_memory::v3::CgroupMemoryConfig>(any, &found, [&](const auto& config) {
                  made.of = overload::CgroupMemory{config.max_memory_bytes()};
                }));
  using Cpu = monitors::cpu_utilization::v3::CpuUtilizationConfig;
  OUTRIGGER_TRY("typed_config", Try<Cpu>(any, &found, [&](const Cpu& config) {
                  made.of = overload::CpuUse{config.mode() == Cpu::CONTAINER};
                }));
  OUTRIGGER_TRY(
      "typed_config",
      Try<monitors::downstream_connections::v3::DownstreamConnectionsConfig>(any, &found, [&](const auto& config) {
        made.of = overload::Connections{static_cast<uint64_t>(config.max_active_downstream_connections())};
      }));
  OUTRIGGER_TRY("typed_config",
                Try<monitors::injected_resource::v3::InjectedResourceConfig>(
                    any, &found, [&](const auto& config) { made.of = overload::InjectedFile{config.filename()}; }));
  OUTRIGGER_TRY("typed_config", Try<outrigger::resource_monitors::v1::OpenFiles>(any, &found, [&](const auto& config) {
                  made.of = overload::OpenFiles{config.max_open_files()};
                }));
  if (!found) return Fault("typed_config", "is no resource monitor known here");
  for (const overload::MonitorSpec& other : out->monitors) {
    if (other.name == made.name) return Fault("name", "there is another monitor of this name");
    if (std::holds_alternative<overload::Connections>(made.of) &&
        std::holds_alternative<overload::Connections>(other.of)) {
      return Fault("typed_config", "there is another monitor of downstream connections");
    }
  }
  out->monitors.push_back(std::move(made));
  return absl::OkStatus();
}

absl::StatusOr<overload::TriggerSpec> TriggerOf(const v3::Trigger& proto, const OverloadSpec& spec) {
  overload::TriggerSpec made;
  const auto named = std::find_if(spec.monitors.begin(), spec.monitors.end(),
                                  [&](const overload::MonitorSpec& monitor) { return monitor.name == proto.name(); });
  if (named == spec.monitors.end()) return Fault("name", absl::StrCat("there is no monitor \"", proto.name(), "\""));
  made.monitor = static_cast<size_t>(named - spec.monitors.begin());
  if (proto.has_threshold()) {
    made.from = made.to = proto.threshold().value();
    return made;
  }
  made.from = proto.scaled().scaling_threshold();
  made.to = proto.scaled().saturation_threshold();
  if (made.from >= made.to) return Fault("scaled", "scaling_threshold must be less than saturation_threshold");
  return made;
}

template <class List>
absl::StatusOr<Triggers> TriggersOf(const List& protos, const OverloadSpec& spec) {
  std::set<size_t> seen;
  Triggers out;
  for (int i = 0; i < protos.size(); ++i) {
    OUTRIGGER_ASSIGN(out.emplace_back(), Item("triggers", i), TriggerOf(protos[i], spec));
    if (!seen.insert(out.back().monitor).second) {
      return Fault(Item("triggers", i), "there is another trigger of the same monitor");
    }
  }
  return out;
}

TimerKind KindOf(Scaled::TimerType type) {
  switch (type) {
    case Scaled::HTTP_DOWNSTREAM_STREAM_IDLE:
      return TimerKind::kStreamIdle;
    case Scaled::TRANSPORT_SOCKET_CONNECT:
      return TimerKind::kTransportConnect;
    case Scaled::HTTP_DOWNSTREAM_CONNECTION_MAX:
      return TimerKind::kConnectionMax;
    default:
      return TimerKind::kConnectionIdle;
  }
}

absl::Status AddTimers(const Scaled& proto, OverloadSpec* out) {
  for (int i = 0; i < proto.timer_scale_factors_size(); ++i) {
    const Scaled::ScaleTimer& scale = proto.timer_scale_factors(i);
    const std::string path = Item("timer_scale_factors", i);
    overload::TimerSpec made{.kind = KindOf(scale.timer())};
    for (const overload::TimerSpec& other : out->timers) {
      if (other.kind == made.kind) return Fault(path, "there is another one of the same timer");
    }
    if (scale.has_min_timeout()) {
      made.shortest = extension::DurationOf(scale.min_timeout());
      if (made.shortest < Duration::zero()) return Fault(path + ".min_timeout", "is negative");
    } else {
      made.share = scale.min_scale().value() / 100.0;
      if (made.share > 1) return Fault(path + ".min_scale", "is more than 100 percent");
    }
    OUTRIGGER_ASSIGN(made.triggers, path, TriggersOf(scale.triggers(), *out));
    out->timers.push_back(std::move(made));
  }
  return absl::OkStatus();
}

absl::Status Configure(const v3::OverloadAction& proto, ActionKind kind, OverloadSpec* out) {
  const google::protobuf::Any& any = proto.typed_config();
  if (kind == ActionKind::kReduceTimeouts) {
    Scaled config;
    const absl::StatusOr<bool> is = Unpack(any, config);
    if (!is.ok()) return is.status();
    return *is ? AddTimers(config, out) : extension::Invalid("must be a ScaleTimersOverloadActionConfig");
  }
  if (!proto.has_typed_config()) return absl::OkStatus();
  if (kind != ActionKind::kShrinkHeap) return extension::Invalid("this action has no configuration");
  v3::ShrinkHeapConfig config;
  const absl::StatusOr<bool> is = Unpack(any, config);
  if (!is.ok()) return is.status();
  if (!*is) return extension::Invalid("must be a ShrinkHeapConfig");
  if (config.has_timer_interval()) out->shrink_interval = extension::DurationOf(config.timer_interval());
  if (config.has_max_unfreed_memory_bytes()) out->shrink_keep_bytes = config.max_unfreed_memory_bytes().value();
  return absl::OkStatus();
}

absl::Status AddAction(const v3::OverloadAction& proto, OverloadSpec* out) {
  const auto* known = std::find_if(std::begin(kActions), std::end(kActions),
                                   [&](const KnownAction& action) { return action.name == proto.name(); });
  if (known == std::end(kActions)) {
    return Fault("name", absl::StrCat("\"", proto.name(), "\" is no overload action known here"));
  }
  for (const overload::ActionSpec& other : out->actions) {
    if (other.name == proto.name()) return Fault("name", "there is another action of this name");
  }
  overload::ActionSpec made{.name = proto.name(), .kind = known->kind, .point = known->point, .triggers = {}};
  OUTRIGGER_ASSIGN(made.triggers, "", TriggersOf(proto.triggers(), *out));
  OUTRIGGER_TRY("typed_config", Configure(proto, known->kind, out));
  if (made.kind == ActionKind::kResetStreams && out->smallest_power == 0) {
    return Fault("name", "needs buffer_factory_config.minimum_account_to_track_power_of_two");
  }
  out->actions.push_back(std::move(made));
  return absl::OkStatus();
}

absl::Status AddPoint(const v3::LoadShedPoint& proto, OverloadSpec* out) {
  const auto* known = std::find_if(std::begin(kShedPoints), std::end(kShedPoints),
                                   [&](const KnownPoint& point) { return point.name == proto.name(); });
  if (known == std::end(kShedPoints)) {
    return Fault("name", absl::StrCat("\"", proto.name(), "\" is no load shed point known here"));
  }
  for (const overload::ShedSpec& other : out->points) {
    if (other.name == proto.name()) return Fault("name", "there is another load shed point of this name");
  }
  overload::ShedSpec made{.name = proto.name(), .point = known->point, .triggers = {}};
  OUTRIGGER_ASSIGN(made.triggers, "", TriggersOf(proto.triggers(), *out));
  out->points.push_back(std::move(made));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OverloadSpec> OverloadOf(const envoy::config::bootstrap::v3::Bootstrap& bootstrap) {
  OverloadSpec out;
  const v3::OverloadManager& proto = bootstrap.overload_manager();
  if (proto.has_refresh_interval()) out.interval = extension::DurationOf(proto.refresh_interval());
  if (out.interval < milliseconds(1)) return Fault("overload_manager.refresh_interval", "is less than a millisecond");
  if (proto.has_buffer_factory_config()) {
    out.smallest_power = proto.buffer_factory_config().minimum_account_to_track_power_of_two();
  }
  for (int i = 0; i < proto.resource_monitors_size(); ++i) {
    OUTRIGGER_TRY(Item("overload_manager.resource_monitors", i), AddMonitor(proto.resource_monitors(i), &out));
  }
  for (int i = 0; i < proto.actions_size(); ++i) {
    OUTRIGGER_TRY(Item("overload_manager.actions", i), AddAction(proto.actions(i), &out));
  }
  for (int i = 0; i < proto.loadshed_points_size(); ++i) {
    OUTRIGGER_TRY(Item("overload_manager.loadshed_points", i), AddPoint(proto.loadshed_points(i), &out));
  }
  return out;
}

}  // namespace outrigger::config
