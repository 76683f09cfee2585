// The per-thread pool behind AcquireBlock(): three size classes, last in first out, so that the next read lands in a
// block that is still in the cache.
#include <cstdlib>
#include <cstring>

#include "source/base/buffer.h"
#include "source/base/bug.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define OUTRIGGER_POISON(at, n) ASAN_POISON_MEMORY_REGION(at, n)
#define OUTRIGGER_UNPOISON(at, n) ASAN_UNPOISON_MEMORY_REGION(at, n)
#else
#define OUTRIGGER_POISON(at, n) (void)0
#define OUTRIGGER_UNPOISON(at, n) (void)0
#endif

namespace outrigger {
namespace {

constexpr uint32_t kClasses[] = {kSmallBlock, kMediumBlock, kLargeBlock};
constexpr size_t kClassCount = sizeof(kClasses) / sizeof(kClasses[0]);
constexpr size_t kMostKeptBytes = 16 * 1024 * 1024;  // per thread; more goes back to malloc
constexpr size_t kNoClass = kClassCount;

size_t ClassOf(uint32_t capacity) {
  for (size_t i = 0; i < kClassCount; ++i) {
    if (capacity <= kClasses[i]) return i;
  }
  return kNoClass;
}

struct Pool {
  Block* free[kClassCount] = {};
  size_t bytes = 0;
  bool closed = false;  // the thread is ending: give everything back

  ~Pool() {
    closed = true;
    Trim(0);
  }
  Block* Pop(size_t size_class) {
    Block* block = free[size_class];
    OUTRIGGER_UNPOISON(block->data(), block->capacity);
    memcpy(&free[size_class], block->data(), sizeof(Block*));
    bytes -= sizeof(Block) + block->capacity;
    return block;
  }
  void Push(size_t size_class, Block* block) {
    memcpy(block->data(), &free[size_class], sizeof(Block*));
    free[size_class] = block;
    bytes += sizeof(Block) + block->capacity;
    OUTRIGGER_POISON(block->data(), block->capacity);
  }
  void Trim(size_t keep) {
    for (size_t i = kClassCount; i-- > 0;) {
      while (bytes > keep && free[i] != nullptr) ::free(Pop(i));
    }
  }
};
thread_local Pool t_pool;

}  // namespace

Block* AcquireBlock(uint32_t capacity) {
  const size_t size_class = ClassOf(capacity);
  if (size_class != kNoClass) {
    capacity = kClasses[size_class];
    if (t_pool.free[size_class] != nullptr) {
      Block* block = t_pool.Pop(size_class);
      block->refs = 1;
      return block;
    }
  }
  Block* block = static_cast<Block*>(malloc(sizeof(Block) + size_t{capacity}));
  OUTRIGGER_CHECK(block != nullptr);
  block->refs = 1;
  block->capacity = capacity;
  return block;
}

void ReleaseBlock(Block* block) {
  OUTRIGGER_DCHECK(block->refs > 0);
  if (--block->refs != 0) return;
  const size_t size_class = ClassOf(block->capacity);
  const bool keep = size_class != kNoClass && kClasses[size_class] == block->capacity && !t_pool.closed &&
                    t_pool.bytes + block->capacity <= kMostKeptBytes;
  if (keep) {
    t_pool.Push(size_class, block);
  } else {
    free(block);
  }
}

size_t PooledBlockBytes() { return t_pool.bytes; }

void TrimBlockPool(size_t keep_bytes) { t_pool.Trim(keep_bytes); }

}  // namespace outrigger
