// Thread: immutable values any; With() on main
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace outrigger::model {

// An immutable vector of shared_ptr<const T> in chunks under one root: With() copies one chunk (and the root's spine)
// and shares the rest, so publishing one change costs the change. Reading is two loads.
template <class T>
class PersistentVector {
 public:
  static constexpr uint32_t kChunk = 32;

  uint32_t size() const { return size_; }
  const T* Get(uint32_t index) const {
    if (index >= size_) return nullptr;
    const Chunk* chunk = ChunkOf(index);
    return chunk == nullptr ? nullptr : (*chunk)[index % kChunk].get();
  }
  std::shared_ptr<const T> Share(uint32_t index) const {
    if (index >= size_) return nullptr;
    const Chunk* chunk = ChunkOf(index);
    return chunk == nullptr ? nullptr : (*chunk)[index % kChunk];
  }
  // The same vector with one element replaced; grows as needed. A null element is a free slot.
  PersistentVector With(uint32_t index, std::shared_ptr<const T> value) const {
    PersistentVector next = *this;
    next.Set(index, std::move(value));
    return next;
  }
  // Whether both are the same version.
  bool Is(const PersistentVector& other) const { return size_ == other.size_ && spines_.Is(other.spines_); }
  // Calls f(index, was, is) wherever `after` has another element than `before`, in the order of indices. Costs what
  // changed: what both share is passed over by its pointer.
  template <class F>
  static void ForEachChange(const PersistentVector& before, const PersistentVector& after, F f) {
    const uint32_t size = before.size_ > after.size_ ? before.size_ : after.size_;
    if (before.spines_.Is(after.spines_)) return;
    for (uint32_t s = 0; s * kChunk * kSpine < size; ++s) {
      const Spine* was = std::as_const(before.spines_)[s].get();
      const Spine* is = std::as_const(after.spines_)[s].get();
      if (was != is) ForEachChangedChunk(was, is, s * kChunk * kSpine, f);
    }
  }
  // In place, for builders that own the only copy: chunks still shared with other vectors are copied first.
  void Set(uint32_t index, std::shared_ptr<const T> value) {
    const uint32_t spine_at = index / (kChunk * kSpine);
    if (spine_at >= kSpines) return;  // beyond kMost: the caller refuses the resource before
    if (index >= size_) size_ = index + 1;
    auto spine = spines_[spine_at] == nullptr ? std::make_shared<Spine>() : std::make_shared<Spine>(*spines_[spine_at]);
    auto& slot = (*spine)[(index / kChunk) % kSpine];
    auto chunk = slot == nullptr ? std::make_shared<Chunk>() : std::make_shared<Chunk>(*slot);
    (*chunk)[index % kChunk] = std::move(value);
    slot = std::move(chunk);
    spines_[spine_at] = std::move(spine);
  }

 private:
  static constexpr uint32_t kSpine = 128;
  static constexpr uint32_t kSpines = 256;
  using Chunk = std::array<std::shared_ptr<const T>, kChunk>;
  using Spine = std::array<std::shared_ptr<const Chunk>, kSpine>;

 public:
  static constexpr uint32_t kMost = kChunk * kSpine * kSpines;  // about a million

 private:
  template <class F>
  static void ForEachChangedChunk(const Spine* before, const Spine* after, uint32_t first, F& f) {
    for (uint32_t c = 0; c < kSpine; ++c, first += kChunk) {
      const Chunk* was = before == nullptr ? nullptr : (*before)[c].get();
      const Chunk* is = after == nullptr ? nullptr : (*after)[c].get();
      for (uint32_t i = 0; was != is && i < kChunk; ++i) {
        const T* one = was == nullptr ? nullptr : (*was)[i].get();
        const T* other = is == nullptr ? nullptr : (*is)[i].get();
        if (one != other) f(first + i, one, other);
      }
    }
  }
  const Chunk* ChunkOf(uint32_t index) const {
    const auto& spine = std::as_const(spines_)[index / (kChunk * kSpine)];
    return spine == nullptr ? nullptr : (*spine)[(index / kChunk) % kSpine].get();
  }

  uint32_t size_ = 0;
  // Spines of a fixed root: a copy of the vector copies these pointers. Kept behind one pointer so that it is one
  // reference count.
  struct Root : std::array<std::shared_ptr<const Spine>, kSpines> {};
  class RootPtr {
   public:
    const std::shared_ptr<const Spine>& operator[](uint32_t i) const {
      static const std::shared_ptr<const Spine> none;
      return root_ == nullptr ? none : (*root_)[i];
    }
    struct Writer {
      RootPtr& owner;
      uint32_t i;
      void operator=(std::shared_ptr<const Spine> spine) {
        auto next = owner.root_ == nullptr ? std::make_shared<Root>() : std::make_shared<Root>(*owner.root_);
        (*next)[i] = std::move(spine);
        owner.root_ = std::move(next);
      }
      bool operator==(std::nullptr_t) const { return std::as_const(owner)[i] == nullptr; }
      const Spine& operator*() const { return *std::as_const(owner)[i]; }
    };
    bool Is(const RootPtr& other) const { return root_ == other.root_; }
    Writer operator[](uint32_t i) { return Writer{*this, i}; }

   private:
    std::shared_ptr<const Root> root_;
  };
  RootPtr spines_;
};

}  // namespace outrigger::model
