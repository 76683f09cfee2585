// Thread: immutable values any; Set() on main
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace outrigger::model {

// An immutable vector of shared_ptr<const T>: a tree with four below each node, as deep as its size needs. Set() copies
// the nodes from the root to the place, and those only where another version has them too; all the rest is shared. A
// copied node counts one more reference in each of its children, which is a line of cold memory for each: hence four.
template <class T>
class PersistentVector {
 public:
  static constexpr uint32_t kMost = uint32_t{1} << 20;

  PersistentVector() = default;
  PersistentVector(const PersistentVector& other)
      : root_(Ref(other.root_)), height_(other.height_), size_(other.size_) {}
  PersistentVector(PersistentVector&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)),
        height_(std::exchange(other.height_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  PersistentVector& operator=(PersistentVector other) noexcept {
    std::swap(root_, other.root_);
    std::swap(height_, other.height_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PersistentVector() { Unref(root_, height_); }

  uint32_t size() const { return size_; }
  const T* Get(uint32_t index) const {
    const std::shared_ptr<const T>* at = Find(index);
    return at == nullptr ? nullptr : at->get();
  }
  std::shared_ptr<const T> Share(uint32_t index) const {
    const std::shared_ptr<const T>* at = Find(index);
    return at == nullptr ? nullptr : *at;
  }
  // Whether both are the same version.
  bool Is(const PersistentVector& other) const { return size_ == other.size_ && root_ == other.root_; }
  // In place: what other vectors share is copied first. Grows as needed; a null element is a free slot, and nodes
  // without any element go: each would hold a page of memory back. From kMost on nothing happens: the caller refuses
  // the resource before.
  void Set(uint32_t index, std::shared_ptr<const T> value) {
    if (index >= kMost) return;
    if (index >= size_) size_ = index + 1;
    for (; (index >> (kBits * height_)) >= kFan; ++height_) {
      if (root_ == nullptr) continue;  // made from here down
      auto* above = static_cast<Inner*>(New(height_ + 1));
      above->below[0] = root_;
      root_ = above;
    }
    root_ = SetIn(root_, height_, index, std::move(value));
    if (root_ == nullptr) height_ = size_ = 0;
  }
  // Calls f(index, was, is) wherever `after` has another element than `before`, in the order of indices. Costs what
  // changed: what both share is passed over by its pointer.
  template <class F>
  static void ForEachChange(const PersistentVector& before, const PersistentVector& after, F f) {
    Compare(before.root_, before.height_, after.root_, after.height_, 0, f);
  }
  // Nodes that only this version has: what a change cost.
  uint32_t NodesNotIn(const PersistentVector& other) const {
    return CountNotIn(root_, height_, other.root_, other.height_);
  }

 private:
  static constexpr uint32_t kBits = 2, kFan = 1u << kBits;
  // At height 0 a leaf.
  struct Node {
    std::atomic<uint32_t> refs{1};
  };
  struct Inner : Node {
    std::array<Node*, kFan> below{};
  };
  struct Leaf : Node {
    std::array<std::shared_ptr<const T>, kFan> elements;
  };

  static Node* New(uint32_t height) { return height > 0 ? static_cast<Node*>(new Inner()) : new Leaf(); }
  static Node* Ref(Node* node) {
    if (node != nullptr) node->refs.fetch_add(1, std::memory_order_relaxed);
    return node;
  }
  static void Unref(Node* node, uint32_t height) {
    if (node == nullptr || node->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (height == 0) return delete static_cast<Leaf*>(node);
    for (Node* child : static_cast<Inner*>(node)->below) Unref(child, height - 1);
    delete static_cast<Inner*>(node);
  }
  // The same if nobody else has it, or a copy.
  static Node* Own(Node* node, uint32_t height) {
    if (node == nullptr) return New(height);
    if (node->refs.load(std::memory_order_acquire) == 1) return node;
    Node* copy = New(height);
    Prefetch(node, height);
    if (height == 0) {
      static_cast<Leaf*>(copy)->elements = static_cast<Leaf*>(node)->elements;
    } else {
      for (uint32_t i = 0; i < kFan; ++i)
        static_cast<Inner*>(copy)->below[i] = Ref(static_cast<Inner*>(node)->below[i]);
    }
    Unref(node, height);
    return copy;
  }
  // Counting a reference waits for its line; all lines of a node are waited for together.
  static void Prefetch(const Node* node, uint32_t height) {
    for (uint32_t i = 0; i < kFan; ++i) {
      if (height > 0) {
        __builtin_prefetch(static_cast<const Inner*>(node)->below[i], 1);
      } else if (const T* element = static_cast<const Leaf*>(node)->elements[i].get(); element != nullptr) {
        // make_shared puts the count before what it counts; elsewhere nothing is gained.
        __builtin_prefetch(reinterpret_cast<const char*>(element) - 2 * sizeof(void*), 1);
      }
    }
  }
  // Null: nothing is left below it.
  static Node* SetIn(Node* node, uint32_t height, uint32_t index, std::shared_ptr<const T> value) {
    node = Own(node, height);
    bool empty;
    if (height == 0) {
      auto& elements = static_cast<Leaf*>(node)->elements;
      elements[index % kFan] = std::move(value);
      empty = elements[index % kFan] == nullptr && std::count(elements.begin(), elements.end(), nullptr) == kFan;
    } else {
      auto& below = static_cast<Inner*>(node)->below;
      Node*& child = below[(index >> (kBits * height)) % kFan];
      child = SetIn(child, height - 1, index, std::move(value));
      empty = child == nullptr && std::count(below.begin(), below.end(), nullptr) == kFan;
    }
    if (!empty) return node;
    Unref(node, height);  // ours alone since Own()
    return nullptr;
  }
  const std::shared_ptr<const T>* Find(uint32_t index) const {
    if (index >= size_) return nullptr;
    const Node* node = root_;
    for (uint32_t height = height_; height > 0 && node != nullptr; --height) {
      node = static_cast<const Inner*>(node)->below[(index >> (kBits * height)) % kFan];
    }
    return node == nullptr ? nullptr : &static_cast<const Leaf*>(node)->elements[index % kFan];
  }
  // The i-th below one of `height` where that begins at the same index as one of `most`, which is as high or higher.
  static const Node* Below(const Node* node, uint32_t height, uint32_t most, uint32_t i) {
    if (node == nullptr) return nullptr;
    if (height < most) return i == 0 ? node : nullptr;
    return static_cast<const Inner*>(node)->below[i];
  }
  template <class F>
  static void Compare(const Node* was, uint32_t was_height, const Node* is, uint32_t is_height, uint32_t first, F& f) {
    if (was == is) return;
    const uint32_t most = was_height > is_height ? was_height : is_height;
    for (uint32_t i = 0; i < kFan; ++i) {
      if (most > 0) {
        Compare(Below(was, was_height, most, i), was_height < most ? was_height : most - 1,
                Below(is, is_height, most, i), is_height < most ? is_height : most - 1, first + (i << (kBits * most)),
                f);
        continue;
      }
      const T* one = was == nullptr ? nullptr : static_cast<const Leaf*>(was)->elements[i].get();
      const T* other = is == nullptr ? nullptr : static_cast<const Leaf*>(is)->elements[i].get();
      if (one != other) f(first + i, one, other);
    }
  }
  static uint32_t CountNotIn(const Node* node, uint32_t height, const Node* other, uint32_t other_height) {
    if (node == nullptr || node == other) return 0;
    uint32_t count = 1;
    for (uint32_t i = 0; height > 0 && i < kFan; ++i) {
      const uint32_t below = other_height < height ? other_height : height - 1;
      count += CountNotIn(static_cast<const Inner*>(node)->below[i], height - 1,
                          other_height > height ? nullptr : Below(other, other_height, height, i), below);
    }
    return count;
  }

  Node* root_ = nullptr;
  uint32_t height_ = 0;
  uint32_t size_ = 0;
};

}  // namespace outrigger::model
