// Thread: worker (each thread has its own free lists)
#pragma once

#include <cstddef>
#include <cstdint>

namespace outrigger::http::h2 {

// Memory of sessions and streams: free lists of this thread by size class, so that the steady state of a session calls
// no malloc. What is allocated on a thread is freed on it. Zero-filled blocks are the caller's business (Allocate does not).
class Memory {
 public:
  static constexpr size_t kMaxPooled = 32 * 1024;            // larger ones go to malloc
  static constexpr size_t kMaxRetained = 8 * 1024 * 1024;    // bytes that the free lists of a thread keep

  static void* Allocate(size_t size);  // never null (running out of memory ends the process); aligned to 16
  static void* Resize(void* old, size_t size);
  static void Free(void* memory);  // null is fine

  static uint64_t BytesInUse();     // of this thread: what sessions and streams hold now
  static uint64_t BytesRetained();  // on the free lists
  static uint64_t MallocCalls();    // of this thread so far: tests see that it stands still
  static void Trim();               // gives the free lists back
};

}  // namespace outrigger::http::h2
