// Thread: main
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/control_plane/resources/resource.h"

namespace outrigger::control_plane {

// The resources of one type, by name.
class ResourceSet {
 public:
  bool Add(ResourcePtr resource);      // false: there is one of that name already, which stays
  void Replace(ResourcePtr resource);  // over one of the same name
  const Resource* Find(absl::string_view name) const;
  ResourcePtr Share(absl::string_view name) const;  // null: none
  const std::map<std::string, ResourcePtr, std::less<>>& all() const { return all_; }

 private:
  std::map<std::string, ResourcePtr, std::less<>> all_;
};

// Everything that one node is to have. Immutable once shared.
class Snapshot {
 public:
  const ResourceSet& Of(absl::string_view type_url) const;
  bool Add(ResourcePtr resource);
  void Replace(ResourcePtr resource);
  const std::map<std::string, ResourceSet, std::less<>>& types() const { return types_; }

  // References that lead nowhere, in a fixed order; none: the snapshot is consistent.
  struct Problem {
    std::string place;  // "FILE:LINE", or empty
    std::string text;
  };
  std::vector<Problem> Problems() const;

 private:
  std::map<std::string, ResourceSet, std::less<>> types_;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace outrigger::control_plane
