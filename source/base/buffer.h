// Thread: worker (a Buffer and its blocks stay on the thread that made them; block reference counts are plain integers)
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace outrigger {

// A reference-counted piece of memory from this thread's pool. Size classes: kSmallBlock, kMediumBlock, kLargeBlock.
struct Block {
  uint32_t refs;
  uint32_t capacity;
  char* data() { return reinterpret_cast<char*>(this + 1); }
};

inline constexpr uint32_t kSmallBlock = 4 * 1024 - sizeof(Block);
inline constexpr uint32_t kMediumBlock = 16 * 1024 - sizeof(Block);
inline constexpr uint32_t kLargeBlock = 128 * 1024 - sizeof(Block);

// Takes a block with at least `capacity` bytes (refs == 1) from this thread's pool. Larger than kLargeBlock: exact
// malloc.
Block* AcquireBlock(uint32_t capacity);
void ReleaseBlock(Block* block);  // drops one reference; the last one returns it to the pool
// Bytes that this thread's pool keeps for reuse, and a way to give them back to the system (idle, overload, exit).
size_t PooledBlockBytes();
void TrimBlockPool(size_t keep_bytes);

// A chain of slices of blocks. Bodies move from socket to socket through Buffers without being copied.
// Move-only; moved-from is empty. No operation throws; running out of memory ends the process (RELEASE check).
class Buffer {
 public:
  struct Slice {
    Block* block;
    uint32_t begin;
    uint32_t end;
    absl::string_view view() const { return {block->data() + begin, end - begin}; }
  };

  Buffer() = default;
  explicit Buffer(absl::string_view text) { Append(text); }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { Clear(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // What this buffer keeps from being reused: the full capacity of its blocks (a shared block counts fully). Watermarks
  // compare size(); memory accounts charge this.
  size_t charged() const;

  void Append(absl::string_view bytes);  // copies, filling the last block first when it is ours alone
  void Append(Buffer&& other);           // moves the slices
  // Shares `block`: takes a reference of its own. Small pieces (< 512 bytes) are copied instead where they fit behind
  // the last slice, here and in the moves, so that a drip of bytes does not pin a block each.
  void AppendSlice(Block* block, uint32_t begin, uint32_t end);
  void Prepend(absl::string_view bytes);  // copies
  void MoveFrom(Buffer& from, size_t n);  // first n bytes of `from` (n <= from.size()), no copy
  void Drain(size_t n);                   // n <= size()
  void Clear();

  // Room for at least `at_least` contiguous bytes at the end; *room says how many there are. Commit(n) appends the
  // first n.
  char* Reserve(size_t at_least, size_t* room);
  void Commit(size_t n);

  absl::string_view Front() const;        // the first contiguous piece ("" if empty)
  absl::string_view Linearize(size_t n);  // makes the first n bytes contiguous (n <= size(); copies if they are not)
  size_t CopyOut(size_t offset, size_t n, char* to) const;
  std::string ToString() const;                      // tests and dumps
  int GetSlices(struct iovec* out, int most) const;  // for writev; returns the number filled
  size_t slice_count() const { return count_; }
  const Slice& slice(size_t i) const;

 private:
  // A ring of slices, inline until it grows past kInline.
  static constexpr uint32_t kInline = 4;
  Slice& At(uint32_t i);
  void PushBack(Slice slice);
  void PushFront(Slice slice);
  void PopFront();
  void Grow();
  void Adopt(Slice slice);  // takes over the reference it carries
  void DropReservation();   // a Reserve() that was not committed leaves no empty slice behind

  Slice inline_[kInline];
  Slice* ring_ = inline_;
  uint32_t ring_capacity_ = kInline;  // a power of two
  uint32_t head_ = 0;
  uint32_t count_ = 0;
  uint32_t reserved_ = 0;
  size_t size_ = 0;
};

}  // namespace outrigger
