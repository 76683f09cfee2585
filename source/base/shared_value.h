// Thread: Shared immutable any once others see it; Edit and SharedValues whoever makes it (main)
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace outrigger {

// A value that many hold and few have for themselves. One that was never edited is T as it is made, and takes no
// memory.
template <class T>
class Shared {
 public:
  Shared() = default;
  const T& operator*() const { return value_ != nullptr ? *value_ : Untouched(); }
  const T* operator->() const { return &**this; }
  // To be changed before anybody else sees it. Who shares it keeps it as it was.
  T& Edit() {
    if (value_ == nullptr || value_.use_count() != 1) value_ = std::make_shared<T>(**this);
    return *value_;
  }

 private:
  template <class>
  friend class SharedValues;
  static const T& Untouched() {
    static const T* const untouched = new T();
    return *untouched;
  }
  std::shared_ptr<T> value_;
};

// Values that are in use, so that equal ones are kept once.
template <class T>
class SharedValues {
 public:
  // `hash`: the same for equal values. Of those that have it in common so many are compared; further ones stand alone.
  static constexpr size_t kMostAlike = 8;

  void Share(uint64_t hash, Shared<T>* one) {
    if (one->value_ == nullptr) return;
    if (*one->value_ == Shared<T>::Untouched()) return one->value_.reset();
    std::vector<std::weak_ptr<T>>& alike = values_[hash];
    std::erase_if(alike, [](const std::weak_ptr<T>& known) { return known.expired(); });
    for (const std::weak_ptr<T>& known : alike) {
      if (std::shared_ptr<T> same = known.lock(); same != nullptr && *same == *one->value_) {
        one->value_ = std::move(same);
        return;
      }
    }
    if (alike.size() < kMostAlike) alike.push_back(one->value_);
    if (values_.size() > sweep_at_) Sweep();
  }
  size_t size() const { return values_.size(); }

 private:
  void Sweep() {
    std::erase_if(values_, [](const auto& entry) {
      for (const std::weak_ptr<T>& known : entry.second) {
        if (!known.expired()) return false;
      }
      return true;
    });
    sweep_at_ = values_.size() * 2 + kSweepAt;
  }
  static constexpr size_t kSweepAt = 64;
  std::map<uint64_t, std::vector<std::weak_ptr<T>>> values_;
  size_t sweep_at_ = kSweepAt;
};

}  // namespace outrigger
