#include "source/matching/substitution.h"

#include <re2/re2.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "source/matching/string_matcher.h"

namespace outrigger::matching {

absl::StatusOr<Substitution> Substitution::Create(absl::string_view pattern, absl::string_view substitution) {
  absl::StatusOr<std::shared_ptr<const re2::RE2>> regex = CompileRegex(pattern);
  if (!regex.ok()) return regex.status();
  Substitution out;
  out.regex_ = *std::move(regex);
  const int have = out.regex_->NumberOfCapturingGroups();
  Part part;
  for (size_t i = 0; i < substitution.size(); ++i) {
    if (substitution[i] != '\\') {
      part.literal.push_back(substitution[i]);
      continue;
    }
    const char next = i + 1 < substitution.size() ? substitution[i + 1] : '\0';
    ++i;
    if (next == '\\') {
      part.literal.push_back('\\');
      continue;
    }
    if (next < '0' || next > '9') {
      return absl::InvalidArgumentError(absl::StrCat("substitution \"", substitution, "\": a backslash at ", i - 1,
                                                     " needs a digit or a backslash after it"));
    }
    part.group = next - '0';
    if (part.group > have) {
      return absl::InvalidArgumentError(
          absl::StrCat("substitution \"", substitution, "\" uses group ", part.group, " but the pattern has ", have));
    }
    if (part.group > out.groups_) out.groups_ = part.group;
    out.parts_.push_back(std::move(part));
    part = Part();
  }
  if (!part.literal.empty()) out.parts_.push_back(std::move(part));
  return out;
}

bool Substitution::Apply(absl::string_view text, std::string* out) const {
  const re2::StringPiece input(text.data(), text.size());
  re2::StringPiece groups[10];
  size_t at = 0, copied = 0;
  bool any = false;
  const char* last_end = nullptr;
  while (at <= text.size()) {
    if (!regex_->Match(input, at, text.size(), re2::RE2::UNANCHORED, groups, groups_ + 1)) break;
    const size_t begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    if (groups[0].empty() && groups[0].data() == last_end) {
      // An empty match right after a match does not count; go on one character (whole, if it is UTF-8) later.
      at = begin + 1;
      while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80) ++at;
      continue;
    }
    any = true;
    out->append(text.data() + copied, begin - copied);
    for (const Part& part : parts_) {
      out->append(part.literal);
      if (part.group >= 0)
        out->append(groups[part.group].data() == nullptr ? "" : groups[part.group].data(), groups[part.group].size());
    }
    copied = at = end;
    last_end = text.data() + end;
    if (out->size() > kMaxResult) return false;
  }
  out->append(text.data() + copied, text.size() - copied);
  return any;
}

absl::string_view Substitution::Replace(absl::string_view text, Arena& arena) const {
  std::string out;
  if (text.data() == nullptr) text = "";
  return Apply(text, &out) ? arena.Copy(out) : text;
}

std::string Substitution::Replace(absl::string_view text) const {
  std::string out;
  if (text.data() == nullptr) text = "";
  return Apply(text, &out) ? out : std::string(text);
}

}  // namespace outrigger::matching
