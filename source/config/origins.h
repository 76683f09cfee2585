// Thread: main
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "source/model/slot.h"
#include "source/schema/origin.h"

namespace outrigger::config {

// Where compiled nodes came from: resources, and fields of them. A node below a resource costs its path. Those of
// replaced parts are kept for a while: streams may still hold them.
class Origins {
 public:
  static constexpr size_t kMostRetired = 65536;  // nodes; the newest retired resource is kept whatever its size
  model::OriginId Add(schema::Origin resource);
  // A node of the resource that was added last; of an older one it is the resource itself.
  model::OriginId AddField(model::OriginId resource, std::string path);
  // The texts of a resource by its own id, for its compiled parts to keep; null: there is none.
  std::shared_ptr<const ResourceOrigin> TextsOf(model::OriginId resource) const;
  void Retire(model::OriginId resource);
  // The resource that a node belongs to; null if it is long gone.
  const schema::Origin* Find(model::OriginId id) const;
  // With the field's path.
  std::optional<schema::Origin> Explain(model::OriginId id) const;

 private:
  struct Resource {
    schema::Origin origin;
    std::shared_ptr<ResourceOrigin> texts;
  };
  using Resources = std::map<model::OriginId, Resource>;
  Resources::const_iterator ResourceOf(model::OriginId id) const;  // end(): none
  Resources resources_;
  std::deque<model::OriginId> retired_;
  size_t retired_nodes_ = 0;
  model::OriginId last_ = 0;
};

}  // namespace outrigger::config
