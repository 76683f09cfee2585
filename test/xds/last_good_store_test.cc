#include "source/xds/last_good_store.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"

namespace outrigger::xds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kFolder[] = "/state/last-good";

// A configuration whose every resource says which one it is.
LastGood ContentOf(uint64_t number, size_t resources = 3) {
  LastGood content;
  content.written = WallTime(seconds(static_cast<int64_t>(number)));
  for (size_t i = 0; i < resources; ++i) {
    auto cluster = std::make_shared<envoy::config::cluster::v3::Cluster>();
    cluster->set_name(absl::StrCat("c", i));
    content.resources.push_back({ResourceType::kCluster, cluster->name(), absl::StrCat(number), number, cluster, ""});
  }
  return content;
}

// Which one that was; all of it, or a failure.
uint64_t NumberOf(const LastGood& content, size_t resources = 3) {
  EXPECT_EQ(content.resources.size(), resources);
  const auto number = static_cast<uint64_t>(ToMillis(content.written.time_since_epoch()) / 1000);
  for (const LastGoodResource& one : content.resources) EXPECT_EQ(one.version, absl::StrCat(number));
  return number;
}

class LastGoodStoreTest : public testing::Test {
 protected:
  LastGoodStore Opened(const std::string& node = "node") {
    LastGoodStore store({kFolder, node, "mesh", key_, max_age_});
    EXPECT_TRUE(store.Open(engine()).ok());
    return store;
  }
  event::Engine& engine() { return loop_->engine(); }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> loop_ = world_.MakeDispatcher();
  event::SimulatedFiles& files_ = world_.files();
  std::shared_ptr<const tls::SealingKey> key_;
  Duration max_age_{0};
};

TEST_F(LastGoodStoreTest, WithoutFilesThereIsNothingAndNoComplaint) {
  LastGoodStore store = Opened();
  EXPECT_EQ(files_.ModeOf(kFolder), 0700u);
  const LastGoodStore::Loaded loaded = store.Load(engine());
  EXPECT_FALSE(loaded.content.has_value());
  EXPECT_THAT(loaded.refused, IsEmpty());
}

TEST_F(LastGoodStoreTest, TheNewestIsLoadedAndSlotsTakeTurns) {
  for (uint64_t number = 1; number <= 5; ++number) {
    LastGoodStore store = Opened();
    store.Load(engine());
    ASSERT_TRUE(store.Write(engine(), ContentOf(number)).ok());
    const LastGoodStore::Loaded loaded = Opened().Load(engine());
    ASSERT_TRUE(loaded.content.has_value());
    EXPECT_EQ(NumberOf(*loaded.content), number);
    EXPECT_EQ(loaded.content->generation, number);
    EXPECT_EQ(loaded.path, absl::StrCat(kFolder, "/last-good.", number % 2 == 1 ? "a" : "b"));
  }
  EXPECT_THAT(*engine().ListFolder(kFolder), ElementsAre("last-good.a", "last-good.b"));
  EXPECT_EQ(files_.ModeOf(absl::StrCat(kFolder, "/last-good.a")), 0600u);
}

TEST_F(LastGoodStoreTest, ADamagedNewestGivesWayToTheOther) {
  LastGoodStore store = Opened();
  ASSERT_TRUE(store.Write(engine(), ContentOf(1)).ok());
  ASSERT_TRUE(store.Write(engine(), ContentOf(2)).ok());
  const std::string newest = absl::StrCat(kFolder, "/last-good.b");
  std::string bytes = *files_.Get(newest);
  bytes[bytes.size() / 2] ^= 1;
  files_.Put(newest, bytes, 0600);

  LastGoodStore next = Opened();
  const LastGoodStore::Loaded loaded = next.Load(engine());
  ASSERT_TRUE(loaded.content.has_value());
  EXPECT_EQ(NumberOf(*loaded.content), 1u);
  EXPECT_THAT(loaded.refused, ElementsAre(HasSubstr("is damaged")));
  ASSERT_TRUE(next.Write(engine(), ContentOf(3)).ok());
  EXPECT_THAT(Opened().Load(engine()).refused, IsEmpty()) << "the damaged one is what was replaced";
  EXPECT_EQ(NumberOf(*Opened().Load(engine()).content), 3u);
}

