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
  // The same, and for a virtual host also the one that would serve this name: "ROUTES/HOST" or "ROUTES/HOST:PORT" is
  // matched with the domains of ROUTES as a request's host is (exact, longest "*.suffix", longest "prefix.*", "*"),
  // first with its port, then without.
  ResourcePtr Resolve(absl::string_view name) const;
  const std::map<std::string, ResourcePtr, std::less<>>& all() const { return all_; }

 private:
  void Index(const ResourcePtr& resource);
  void Unindex(const Resource& resource);
  ResourcePtr ByAlias(const std::string& alias) const;

  std::map<std::string, ResourcePtr, std::less<>> all_;
  std::map<std::string, ResourcePtr, std::less<>> aliases_;
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
