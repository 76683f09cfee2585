// What the law allows a connection that no longer follows its listener.
#include "test/simulation/oracle/timeline.h"

#include "gtest/gtest.h"

namespace outrigger::simulation::oracle {
namespace {

MonotonicTime At(int ms) { return MonotonicTime() + milliseconds(ms); }

State WithListener(int version, int codec) {
  auto listener = std::make_shared<Thing>();
  listener->kind = Kind::kListener;
  listener->name = "l0";
  listener->version = version;
  listener->port = 1;
  listener->routes = "none";
  listener->codec = codec;
  State state;
  state.in_use[static_cast<size_t>(Kind::kListener)]["l0"] = listener;
  return state;
}

Answer NotFoundBy(const std::string& listener) {
  Answer answer;
  answer.status = 404;
  answer.listener = listener;
  return answer;
}

// l0.1 is in use; then l0.2, and l0.3, which ends connections of the ones before.
class TimelineTest : public testing::Test {
 protected:
  TimelineTest() {
    timeline_.Add(WithListener(1, 0), At(1), At(1), "first");
    timeline_.Observe(At(2), 1, 1);
    timeline_.Add(WithListener(2, 0), At(3), At(3), "second");
  }
  void Break(bool publication_between) {
    if (publication_between) timeline_.Observe(At(3), 2, 2);
    timeline_.Add(WithListener(3, 1), At(4), At(4), "third");
    timeline_.Observe(At(5), 3, 3);
  }
  std::string Judge(const std::string& listener) const {
    return law_.Judge({1, 1, 1}, {"a.test", "/"}, 3, 3, NotFoundBy(listener));
  }

  Timeline timeline_;
  Wishes wishes_;
  Law law_{timeline_, wishes_};
};

TEST_F(TimelineTest, WhatWasPublishedBeforeTheBreakDecides) {
  Break(/*publication_between=*/true);
  EXPECT_EQ(Judge("l0.2"), "");
  EXPECT_NE(Judge("l0.1"), "");
  EXPECT_NE(Judge("l0.3"), "");
}

TEST_F(TimelineTest, WhatCameAndWentInOnePublicationWasSeenByNobody) {
  Break(/*publication_between=*/false);
  EXPECT_EQ(Judge("l0.1"), "");
  EXPECT_NE(Judge("l0.3"), "");
}

TEST_F(TimelineTest, WhatIsOfOnePublicationIsKnownAlsoWhileTheOneBeforeIsNotInUse) {
  timeline_.Add(WithListener(3, 1), At(3), At(3), "third");
  timeline_.Observe(At(3), 2, 1);
  timeline_.Add(WithListener(4, 1), At(4), At(4), "fourth");
  timeline_.Observe(At(5), 3, 1);
  timeline_.Observe(At(6), 3, 3);
  EXPECT_EQ(timeline_.certain(), 4u);
  EXPECT_TRUE(timeline_.Unseen(2));
  EXPECT_FALSE(timeline_.Unseen(3));
}

}  // namespace
}  // namespace outrigger::simulation::oracle
