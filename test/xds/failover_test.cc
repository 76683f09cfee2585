// Several management servers, and what the control plane hears of what is in use.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::ElementsAre;
using testing::Pair;
using T = ResourceType;

DiscoveryStream::Options Form(bool delta) {
  DiscoveryStream::Options options;
  options.delta = delta;
  return options;
}

// Two servers; the scene's own transport is the first.
class FailoverTest : public testing::TestWithParam<bool> {
 protected:
  FailoverTest() : scene_(1, Form(GetParam())), second_(*scene_.loop) {
    scene_.stream->AddServer(second_);
    scene_.WatchBoth();
  }
  ~FailoverTest() override { scene_.stream.reset(); }
  void Give(ScriptedTransport& server, const std::string& version) {
    const std::string nonce = absl::StrCat("n", ++nonces_);
    if (GetParam()) {
      server.Say(GiveDelta(T::kCluster, nonce, {Wrap("a", version, StaticCluster("a"))}));
    } else {
      server.Say(xds::Give<ClusterProto>(T::kCluster, version, nonce, {StaticCluster("a")}));
    }
    scene_.Run();
  }
  // Only one of them is spoken to (and perhaps the first is tried beside the second).
  bool Serves(const ScriptedTransport& server) { return server.current != nullptr; }
  uint64_t Failovers() { return scene_.stream->counters().failovers.value(); }
  int64_t Server() { return scene_.stream->counters().server.value(); }

