#include "source/base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "source/base/bug.h"

namespace outrigger {
namespace {

// A slice shorter than this is copied behind the last one if it fits there: a peer that sends single bytes must not
// make us keep a whole block for each.
constexpr uint32_t kCopyBelow = 512;

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept { *this = static_cast<Buffer&&>(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  if (other.ring_ == other.inline_) {
    memcpy(inline_, other.inline_, sizeof(inline_));
  } else {
    ring_ = other.ring_;
    ring_capacity_ = other.ring_capacity_;
    other.ring_ = other.inline_;
    other.ring_capacity_ = kInline;
  }
  head_ = other.head_;
  count_ = other.count_;
  size_ = other.size_;
  reserved_ = other.reserved_;
  other.head_ = other.count_ = other.reserved_ = 0;
  other.size_ = 0;
  return *this;
}

Buffer::Slice& Buffer::At(uint32_t i) { return ring_[(head_ + i) & (ring_capacity_ - 1)]; }

const Buffer::Slice& Buffer::slice(size_t i) const {
  OUTRIGGER_DCHECK(i < count_);
  return ring_[(head_ + i) & (ring_capacity_ - 1)];
}

void Buffer::Grow() {
  const uint32_t capacity = ring_capacity_ * 2;
  Slice* ring = static_cast<Slice*>(malloc(capacity * sizeof(Slice)));
  OUTRIGGER_CHECK(ring != nullptr);
  for (uint32_t i = 0; i < count_; ++i) ring[i] = At(i);
  if (ring_ != inline_) free(ring_);
  ring_ = ring;
  ring_capacity_ = capacity;
  head_ = 0;
}

void Buffer::PushBack(Slice slice) {
  if (count_ == ring_capacity_) Grow();
  ++count_;
  At(count_ - 1) = slice;
}

void Buffer::PushFront(Slice slice) {
  if (count_ == ring_capacity_) Grow();
  head_ = (head_ - 1) & (ring_capacity_ - 1);
  ++count_;
  At(0) = slice;
}

void Buffer::PopFront() {
  ReleaseBlock(At(0).block);
  head_ = (head_ + 1) & (ring_capacity_ - 1);
  --count_;
}

void Buffer::DropReservation() {
  reserved_ = 0;
  if (count_ > 0 && At(count_ - 1).begin == At(count_ - 1).end) {
    ReleaseBlock(At(count_ - 1).block);
    --count_;
  }
}

size_t Buffer::charged() const {
  size_t sum = ring_ == inline_ ? 0 : ring_capacity_ * sizeof(Slice);
  const Block* last = nullptr;
  for (uint32_t i = 0; i < count_; ++i) {
    const Block* block = slice(i).block;
    if (block != last) sum += sizeof(Block) + block->capacity;
    last = block;
  }
  return sum;
}

void Buffer::Clear() {
  while (count_ > 0) PopFront();
  if (ring_ != inline_) free(ring_);
  ring_ = inline_;
  ring_capacity_ = kInline;
  head_ = reserved_ = 0;
  size_ = 0;
}

char* Buffer::Reserve(size_t at_least, size_t* room) {
  OUTRIGGER_CHECK(at_least <= UINT32_MAX / 2);
  if (reserved_ != 0) DropReservation();
  if (count_ > 0) {
    Slice& back = At(count_ - 1);
    if (back.block->refs == 1 && back.block->capacity - back.end >= at_least && back.block->capacity > back.end) {
      reserved_ = back.block->capacity - back.end;
      *room = reserved_;
      return back.block->data() + back.end;
    }
  }
  Block* block = AcquireBlock(std::max<uint32_t>(static_cast<uint32_t>(at_least), 1));
  PushBack({block, 0, 0});
  reserved_ = block->capacity;
  *room = reserved_;
  return block->data();
}

void Buffer::Commit(size_t n) {
  OUTRIGGER_CHECK(n <= reserved_ && (n == 0 || count_ > 0));
  if (n != 0) {
    At(count_ - 1).end += static_cast<uint32_t>(n);
    size_ += n;
  }
  DropReservation();
}

void Buffer::Append(absl::string_view bytes) {
  if (reserved_ != 0) DropReservation();
  if (count_ > 0 && !bytes.empty()) {
    Slice& back = At(count_ - 1);
    if (back.block->refs == 1) {
      const size_t n = std::min<size_t>(bytes.size(), back.block->capacity - back.end);
      memcpy(back.block->data() + back.end, bytes.data(), n);
      back.end += static_cast<uint32_t>(n);
      size_ += n;
      bytes.remove_prefix(n);
    }
  }
  while (!bytes.empty()) {
    // Many small appends make a big buffer: take bigger blocks once it has grown.
    const size_t want = std::min<size_t>(std::max(bytes.size(), std::min<size_t>(size_, kMediumBlock)), kLargeBlock);
    Block* block = AcquireBlock(static_cast<uint32_t>(want));
    const uint32_t n = static_cast<uint32_t>(std::min<size_t>(bytes.size(), block->capacity));
    memcpy(block->data(), bytes.data(), n);
    PushBack({block, 0, n});
    size_ += n;
    bytes.remove_prefix(n);
  }
}

// Takes over the reference that `slice` carries.
void Buffer::Adopt(Slice slice) {
  const uint32_t n = slice.end - slice.begin;
  if (count_ > 0 && n > 0) {
    Slice& back = At(count_ - 1);
    const bool adjacent = back.block == slice.block && back.end == slice.begin;
    const bool copy = !adjacent && n < kCopyBelow && back.block->refs == 1 && back.block->capacity - back.end >= n;
    if (copy) memcpy(back.block->data() + back.end, slice.block->data() + slice.begin, n);
    if (copy || adjacent) {
      back.end += n;
      size_ += n;
      ReleaseBlock(slice.block);
      return;
    }
  }
  if (n == 0) {
    ReleaseBlock(slice.block);
    return;
  }
  PushBack(slice);
  size_ += n;
}

void Buffer::Append(Buffer&& other) {
  if (this == &other) return;
  if (other.reserved_ != 0) other.DropReservation();
  if (count_ == 0) {
    *this = static_cast<Buffer&&>(other);
    return;
  }
  if (reserved_ != 0) DropReservation();
  for (uint32_t i = 0; i < other.count_; ++i) Adopt(other.At(i));
  other.head_ = other.count_ = 0;
  other.size_ = 0;
  other.Clear();
}

void Buffer::AppendSlice(Block* block, uint32_t begin, uint32_t end) {
  OUTRIGGER_CHECK(begin <= end && end <= block->capacity);
  if (reserved_ != 0) DropReservation();
  ++block->refs;
  Adopt({block, begin, end});
}

void Buffer::Prepend(absl::string_view bytes) {
  if (bytes.empty()) return;
  OUTRIGGER_CHECK(bytes.size() <= UINT32_MAX / 2);
  if (reserved_ != 0) DropReservation();
  const uint32_t n = static_cast<uint32_t>(bytes.size());
  if (count_ > 0 && At(0).block->refs == 1 && At(0).begin >= n) {
    Slice& front = At(0);
    front.begin -= n;
    memcpy(front.block->data() + front.begin, bytes.data(), n);
  } else {
    // At the end of its block, so that the next Prepend finds room before it.
    Block* block = AcquireBlock(n);
    memcpy(block->data() + block->capacity - n, bytes.data(), n);
    PushFront({block, block->capacity - n, block->capacity});
  }
  size_ += n;
}

void Buffer::MoveFrom(Buffer& from, size_t n) {
  OUTRIGGER_CHECK(n <= from.size_ && this != &from);
  if (from.reserved_ != 0) from.DropReservation();
  if (n == from.size_) {
    Append(static_cast<Buffer&&>(from));
    return;
  }
  if (reserved_ != 0) DropReservation();
  while (n > 0) {
    Slice& front = from.At(0);
    const uint32_t length = front.end - front.begin;
    if (length > n) {
      ++front.block->refs;
      Adopt({front.block, front.begin, front.begin + static_cast<uint32_t>(n)});
      front.begin += static_cast<uint32_t>(n);
      from.size_ -= n;
      return;
    }
    Slice whole = front;
    from.head_ = (from.head_ + 1) & (from.ring_capacity_ - 1);
    --from.count_;
    from.size_ -= length;
    n -= length;
    Adopt(whole);
  }
}

void Buffer::Drain(size_t n) {
  OUTRIGGER_CHECK(n <= size_);
  if (reserved_ != 0) DropReservation();
  size_ -= n;
  while (n > 0) {
    Slice& front = At(0);
    const uint32_t length = front.end - front.begin;
    if (length > n) {
      front.begin += static_cast<uint32_t>(n);
      return;
    }
    n -= length;
    PopFront();
  }
}

absl::string_view Buffer::Front() const { return count_ == 0 ? absl::string_view("", 0) : slice(0).view(); }

absl::string_view Buffer::Linearize(size_t n) {
  OUTRIGGER_CHECK(n <= size_ && n <= UINT32_MAX / 2);
  if (n == 0) return absl::string_view("", 0);
  if (Front().size() >= n) return {Front().data(), n};
  Block* block = AcquireBlock(static_cast<uint32_t>(n));
  CopyOut(0, n, block->data());
  Drain(n);
  PushFront({block, 0, static_cast<uint32_t>(n)});
  size_ += n;
  return {block->data(), n};
}

size_t Buffer::CopyOut(size_t offset, size_t n, char* to) const {
  size_t copied = 0;
  for (uint32_t i = 0; i < count_ && copied < n; ++i) {
    absl::string_view view = slice(i).view();
    if (offset >= view.size()) {
      offset -= view.size();
      continue;
    }
    const size_t piece = std::min(view.size() - offset, n - copied);
    memcpy(to + copied, view.data() + offset, piece);
    copied += piece;
    offset = 0;
  }
  return copied;
}

std::string Buffer::ToString() const {
  std::string text;
  text.reserve(size_);
  for (uint32_t i = 0; i < count_; ++i) text.append(slice(i).view().data(), slice(i).view().size());
  return text;
}

int Buffer::GetSlices(struct iovec* out, int most) const {
  int filled = 0;
  for (uint32_t i = 0; i < count_ && filled < most; ++i) {
    const Slice& piece = slice(i);
    if (piece.begin == piece.end) continue;  // a reservation that is not committed yet
    out[filled++] = {piece.block->data() + piece.begin, size_t{piece.end - piece.begin}};
  }
  return filled;
}

}  // namespace outrigger
