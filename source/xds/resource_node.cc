#include "source/xds/resource_node.h"

namespace outrigger::xds {

bool KeySet::insert(const ResourceKey& key) {
  if (many_ != nullptr) return many_->insert(key).second;
  if (!one_.has_value()) {
    one_ = key;
    return true;
  }
  if (*one_ == key) return false;
  many_ = std::make_unique<std::set<ResourceKey>>();
  many_->insert({*one_, key});
  one_.reset();
  return true;
}

void KeySet::erase(const ResourceKey& key) {
  if (one_.has_value() && *one_ == key) one_.reset();
  if (many_ == nullptr) return;
  many_->erase(key);
  if (many_->empty()) many_ = nullptr;
}

std::set<ResourceKey> KeySet::All() const {
  std::set<ResourceKey> keys;
  ForEach([&keys](const ResourceKey& key) { keys.insert(key); });
  return keys;
}

ResourceNode::Pending& ResourceNode::MutablePending() {
  if (pending == nullptr) pending = std::make_unique<Pending>();
  return *pending;
}

ResourceNode::Failure& ResourceNode::MutableFailure() {
  if (failure == nullptr) failure = std::make_unique<Failure>();
  return *failure;
}

void ResourceNode::StopFetch() {
  if (pending != nullptr && pending->fetch != nullptr) pending->fetch->Disarm();
}

void ResourceNode::NoteAccepted() {
  absent = false;
  failure = nullptr;
  if (pending == nullptr) return;
  StopFetch();
  const auto armed = [](const std::unique_ptr<event::Timer>& timer) { return timer != nullptr && timer->armed(); };
  if (!armed(pending->held) && !armed(pending->kept)) pending = nullptr;
}

}  // namespace outrigger::xds