TEST_F(LastGoodStoreTest, WhatOthersMayWriteIsRefused) {
  LastGoodStore store = Opened();
  ASSERT_TRUE(store.Write(engine(), ContentOf(1)).ok());
  ASSERT_TRUE(store.Write(engine(), ContentOf(2)).ok());
  engine().ChangeMode(absl::StrCat(kFolder, "/last-good.b"), 0620);
  const LastGoodStore::Loaded loaded = Opened().Load(engine());
  EXPECT_EQ(NumberOf(*loaded.content), 1u);
  EXPECT_THAT(loaded.refused, ElementsAre(HasSubstr("permissions")));

  engine().ChangeMode(kFolder, 0777);
  EXPECT_FALSE(LastGoodStore({kFolder, "node", "mesh", nullptr, Duration(0)}).Open(engine()).ok());
}

TEST_F(LastGoodStoreTest, AnotherNodesIsRefusedAndReplaced) {
  LastGoodStore store = Opened("other");
  ASSERT_TRUE(store.Write(engine(), ContentOf(1)).ok());
  ASSERT_TRUE(store.Write(engine(), ContentOf(2)).ok());
  LastGoodStore ours = Opened();
  const LastGoodStore::Loaded loaded = ours.Load(engine());
  EXPECT_FALSE(loaded.content.has_value());
  EXPECT_THAT(loaded.refused, ElementsAre(HasSubstr("of another node"), HasSubstr("of another node")));
  EXPECT_EQ(ours.Write(engine(), ContentOf(3))->generation, 3u) << "above all that is there";
  EXPECT_EQ(NumberOf(*Opened().Load(engine()).content), 3u);
}

TEST_F(LastGoodStoreTest, TheAgeCountsFromTheTimeInTheFile) {
  LastGoodStore store = Opened();
  LastGood content = ContentOf(1);
  content.written = world_.wall_now();
  ASSERT_TRUE(store.Write(engine(), std::move(content)).ok());
  max_age_ = minutes(10);
  EXPECT_TRUE(Opened().Load(engine()).content.has_value());
  world_.JumpWall(minutes(11));
  EXPECT_THAT(Opened().Load(engine()).refused, ElementsAre(HasSubstr("too old")));
}

TEST_F(LastGoodStoreTest, TheKeyIsReadFromAFileOfItsOwner) {
  files_.Put("/etc/key", std::string(32, 'k'), 0600);
  const auto key = ReadSealingKey(engine(), "/etc/key");
  ASSERT_TRUE(key.ok());
  key_ = *key;
  ASSERT_TRUE(Opened().Write(engine(), ContentOf(4)).ok());
  EXPECT_EQ(NumberOf(*Opened().Load(engine()).content), 4u);
  key_ = nullptr;
  EXPECT_THAT(Opened().Load(engine()).refused, ElementsAre(HasSubstr("no key is given")));

  for (const uint32_t mode : {0640u, 0604u, 0620u}) {
    files_.Put("/etc/key", std::string(32, 'k'), mode);
    EXPECT_THAT(std::string(ReadSealingKey(engine(), "/etc/key").status().message()), HasSubstr("permissions"));
  }
  files_.Put("/etc/key", "short", 0400);
  EXPECT_THAT(std::string(ReadSealingKey(engine(), "/etc/key").status().message()), HasSubstr("32 bytes"));
  EXPECT_FALSE(ReadSealingKey(engine(), "/etc/none").ok());
}

