#include "source/base/arena.h"

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/random.h"

namespace outrigger {
namespace {

TEST(ArenaTest, PiecesAreAlignedAndDoNotOverlap) {
  Arena arena;
  Random random(3);
  std::vector<std::pair<char*, size_t>> pieces;
  for (int i = 0; i < 2000; ++i) {
    const size_t align = size_t{1} << random.Below(7);
    const size_t size = random.OneIn(50) ? random.Below(30000) : random.Below(200);
    char* at = static_cast<char*>(arena.Allocate(size, align));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(at) % align, 0u);
    memset(at, i % 251, size);
    pieces.emplace_back(at, size);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t k = 0; k < pieces[i].second; ++k) ASSERT_EQ(static_cast<uint8_t>(pieces[i].first[k]), i % 251);
  }
}

TEST(ArenaTest, ResetDestroysInReverseOrder) {
  struct Noisy {
    Noisy(std::string* log, char name) : log(log), name(name) {}
    ~Noisy() { *log += name; }
    std::string* log;
    char name;
  };
  std::string log;
  Arena arena;
  arena.New<Noisy>(&log, 'a');
  arena.New<Noisy>(&log, 'b');
  arena.Reset();
  EXPECT_EQ(log, "ba");
  EXPECT_EQ(arena.charged(), 0u);
}

TEST(ArenaTest, AUsualRequestTakesOneChunkAndTheNextArenaGetsItAgain) {
  const void* first;
  {
    Arena arena;
    first = arena.Allocate(100);
    arena.Allocate(3000);
    EXPECT_EQ(arena.charged(), Arena::kFirstChunk);
  }
  Arena arena;
  EXPECT_EQ(arena.Allocate(100), first);
}

TEST(ArenaTest, CopiedTextOutlivesItsSource) {
  Arena arena;
  absl::string_view copy;
  absl::string_view joined;
  {
    const std::string text = "x-request-id";
    copy = arena.Copy(text);
    joined = arena.Concat(text, "=", "1");
  }
  EXPECT_EQ(copy, "x-request-id");
  EXPECT_EQ(joined, "x-request-id=1");
  EXPECT_NE(arena.Copy("").data(), nullptr);
}

}  // namespace
}  // namespace outrigger
