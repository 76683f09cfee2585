// Thread: any (not synchronised)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace outrigger::matching {

inline char FoldCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Hash tables with lower-case keys that are asked with text in any case, without a copy of it.
struct FoldedHash {
  using is_transparent = void;
  size_t operator()(absl::string_view text) const {
    uint64_t h = 0x9e3779b97f4a7c15;
    for (const char c : text) h = (h ^ static_cast<uint8_t>(FoldCase(c))) * 0x100000001b3;
    return h ^ (h >> 29);
  }
};
struct FoldedEqual {
  using is_transparent = void;
  bool operator()(absl::string_view a, absl::string_view b) const {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (FoldCase(a[i]) != FoldCase(b[i])) return false;
    }
    return true;
  }
};
template <class V>
using FoldedMap = absl::flat_hash_map<std::string, V, FoldedHash, FoldedEqual>;

}  // namespace outrigger::matching
