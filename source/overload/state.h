// Thread: main writes; any reads
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "source/base/time.h"
#include "source/event/engine.h"
#include "source/observe/schemas/overload.h"
#include "source/observe/stats.h"

namespace outrigger::overload {

// Where the data path asks whether to do less. The first three are overload actions, the others load shed points.
enum class Point : uint8_t {
  kRejectConnection,  // envoy.overload_actions.reject_incoming_connections
  kRejectRequest,     // envoy.overload_actions.stop_accepting_requests
  kDisableKeepalive,  // envoy.overload_actions.disable_http_keepalive
  kShedAccept,        // envoy.load_shed_points.tcp_listener_accept
  kShedCodec,         // envoy.load_shed_points.hcm_ondata_creating_codec
  kShedHttp1,         // envoy.load_shed_points.http1_server_abort_dispatch
  kShedHttp2,         // envoy.load_shed_points.http2_server_go_away_on_dispatch
  kShedHttp2Close,    // envoy.load_shed_points.http2_server_go_away_and_close_on_dispatch
  kShedHeaders,       // envoy.load_shed_points.http_connection_manager_decode_headers
  kShedPool,          // envoy.load_shed_points.connection_pool_new_connection
};
inline constexpr size_t kPoints = 10;

// What envoy.overload_actions.reduce_timeouts can shorten.
enum class TimerKind : uint8_t { kConnectionIdle, kStreamIdle, kTransportConnect, kConnectionMax };
inline constexpr size_t kTimerKinds = 4;

// What main has decided, as the data path sees it: one relaxed load as long as there is nothing to do. Belongs to the
// process.
class State {
 public:
  // Whether to do it to the one that is at hand: with a scaled trigger to a share of them, by chance.
  bool Asks(Point point, event::Engine& engine) const {
    return (active_.load(std::memory_order_relaxed) >> static_cast<int>(point) & 1) != 0 && Draw(point, engine);
  }
  // Whether anything is asked at all: one load for several points.
  bool any() const { return active_.load(std::memory_order_relaxed) != 0; }
  // A configured time limit as it is now. Zero (none) stays zero.
  Duration Shorten(TimerKind kind, Duration limit) const {
    return active_.load(std::memory_order_relaxed) >> kTimersBit == 0 ? limit : Shortened(kind, limit);
  }
  // Of a load shed point: where to count. Invalid where none is configured.
  const observe::StatsScope<observe::LoadShedStats>& shed_stats(Point point) const {
    return shed_stats_[static_cast<size_t>(point)];
  }

  // One that never asks for anything: for what bypasses the overload manager.
  static const State& Inert() {
    static const State* const kInert = new State;
    return *kInert;
  }
  // At a load shed point, with its counter.
  bool Sheds(Point point, event::Engine& engine, observe::WorkerStats& stats) const {
    if (!Asks(point, engine)) return false;
    stats.Get(shed_stats(point)).shed_load_count.Inc();
    return true;
  }

  // --- main. `share` of 0 to 1.
  void Set(Point point, double share);
  double share(Point point) const;
  // 1: as short as SetFloor said; 0: as configured.
  void SetTimer(TimerKind kind, double share);
  // Before the workers start: the shortest, as a time or (negative time) as a share of what is configured.
  void SetFloor(TimerKind kind, Duration shortest, double share);
  void SetShedStats(Point point, observe::StatsScope<observe::LoadShedStats> scope) {
    shed_stats_[static_cast<size_t>(point)] = scope;
  }

 private:
  static constexpr uint32_t kAlways = 1 << 16;  // shares are in parts of this
  static constexpr int kTimersBit = 16;         // one bit for each kind, from here on
  static_assert(kPoints <= kTimersBit);
  bool Draw(Point point, event::Engine& engine) const;
  Duration Shortened(TimerKind kind, Duration limit) const;
  void SetActive(int bit, bool on);

  struct Floor {
    Duration shortest{-1};
    double share = 1;
  };
  std::atomic<uint32_t> active_{0};  // a bit for each point with a share, and for each timer that is shortened
  std::atomic<uint32_t> shares_[kPoints] = {};
  std::atomic<uint32_t> timers_[kTimerKinds] = {};
  Floor floors_[kTimerKinds];
  observe::StatsScope<observe::LoadShedStats> shed_stats_[kPoints];
};

}  // namespace outrigger::overload
