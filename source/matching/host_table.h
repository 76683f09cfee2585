// Thread: any (immutable once filled; Find may be called from all threads at once)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "source/matching/folded_map.h"

namespace outrigger::matching {

// Domains of virtual hosts to numbers of the caller: exact ones by hash, then "*.a.com", then "a.*", the longest first,
// then "*". Case does not matter.
class HostTable {
 public:
  explicit HostTable(bool ignore_port = false) : ignore_port_(ignore_port) {}
  // An error: the domain is there already.
  absl::Status Add(absl::string_view domain, int32_t number);
  // The number of the best domain for a host, or -1.
  int32_t Find(absl::string_view host) const;

 private:
  // By the length of what is behind or before the asterisk, the longest first.
  using Wildcards = std::map<size_t, FoldedMap<int32_t>, std::greater<>>;
  bool ignore_port_;
  FoldedMap<int32_t> exact_;
  Wildcards suffixes_;  // "*.a.com" as ".a.com"
  Wildcards prefixes_;  // "a.*" as "a."
  int32_t any_ = -1;    // "*"
};

}  // namespace outrigger::matching
