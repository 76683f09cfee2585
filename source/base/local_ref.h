// Thread: one (the count is plain)
#pragma once

#include <cstdint>
#include <utility>

namespace outrigger {

// Something counted by a plain, thread-local count: how a stream pins a Snapshot without touching an atomic. The last
// reference calls OnUnpinned(), which may hand expensive destruction to another thread.
class LocallyCounted {
 public:
  LocallyCounted() = default;
  LocallyCounted(const LocallyCounted&) = delete;
  LocallyCounted& operator=(const LocallyCounted&) = delete;
  uint32_t local_refs() const { return refs_; }

 protected:
  virtual ~LocallyCounted() = default;
  virtual void OnUnpinned() = 0;  // deletes itself or arranges it

 private:
  template <class T>
  friend class LocalRef;
  void AddLocalRef() { ++refs_; }
  void DropLocalRef() {
    if (--refs_ == 0) OnUnpinned();
  }
  uint32_t refs_ = 0;
};

template <class T>
class LocalRef {
 public:
  LocalRef() = default;
  explicit LocalRef(T* object) : object_(object) {
    if (object_ != nullptr) static_cast<LocallyCounted*>(object_)->AddLocalRef();
  }
  LocalRef(const LocalRef& other) : LocalRef(other.object_) {}
  template <class U>
  LocalRef(const LocalRef<U>& other) : LocalRef(other.get()) {}  // NOLINT: up-cast
  LocalRef(LocalRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  LocalRef& operator=(LocalRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~LocalRef() {
    if (object_ != nullptr) static_cast<LocallyCounted*>(object_)->DropLocalRef();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace outrigger
