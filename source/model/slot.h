// Thread: any (value)
#pragma once

#include <cstdint>

#include "source/base/origin.h"

namespace outrigger::model {

// Where a named thing lives in the Snapshot's vectors (law 2): a dense index plus a generation that tells a reused
// index from its former owner. Compiled routes hold slots, never pointers. A name keeps its slot as long as anything
// may refer to it.
template <class Kind>
struct Slot {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  bool valid() const { return index != UINT32_MAX; }
  friend bool operator==(const Slot& a, const Slot& b) { return a.index == b.index && a.generation == b.generation; }
};
using ClusterSlot = Slot<struct ClusterKind>;
using RouteTableSlot = Slot<struct RouteTableKind>;
using ListenerSlot = Slot<struct ListenerKind>;

using outrigger::OriginId;

}  // namespace outrigger::model
