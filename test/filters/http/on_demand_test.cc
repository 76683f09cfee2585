#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "gtest/gtest.h"
#include "source/filters/http/on_demand/factory.h"
#include "source/filters/http/on_demand/on_demand_filter.h"
#include "source/model/route.h"
#include "test/harness/factory_context.h"
#include "test/harness/stream_harness.h"

namespace outrigger::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::on_demand::v3;
using harness::FromText;
using upstream::Demand;
using upstream::OnDemand;

class OnDemandFilterTest : public testing::Test {
 protected:
  OnDemandFilterTest() {
    h_.worker().SetOnDemand(std::make_unique<OnDemand>(
        3, [this](OnDemand::Question question) { questions_.push_back(std::move(question)); }));
    absl::StatusOr<http::FilterSpec> spec =
        kOnDemandFactory.create(FromText<v3::OnDemand>("odcds { source { ads {} } timeout { seconds: 2 } }"), context_);
    EXPECT_TRUE(spec.ok()) << spec.status();
    h_.Add(*std::move(spec), "on_demand");
    forward_.cluster = "late";
    forward_.slot = {7, 1};
    route_.action = forward_;
    route_.virtual_host = &host_;
    route_.table = &table_;
  }
  // A request whose route names the cluster "late", which is not there.
  void Send() {
    h_.on_route = [this](http::Stream& stream) { stream.SetRoute(&route_, nullptr); };
    h_.Get();
  }
  void PerRoute(const std::string& text) {
    auto made = kOnDemandFactory.create_route(FromText<v3::PerRouteConfig>(text), context_);
    ASSERT_TRUE(made.ok()) << made.status();
    of_route_ = *made;
    h_.per_route["on_demand"] = {of_route_.get()};
  }

  std::vector<OnDemand::Question> questions_;
  harness::StreamHarness h_;
  harness::FakeFactoryContext context_{h_.stats()};
  std::shared_ptr<const void> of_route_;
  model::ForwardAction forward_;
  model::Route route_;
  model::VirtualHost host_;
  model::RouteTable table_;
};

TEST_F(OnDemandFilterTest, ARequestWaitsForTheClusterOfItsRoute) {
  Send();
  EXPECT_FALSE(h_.arrived.headers);
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].name, "late");
  EXPECT_EQ(questions_[0].demand, Demand::kCluster);
  EXPECT_EQ(questions_[0].patience, Duration(seconds(2)));
  EXPECT_EQ(questions_[0].worker, 3);
  EXPECT_NE(questions_[0].source, nullptr);
  h_.worker().on_demand()->OnAnswer(Demand::kCluster, "late", false);
  EXPECT_TRUE(h_.arrived.headers) << "it goes on as it would have";
  EXPECT_EQ(h_.Counter("http.test.on_demand.on_demand_cluster_attempt"), 1u);
  EXPECT_EQ(h_.Counter("http.test.on_demand.on_demand_cluster_missing"), 1u);
}

TEST_F(OnDemandFilterTest, ARequestWaitsNoLongerThanItsTimeout) {
  Send();
  h_.world().RunFor(milliseconds(1900));
  EXPECT_FALSE(h_.arrived.headers);
  h_.world().RunFor(milliseconds(200));
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.Counter("http.test.on_demand.on_demand_cluster_timeout"), 1u);
  EXPECT_EQ(h_.worker().on_demand()->waiting(), 0u);
  h_.worker().on_demand()->OnAnswer(Demand::kCluster, "late", true);
  EXPECT_EQ(h_.arrived.header_calls, 1) << "an answer that comes later finds nobody";
}

TEST_F(OnDemandFilterTest, AClientThatGoesAwayLeavesNothing) {
  Send();
  h_.stream().OnReset(http::ResetReason::kConnectionTermination, "");
  h_.EndStream();
  EXPECT_EQ(h_.worker().on_demand()->waiting(), 0u);
  h_.worker().on_demand()->OnAnswer(Demand::kCluster, "late", true);
}

TEST_F(OnDemandFilterTest, ARouteWithoutOdcdsFetchesNothing) {
  PerRoute("");
  Send();
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_TRUE(questions_.empty());
}

TEST_F(OnDemandFilterTest, ARouteMayWaitForAnotherTime) {
  PerRoute("odcds { source { ads {} } timeout { nanos: 1000000 } }");
  Send();
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].patience, Duration(milliseconds(1)));
}

TEST_F(OnDemandFilterTest, WaitsFiveSecondsByDefault) {
  PerRoute("odcds { source { ads {} } }");
  Send();
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].patience, Duration(seconds(5)));
}

TEST_F(OnDemandFilterTest, AMissingHostIsAskedForAndTheRequestBeginsAnewWithIt) {
  h_.missing_host = "routes/h";
  h_.Get();
  ASSERT_EQ(questions_.size(), 1u);
  EXPECT_EQ(questions_[0].name, "routes/h");
  EXPECT_EQ(questions_[0].demand, Demand::kVirtualHost);
  h_.missing_host.clear();
  h_.worker().on_demand()->OnAnswer(Demand::kVirtualHost, "routes/h", true);
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.routes_matched, 1) << "matched again";
  EXPECT_EQ(h_.Counter("http.test.on_demand.on_demand_host_success"), 1u);
}

TEST_F(OnDemandFilterTest, AHostThatCameWithoutItsDomainIsNotAskedForAgain) {
  h_.missing_host = "routes/h";
  h_.Get();
  h_.worker().on_demand()->OnAnswer(Demand::kVirtualHost, "routes/h", true);
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(questions_.size(), 1u);
  EXPECT_EQ(h_.Counter("http.test.on_demand.on_demand_host_missing"), 1u);
}

TEST_F(OnDemandFilterTest, ABodyWaitsWithItsRequest) {
  h_.missing_host = "routes/h";
  h_.Post();
  h_.Body("abc", false);
  h_.Body("def", true);
  EXPECT_FALSE(h_.arrived.headers);
  h_.missing_host.clear();
  h_.worker().on_demand()->OnAnswer(Demand::kVirtualHost, "routes/h", true);
  EXPECT_EQ(h_.arrived.body, "abcdef");
  EXPECT_TRUE(h_.arrived.ended);
}

TEST_F(OnDemandFilterTest, RefusesASourceThatIsNone) {
  EXPECT_EQ(kOnDemandFactory.create(FromText<v3::OnDemand>("odcds { source {} }"), context_).status().message(),
            "odcds.source: names no source to fetch from");
}

}  // namespace
}  // namespace outrigger::filters
