// Thread: worker
#pragma once

#include <cstddef>
#include <utility>

namespace outrigger::http::h1 {

// Keeps a few objects of a kind per thread, so that a request makes no malloc and an idle session holds no stream.
// T has a default constructor and a Start that sets everything.
template <class T>
class Recycler {
 public:
  static T* Take() {
    Shelf& shelf = shelf_;
    return shelf.count > 0 ? shelf.items[--shelf.count] : new T;
  }
  static void Give(T* item) {
    Shelf& shelf = shelf_;
    if (shelf.count < kMost) {
      shelf.items[shelf.count++] = item;
    } else {
      delete item;
    }
  }

 private:
  static constexpr size_t kMost = 128;
  struct Shelf {
    T* items[kMost];
    size_t count = 0;
    ~Shelf() {
      while (count > 0) delete items[--count];
    }
  };
  static thread_local Shelf shelf_;
};
template <class T>
thread_local typename Recycler<T>::Shelf Recycler<T>::shelf_;

// Streams of one session that ended this turn: their sender may still be called, so they are reused from the next turn on only.
// T links them by next_retired_.
template <class T>
class RetiredStreams {
 public:
  ~RetiredStreams() { Recycle(); }
  void Add(T* stream) {
    stream->next_retired_ = first_;
    first_ = stream;
  }
  void Recycle() {
    while (first_ != nullptr) Recycler<T>::Give(std::exchange(first_, first_->next_retired_));
  }

 private:
  T* first_ = nullptr;
};

}  // namespace outrigger::http::h1
