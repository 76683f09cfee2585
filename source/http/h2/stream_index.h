// Thread: worker
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "source/http/h2/memory.h"

namespace outrigger::http::h2 {

class Stream;

// The open streams of a connection by id: a hash table, half full at most, with linear probing. `seed`: so that a peer
// does not know which ids fall together. A large table is let go with its last stream.
class StreamIndex {
 public:
  explicit StreamIndex(uint32_t seed) : seed_(seed) {}
  ~StreamIndex() { Memory::Free(slots_); }
  StreamIndex(const StreamIndex&) = delete;

  uint32_t size() const { return size_; }
  uint64_t memory_held() const { return slots_ == nullptr ? 0 : (mask_ + uint64_t{1}) * sizeof(Slot); }
  Stream* Find(uint32_t id) const {
    if (size_ == 0) return nullptr;
    for (uint32_t at = Home(id); slots_[at].stream != nullptr; at = (at + 1) & mask_) {
      if (slots_[at].id == id) return slots_[at].stream;
    }
    return nullptr;
  }
  void Insert(uint32_t id, Stream& stream) {  // an id that is not in it
    if (slots_ == nullptr || (size_ + 1) * 2 > mask_ + 1) Grow();
    Put(id, &stream);
    ++size_;
  }
  void Remove(uint32_t id) {
    if (size_ == 0) return;
    uint32_t at = Home(id);
    while (slots_[at].stream != nullptr && slots_[at].id != id) at = (at + 1) & mask_;
    if (slots_[at].stream == nullptr) return;
    --size_;
    // Who was pushed behind the hole moves into it.
    for (uint32_t next = (at + 1) & mask_; slots_[next].stream != nullptr; next = (next + 1) & mask_) {
      if (((next - Home(slots_[next].id)) & mask_) < ((next - at) & mask_)) continue;
      slots_[at] = slots_[next];
      at = next;
    }
    slots_[at].stream = nullptr;
    if (size_ == 0 && mask_ >= kKept) {
      Memory::Free(slots_);
      slots_ = nullptr;
      mask_ = 0;
    }
  }
  // f(id, Stream&) may remove and insert: each stream that was there at the start and still is at its turn is visited,
  // in the order of ids.
  template <class F>
  void ForEachId(F&& f) const {
    const uint32_t count = mask_ + 1;
    if (size_ == 0) return;
    uint32_t* ids = static_cast<uint32_t*>(Memory::Allocate(sizeof(uint32_t) * size_));
    uint32_t n = 0;
    for (uint32_t at = 0; at < count; ++at) {
      if (slots_[at].stream != nullptr) ids[n++] = slots_[at].id;
    }
    std::sort(ids, ids + n);
    for (uint32_t i = 0; i < n; ++i) {
      if (Stream* stream = Find(ids[i])) f(ids[i], *stream);
    }
    Memory::Free(ids);
  }

 private:
  static constexpr uint32_t kKept = 64;  // slots that an idle connection may keep
  struct Slot {
    Stream* stream;  // null: free
    uint32_t id;
  };
  uint32_t Home(uint32_t id) const {
    uint32_t hash = ((id >> 1) ^ seed_) * 0x9e3779b1u;
    hash = (hash ^ hash >> 15) * 0x85ebca6bu;
    return (hash ^ hash >> 13) & mask_;
  }
  void Put(uint32_t id, Stream* stream) {
    uint32_t at = Home(id);
    while (slots_[at].stream != nullptr) at = (at + 1) & mask_;
    slots_[at] = {stream, id};
  }
  void Grow() {
    const uint32_t old_count = slots_ == nullptr ? 0 : mask_ + 1;
    const uint32_t count = old_count == 0 ? 4 : old_count * 2;
    Slot* old = slots_;
    slots_ = static_cast<Slot*>(Memory::Allocate(count * sizeof(Slot)));
    memset(static_cast<void*>(slots_), 0, count * sizeof(Slot));
    mask_ = count - 1;
    for (uint32_t i = 0; i < old_count; ++i) {
      if (old[i].stream != nullptr) Put(old[i].id, old[i].stream);
    }
    Memory::Free(old);
  }

  const uint32_t seed_;
  Slot* slots_ = nullptr;
  uint32_t mask_ = 0;
  uint32_t size_ = 0;
};

}  // namespace outrigger::http::h2
