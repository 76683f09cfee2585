// Thread: main
#pragma once

#include <cstdint>
#include <string>

#include "source/base/time.h"
#include "source/xds/update.h"

namespace outrigger::xds {

// How far one type from one source got: the last response that was accepted whole, and the last of those that is in
// use.
//
//   accepted ──nothing of the type waits──▶ applied with a generation ──all workers report it──▶ in use
struct TypeUse {
  enum class Stage : uint8_t { kAccepted, kApplied, kInUse };
  Source* source = nullptr;
  std::string accepted;  // its version
  WallTime accepted_at{};
  Stage stage = Stage::kAccepted;  // of `accepted`
  uint64_t generation = 0;         // that has it, from kApplied on
  std::string in_use;              // the version before it until it is in use itself; empty: none was yet
  WallTime in_use_since{};         // zero: none was yet
  uint64_t in_use_generation = 0;
};

// What a resource that waits waits for.
struct Missing {
  ResourceType type = ResourceType::kCluster;
  std::string name;
  WallTime since{};    // it was asked for, or began to wait itself
  bool fresh = false;  // it is there: the server may resend it, as the one that waits has changed
};

}  // namespace outrigger::xds
