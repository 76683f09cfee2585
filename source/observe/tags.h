// Thread: any (immutable after construction)
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::observe {

// One of stats_config.stats_tags. Exactly one of `regex` (first group is removed from the name, the second, or else the
// first, is the value) and `fixed_value` is set; neither: the published default rule of that tag name.
struct TagRule {
  std::string name;
  std::string regex;
  std::string fixed_value;
  bool has_fixed_value = false;
};

struct TaggedName {
  std::string name;                                       // what remains: "cluster.upstream_rq"
  std::vector<std::pair<std::string, std::string>> tags;  // "envoy.cluster_name" → "foo", in rule order
};

// Turns a full name into a name and labels, as the published default tag extraction does (use_all_default_tags), plus
// the rules of the bootstrap. Used when statistics are read, never when they are written.
class TagRules final {
 public:
  // Errors: a pattern that does not compile, a rule without value whose name is no default tag.
  static absl::StatusOr<std::shared_ptr<const TagRules>> Create(const std::vector<TagRule>& custom,
                                                                bool use_all_default_tags);
  static std::shared_ptr<const TagRules> Defaults();
  ~TagRules();

  TaggedName Extract(absl::string_view full_name) const;

 private:
  TagRules();
  bool AddDefault(absl::string_view name);  // "": all; false: there is none of that name
  struct Compiled;
  std::vector<std::unique_ptr<Compiled>> rules_;
  std::vector<std::pair<std::string, std::string>> fixed_;
};

}  // namespace outrigger::observe
