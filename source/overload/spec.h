// Thread: any
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "source/base/time.h"
#include "source/overload/state.h"

namespace outrigger::overload {

// The overload manager as the bootstrap wants it, checked: every trigger names a monitor that is there.

struct FixedHeap {
  uint64_t most_bytes = 0;
};
struct CgroupMemory {
  uint64_t most_bytes = 0;  // 0: what the group may have
};
struct CpuUse {
  bool container = false;  // of the group and its quota; otherwise of the whole machine
};
struct Connections {
  uint64_t most = 0;
};
struct OpenFiles {
  uint64_t most = 0;  // 0: RLIMIT_NOFILE
};
struct InjectedFile {
  std::string path;  // holds the pressure as text
};
struct MonitorSpec {
  std::string name;
  std::variant<FixedHeap, CgroupMemory, CpuUse, Connections, OpenFiles, InjectedFile> of;
};

// 0 at `from` or below, 1 at `to` or above, linear between. A threshold: from == to, 1 as soon as it is reached.
struct TriggerSpec {
  size_t monitor = 0;  // index in OverloadSpec::monitors
  double from = 1, to = 1;
  double Share(double pressure) const {
    if (pressure >= to) return 1;
    return pressure <= from ? 0 : (pressure - from) / (to - from);
  }
};
using Triggers = std::vector<TriggerSpec>;  // the one with the largest share decides

enum class ActionKind : uint8_t { kPoint, kStopAccepting, kReduceTimeouts, kResetStreams, kShrinkHeap };
struct ActionSpec {
  std::string name;
  ActionKind kind = ActionKind::kPoint;
  Point point = Point::kRejectRequest;  // kPoint
  Triggers triggers;
};
struct ShedSpec {
  std::string name;
  Point point = Point::kShedAccept;
  Triggers triggers;
};
struct TimerSpec {
  TimerKind kind = TimerKind::kConnectionIdle;
  Duration shortest{-1};  // negative: `share` of what is configured
  double share = 1;
  Triggers triggers;  // its own; empty: those of the action
};

struct OverloadSpec {
  static constexpr Duration kDefaultInterval = seconds(1);
  Duration interval = kDefaultInterval;
  std::vector<MonitorSpec> monitors;
  std::vector<ActionSpec> actions;
  std::vector<ShedSpec> points;
  std::vector<TimerSpec> timers;  // of kReduceTimeouts
  // Streams that hold less than 2 to this are left alone by kResetStreams; 0: all are.
  uint32_t smallest_power = 0;
  Duration shrink_interval = seconds(10);
  uint64_t shrink_keep_bytes = 100 << 20;  // free memory that may stay
  bool configured() const { return !monitors.empty(); }
};

}  // namespace outrigger::overload
