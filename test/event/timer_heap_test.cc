#include "source/event/timer_heap.h"

#include <map>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "source/base/random.h"
#include "source/event/dispatcher.h"

namespace outrigger::event {
namespace {

// An engine whose clock the test sets; everything else is not used here.
class ClockOnly : public Engine {
 public:
  MonotonicTime time{seconds(100)};
  MonotonicTime MonotonicNow() override { return time; }
  WallTime WallNow() override { return {}; }
  uint64_t RandomBits() override { return 4; }
  void SecureRandom(char*, size_t) override {}
  IoResult Socket(int, int, int) override { return -1; }
  IoResult Bind(int, const sockaddr*, socklen_t) override { return -1; }
  IoResult Listen(int, int) override { return -1; }
  IoResult Accept(int, sockaddr_storage*, socklen_t*) override { return -1; }
  IoResult Connect(int, const sockaddr*, socklen_t) override { return -1; }
  IoResult Readv(int, const iovec*, int) override { return -1; }
  IoResult Writev(int, const iovec*, int) override { return -1; }
  IoResult Peek(int, char*, size_t) override { return -1; }
  IoResult Shutdown(int, int) override { return -1; }
  IoResult Close(int) override { return -1; }
  IoResult SetOption(int, int, int, const void*, socklen_t) override { return -1; }
  IoResult GetOption(int, int, int, void*, socklen_t*) override { return -1; }
  IoResult LocalAddress(int, sockaddr_storage*, socklen_t*) override { return -1; }
  IoResult PeerAddress(int, sockaddr_storage*, socklen_t*) override { return -1; }
  void Register(int, IoHandler*) override {}
  void Unregister(int) override {}
  void Wait(Duration longest) override { waited = longest; }
  int Deliver() override { return 0; }
  void Wake() override { ++wakes; }
  std::unique_ptr<Query> Resolve(absl::string_view, ResolveFamily,
                                 absl::AnyInvocable<void(const ResolveAnswer&) &&>) override {
    return nullptr;
  }
  absl::StatusOr<std::string> ReadFile(absl::string_view, size_t) override { return ""; }
  IoResult OpenAppend(absl::string_view) override { return -1; }
  IoResult Append(int, absl::string_view) override { return -1; }
  absl::Status ReplaceFile(absl::string_view, absl::string_view, uint32_t) override { return {}; }
  absl::Status RemoveFile(absl::string_view) override { return {}; }
  absl::Status MakeFolder(absl::string_view, uint32_t) override { return {}; }
  IoResult ChangeMode(absl::string_view, uint32_t) override { return -1; }
  absl::Status CheckOwner(absl::string_view, uint32_t) override { return {}; }
  absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view) override { return std::vector<std::string>(); }
  absl::StatusOr<std::unique_ptr<FileWatch>> WatchFile(absl::string_view, std::function<void()>) override {
    return nullptr;
  }
  Duration waited{0};
  int wakes = 0;
};

class TimerTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> owned_ = std::make_unique<ClockOnly>();
  ClockOnly& engine_ = static_cast<ClockOnly&>(*owned_);
  Dispatcher dispatcher_{std::move(owned_)};
  std::vector<int> fired_;
  void Pass(Duration time) {
    engine_.time += time;
    dispatcher_.RunOnce(Duration::zero());
  }
};

TEST_F(TimerTest, FiresOnceWhenDueAndNotBefore) {
  Timer timer([&] { fired_.push_back(1); });
  dispatcher_.Arm(timer, milliseconds(10));
  Pass(milliseconds(9));
  EXPECT_TRUE(fired_.empty());
  EXPECT_TRUE(timer.armed());
  Pass(milliseconds(1));
  EXPECT_EQ(fired_.size(), 1u);
  EXPECT_FALSE(timer.armed());
  Pass(hours(1));
  EXPECT_EQ(fired_.size(), 1u);
}

TEST_F(TimerTest, EqualDeadlinesFireInTheOrderTheyWereArmed) {
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 50; ++i) {
    timers.push_back(std::make_unique<Timer>([this, i] { fired_.push_back(i); }));
    dispatcher_.Arm(*timers.back(), milliseconds(5));
  }
  dispatcher_.Arm(*timers[0], milliseconds(5));  // again: now the last
  Pass(milliseconds(5));
  ASSERT_EQ(fired_.size(), 50u);
  EXPECT_EQ(fired_.back(), 0);
  for (int i = 0; i < 49; ++i) EXPECT_EQ(fired_[i], i + 1);
}

