#include "source/base/buffer.h"

#include <cstring>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/random.h"

namespace outrigger {
namespace {

std::string Text(Random& random, size_t n) {
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>('a' + random.Below(26));
  return text;
}

TEST(BufferTest, AppendedTextComesOutInOrderWhateverItsSize) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  std::string expected;
  Random random(1);
  for (size_t n : {1u, 100u, 4000u, 70000u, 300000u, 0u, 3u}) {
    const std::string text = Text(random, n);
    buffer.Append(text);
    expected += text;
  }
  EXPECT_EQ(buffer.size(), expected.size());
  EXPECT_EQ(buffer.ToString(), expected);
}

TEST(BufferTest, MovingSlicesCopiesNothingAndKeepsTheBlocks) {
  Buffer from;
  from.Append(std::string(20000, 'x'));
  const char* at = from.Front().data();
  Buffer to;
  to.MoveFrom(from, 10000);
  EXPECT_EQ(to.Front().data(), at);
  EXPECT_EQ(from.Front().data(), at + 10000);
  EXPECT_EQ(from.slice(0).block->refs, 2u);
  to.Append(std::move(from));
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(to.size(), 20000u);
  EXPECT_EQ(to.slice_count(), 1u) << "adjacent pieces of one block join";
  EXPECT_EQ(to.slice(0).block->refs, 1u);
}

TEST(BufferTest, AppendNeverWritesIntoASharedBlock) {
  Buffer first("hello");
  Buffer second;
  second.AppendSlice(first.slice(0).block, 0, 5);
  first.Append(" world");
  second.Append(" moon");
  EXPECT_EQ(first.ToString(), "hello world");
  EXPECT_EQ(second.ToString(), "hello moon");
}

TEST(BufferTest, ReserveAndCommitAppendInPlace) {
  Buffer buffer("ab");
  size_t room = 0;
  char* at = buffer.Reserve(3, &room);
  ASSERT_GE(room, 3u);
  memcpy(at, "cde", 3);
  buffer.Commit(3);
  EXPECT_EQ(buffer.ToString(), "abcde");
  EXPECT_EQ(buffer.slice_count(), 1u);
  at = buffer.Reserve(100000, &room);
  ASSERT_GE(room, 100000u);
  memset(at, 'z', room);
  buffer.Commit(1);
  EXPECT_EQ(buffer.ToString(), "abcdez");
}

TEST(BufferTest, AReservationThatIsNotUsedLeavesNoBlockBehind) {
  Buffer buffer;
  size_t room = 0;
  buffer.Reserve(65536, &room);
  buffer.Commit(0);
  EXPECT_EQ(buffer.charged(), 0u);
  buffer.Reserve(65536, &room);
  buffer.Append("x");
  EXPECT_EQ(buffer.ToString(), "x");
  EXPECT_EQ(buffer.slice_count(), 1u);
}

TEST(BufferTest, ADripOfBytesDoesNotPinABlockEach) {
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) {
    Buffer drop("y");
    buffer.Append(std::move(drop));
  }
  EXPECT_EQ(buffer.ToString(), std::string(1000, 'y'));
  EXPECT_LE(buffer.charged(), 2 * 4096u);
}

TEST(BufferTest, ChargedCountsWholeBlocks) {
  Buffer buffer("x");
  EXPECT_EQ(buffer.charged(), 4096u);
  buffer.Clear();
  EXPECT_EQ(buffer.charged(), 0u);
}

TEST(BufferTest, LinearizeJoinsOnlyWhatIsAskedFor) {
  Buffer buffer;
  Block* blocks[3];
  for (Block*& block : blocks) {
    block = AcquireBlock(kSmallBlock);
    memset(block->data(), 'a' + static_cast<int>(&block - blocks), 1000);
    buffer.AppendSlice(block, 0, 1000);
    ReleaseBlock(block);
  }
  EXPECT_EQ(buffer.slice_count(), 3u);
  EXPECT_EQ(buffer.Linearize(1500), std::string(1000, 'a') + std::string(500, 'b'));
  EXPECT_EQ(buffer.size(), 3000u);
  EXPECT_EQ(buffer.ToString(), std::string(1000, 'a') + std::string(1000, 'b') + std::string(1000, 'c'));
}

TEST(BufferTest, PrependGoesBeforeEverything) {
  Buffer buffer("c");
  buffer.Prepend("b");
  buffer.Prepend("a");
  EXPECT_EQ(buffer.ToString(), "abc");
  buffer.Drain(1);
  EXPECT_EQ(buffer.ToString(), "bc");
}

