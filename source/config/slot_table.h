// Thread: main
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/base/shared_text.h"
#include "source/model/slot.h"

namespace outrigger::config {

// Names to slots of one kind. A name keeps its slot as long as anything holds a reference: the resource itself, or
// whoever was compiled with it. A slot that is free again comes back with the next generation, so that old references
// miss it.
template <class Kind>
class SlotTable {
  struct Core;
  static constexpr size_t kSmall = 64;

 public:
  // Gives its slot back with the last reference, also after the table is gone.
  class Name {
   public:
    Name(std::shared_ptr<Core> core, absl::string_view text);
    ~Name();
    Name(const Name&) = delete;
    Name& operator=(const Name&) = delete;
    const SharedText name;
    const model::Slot<Kind> slot;

   private:
    const std::shared_ptr<Core> core_;
  };
  using Ref = std::shared_ptr<const Name>;

  // The slot of `name`, made if there is none.
  Ref Get(absl::string_view name) {
    if (Ref known = Find(name); known != nullptr) return known;
    Ref made = std::make_shared<const Name>(core_, name);
    core_->names[made->name] = made;
    return made;
  }
  // Null if nothing refers to the name.
  Ref Find(absl::string_view name) const {
    const auto at = core_->names.find(name);
    return at == core_->names.end() ? nullptr : at->second.lock();
  }

 private:
  struct Core {
    absl::flat_hash_map<SharedText, std::weak_ptr<const Name>> names;
    std::vector<uint32_t> free;
    std::vector<uint32_t> generations;  // by index
    model::Slot<Kind> TakeSlot() {
      if (free.empty()) {
        generations.push_back(1);
        return {static_cast<uint32_t>(generations.size() - 1), 1};
      }
      const uint32_t index = free.back();
      free.pop_back();
      return {index, generations[index]};
    }
  };
  std::shared_ptr<Core> core_ = std::make_shared<Core>();
};

template <class Kind>
SlotTable<Kind>::Name::Name(std::shared_ptr<Core> core, absl::string_view text)
    : name(text), slot(core->TakeSlot()), core_(std::move(core)) {}

template <class Kind>
SlotTable<Kind>::Name::~Name() {
  ++core_->generations[slot.index];
  core_->free.push_back(slot.index);
  const auto at = core_->names.find(name);
  if (at == core_->names.end() || !at->second.expired()) return;
  core_->names.erase(at);
  // One that was large gives its memory back.
  if (core_->names.capacity() > kSmall && core_->names.size() < core_->names.capacity() / 8) core_->names.rehash(0);
}

using ClusterNames = SlotTable<model::ClusterKind>;
using RouteNames = SlotTable<model::RouteTableKind>;
using ListenerNames = SlotTable<model::ListenerKind>;

}  // namespace outrigger::config