  Scene scene_;
  ScriptedTransport second_;
  int nonces_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Forms, FailoverTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Delta" : "StateOfTheWorld"; });

TEST_P(FailoverTest, TheSecondIsAskedAtOnceWhenTheFirstGaveNothing) {
  EXPECT_EQ(second_.opened, 0);
  scene_.transport.EndStream();
  scene_.Run();
  EXPECT_EQ(second_.opened, 1);
  EXPECT_EQ(Server(), 1);
  Give(second_, "1");
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
}

TEST_P(FailoverTest, AServerThatConnectsAndSaysNothingHasFailed) {
  scene_.Run(seconds(14));
  EXPECT_EQ(second_.opened, 0);
  scene_.Run(seconds(2));
  EXPECT_EQ(second_.opened, 1);
}

TEST_P(FailoverTest, AServerThatGaveWhatIsHeldMayStaySilentAfterAReconnect) {
  Give(scene_.transport, "1");
  if (GetParam()) {
    scene_.SayDelta(T::kListener, {});
  } else {
    scene_.SayNothing(T::kListener, "1");
  }
  scene_.transport.EndStream();
  scene_.Run(seconds(60));
  EXPECT_EQ(second_.opened, 0);
}

TEST_P(FailoverTest, WhenAllFailTheFirstIsAskedAgainAfterTheBackOff) {
  scene_.transport.EndStream();
  scene_.Run();
  second_.EndStream();
  EXPECT_TRUE(scene_.world.RunUntil([&] { return scene_.transport.opened == 2; }, seconds(1)));
  EXPECT_EQ(Server(), 0);
}

TEST_P(FailoverTest, TheFirstTakesOverWithItsFirstResponseAndNothingIsLostMeanwhile) {
  Give(scene_.transport, "1");
  scene_.transport.EndStream();
  scene_.Run(milliseconds(600));
  ASSERT_EQ(scene_.transport.opened, 2) << "it was good: it is asked again";
  scene_.transport.EndStream();
  scene_.Run();
  Give(second_, "x");
  ASSERT_EQ(Server(), 1);
  ASSERT_TRUE(scene_.world.RunUntil([&] { return scene_.transport.opened == 3; }, seconds(2))) << "tried beside";
  EXPECT_TRUE(Serves(second_));
  scene_.transport.EndStream();
  ASSERT_TRUE(scene_.world.RunUntil([&] { return scene_.transport.opened == 4; }, seconds(2))) << "and again";
  EXPECT_EQ(Server(), 1);
  Give(scene_.transport, "2");
  scene_.Run();
  EXPECT_EQ(Server(), 0);
  EXPECT_EQ(scene_.transport.opened, 5);
  EXPECT_FALSE(Serves(second_));
  EXPECT_TRUE(scene_.target.Has(T::kCluster, "a"));
  EXPECT_EQ(scene_.graph->counters().removed, 0u);
  scene_.Run(seconds(10));
  EXPECT_EQ(second_.opened, 1);
}

TEST_P(FailoverTest, AProbeThatIsNotAnsweredIsGivenUpAndTriedAgain) {
  scene_.transport.EndStream();
  scene_.Run();
  Give(second_, "x");
  ASSERT_TRUE(scene_.world.RunUntil([&] { return scene_.transport.opened == 2; }, seconds(2)));
  scene_.Run(seconds(17));
  EXPECT_EQ(scene_.transport.opened, 3);
  EXPECT_TRUE(Serves(second_));
}

TEST_P(FailoverTest, AnotherServerIsToldNoVersionOfItsPeer) {
  Give(scene_.transport, "1");
  scene_.transport.EndStream();
  scene_.Run(milliseconds(600));
  scene_.transport.EndStream();
  scene_.Run();
  ASSERT_EQ(second_.opened, 1);
  if (GetParam()) {
    const auto held = second_.DeltaOf(T::kCluster).back().initial_resource_versions();
    EXPECT_THAT((std::map<std::string, std::string>(held.begin(), held.end())), ElementsAre(Pair("a", "")))
        << "it can say what is gone";
  } else {
    EXPECT_EQ(second_.Of(T::kCluster).back().version_info(), "");
  }
}

class InUseReportTest : public testing::TestWithParam<bool> {
 protected:
  InUseReportTest() : scene_(1, Form(GetParam())) { scene_.WatchBoth(); }
  void Answer(const std::string& identifier, const std::string& version = "v1") {
    const std::string nonce = absl::StrCat("n", ++nonces_);
    if (GetParam()) {
      DeltaResponse response = GiveDelta(T::kCluster, nonce, {Wrap("a", "1", StaticCluster("a"))});
      response.mutable_control_plane()->set_identifier(identifier);
      response.set_system_version_info(version);
      scene_.transport.Say(response);
    } else {
      Response response = Give<ClusterProto>(T::kCluster, version, nonce, {StaticCluster("a")});
      response.mutable_control_plane()->set_identifier(identifier);
      scene_.transport.Say(response);
    }
    scene_.Run();
  }
  // The version that the last request says to be in use; "" if it says nothing of that.
  std::string Told() {
    const envoy::config::core::v3::Node node =
        GetParam() ? scene_.LastDelta(T::kCluster).node() : scene_.Last(T::kCluster).node();
    const auto& fields = node.metadata().fields();
    const auto at = fields.find("outrigger.in_use");
    return at == fields.end() ? "" : at->second.struct_value().fields().find("version")->second.string_value();
  }
  void Report(const std::string& version) {
    scene_.stream->ReportInUse(T::kCluster, version);
    scene_.Run();
  }
  Scene scene_;
  int nonces_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Forms, InUseReportTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Delta" : "StateOfTheWorld"; });

TEST_P(InUseReportTest, OurControlPlaneHearsOfItInARequestOfItsOwn) {
  Answer("outrigger-control-plane/7");
  EXPECT_EQ(Told(), "");
  Report("v1");
  EXPECT_EQ(Told(), "v1");
  if (GetParam()) {
    const DeltaRequest request = scene_.LastDelta(T::kCluster);
    EXPECT_EQ(request.response_nonce(), "");
    EXPECT_EQ(request.resource_names_subscribe_size() + request.initial_resource_versions_size(), 0);
  } else {
    EXPECT_EQ(scene_.Last(T::kCluster).version_info(), "v1");
    EXPECT_EQ(scene_.Last(T::kCluster).response_nonce(), "n1");
  }
  EXPECT_EQ(scene_.stream->counters().in_use_reports.value(), 1u);
}

TEST_P(InUseReportTest, OthersNeverHearOfIt) {
  Answer("istiod");
  Report("v1");
  EXPECT_EQ(scene_.stream->counters().in_use_reports.value(), 0u);
  EXPECT_EQ(Told(), "");
}

TEST_P(InUseReportTest, ANewStreamIsToldOnceItsServerAnswered) {
  Answer("outrigger-control-plane");
  Report("v1");
  scene_.transport.EndStream();
  scene_.Run(milliseconds(600));
  EXPECT_EQ(Told(), "");
  Answer("outrigger-control-plane");
  EXPECT_EQ(Told(), "v1");
  EXPECT_EQ(scene_.stream->counters().in_use_reports.value(), 2u);
}

}  // namespace
}  // namespace outrigger::xds
