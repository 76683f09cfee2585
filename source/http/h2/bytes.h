// Thread: worker
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "source/http/h2/memory.h"

namespace outrigger::http::h2 {

// Bytes in one piece that grow at their end, from the pool of h2/memory. Free() between uses: idle ones hold nothing.
class Bytes {
 public:
  Bytes() = default;
  ~Bytes() { Free(); }
  Bytes(const Bytes&) = delete;

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  char* data() { return data_; }
  absl::string_view view() const { return {data_, size_}; }

  // Room for `most` more bytes at the end; Commit says how many were written.
  char* Room(size_t most) {
    if (size_ + most > capacity_) Grow(size_ + most);
    return data_ + size_;
  }
  void Commit(size_t n) { size_ += n; }
  void Append(absl::string_view bytes) {
    if (bytes.empty()) return;
    memcpy(Room(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Swap(Bytes& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void Free() {
    Memory::Free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

 private:
  void Grow(size_t least) {
    const size_t capacity = least < 2 * capacity_ ? 2 * capacity_ : least < 512 ? 512 : least;
    char* bigger = static_cast<char*>(Memory::Allocate(capacity));
    if (size_ > 0) memcpy(bigger, data_, size_);
    Memory::Free(data_);
    data_ = bigger;
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace outrigger::http::h2
