// Thread: immutable any; Add and Remove on main
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/hash.h"
#include "source/model/persistent_vector.h"

namespace outrigger::model {

// Slots by name, persistent: a name that comes or goes copies its bucket, and versions share the rest. Names are not
// kept here: whoever looks one up compares it with the name of what is in the slot.
class NameIndex {
 public:
  // The first thing that `get(slot)` gives (it answers null where the name is another).
  template <class Get>
  auto Find(absl::string_view name, Get get) const -> decltype(get(0)) {
    const uint64_t hash = StableHash(name);
    const Bucket* bucket = buckets_.Get(PlaceOf(hash));
    if (bucket == nullptr) return nullptr;
    for (const Entry& entry : *bucket) {
      if (entry.hash != TagOf(hash)) continue;
      if (auto found = get(entry.slot); found != nullptr) return found;
    }
    return nullptr;
  }
  // Each name once.
  void Add(absl::string_view name, uint32_t slot) {
    const uint64_t hash = StableHash(name);
    auto bucket = Copy(PlaceOf(hash), 1);
    bucket->push_back({TagOf(hash), slot});
    buckets_.Set(PlaceOf(hash), std::move(bucket));
  }
  void Remove(absl::string_view name, uint32_t slot) {
    const uint64_t hash = StableHash(name);
    auto bucket = Copy(PlaceOf(hash), 0);
    bucket->erase(std::remove(bucket->begin(), bucket->end(), Entry{TagOf(hash), slot}), bucket->end());
    buckets_.Set(PlaceOf(hash), bucket->empty() ? nullptr : std::move(bucket));
  }

 private:
  static constexpr uint32_t kBuckets = 1024;
  struct Entry {
    uint32_t hash, slot;
    friend bool operator==(const Entry& a, const Entry& b) { return a.hash == b.hash && a.slot == b.slot; }
  };
  using Bucket = std::vector<Entry>;
  static uint32_t PlaceOf(uint64_t hash) { return static_cast<uint32_t>(hash % kBuckets); }
  static uint32_t TagOf(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  std::shared_ptr<Bucket> Copy(uint32_t place, size_t more) const {
    auto copy = std::make_shared<Bucket>();
    const Bucket* bucket = buckets_.Get(place);
    copy->reserve((bucket == nullptr ? 0 : bucket->size()) + more);
    if (bucket != nullptr) copy->assign(bucket->begin(), bucket->end());
    return copy;
  }

  PersistentVector<Bucket> buckets_;
};

}  // namespace outrigger::model
