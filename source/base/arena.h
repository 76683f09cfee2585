// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"

namespace outrigger {

// Memory whose lifetime is one stream: allocation is a pointer bump, freeing is free. Chunks come from a free list of
// this thread, so the steady state does not call malloc. Destructors of what New() made run in reverse order on
// Reset().
class Arena {
 public:
  static constexpr size_t kFirstChunk = 8 * 1024;  // holds a usual request whole

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { Reset(); }

  // Uninitialised, aligned to `align` (a power of two, at most 64). Never null.
  void* Allocate(size_t size, size_t align = alignof(std::max_align_t));

  template <class T, class... Args>
  T* New(Args&&... args) {
    T* made = ::new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    if constexpr (!std::is_trivially_destructible_v<T>) {
      AddCleanup(made, [](void* p) { static_cast<T*>(p)->~T(); });
    }
    return made;
  }
  void AddCleanup(void* object, void (*destroy)(void*));

  absl::string_view Copy(absl::string_view text);
  absl::string_view Concat(absl::string_view a, absl::string_view b, absl::string_view c = "");

  size_t charged() const { return charged_; }  // bytes of chunks held: what an account is charged
  void Reset();                                // runs cleanups, returns the chunks

 private:
  struct Chunk {
    Chunk* next;
    size_t size;
  };
  struct Cleanup {
    Cleanup* next;
    void* object;
    void (*destroy)(void*);
  };
  void* AllocateSlow(size_t size, size_t align);

  char* at_ = nullptr;
  char* end_ = nullptr;
  Chunk* chunks_ = nullptr;
  Cleanup* cleanups_ = nullptr;
  size_t charged_ = 0;
};

// Gives the chunks that no arena of this thread uses back to the allocator (overload).
void TrimArenaChunks();

}  // namespace outrigger
