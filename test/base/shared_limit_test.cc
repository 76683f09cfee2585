#include "source/base/shared_limit.h"

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/random.h"

namespace outrigger {
namespace {

TEST(SharedLimitTest, OneMeansOneWithAnyNumberOfLeases) {
  SharedLimit limit(1);
  SharedLimit::Lease a(limit), b(limit), c(limit);
  EXPECT_TRUE(a.TryAcquire());
  EXPECT_FALSE(a.TryAcquire());
  EXPECT_FALSE(b.TryAcquire());
  a.Release();
  EXPECT_TRUE(c.TryAcquire()) << "what one lease gave back another gets at once";
  EXPECT_FALSE(a.TryAcquire());
}

TEST(SharedLimitTest, ZeroRefusesEverything) {
  SharedLimit limit(0);
  SharedLimit::Lease a(limit);
  EXPECT_FALSE(a.TryAcquire());
}

TEST(SharedLimitTest, ASmallLimitIsReachedExactlyAcrossLeases) {
  SharedLimit limit(100);
  SharedLimit::Lease a(limit), b(limit);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(a.TryAcquire());
    ASSERT_TRUE(b.TryAcquire());
  }
  EXPECT_FALSE(a.TryAcquire());
  EXPECT_FALSE(b.TryAcquire());
}

TEST(SharedLimitTest, FarFromTheLimitARequestTouchesOnlyItsLease) {
  SharedLimit limit(1 << 20);
  SharedLimit::Lease a(limit);
  ASSERT_TRUE(a.TryAcquire());
  const uint64_t taken = limit.taken();
  EXPECT_EQ(taken, SharedLimit::kLargestBatch);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(a.TryAcquire());
    a.Release();
    ASSERT_EQ(limit.taken(), taken);
  }
  a.Release();
  a.ReturnSpare();
  EXPECT_EQ(limit.taken(), 0u);
}

TEST(SharedLimitTest, NearTheLimitUnusedReserveGoesBack) {
  SharedLimit limit(4096);
  SharedLimit::Lease busy(limit), other(limit);
  ASSERT_TRUE(other.TryAcquire());
  EXPECT_GT(other.spare(), 0u);
  while (busy.TryAcquire()) {
  }
  other.Release();
  EXPECT_EQ(other.spare(), 0u);
  EXPECT_EQ(limit.taken(), busy.used());
  while (busy.TryAcquire()) {
  }
  EXPECT_EQ(busy.used(), 4096u);
}

TEST(SharedLimitTest, ALoweredLimitRefusesUntilEnoughWasReleased) {
  SharedLimit limit(8192);
  SharedLimit::Lease a(limit);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(a.TryAcquire());
  limit.SetLimit(5);
  EXPECT_FALSE(a.TryAcquire());
  for (int i = 0; i < 5; ++i) a.Release();
  EXPECT_FALSE(a.TryAcquire());
  a.Release();
  EXPECT_TRUE(a.TryAcquire());
  EXPECT_FALSE(a.TryAcquire());
  limit.SetLimit(8192);
  EXPECT_TRUE(a.TryAcquire());
}

TEST(SharedLimitTest, ALeaseThatDiesGivesEverythingBack) {
  SharedLimit limit(3);
  {
    SharedLimit::Lease a(limit);
    EXPECT_TRUE(a.TryAcquire());
    EXPECT_TRUE(a.TryAcquire());
  }
  EXPECT_EQ(limit.taken(), 0u);
}

// Random acquire and release by many leases: never above the limit, and refused only if the rest is really in use or in
// the documented reserve.
TEST(SharedLimitTest, IsNeverExceededAndNeverStarves) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const uint64_t most = random.OneIn(2) ? random.Below(20) : random.Below(5000);
    SharedLimit limit(most);
    std::vector<std::unique_ptr<SharedLimit::Lease>> leases;
    for (int i = 0; i < 6; ++i) leases.push_back(std::make_unique<SharedLimit::Lease>(limit));
    uint64_t used = 0;
    const uint64_t tend = random.Below(100);
    for (int step = 0; step < 20000; ++step) {
      SharedLimit::Lease& lease = *leases[random.Below(leases.size())];
      if (random.Below(100) < tend) {
        const bool ok = lease.TryAcquire();
        used += ok;
        uint64_t reserve = 0;
        for (const auto& l : leases) reserve += l->spare();
        if (!ok) {
          ASSERT_GE(used + reserve, most) << "seed " << seed;
          ASSERT_LE(reserve, leases.size() * (most / 256)) << "seed " << seed;
        }
      } else if (lease.used() > 0) {
        lease.Release();
        --used;
      }
      ASSERT_LE(used, most) << "seed " << seed;
    }
  }
}

TEST(SharedLimitTest, IsNeverExceededByThreads) {
  for (uint64_t most : {1u, 3u, 700u}) {
    SharedLimit limit(most);
    std::atomic<int64_t> in_use{0};
    std::atomic<bool> exceeded{false};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        SharedLimit::Lease lease(limit);
        Random random(t);
        for (int i = 0; i < 30000; ++i) {
          if (random.OneIn(2) && lease.TryAcquire()) {
            if (in_use.fetch_add(1) + 1 > static_cast<int64_t>(most)) exceeded = true;
          } else if (lease.used() > 0) {
            in_use.fetch_sub(1);
            lease.Release();
          }
        }
        in_use.fetch_sub(static_cast<int64_t>(lease.used()));
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(exceeded) << most;
    EXPECT_EQ(limit.taken(), 0u);
  }
}

}  // namespace
}  // namespace outrigger
