#include "source/matching/regex_set.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "source/matching/string_matcher.h"

namespace outrigger::matching {

struct RegexSet::Shard {
  std::unique_ptr<re2::RE2::Set> set;  // null: asked one by one from the start
  bool too_big = false;                // because together they do not fit in the memory; otherwise because they are few
};

RegexSet::RegexSet() = default;
RegexSet::RegexSet(RegexSet&&) noexcept = default;
RegexSet& RegexSet::operator=(RegexSet&&) noexcept = default;
RegexSet::~RegexSet() = default;

absl::StatusOr<RegexSet> RegexSet::Build(std::vector<Item> items, int64_t memory) {
  constexpr size_t kWorthASet = 3;
  RegexSet out;
  out.items_ = std::move(items);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory);
  for (size_t begin = 0; begin < out.items_.size(); begin += kShard) {
    const size_t end = std::min(out.items_.size(), begin + kShard);
    auto shard = std::make_unique<Shard>();
    if (end - begin >= kWorthASet) {
      shard->set = std::make_unique<re2::RE2::Set>(options, re2::RE2::ANCHOR_BOTH);
      for (size_t i = begin; i < end; ++i) {
        std::string error;
        if (shard->set->Add(out.items_[i].regex->pattern(), &error) < 0) {
          return absl::InvalidArgumentError(absl::StrCat("the regular expression is bad: ", error));
        }
      }
      if (!shard->set->Compile()) {
        shard->set = nullptr;
        shard->too_big = true;
      }
    }
    out.shards_.push_back(std::move(shard));
  }
  return out;
}

const std::vector<int>& RegexSet::Ask(size_t shard, absl::string_view text, uint32_t* fallbacks) const {
  static thread_local std::vector<int> matched;  // reused: no allocation for it in the steady state
  matched.clear();
  const size_t begin = shard * kShard;
  const size_t end = std::min(items_.size(), begin + kShard);
  if (shards_[shard]->too_big) ++*fallbacks;
  if (shards_[shard]->set != nullptr) {
    re2::RE2::Set::ErrorInfo error{re2::RE2::Set::kNoError};
    if (shards_[shard]->set->Match(re2::StringPiece(text.data(), text.size()), &matched, &error)) {
      std::sort(matched.begin(), matched.end());
      for (int& at : matched) at += static_cast<int>(begin);
      return matched;
    }
    if (error.kind == re2::RE2::Set::kNoError) return matched;
    ++*fallbacks;
    matched.clear();
  }
  for (size_t i = begin; i < end; ++i) {
    if (RegexFullMatch(*items_[i].regex, text)) matched.push_back(static_cast<int>(i));
  }
  return matched;
}

}  // namespace outrigger::matching
