// Thread: any
#pragma once

#include <cstdint>

namespace outrigger::integration {

// Every malloc and free of the process, in all threads, between Start and Stop. The sanitizers have allocators of their
// own: under them nothing is seen.
struct AllocationCount {
  static void Start();
  static void Stop();
  static uint64_t Allocations();
  static uint64_t Frees();
};

}  // namespace outrigger::integration
