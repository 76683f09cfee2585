// Thread: main
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/shared_text.h"
#include "source/model/slot.h"

namespace outrigger::config {

// Names to slots of one kind. A name keeps its slot as long as anything holds a reference: the resource itself, or
// whoever was compiled with it. A slot that is free again comes back with the next generation, so that old references
// miss it.
template <class Kind>
class SlotTable {
  struct Core {
    std::map<SharedText, std::weak_ptr<const void>, std::less<>> names;
    std::vector<uint32_t> free;
    std::vector<uint32_t> generations;  // by index
  };

 public:
  struct Name {
    SharedText name;
    model::Slot<Kind> slot;
  };
  using Ref = std::shared_ptr<const Name>;

  // The slot of `name`, made if there is none.
  Ref Get(absl::string_view name) {
    if (Ref known = Find(name); known != nullptr) return known;
    uint32_t index;
    if (core_->free.empty()) {
      index = static_cast<uint32_t>(core_->generations.size());
      core_->generations.push_back(1);
    } else {
      index = core_->free.back();
      core_->free.pop_back();
    }
    auto* made = new Name{name, {index, core_->generations[index]}};
    Ref ref(made, [core = core_](const Name* gone) {
      ++core->generations[gone->slot.index];
      core->free.push_back(gone->slot.index);
      if (auto at = core->names.find(gone->name); at != core->names.end() && at->second.expired())
        core->names.erase(at);
      delete gone;
    });
    core_->names[ref->name] = ref;
    return ref;
  }
  // Null if nothing refers to the name.
  Ref Find(absl::string_view name) const {
    auto at = core_->names.find(name);
    return at == core_->names.end() ? nullptr : std::static_pointer_cast<const Name>(at->second.lock());
  }

 private:
  std::shared_ptr<Core> core_ = std::make_shared<Core>();
};

using ClusterNames = SlotTable<model::ClusterKind>;
using RouteNames = SlotTable<model::RouteTableKind>;
using ListenerNames = SlotTable<model::ListenerKind>;

}  // namespace outrigger::config
