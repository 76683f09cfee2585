#include "source/base/arena.h"

#include <cstdlib>
#include <cstring>

#include "source/base/bug.h"

namespace outrigger {
namespace {

constexpr size_t kMostKeptChunks = 512;  // 4 MiB per thread: 32 HTTP/2 connections of 16 streams

// Chunks of kFirstChunk bytes that no arena of this thread uses now, linked through their first word.
struct FreeChunks {
  void* first = nullptr;
  size_t count = 0;
  bool closed = false;  // the thread is ending: give everything back

  ~FreeChunks() {
    closed = true;
    while (first != nullptr) free(Pop());
  }
  void* Pop() {
    void* taken = first;
    memcpy(&first, taken, sizeof(first));
    --count;
    return taken;
  }
  void Push(void* chunk) {
    memcpy(chunk, &first, sizeof(first));
    first = chunk;
    ++count;
  }
};
thread_local FreeChunks t_free;

void* AcquireChunk(size_t size) {
  if (size == Arena::kFirstChunk && t_free.first != nullptr) return t_free.Pop();
  void* made = malloc(size);
  OUTRIGGER_CHECK(made != nullptr);
  return made;
}

void ReleaseChunk(void* chunk, size_t size) {
  if (size == Arena::kFirstChunk && !t_free.closed && t_free.count < kMostKeptChunks) {
    t_free.Push(chunk);
  } else {
    free(chunk);
  }
}

char* AlignUp(char* at, size_t align) {
  return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(at) + align - 1) & ~(uintptr_t{align} - 1));
}

}  // namespace

void TrimArenaChunks() {
  while (t_free.first != nullptr) free(t_free.Pop());
}

void* Arena::Allocate(size_t size, size_t align) {
  OUTRIGGER_DCHECK(align != 0 && (align & (align - 1)) == 0 && align <= 64);
  char* start = AlignUp(at_, align);
  if (at_ != nullptr && start <= end_ && size <= static_cast<size_t>(end_ - start)) {
    at_ = start + size;
    return start;
  }
  return AllocateSlow(size, align);
}

void* Arena::AllocateSlow(size_t size, size_t align) {
  OUTRIGGER_CHECK(size < (size_t{1} << 40));
  const size_t needed = sizeof(Chunk) + align + size;
  // Something big gets a chunk of its own and leaves the rest of the current one in use.
  const bool own = needed > kFirstChunk / 2;
  const size_t chunk_size = own ? needed : kFirstChunk;
  Chunk* chunk = static_cast<Chunk*>(AcquireChunk(chunk_size));
  chunk->next = chunks_;
  chunk->size = chunk_size;
  chunks_ = chunk;
  charged_ += chunk_size;
  char* start = AlignUp(reinterpret_cast<char*>(chunk + 1), align);
  char* chunk_end = reinterpret_cast<char*>(chunk) + chunk_size;
  if (!own || at_ == nullptr) {
    at_ = start + size;
    end_ = chunk_end;
  }
  return start;
}

void Arena::AddCleanup(void* object, void (*destroy)(void*)) {
  auto* cleanup = static_cast<Cleanup*>(Allocate(sizeof(Cleanup), alignof(Cleanup)));
  *cleanup = {cleanups_, object, destroy};
  cleanups_ = cleanup;
}

absl::string_view Arena::Copy(absl::string_view text) {
  if (text.empty()) return absl::string_view("", 0);
  char* to = static_cast<char*>(Allocate(text.size(), 1));
  memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

absl::string_view Arena::Concat(absl::string_view a, absl::string_view b, absl::string_view c) {
  const size_t total = a.size() + b.size() + c.size();
  if (total == 0) return absl::string_view("", 0);
  char* to = static_cast<char*>(Allocate(total, 1));
  char* at = to;
  for (absl::string_view part : {a, b, c}) {
    if (!part.empty()) memcpy(at, part.data(), part.size());
    at += part.size();
  }
  return {to, total};
}

void Arena::Reset() {
  while (cleanups_ != nullptr) {
    Cleanup* cleanup = cleanups_;
    cleanups_ = cleanup->next;
    cleanup->destroy(cleanup->object);
  }
  while (chunks_ != nullptr) {
    Chunk* chunk = chunks_;
    chunks_ = chunk->next;
    ReleaseChunk(chunk, chunk->size);
  }
  at_ = end_ = nullptr;
  charged_ = 0;
}

}  // namespace outrigger
