#include "test/integration/allocation_count.h"

#include <atomic>
#include <cstddef>

namespace {
std::atomic<bool> g_counting{false};
std::atomic<uint64_t> g_allocations{0};
std::atomic<uint64_t> g_frees{0};
}  // namespace

#ifndef OUTRIGGER_SANITIZED
extern "C" void* __libc_malloc(size_t size);
extern "C" void __libc_free(void* memory);
extern "C" void* malloc(size_t size) {
  if (g_counting.load(std::memory_order_relaxed)) g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
extern "C" void free(void* memory) {
  if (memory != nullptr && g_counting.load(std::memory_order_relaxed)) g_frees.fetch_add(1, std::memory_order_relaxed);
  __libc_free(memory);
}
#endif

namespace outrigger::integration {

void AllocationCount::Start() {
  g_allocations = g_frees = 0;
  g_counting = true;
}
void AllocationCount::Stop() { g_counting = false; }
uint64_t AllocationCount::Allocations() { return g_allocations; }
uint64_t AllocationCount::Frees() { return g_frees; }

}  // namespace outrigger::integration
