#include "source/net/read_block.h"

#include <utility>

namespace outrigger::net {
namespace {

constexpr uint32_t kLeastRoom = kLargeBlock / 2;
constexpr uint32_t kCacheLine = 64;

}  // namespace

ReadBlock& ReadBlock::OfThread() {
  thread_local ReadBlock block;
  return block;
}

// Taking a block here makes the thread's pool older than this object, so that it is still there in the destructor.
ReadBlock::ReadBlock() : block_(AcquireBlock(kLargeBlock)) {}

void ReadBlock::Release() {
  if (block_ != nullptr) ReleaseBlock(block_);
  block_ = nullptr;
  at_ = 0;
}

char* ReadBlock::Room(size_t* room) {
  if (block_ != nullptr) {
    if (block_->refs == 1) {
      at_ = 0;
    } else if (block_->capacity - at_ < kLeastRoom) {
      Release();
    }
  }
  if (block_ == nullptr) {
    block_ = AcquireBlock(kLargeBlock);
    at_ = 0;
  }
  *room = block_->capacity - at_;
  return block_->data() + at_;
}

void ReadBlock::Commit(size_t n, Buffer& into) {
  const uint32_t end = at_ + static_cast<uint32_t>(n);
  into.AppendSlice(block_, at_, end);
  at_ = (end + kCacheLine - 1) & ~(kCacheLine - 1);
  if (at_ > block_->capacity) at_ = block_->capacity;
#if defined(__SANITIZE_ADDRESS__)
  // A view that outlives its slice then points into poisoned memory instead of the next request.
  if (!share_in_all_builds_) Release();
#endif
}

void CompactIfWasteful(Buffer& buffer) {
  if (buffer.empty()) return;
  if (buffer.charged() <= 2 * buffer.size() + kMediumBlock) return;
  Buffer compact;
  for (size_t i = 0; i < buffer.slice_count(); ++i) compact.Append(buffer.slice(i).view());
  buffer = std::move(compact);
}

}  // namespace outrigger::net
