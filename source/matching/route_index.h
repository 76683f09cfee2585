// Thread: any (immutable after Build)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/matching/folded_map.h"
#include "source/matching/prefix_trie.h"
#include "source/matching/regex_set.h"
#include "source/matching/route_table.h"

namespace outrigger::matching {

// The routes of one virtual host. An index by path gives the few routes whose path fits; their other conditions are
// then tried, and the lowest index wins.
class RouteIndex {
 public:
  static absl::StatusOr<RouteIndex> Build(std::vector<RouteSpec> routes, const RouteTableOptions& options);
  // `path` is without query (and parameters). Returns the lowest matching index or -1.
  int32_t Match(absl::string_view path, const RouteInput& input, uint32_t* fallbacks) const;
  uint32_t payload(int32_t route) const { return payloads_[static_cast<size_t>(route)]; }

 private:
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };
  struct Paths;  // lists while building
  static constexpr uint32_t kSeparated =
      0x80000000;  // flag of an entry in lists_: needs a "/" or the end after the prefix

  absl::Status Add(uint32_t index, RouteSpec& route, Paths& paths, std::vector<RegexSet::Item>* regexes);
  Range Store(const std::vector<uint32_t>& list);
  uint32_t Try(Range range, absl::string_view path, size_t prefix, const RouteInput& input, uint32_t best) const;
  bool Holds(uint32_t index, const RouteInput& input) const;

  std::vector<uint32_t> payloads_;
  std::vector<std::unique_ptr<const RouteMatchSpec>> conditions_;  // null: the path is all
  std::vector<uint32_t> lists_;                                    // ascending runs of route indices
  std::vector<Range> ranges_;                                      // what the tries' numbers name
  absl::flat_hash_map<std::string, Range> exact_;
  FoldedMap<Range> exact_folded_;
  PrefixTrie prefixes_;
  PrefixTrie prefixes_folded_;
  Range connect_;
  RegexSet regexes_;
};

}  // namespace outrigger::matching