TEST(BufferTest, SlicesForWritevCoverTheFront) {
  Buffer buffer;
  for (int i = 0; i < 10; ++i) {
    Block* block = AcquireBlock(1);
    buffer.AppendSlice(block, 0, 1000);
    ReleaseBlock(block);
  }
  struct iovec out[16];
  EXPECT_EQ(buffer.GetSlices(out, 3), 3);
  EXPECT_EQ(buffer.GetSlices(out, 16), 10);
  EXPECT_EQ(out[9].iov_len, 1000u);
}

TEST(BlockPoolTest, TheSteadyStateReusesTheSameBlock) {
  Block* first = AcquireBlock(100000);
  EXPECT_EQ(first->capacity, kLargeBlock);
  ReleaseBlock(first);
  EXPECT_GE(PooledBlockBytes(), kLargeBlock);
  EXPECT_EQ(AcquireBlock(100000), first);
  ReleaseBlock(first);
  TrimBlockPool(0);
  EXPECT_EQ(PooledBlockBytes(), 0u);
}

TEST(BlockPoolTest, WhatItKeepsIsBounded) {
  std::vector<Block*> blocks;
  for (int i = 0; i < 400; ++i) blocks.push_back(AcquireBlock(kLargeBlock));
  for (Block* block : blocks) ReleaseBlock(block);
  EXPECT_LE(PooledBlockBytes(), 16u * 1024 * 1024);
  Block* huge = AcquireBlock(kLargeBlock + 1);
  EXPECT_EQ(huge->capacity, kLargeBlock + 1);
  const size_t before = PooledBlockBytes();
  ReleaseBlock(huge);
  EXPECT_EQ(PooledBlockBytes(), before);
  TrimBlockPool(0);
}

// Random operations on four buffers against std::string.
class BufferModel {
 public:
  explicit BufferModel(uint64_t seed) : random_(seed) {}
  void Step() {
    const size_t i = random_.Below(4);
    const size_t j = (i + 1 + random_.Below(3)) % 4;
    Buffer& a = buffers_[i];
    std::string& text = texts_[i];
    switch (random_.Below(11)) {
      case 0:
      case 1: {
        const std::string more = Text(random_, random_.OneIn(10) ? random_.Below(40000) : random_.Below(900));
        a.Append(more);
        text += more;
        break;
      }
      case 2:
        a.Append(std::move(buffers_[j]));
        text += texts_[j];
        texts_[j].clear();
        break;
      case 3:
      case 4: {
        const size_t n = random_.Below(texts_[j].size() + 1);
        a.MoveFrom(buffers_[j], n);
        text += texts_[j].substr(0, n);
        texts_[j].erase(0, n);
        break;
      }
      case 5: {
        const size_t n = random_.Below(text.size() + 1);
        a.Drain(n);
        text.erase(0, n);
        break;
      }
      case 6: {
        size_t room = 0;
        char* at = a.Reserve(1 + random_.Below(5000), &room);
        const std::string more = Text(random_, random_.Below(room + 1));
        memcpy(at, more.data(), more.size());
        a.Commit(more.size());
        text += more;
        break;
      }
      case 7: {
        const std::string more = Text(random_, random_.Below(600));
        a.Prepend(more);
        text = more + text;
        break;
      }
      case 8: {
        const size_t n = random_.Below(text.size() + 1);
        ASSERT_EQ(a.Linearize(n), text.substr(0, n));
        break;
      }
      case 9:
        a = Buffer(std::move(buffers_[j]));
        text = std::exchange(texts_[j], "");
        break;
      case 10:
        if (buffers_[j].slice_count() == 0) break;
        const Buffer::Slice slice = buffers_[j].slice(random_.Below(buffers_[j].slice_count()));
        text.append(slice.view().data(), slice.view().size());
        a.AppendSlice(slice.block, slice.begin, slice.end);
        break;
    }
    Compare();
  }

 private:
  void Compare() {
    for (int i = 0; i < 4; ++i) {
      if (texts_[i].size() > 300000) {
        texts_[i].clear();
        buffers_[i].Clear();
      }
      ASSERT_EQ(buffers_[i].size(), texts_[i].size());
      ASSERT_EQ(buffers_[i].ToString(), texts_[i]);
    }
  }
  Random random_;
  Buffer buffers_[4];
  std::string texts_[4];
};

TEST(BufferTest, BehavesLikeAStringUnderRandomOperations) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    BufferModel model(seed);
    for (int i = 0; i < 300 && !testing::Test::HasFatalFailure(); ++i) model.Step();
  }
}

}  // namespace
}  // namespace outrigger
