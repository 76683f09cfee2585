// Thread: immutable values any; what changes one on main
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "source/model/endpoint_record.h"

namespace outrigger::model {

// Which of the members a pick is among.
enum class Among : uint8_t { kAll, kHealthy, kDegraded };

// What is known of many endpoints together: numbers, and weights.
struct EndpointSum {
  uint32_t total = 0, healthy = 0, degraded = 0;
  uint32_t least_weight = UINT32_MAX, most_weight = 0;
  uint64_t weight = 0, healthy_weight = 0, degraded_weight = 0;
  uint32_t Count(Among among) const {
    return among == Among::kAll ? total : among == Among::kHealthy ? healthy : degraded;
  }
  uint64_t Weight(Among among) const {
    return among == Among::kAll ? weight : among == Among::kHealthy ? healthy_weight : degraded_weight;
  }
  bool same_weights() const { return least_weight >= most_weight; }
  void Add(const EndpointSum& more);
  void Add(const Endpoint& one, Availability availability);
};

// Members in an order, persistent: a copy is one reference, and a change copies one leaf and the few nodes above it,
// whatever the length. Every node knows the sum of what is below it, each member's availability included (as its flags
// said when it was put in): so the n-th healthy member, or the one at a place along all weights, is found from the list
// itself. At most kMost members.
class EndpointList {
 public:
  static constexpr uint32_t kLeaf = 16;
  static constexpr uint32_t kFan = 32;
  static constexpr uint32_t kMost = uint32_t{1} << 24;

  EndpointList() = default;
  explicit EndpointList(std::vector<Endpoint> members);
  EndpointList(const EndpointList& other);
  EndpointList(EndpointList&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  EndpointList& operator=(EndpointList other) noexcept {
    std::swap(root_, other.root_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~EndpointList();

  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  EndpointSum sum() const;
  const Endpoint& operator[](uint32_t index) const;  // index < size()
  Availability availability(uint32_t index) const;
  // n < sum().Count(among): the n-th of those; place < sum().Weight(among): the one there, as long as its weight.
  const Endpoint& Nth(Among among, uint32_t n) const;
  const Endpoint& AtWeight(Among among, uint64_t place) const;
  void ForEach(absl::FunctionRef<void(uint32_t index, const Endpoint&)> f) const;

  // For whoever makes a version. Copies what other versions share; reads the record's flags.
  void Set(uint32_t index, Endpoint member);
  void PushBack(Endpoint member);
  void PopBack();

  // Calls f with what is at a place in one of them and not, or otherwise, in the other; a null: nothing there. Sees
  // what they do not share.
  static void ForEachChange(const EndpointList& before, const EndpointList& after,
                            absl::FunctionRef<void(const Endpoint* was, const Endpoint* is)> f);
  // Nodes that only this version has: what a change cost.
  size_t NodesNotIn(const EndpointList& other) const;

 private:
  struct Node;
  struct Leaf;
  struct Inner;
  struct Entry;
  static Node* Ref(Node* node);
  static void Unref(Node* node);
  static Leaf* NewLeaf(uint32_t capacity);
  static Inner* NewInner(uint32_t height, uint32_t capacity);
  static Node* Own(Node* node, uint32_t capacity);  // the same if nobody shares it and it has room, or a copy
  static EndpointSum SumOf(const Node& node);
  static uint64_t Room(uint32_t height);  // of a full node
  static Node* SetIn(Node* node, uint32_t index, Endpoint member);
  static Node* PushInto(Node* node, Endpoint member);
  static Node* PopFrom(Node* node);  // null: it is empty now
  static void Visit(const Node& node, uint32_t first, absl::FunctionRef<void(uint32_t, const Endpoint&)> f);
  static void Compare(const Node* before, const Node* after,
                      absl::FunctionRef<void(const Endpoint*, const Endpoint*)> f);
  static size_t CountNotIn(const Node* node, const Node* other);

  Node* root_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace outrigger::model
