// Thread: filled on main while its resource is built, then immutable any
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace outrigger {

// Which resource and field a compiled node came from (law 4): what nodes hold. Ids are given in order: a resource's
// own, then those of its fields.
using OriginId = uint32_t;

// The text behind the ids of one resource. Shared by the table of origins on main and by the compiled parts of the
// resource: whoever holds a part can explain its ids on any thread.
class ResourceOrigin {
 public:
  // `resource`: what it is called in explanations, `listener "in" (version 7)`.
  ResourceOrigin(OriginId id, std::string resource) : id_(id), resource_(std::move(resource)) {}
  OriginId AddField(std::string path) {
    paths_.push_back(std::move(path));
    return id_ + static_cast<OriginId>(paths_.size());
  }
  OriginId id() const { return id_; }
  size_t fields() const { return paths_.size(); }
  bool Has(OriginId id) const { return id >= id_ && id - id_ <= paths_.size(); }
  const std::string& resource() const { return resource_; }
  // Of the field; "": the resource as a whole, or an id that is not of it.
  absl::string_view PathOf(OriginId id) const {
    return id == id_ || !Has(id) ? absl::string_view() : absl::string_view(paths_[id - id_ - 1]);
  }

 private:
  const OriginId id_;
  const std::string resource_;
  std::vector<std::string> paths_;
};

// A node's origin with the text behind it; good as long as the part that it was taken from.
struct OriginRef {
  const ResourceOrigin* resource = nullptr;
  OriginId id = 0;
  // `listener "in" (version 7): filter_chains[0]`; "" if nobody knows.
  std::string ToString() const {
    if (resource == nullptr) return "";
    const absl::string_view path = resource->PathOf(id);
    return absl::StrCat(resource->resource(), path.empty() ? "" : ": ", path);
  }
};

}  // namespace outrigger
