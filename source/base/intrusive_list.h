// Thread: any (not synchronised)
#pragma once

#include <cstddef>

namespace outrigger {

// A hook to inherit from: being in a list costs two pointers and no allocation. `Tag` lets one object be in several
// lists. The destructor leaves the list, so a list never holds a dead object.
template <class Tag = void>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { Unlink(); }
  bool linked() const { return next_ != nullptr; }
  void Unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, class U>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;
  ListHook* prev_ = nullptr;
};

// A list of T that derives (also) from ListHook<Tag>. Does not own its elements; destroying it unlinks them.
template <class T, class Tag = void>
class IntrusiveList {
 public:
  using Hook = ListHook<Tag>;
  IntrusiveList() { root_.next_ = root_.prev_ = &root_; }
  ~IntrusiveList() {
    while (!empty()) PopFront();
    root_.next_ = root_.prev_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return root_.next_ == &root_; }
  T& front() { return *static_cast<T*>(root_.next_); }
  T& back() { return *static_cast<T*>(root_.prev_); }
  void PushBack(T& item) { Insert(*root_.prev_, item); }
  void PushFront(T& item) { Insert(root_, item); }
  T& PopFront() {
    T& first = front();
    static_cast<Hook&>(first).Unlink();
    return first;
  }
  // f may unlink or destroy the element it is given, nothing else of this list.
  template <class F>
  void ForEach(F&& f) {
    for (Hook* at = root_.next_; at != &root_;) {
      Hook* next = at->next_;
      f(*static_cast<T*>(at));
      at = next;
    }
  }
  size_t CountSlow() const {
    size_t n = 0;
    for (const Hook* at = root_.next_; at != &root_; at = at->next_) ++n;
    return n;
  }

 private:
  static void Insert(Hook& after, T& item) {
    Hook& hook = static_cast<Hook&>(item);
    hook.Unlink();
    hook.prev_ = &after;
    hook.next_ = after.next_;
    after.next_->prev_ = &hook;
    after.next_ = &hook;
  }
  Hook root_;
};

}  // namespace outrigger