TEST_F(TimerTest, ATimerThatArmsItselfWithoutDelayWaitsForTheNextTurn) {
  Timer timer([&] {
    fired_.push_back(1);
    dispatcher_.Arm(timer, Duration::zero());
  });
  dispatcher_.Arm(timer, Duration::zero());
  Pass(Duration::zero());
  EXPECT_EQ(fired_.size(), 1u);
  Pass(Duration::zero());
  EXPECT_EQ(fired_.size(), 2u);
}

TEST_F(TimerTest, ATimerMayDestroyAnotherThatIsDueToo) {
  auto second = std::make_unique<Timer>([&] { fired_.push_back(2); });
  Timer first([&] { second.reset(); });
  dispatcher_.Arm(first, milliseconds(1));
  dispatcher_.Arm(*second, milliseconds(1));
  Pass(milliseconds(1));
  EXPECT_TRUE(fired_.empty());
}

TEST_F(TimerTest, ATimerMayOutliveItsDispatcher) {
  Timer timer([] {});
  {
    Dispatcher other(std::make_unique<ClockOnly>());
    other.Arm(timer, seconds(1));
  }
  EXPECT_FALSE(timer.armed());
}

TEST_F(TimerTest, TheLoopWaitsUntilTheNextTimerAtMost) {
  Timer timer([] {});
  dispatcher_.Arm(timer, milliseconds(30));
  dispatcher_.RunOnce(seconds(5));
  EXPECT_EQ(engine_.waited, milliseconds(30));
  EXPECT_EQ(dispatcher_.NextTimer(), dispatcher_.now() + milliseconds(30));
  timer.Disarm();
  dispatcher_.RunOnce(seconds(5));
  EXPECT_EQ(engine_.waited, seconds(5));
  EXPECT_EQ(dispatcher_.NextTimer(), MonotonicTime::max());
}

TEST_F(TimerTest, ADelayThatIsTooLongToAddIsTheEndOfTime) {
  Timer timer([&] { fired_.push_back(1); });
  dispatcher_.Arm(timer, Duration::max());
  EXPECT_EQ(timer.when(), MonotonicTime::max());
  dispatcher_.Arm(timer, -seconds(5));
  Pass(Duration::zero());
  EXPECT_EQ(fired_.size(), 1u);
}

// Random arming, re-arming and disarming against an ordered map.
TEST_F(TimerTest, FiresInTheOrderOfAModelUnderRandomOperations) {
  Random random(11);
  std::multimap<std::pair<MonotonicTime, uint64_t>, int> model;
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<decltype(model)::iterator> in_model(300, model.end());
  uint64_t sequence = 0;
  for (int i = 0; i < 300; ++i) timers.push_back(std::make_unique<Timer>([this, i] { fired_.push_back(i); }));
  const auto forget = [&](int i) {
    if (in_model[i] != model.end()) model.erase(in_model[i]);
    in_model[i] = model.end();
  };
  for (int step = 0; step < 20000; ++step) {
    const int i = static_cast<int>(random.Below(timers.size()));
    if (random.OneIn(5)) {
      timers[i]->Disarm();
      forget(i);
    } else if (random.OneIn(3)) {
      Pass(microseconds(random.Below(300)));
      std::vector<int> expected;
      while (!model.empty() && model.begin()->first.first <= engine_.time) {
        expected.push_back(model.begin()->second);
        forget(model.begin()->second);
      }
      ASSERT_EQ(fired_, expected);
      fired_.clear();
    } else {
      const Duration delay = microseconds(random.Below(20000));
      dispatcher_.Arm(*timers[i], delay);
      forget(i);
      in_model[i] = model.insert({{engine_.time + delay, ++sequence}, i});
    }
  }
}

TEST_F(TimerTest, PostingFromTheLoopNeedsNoWakeAndFromOutsideOnePerTurn) {
  dispatcher_.Post([&] { dispatcher_.Post([] {}); });
  dispatcher_.Post([] {});
  EXPECT_EQ(engine_.wakes, 1);
  Pass(Duration::zero());
  EXPECT_EQ(engine_.wakes, 1);
  EXPECT_TRUE(dispatcher_.HasPosted());
  dispatcher_.RunOnce(seconds(5));
  EXPECT_EQ(engine_.waited, Duration::zero()) << "a posted task is waiting";
  dispatcher_.Post([] {});
  EXPECT_EQ(engine_.wakes, 2);
}

}  // namespace
}  // namespace outrigger::event
