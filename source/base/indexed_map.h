// Thread: one
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace outrigger {

// An ordered map that finds by hash: a walk goes in the order of keys, and a look-up costs the same in a map of any
// size (a tree's costs a cold cache line and a comparison of long common beginnings per level). Elements stay where
// they are.
template <class Key, class Value>
class IndexedMap {
  using Map = std::map<Key, Value, std::less<>>;

 public:
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;

  IndexedMap() = default;
  IndexedMap(const IndexedMap&) = delete;

  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const_iterator begin() const { return map_.begin(); }
  const_iterator end() const { return map_.end(); }
  size_t size() const { return map_.size(); }
  bool empty() const { return map_.empty(); }

  template <class K>
  iterator find(const K& key) {
    const auto at = index_.find(key);
    return at == index_.end() ? map_.end() : *at;
  }
  template <class K>
  const_iterator find(const K& key) const {
    const auto at = index_.find(key);
    return at == index_.end() ? map_.end() : const_iterator(*at);
  }
  iterator find(const Key& key) { return find<Key>(key); }
  const_iterator find(const Key& key) const { return find<Key>(key); }
  template <class K>
  iterator lower_bound(const K& key) {
    return map_.lower_bound(key);
  }
  iterator lower_bound(const Key& key) { return map_.lower_bound(key); }
  const_iterator lower_bound(const Key& key) const { return map_.lower_bound(key); }
  std::pair<iterator, bool> try_emplace(const Key& key) {
    if (const auto at = index_.find(key); at != index_.end()) return {*at, false};
    const iterator made = map_.try_emplace(key).first;
    index_.insert(made);
    return {made, true};
  }
  Value& operator[](const Key& key) { return try_emplace(key).first->second; }
  void erase(iterator at) {
    index_.erase(at);
    map_.erase(at);
    // One that was large gives its memory back.
    if (index_.capacity() > kSmall && index_.size() < index_.capacity() / 8) index_.rehash(0);
  }

 private:
  struct Hash {
    using is_transparent = void;
    template <class K>
    size_t operator()(const K& key) const {
      return absl::HashOf(key);
    }
    size_t operator()(const iterator& at) const { return absl::HashOf(at->first); }
  };
  struct Same {
    using is_transparent = void;
    template <class K>
    bool operator()(const iterator& at, const K& key) const {
      return at->first == key;
    }
    bool operator()(const iterator& a, const iterator& b) const { return a == b; }
  };
  static constexpr size_t kSmall = 64;
  Map map_;
  absl::flat_hash_set<iterator, Hash, Same> index_;
};

}  // namespace outrigger
