// Thread: filled on main while its resource is built, then immutable any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "source/base/shared_text.h"

namespace outrigger {

// Which resource and field a compiled node came from (law 4): what nodes hold. Ids are given in order: a resource's
// own, then those of its fields.
using OriginId = uint32_t;

// The text behind the ids of one resource. Shared by the table of origins on main and by the compiled parts of the
// resource: whoever holds a part can explain its ids on any thread. There may be very many, seldom asked.
class ResourceOrigin {
 public:
  // `word`: of its type, "listener".
  ResourceOrigin(OriginId id, SharedText word, SharedText name, SharedText version)
      : id_(id), word_(std::move(word)), name_(std::move(name)), version_(std::move(version)) {}
  OriginId AddField(std::string path) {
    if (paths_ == nullptr) paths_ = std::make_unique<std::vector<std::string>>();
    paths_->push_back(std::move(path));
    return id_ + static_cast<OriginId>(paths_->size());
  }
  OriginId id() const { return id_; }
  size_t fields() const { return paths_ == nullptr ? 0 : paths_->size(); }
  bool Has(OriginId id) const { return id >= id_ && id - id_ <= fields(); }
  const SharedText& name() const { return name_; }
  const SharedText& version() const { return version_; }
  // What it is called in explanations: `listener "in" (version 7)`.
  std::string resource() const {
    std::string out = absl::StrCat(word_.str(), " \"", name_.str(), "\"");
    if (!version_.empty()) absl::StrAppend(&out, " (version ", version_.str(), ")");
    return out;
  }
  // Of the field; "": the resource as a whole, or an id that is not of it.
  absl::string_view PathOf(OriginId id) const {
    return id == id_ || !Has(id) ? absl::string_view() : absl::string_view((*paths_)[id - id_ - 1]);
  }

 private:
  const OriginId id_;
  const SharedText word_, name_, version_;
  std::unique_ptr<std::vector<std::string>> paths_;  // null: none
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
