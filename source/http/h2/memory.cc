#include "source/http/h2/memory.h"

#include <cstdlib>
#include <cstring>

#include "source/base/bug.h"

namespace outrigger::http::h2 {
namespace {

// In front of each piece; keeps 16-byte alignment.
struct alignas(16) Head {
  uint64_t size;    // usable bytes
  int64_t class_of;  // -1: not pooled
};
struct Piece {
  Piece* next;
};
constexpr int kClasses = 10;  // 64 << 0 ... 64 << 9 == kMaxPooled
static_assert((size_t{64} << (kClasses - 1)) == Memory::kMaxPooled);

struct Pool {
  Piece* lists[kClasses] = {};
  uint64_t in_use = 0;
  uint64_t retained = 0;
  uint64_t mallocs = 0;
  ~Pool() { Memory::Trim(); }
};
thread_local Pool pool;

int ClassFor(size_t size) {
  if (size <= 64) return 0;
  return 64 - __builtin_clzll(size - 1) - 6;
}

}  // namespace

void* Memory::Allocate(size_t size) {
  const int c = size <= kMaxPooled ? ClassFor(size) : -1;
  const size_t usable = c < 0 ? size : size_t{64} << c;
  pool.in_use += usable;
  if (c >= 0 && pool.lists[c] != nullptr) {
    Piece* first = pool.lists[c];
    pool.lists[c] = first->next;
    pool.retained -= usable;
    return first;
  }
  ++pool.mallocs;
  void* raw = std::malloc(sizeof(Head) + usable);
  OUTRIGGER_CHECK(raw != nullptr);
  Head* head = static_cast<Head*>(raw);
  head->size = usable;
  head->class_of = c;
  return head + 1;
}

void Memory::Free(void* memory) {
  if (memory == nullptr) return;
  Head* head = static_cast<Head*>(memory) - 1;
  pool.in_use -= head->size;
#if !defined(OUTRIGGER_SANITIZED) && !defined(OUTRIGGER_FUZZ)  // sanitizers must see uses after free
  if (head->class_of >= 0 && pool.retained + head->size <= kMaxRetained) {
    Piece* piece = static_cast<Piece*>(memory);
    piece->next = pool.lists[head->class_of];
    pool.lists[head->class_of] = piece;
    pool.retained += head->size;
    return;
  }
#endif
  std::free(head);
}

void* Memory::Resize(void* old, size_t size) {
  if (old == nullptr) return Allocate(size);
  const Head* head = static_cast<Head*>(old) - 1;
  if (size <= head->size) return old;
  void* bigger = Allocate(size);
  std::memcpy(bigger, old, head->size);
  Free(old);
  return bigger;
}

uint64_t Memory::BytesInUse() { return pool.in_use; }
uint64_t Memory::BytesRetained() { return pool.retained; }
uint64_t Memory::MallocCalls() { return pool.mallocs; }

void Memory::Trim() {
  for (int c = 0; c < kClasses; ++c) {
    while (pool.lists[c] != nullptr) {
      Piece* piece = pool.lists[c];
      pool.lists[c] = piece->next;
      std::free(reinterpret_cast<Head*>(piece) - 1);
    }
  }
  pool.retained = 0;
}

}  // namespace outrigger::http::h2
