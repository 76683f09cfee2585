// Thread: main
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "source/config/resource.h"

namespace outrigger::config {

// Who was compiled with what: resources by the name of what they need (of one kind of resource, or of a file), so that
// a change finds those it touches without looking at the others.
class Subscribers {
 public:
  struct Who {
    ResourceKind kind = ResourceKind::kCluster;
    const std::string* name = nullptr;  // outlives the entry
  };
  void Add(const SharedText& wanted, Who who);
  // Answers whether nobody wants it any more.
  bool Remove(absl::string_view wanted, Who who);
  bool Has(absl::string_view wanted) const { return by_name_.contains(wanted); }
  std::vector<Who> Of(absl::string_view wanted) const;  // by kind, then name
  std::vector<std::string> Wanted() const;              // sorted

 private:
  absl::flat_hash_map<SharedText, absl::InlinedVector<Who, 1>> by_name_;
};

}  // namespace outrigger::config
