// Thread: any (immutable after Build)
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace re2 {
class RE2;
}

namespace outrigger::matching {

// Many regular expressions asked at once (full match), in shards of a bounded size, each number with its expression in
// ascending order. If a shard does not fit in its memory, or runs out of it while matching, its expressions are asked
// one by one.
class RegexSet {
 public:
  RegexSet();
  RegexSet(RegexSet&&) noexcept;
  RegexSet& operator=(RegexSet&&) noexcept;
  ~RegexSet();

  struct Item {
    uint32_t number;
    std::shared_ptr<const re2::RE2> regex;
  };
  // `items` ascending by number. `memory`: bytes for each shard.
  static absl::StatusOr<RegexSet> Build(std::vector<Item> items, int64_t memory);
  bool empty() const { return items_.empty(); }

  // The lowest number below `limit` that matches and is accepted by accept(number), or `limit`. Adds to *fallbacks.
  template <class F>
  uint32_t Lowest(absl::string_view text, uint32_t limit, uint32_t* fallbacks, F&& accept) const {
    for (size_t shard = 0; shard < shard_count(); ++shard) {
      if (first_number(shard) >= limit) break;
      const std::vector<int>& matched = Ask(shard, text, fallbacks);
      for (const int at : matched) {
        const uint32_t number = items_[static_cast<size_t>(at)].number;
        if (number >= limit) break;
        if (accept(number)) return number;
      }
    }
    return limit;
  }

 private:
  static constexpr size_t kShard = 64;  // expressions in one set: bigger ones make states that are slow to build
  struct Shard;
  size_t shard_count() const { return shards_.size(); }
  uint32_t first_number(size_t shard) const { return items_[shard * kShard].number; }
  // Indices of the matching items, ascending; valid until the next call on this thread.
  const std::vector<int>& Ask(size_t shard, absl::string_view text, uint32_t* fallbacks) const;

  std::vector<Item> items_;
  std::vector<std::unique_ptr<const Shard>> shards_;
};

}  // namespace outrigger::matching
