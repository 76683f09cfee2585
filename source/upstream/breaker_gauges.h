// Thread: main
#pragma once

#include "source/model/cluster.h"
#include "source/observe/schemas/cluster.h"

namespace outrigger::upstream {

// Writes a cluster's circuit_breakers.* gauges from what all workers together have taken. Main calls it before
// statistics are read or flushed; requests pay nothing for these. `taken` counts the workers' small reserves too, so a
// large limit may show as open early by as much (see SharedLimit).
void UpdateBreakerGauges(const model::ClusterConfig& cluster, observe::WorkerStats& main);

}  // namespace outrigger::upstream
