#include "source/model/endpoint_list.h"

#include <algorithm>
#include <new>

namespace outrigger::model {

// Followed in memory by `capacity` members (a leaf) or entries (an inner node).
struct EndpointList::Node {
  std::atomic<uint32_t> refs{1};
  uint8_t height = 0;  // 0: a leaf
  uint8_t size = 0, capacity = 0;
};
struct EndpointList::Leaf : Node {
  uint32_t healthy = 0, degraded = 0;  // bits by member
  Endpoint* members() { return reinterpret_cast<Endpoint*>(this + 1); }
  const Endpoint* members() const { return reinterpret_cast<const Endpoint*>(this + 1); }
  Availability Of(uint32_t i) const {
    return (healthy >> i & 1) != 0    ? Availability::kHealthy
           : (degraded >> i & 1) != 0 ? Availability::kDegraded
                                      : Availability::kUnhealthy;
  }
  uint32_t Bits(Among among) const {
    return among == Among::kAll ? UINT32_MAX : among == Among::kHealthy ? healthy : degraded;
  }
  void Put(uint32_t i, Endpoint member) {
    const Availability is = AvailabilityOf(member.record->flags.load(std::memory_order_relaxed));
    healthy = (healthy & ~(1u << i)) | (is == Availability::kHealthy ? 1u << i : 0);
    degraded = (degraded & ~(1u << i)) | (is == Availability::kDegraded ? 1u << i : 0);
    members()[i] = std::move(member);
  }
};
struct EndpointList::Entry {
  Node* node = nullptr;
  EndpointSum sum;
};
struct EndpointList::Inner : Node {
  uint64_t unused = 0;
  Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
  const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
};

void EndpointSum::Add(const EndpointSum& more) {
  total += more.total;
  healthy += more.healthy;
  degraded += more.degraded;
  least_weight = std::min(least_weight, more.least_weight);
  most_weight = std::max(most_weight, more.most_weight);
  weight += more.weight;
  healthy_weight += more.healthy_weight;
  degraded_weight += more.degraded_weight;
}

void EndpointSum::Add(const Endpoint& one, Availability availability) {
  const bool is_healthy = availability == Availability::kHealthy;
  const bool is_degraded = availability == Availability::kDegraded;
  Add(EndpointSum{1, is_healthy, is_degraded, one.weight, one.weight, one.weight, is_healthy ? one.weight : 0,
                  is_degraded ? one.weight : 0});
}

EndpointList::Node* EndpointList::Ref(Node* node) {
  if (node != nullptr) node->refs.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void EndpointList::Unref(Node* node) {
  if (node == nullptr || node->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (node->height == 0) {
    auto* leaf = static_cast<Leaf*>(node);
    std::destroy_n(leaf->members(), leaf->capacity);
    leaf->~Leaf();
    return ::operator delete(leaf);
  }
  auto* inner = static_cast<Inner*>(node);
  for (uint32_t i = 0; i < inner->size; ++i) Unref(inner->entries()[i].node);
  inner->~Inner();
  ::operator delete(inner);
}

EndpointList::Leaf* EndpointList::NewLeaf(uint32_t capacity) {
  static_assert(sizeof(Leaf) % alignof(Endpoint) == 0);
  auto* leaf = new (::operator new(sizeof(Leaf) + capacity * sizeof(Endpoint))) Leaf();
  std::uninitialized_default_construct_n(leaf->members(), capacity);
  leaf->capacity = static_cast<uint8_t>(capacity);
  return leaf;
}

EndpointList::Inner* EndpointList::NewInner(uint32_t height, uint32_t capacity) {
  static_assert(sizeof(Inner) % alignof(Entry) == 0);
  auto* inner = new (::operator new(sizeof(Inner) + capacity * sizeof(Entry))) Inner();
  std::uninitialized_default_construct_n(inner->entries(), capacity);
  inner->height = static_cast<uint8_t>(height);
  inner->capacity = static_cast<uint8_t>(capacity);
  return inner;
}

EndpointList::Node* EndpointList::Own(Node* node, uint32_t capacity) {
  if (node->refs.load(std::memory_order_acquire) == 1 && node->capacity >= capacity) return node;
  const uint32_t most = node->height == 0 ? kLeaf : kFan;
  // What grows once grows again.
  const uint32_t room = capacity <= node->capacity ? node->capacity : std::min(most, capacity + capacity / 4);
  if (node->height == 0) {
    auto* from = static_cast<Leaf*>(node);
    Leaf* leaf = NewLeaf(room);
    // Counting a reference waits for its line: all are waited for together.
    for (uint32_t i = 0; i < from->size; ++i) __builtin_prefetch(from->members()[i].record.get(), 1);
    std::copy_n(from->members(), from->size, leaf->members());
    leaf->size = from->size;
    leaf->healthy = from->healthy;
    leaf->degraded = from->degraded;
    Unref(node);
    return leaf;
  }
  auto* from = static_cast<Inner*>(node);
  Inner* inner = NewInner(node->height, room);
  std::copy_n(from->entries(), from->size, inner->entries());
  inner->size = from->size;
  for (uint32_t i = 0; i < inner->size; ++i) __builtin_prefetch(inner->entries()[i].node, 1);
  for (uint32_t i = 0; i < inner->size; ++i) Ref(inner->entries()[i].node);
  Unref(node);
  return inner;
}

EndpointSum EndpointList::SumOf(const Node& node) {
  EndpointSum sum;
  if (node.height == 0) {
    const auto& leaf = static_cast<const Leaf&>(node);
    for (uint32_t i = 0; i < leaf.size; ++i) sum.Add(leaf.members()[i], leaf.Of(i));
  } else {
    const auto& inner = static_cast<const Inner&>(node);
    for (uint32_t i = 0; i < inner.size; ++i) sum.Add(inner.entries()[i].sum);
  }
  return sum;
}

uint64_t EndpointList::Room(uint32_t height) {
  uint64_t room = kLeaf;
  for (; height > 0; --height) room *= kFan;
  return room;
}

EndpointList::EndpointList(std::vector<Endpoint> members) : size_(static_cast<uint32_t>(members.size())) {
  std::vector<Node*> level;
  for (uint32_t first = 0; first < size_; first += kLeaf) {
    Leaf* leaf = NewLeaf(std::min(kLeaf, size_ - first));
    for (; leaf->size < leaf->capacity; ++leaf->size) leaf->Put(leaf->size, std::move(members[first + leaf->size]));
    level.push_back(leaf);
  }
  for (uint32_t height = 1; level.size() > 1; ++height) {
    std::vector<Node*> above;
    for (size_t first = 0; first < level.size(); first += kFan) {
      Inner* inner = NewInner(height, static_cast<uint32_t>(std::min<size_t>(kFan, level.size() - first)));
      for (; inner->size < inner->capacity; ++inner->size) {
        Node* child = level[first + inner->size];
        inner->entries()[inner->size] = {child, SumOf(*child)};
      }
      above.push_back(inner);
    }
    level = std::move(above);
  }
  if (!level.empty()) root_ = level[0];
}

EndpointList::EndpointList(const EndpointList& other) : root_(Ref(other.root_)), size_(other.size_) {}
EndpointList::~EndpointList() { Unref(root_); }

EndpointSum EndpointList::sum() const { return root_ == nullptr ? EndpointSum() : SumOf(*root_); }

const Endpoint& EndpointList::operator[](uint32_t index) const {
  const Node* node = root_;
  while (node->height > 0) {
    const auto below = static_cast<uint32_t>(Room(node->height - 1u));
    node = static_cast<const Inner*>(node)->entries()[index / below].node;
    index %= below;
  }
  return static_cast<const Leaf*>(node)->members()[index];
}

Availability EndpointList::availability(uint32_t index) const {
  const Node* node = root_;
  while (node->height > 0) {
    const auto below = static_cast<uint32_t>(Room(node->height - 1u));
    node = static_cast<const Inner*>(node)->entries()[index / below].node;
    index %= below;
  }
  return static_cast<const Leaf*>(node)->Of(index);
}

const Endpoint& EndpointList::Nth(Among among, uint32_t n) const {
  if (among == Among::kAll) return (*this)[n];
  const Node* node = root_;
  while (node->height > 0) {
    const Entry* entry = static_cast<const Inner*>(node)->entries();
    for (; n >= entry->sum.Count(among); ++entry) n -= entry->sum.Count(among);
    node = entry->node;
  }
  const auto& leaf = *static_cast<const Leaf*>(node);
  uint32_t bits = leaf.Bits(among);
  for (; n > 0; --n) bits &= bits - 1;
  return leaf.members()[__builtin_ctz(bits)];
}

const Endpoint& EndpointList::AtWeight(Among among, uint64_t place) const {
  const Node* node = root_;
  while (node->height > 0) {
    const Entry* entry = static_cast<const Inner*>(node)->entries();
    for (; place >= entry->sum.Weight(among); ++entry) place -= entry->sum.Weight(among);
    node = entry->node;
  }
  const auto& leaf = *static_cast<const Leaf*>(node);
  const uint32_t bits = leaf.Bits(among);
  uint32_t at = 0;
  for (;; ++at) {
    if ((bits >> at & 1) == 0) continue;
    if (place < leaf.members()[at].weight) break;
    place -= leaf.members()[at].weight;
  }
  return leaf.members()[at];
}

void EndpointList::Visit(const Node& node, uint32_t first, absl::FunctionRef<void(uint32_t, const Endpoint&)> f) {
  if (node.height == 0) {
    for (uint32_t i = 0; i < node.size; ++i) f(first + i, static_cast<const Leaf&>(node).members()[i]);
    return;
  }
  const auto below = static_cast<uint32_t>(Room(node.height - 1u));
  for (uint32_t i = 0; i < node.size; ++i)
    Visit(*static_cast<const Inner&>(node).entries()[i].node, first + i * below, f);
}

void EndpointList::ForEach(absl::FunctionRef<void(uint32_t, const Endpoint&)> f) const {
  if (root_ != nullptr) Visit(*root_, 0, f);
}

EndpointList::Node* EndpointList::SetIn(Node* node, uint32_t index, Endpoint member) {
  node = Own(node, node->size);
  if (node->height == 0) {
    static_cast<Leaf*>(node)->Put(index, std::move(member));
    return node;
  }
  const auto below = static_cast<uint32_t>(Room(node->height - 1u));
  Entry& entry = static_cast<Inner*>(node)->entries()[index / below];
  entry.node = SetIn(entry.node, index % below, std::move(member));
  entry.sum = SumOf(*entry.node);
  return node;
}

void EndpointList::Set(uint32_t index, Endpoint member) { root_ = SetIn(root_, index, std::move(member)); }

EndpointList::Node* EndpointList::PushInto(Node* node, Endpoint member) {
  if (node->height == 0) {
    auto* leaf = static_cast<Leaf*>(Own(node, node->size + 1u));
    leaf->Put(leaf->size++, std::move(member));
    return leaf;
  }
  auto* inner = static_cast<Inner*>(Own(node, node->size));
  Entry& last = inner->entries()[inner->size - 1];
  if (last.sum.total < Room(node->height - 1u)) {
    last.node = PushInto(last.node, std::move(member));
    last.sum = SumOf(*last.node);
    return inner;
  }
  Node* child = NewLeaf(4);
  child = PushInto(child, std::move(member));
  for (uint32_t height = 1; height < inner->height; ++height) {
    Inner* above = NewInner(height, 2);
    above->entries()[above->size++] = {child, SumOf(*child)};
    child = above;
  }
  inner = static_cast<Inner*>(Own(inner, inner->size + 1u));
  inner->entries()[inner->size++] = {child, SumOf(*child)};
  return inner;
}

void EndpointList::PushBack(Endpoint member) {
  if (root_ == nullptr) root_ = NewLeaf(1);
  if (size_ == Room(root_->height)) {
    Inner* above = NewInner(root_->height + 1u, 2);
    above->entries()[above->size++] = {root_, SumOf(*root_)};
    root_ = above;
  }
  root_ = PushInto(root_, std::move(member));
  ++size_;
}

EndpointList::Node* EndpointList::PopFrom(Node* node) {
  node = Own(node, node->size);
  if (node->height == 0) {
    auto* leaf = static_cast<Leaf*>(node);
    --leaf->size;
    leaf->members()[leaf->size] = Endpoint();
    leaf->healthy &= ~(1u << leaf->size);
    leaf->degraded &= ~(1u << leaf->size);
  } else {
    auto* inner = static_cast<Inner*>(node);
    Entry& last = inner->entries()[inner->size - 1];
    last.node = PopFrom(last.node);
    if (last.node == nullptr) {
      --inner->size;
    } else {
      last.sum = SumOf(*last.node);
    }
  }
  if (node->size > 0) return node;
  Unref(node);
  return nullptr;
}

void EndpointList::PopBack() {
  root_ = PopFrom(root_);
  --size_;
  while (root_ != nullptr && root_->height > 0 && root_->size == 1) {
    Node* only = Ref(static_cast<Inner*>(root_)->entries()[0].node);
    Unref(root_);
    root_ = only;
  }
}

void EndpointList::Compare(const Node* before, const Node* after,
                           absl::FunctionRef<void(const Endpoint*, const Endpoint*)> f) {
  if (before == after) return;
  const uint32_t height = std::max(before == nullptr ? 0 : before->height, after == nullptr ? 0 : after->height);
  // A lower one stands for the first below a higher one.
  const auto below = [height](const Node* node, uint32_t i) -> const Node* {
    if (node == nullptr) return nullptr;
    if (node->height < height) return i == 0 ? node : nullptr;
    return i < node->size ? static_cast<const Inner*>(node)->entries()[i].node : nullptr;
  };
  for (uint32_t i = 0; height > 0 && i < kFan; ++i) Compare(below(before, i), below(after, i), f);
  const auto member = [](const Node* node, uint32_t i) -> const Endpoint* {
    return node != nullptr && i < node->size ? static_cast<const Leaf*>(node)->members() + i : nullptr;
  };
  for (uint32_t i = 0; height == 0 && i < kLeaf; ++i) {
    const Endpoint* was = member(before, i);
    const Endpoint* is = member(after, i);
    if (was == nullptr && is == nullptr) return;
    const bool same = was != nullptr && is != nullptr && *was == *is &&
                      static_cast<const Leaf*>(before)->Of(i) == static_cast<const Leaf*>(after)->Of(i);
    if (!same) f(was, is);
  }
}

void EndpointList::ForEachChange(const EndpointList& before, const EndpointList& after,
                                 absl::FunctionRef<void(const Endpoint* was, const Endpoint* is)> f) {
  Compare(before.root_, after.root_, f);
}

size_t EndpointList::CountNotIn(const Node* node, const Node* other) {
  if (node == nullptr || node == other) return 0;
  size_t count = 1;
  for (uint32_t i = 0; node->height > 0 && i < node->size; ++i) {
    const Node* counterpart = nullptr;
    if (other != nullptr && other->height == node->height && i < other->size)
      counterpart = static_cast<const Inner*>(other)->entries()[i].node;
    if (other != nullptr && other->height < node->height && i == 0) counterpart = other;
    count += CountNotIn(static_cast<const Inner*>(node)->entries()[i].node, counterpart);
  }
  return count;
}

size_t EndpointList::NodesNotIn(const EndpointList& other) const { return CountNotIn(root_, other.root_); }

}  // namespace outrigger::model
