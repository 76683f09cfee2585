// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>

#include "source/base/buffer.h"

namespace outrigger::net {

// The one large block of this thread that sockets are read into, so that reads land in memory that is still in the
// cache. What was read is handed out as a slice of it. If nobody kept the slice, the next read starts at the front
// again; if somebody did, behind it, until half of the block is spent: then the block is theirs and a new one is
// taken. So a full read of a body moves a block and costs no copy, and a thousand small requests use one.
class ReadBlock {
 public:
  static ReadBlock& OfThread();

  // Where to read to: at least half a large block.
  char* Room(size_t* room);
  // Appends the first n bytes of the last Room() to `into`.
  void Commit(size_t n, Buffer& into);
  // Gives the memory back to the pool (overload, tests).
  void Release();
  // With the address sanitizer each read has a block of its own, unless this was called: then reads have the same room
  // in all builds, and traces can be compared.
  void ShareInAllBuilds() { share_in_all_builds_ = true; }

  ReadBlock(const ReadBlock&) = delete;
  ReadBlock& operator=(const ReadBlock&) = delete;

 private:
  ReadBlock();
  ~ReadBlock() { Release(); }

  Block* block_ = nullptr;
  uint32_t at_ = 0;
  bool share_in_all_builds_ = false;
};

// Copies a buffer that pins far more memory than it holds (a stalled reader's 100 bytes of a 128 KiB block) into blocks
// of the right size. Cheap to ask.
void CompactIfWasteful(Buffer& buffer);

}  // namespace outrigger::net
