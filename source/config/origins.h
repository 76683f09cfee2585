// Thread: main
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/container/btree_map.h"
#include "source/model/slot.h"
#include "source/schema/origin.h"

namespace outrigger::config {

// Where compiled nodes came from: resources, and fields of them. A node below a resource costs its path. Those of
// replaced parts are known as long as somebody (a stream, a connection) holds their texts, and a few retirements more.
class Origins {
 public:
  model::OriginId Add(schema::Origin resource);
  // A node of the resource that was added last; of an older one it is the resource itself.
  model::OriginId AddField(model::OriginId resource, std::string path);
  // The texts of a resource by its own id, for its compiled parts to keep; null: there is none.
  std::shared_ptr<const ResourceOrigin> TextsOf(model::OriginId resource) const;
  // Its part is no longer in use, or never came into use.
  void Retire(model::OriginId resource);
  // Forgets all retired ones that nobody holds any more: retiring looks at a few of them only. Linear in those that
  // are retired and held.
  void Sweep();
  // The resource that a node belongs to; nothing if nobody holds it any more.
  std::optional<schema::Origin> Find(model::OriginId id) const;
  // With the field's path.
  std::optional<schema::Origin> Explain(model::OriginId id) const;
  size_t known() const { return resources_.size(); }  // resources

 private:
  // There may be very many of them.
  struct Resource {
    const std::string* type;                   // of types_
    std::shared_ptr<ResourceOrigin> texts;     // null: retired
    std::weak_ptr<const ResourceOrigin> held;  // by compiled parts, when retired
    std::shared_ptr<const ResourceOrigin> Texts() const { return texts != nullptr ? texts : held.lock(); }
  };
  static constexpr size_t kLooks = 4;  // at how many retired ones, with each retirement
  using Resources = absl::btree_map<model::OriginId, Resource>;
  Resources::const_iterator ResourceOf(model::OriginId id) const;  // end(): none
  std::set<std::string> types_;
  Resources resources_;
  std::deque<model::OriginId> retired_;  // next to be looked at first
  model::OriginId last_ = 0;
};

}  // namespace outrigger::config