TEST_F(LastGoodStoreTest, AWriteThatFailsIsTriedAgainInTheSamePlace) {
  LastGoodStore store = Opened();
  ASSERT_TRUE(store.Write(engine(), ContentOf(1)).ok());
  world_.faults().file_error_one_in = 1;
  EXPECT_FALSE(store.Write(engine(), ContentOf(2)).ok());
  EXPECT_FALSE(store.Write(engine(), ContentOf(3)).ok());
  world_.faults().file_error_one_in = 0;
  EXPECT_EQ(NumberOf(*Opened().Load(engine()).content), 1u);
  ASSERT_TRUE(store.Write(engine(), ContentOf(4)).ok());
  EXPECT_EQ(NumberOf(*Opened().Load(engine()).content), 4u);
}

// The machine stops at each of the steps of a write (write, fsync, rename, fsync of the folder), after each number of
// whole writes: what is loaded is the last whole one or the one that was under way, never a mixture, never none.
TEST(LastGoodStoreCrashTest, KilledAtAnyWritePointOneWholeGenerationIsThere) {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 25; ++seed) {
    event::SimulatedWorld world(seed, event::FaultPlan::None());
    auto loop = world.MakeDispatcher();
    uint64_t last_whole = 0, last_tried = 0;
    for (uint64_t life = 0; life < 24; ++life) {
      LastGoodStore store({kFolder, "node", "mesh", nullptr, Duration(0)});
      ASSERT_TRUE(store.Open(loop->engine()).ok());
      const LastGoodStore::Loaded loaded = store.Load(loop->engine());
      EXPECT_THAT(loaded.refused, IsEmpty()) << "seed " << seed << " life " << life;
      ASSERT_EQ(loaded.content.has_value(), last_whole != 0 || loaded.content.has_value());
      if (loaded.content.has_value()) {
        const uint64_t number = NumberOf(*loaded.content);
        ASSERT_TRUE(number == last_whole || number == last_tried) << "seed " << seed << " life " << life;
        ++seen[number == last_whole ? "old" : "new"];
        last_whole = number;
      }
      EXPECT_LE(loop->engine().ListFolder(kFolder)->size(), 2u) << "leftovers are removed";
      // Two or three writes; the last is killed at one of its steps.
      const uint64_t writes = 1 + life % 3;
      for (uint64_t i = 0; i <= writes; ++i) {
        if (i == writes) world.files().CrashAtWrite(1 + (life / 3) % 4);
        const bool done = store.Write(loop->engine(), ContentOf(++last_tried)).ok();
        ASSERT_EQ(done, i != writes);
        if (done) last_whole = last_tried;
      }
      world.files().Restart();
    }
  }
  EXPECT_GT(seen["old"], 0);
  EXPECT_GT(seen["new"], 0);
}

// The same with every step of the whole history, the start's own removals included, one crash per history.
TEST(LastGoodStoreCrashTest, KilledAtAnyPointOfAHistoryOneWholeGenerationIsThere) {
  for (uint64_t step = 1; step <= 40; ++step) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      event::SimulatedWorld world(seed, event::FaultPlan::None());
      auto loop = world.MakeDispatcher();
      uint64_t whole = 0, tried = 0;
      world.files().CrashAtWrite(step);
      {
        LastGoodStore store({kFolder, "node", "mesh", nullptr, Duration(0)});
        ASSERT_TRUE(store.Open(loop->engine()).ok());
        store.Load(loop->engine());
        while (store.Write(loop->engine(), ContentOf(++tried)).ok()) whole = tried;
      }
      // Killed once more while what the first left behind is removed.
      world.files().Restart();
      world.files().CrashAtWrite(1);
      LastGoodStore second({kFolder, "node", "mesh", nullptr, Duration(0)});
      second.Load(loop->engine());
      world.files().Restart();
      const LastGoodStore::Loaded loaded = second.Load(loop->engine());
      EXPECT_THAT(loaded.refused, IsEmpty());
      ASSERT_TRUE(whole == 0 || loaded.content.has_value()) << "step " << step << " seed " << seed;
      if (!loaded.content.has_value()) continue;
      const uint64_t number = NumberOf(*loaded.content);
      EXPECT_TRUE(number == whole || number == tried) << "step " << step << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace outrigger::xds
