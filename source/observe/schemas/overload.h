// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of the overload manager. Prefix of all: "overload.<name of the monitor, action or point>."
//   OverloadMonitorStats   each resource monitor
//   OverloadActionStats    each action
//   LoadShedStats          each load shed point
//   ResetStreamsStats      beside its action's, envoy.overload_actions.reset_high_memory_stream
//   ShrinkHeapStats        beside its action's, envoy.overload_actions.shrink_heap
// and, with the prefix "overload." alone, OverloadStats.
#define OUTRIGGER_OVERLOAD_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  HISTOGRAM(refresh_interval_delay, kMilliseconds)

#define OUTRIGGER_OVERLOAD_MONITOR_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(failed_updates)                                                        \
  COUNTER(skipped_updates)                                                       \
  GAUGE(pressure)

#define OUTRIGGER_OVERLOAD_ACTION_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  GAUGE(active)                                                                 \
  GAUGE(scale_percent)

#define OUTRIGGER_LOAD_SHED_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(shed_load_count)                                                \
  GAUGE(scale_percent)

#define OUTRIGGER_RESET_STREAMS_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(count)

#define OUTRIGGER_SHRINK_HEAP_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(shrink_count)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(OverloadStats, OUTRIGGER_OVERLOAD_STATS)
OUTRIGGER_STATS_BLOCK(OverloadMonitorStats, OUTRIGGER_OVERLOAD_MONITOR_STATS)
OUTRIGGER_STATS_BLOCK(OverloadActionStats, OUTRIGGER_OVERLOAD_ACTION_STATS)
OUTRIGGER_STATS_BLOCK(LoadShedStats, OUTRIGGER_LOAD_SHED_STATS)
OUTRIGGER_STATS_BLOCK(ResetStreamsStats, OUTRIGGER_RESET_STREAMS_STATS)
OUTRIGGER_STATS_BLOCK(ShrinkHeapStats, OUTRIGGER_SHRINK_HEAP_STATS)
}  // namespace outrigger::observe
