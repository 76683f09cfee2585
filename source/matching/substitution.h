// Thread: any (immutable)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/arena.h"

namespace re2 {
class RE2;
}

namespace outrigger::matching {

// type.matcher.v3.RegexMatchAndSubstitute: every non-overlapping match of the pattern, left to right, is replaced. In
// the substitution \0 is the match, \1 to \9 its groups, \\ a backslash. Groups are checked here, so replacing cannot
// fail.
class Substitution {
 public:
  static constexpr size_t kMaxResult = 256 * 1024;  // bytes; a longer result leaves the text as it was

  static absl::StatusOr<Substitution> Create(absl::string_view pattern, absl::string_view substitution);

  // `text` itself if nothing matched, else an arena copy.
  absl::string_view Replace(absl::string_view text, Arena& arena) const;
  // For tests and configuration time.
  std::string Replace(absl::string_view text) const;

 private:
  struct Part {
    std::string literal;  // then
    int group = -1;       // -1: nothing
  };
  bool Apply(absl::string_view text, std::string* out) const;
  std::shared_ptr<const re2::RE2> regex_;
  std::vector<Part> parts_;
  int groups_ = 0;  // the highest group that is used
};

}  // namespace outrigger::matching
