#include "source/upstream/on_demand.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace outrigger::upstream {
namespace {

struct Request final : OnDemand::Waiter {
  void OnAnswer(bool is_there) override {
    ++answers;
    there = is_there;
    if (then) then();
  }
  int answers = 0;
  bool there = false;
  std::function<void()> then;
};

class OnDemandTest : public testing::Test {
 protected:
  bool Wait(absl::string_view name, Request& request) {
    return on_demand_.Wait(Demand::kCluster, name, nullptr, seconds(5), request);
  }
  int asked_ = 0;
  OnDemand on_demand_{0, [this](OnDemand::Question) { ++asked_; }};
};

TEST_F(OnDemandTest, RequestsForOneNameShareAQuestion) {
  Request a, b, other;
  EXPECT_TRUE(Wait("x", a));
  EXPECT_TRUE(Wait("x", b));
  EXPECT_TRUE(Wait("y", other));
  EXPECT_EQ(asked_, 2);
  on_demand_.OnAnswer(Demand::kCluster, "x", true);
  EXPECT_TRUE(a.there && b.there);
  EXPECT_EQ(other.answers, 0);
  EXPECT_EQ(on_demand_.waiting(), 1u);
}

TEST_F(OnDemandTest, WhoGoesOnMayEndOthersAndAskAgain) {
  Request first, again;
  auto second = std::make_unique<Request>();
  EXPECT_TRUE(Wait("x", first));
  EXPECT_TRUE(Wait("x", *second));
  first.then = [&] {
    second.reset();
    EXPECT_TRUE(Wait("x", again));
  };
  on_demand_.OnAnswer(Demand::kCluster, "x", false);
  EXPECT_EQ(again.answers, 0);
  EXPECT_EQ(on_demand_.waiting(), 1u);
  EXPECT_EQ(asked_, 2);
}

TEST_F(OnDemandTest, HundredThousandNamesStayBounded) {
  std::vector<std::unique_ptr<Request>> requests;
  size_t taken = 0;
  for (int i = 0; i < 100000; ++i) {
    requests.push_back(std::make_unique<Request>());
    taken += Wait(absl::StrCat("name-", i), *requests.back()) ? 1 : 0;
  }
  EXPECT_EQ(taken, OnDemand::kMostWaiting);
  EXPECT_EQ(static_cast<size_t>(asked_), OnDemand::kMostWaiting);
  requests.clear();
  EXPECT_EQ(on_demand_.waiting(), 0u);
}

TEST_F(OnDemandTest, NamesThatAreNoneAreNotAskedFor) {
  Request request;
  for (const std::string& name : {std::string(), std::string("*"), std::string("a b"), std::string("a\xff"),
                                  std::string("a\n"), std::string(OnDemand::kLongestName + 1, 'a')}) {
    EXPECT_FALSE(Wait(name, request)) << name;
  }
  EXPECT_EQ(asked_, 0);
  EXPECT_TRUE(Wait(std::string(OnDemand::kLongestName, 'a'), request));
}

}  // namespace
}  // namespace outrigger::upstream
