// What a control plane sends that cannot be used, over a real stream to a whole server: each gets its reason and its
// counter, and what was serving goes on.
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "test/http/h2/frames.h"
#include "test/integration/live_config.h"
#include "test/integration/scripted_ads.h"
#include "test/integration/scripted_backend.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::WaitFor;

// A server with a static listener, and ADS for clusters and listeners from a script.
class LiveConfigRefusalTest : public testing::Test {
 protected:
  void Start(int port, const std::string& service = "{envoy_grpc: {cluster_name: xds}}") {
    const std::string source = "{ads: {}, resource_api_version: V3, initial_fetch_timeout: 0.2s}";
    proxy_ = std::make_unique<ProxyHarness>(
        absl::StrCat(kHead,
                     "dynamic_resources:\n  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [",
                     service, "]}\n  cds_config: ", source, "\n  lds_config: ", source,
                     "\nstatic_resources:\n  listeners:", harness::HttpListener("still", "good"),
                     "\n  clusters:", harness::StaticCluster("good", one_.port()),
                     harness::StaticCluster("xds", static_cast<uint16_t>(port), true)),
        server::Options{}, [this] {
          auto made = std::make_unique<server::XdsConfiguration>();
          xds_ = made.get();
          return made;
        });
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  // `fields`: of a cluster, up to the brace that ends it.
  static void Add(ScriptedAds::Response& response, const std::string& fields) {
    const cp::ResourcePtr cluster = cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType, fields));
    auto& any = *response.add_resources();
    any.set_type_url(cluster->type_url);
    any.set_value(cluster->bytes);
  }
  ScriptedAds::Response Clusters(const std::string& version) {
    ScriptedAds::Response response;
    response.set_type_url(std::string(cp::kClusterType));
    response.set_version_info(version);
    response.set_nonce(absl::StrCat("nonce-", version));
    return response;
  }
  // The answer to the response that has this nonce.
  ScriptedAds::Request AnswerTo(ScriptedAds& ads, const ScriptedAds::Response& response) {
    ScriptedAds::Request answer;
    EXPECT_TRUE(WaitFor([&] {
      for (const auto& request : ads.heard(response.type_url())) {
        if (request.response_nonce() == response.nonce()) answer = request;
      }
      return answer.response_nonce() == response.nonce();
    }));
    return answer;
  }
  std::string LastError() {
    std::string text;
    proxy_->OnMain([&](server::Server&) { text = xds_->sources()->ads()->last_error(); });
    return text;
  }
  void ExpectStillServing() { EXPECT_EQ(Get(proxy_->port("still")), "one"); }

  harness::HttpUpstream one_{"one", http::Protocol::kHttp11};
  server::XdsConfiguration* xds_ = nullptr;
  std::unique_ptr<ProxyHarness> proxy_;
};

TEST_F(LiveConfigRefusalTest, AResponseWithAnUndecodableOrForeignResourceIsRefusedWhole) {
  ScriptedAds ads;
  Start(ads.port());
  ASSERT_TRUE(WaitFor([&] { return !ads.heard(cp::kClusterType).empty(); }));
  auto good = Clusters("v1");
  Add(good, ", name: a, type: STATIC}");
  ads.Say(good);
  EXPECT_EQ(AnswerTo(ads, good).version_info(), "v1");
  ASSERT_TRUE(WaitFor([&] { return proxy_->Stat("cluster_manager.active_clusters") == 3; }));

  auto garbage = Clusters("v2");
  *garbage.add_resources() = good.resources(0);
  garbage.add_resources()->set_type_url(std::string(cp::kClusterType));
  garbage.mutable_resources(1)->set_value("\xff\xff\xff\xff");
  ads.Say(garbage);
  auto nack = AnswerTo(ads, garbage);
  EXPECT_EQ(nack.version_info(), "v1") << "the last that was accepted";
  EXPECT_EQ(nack.error_detail().code(), 3);
  EXPECT_EQ(nack.error_detail().message(), absl::StrCat("resources[1]: does not parse as ", cp::kClusterType));

  auto foreign = Clusters("v3");
  foreign.add_resources()->set_type_url(std::string(cp::kSecretType));
  ads.Say(foreign);
  nack = AnswerTo(ads, foreign);
  EXPECT_EQ(nack.version_info(), "v1");
  EXPECT_EQ(nack.error_detail().message(),
            absl::StrCat("resources[0]: is of type \"", cp::kSecretType, "\", not \"", cp::kClusterType, "\""));

  EXPECT_EQ(proxy_->Stat("cluster_manager.cds.update_success"), 1);
  EXPECT_EQ(proxy_->Stat("cluster_manager.cds.update_rejected"), 2);
  EXPECT_EQ(proxy_->Stat("cluster_manager.active_clusters"), 3);
  ExpectStillServing();
}

TEST_F(LiveConfigRefusalTest, TheGoodResourcesOfAResponseServeAndTheBadOneIsNamedWithItsField) {
  ScriptedAds ads;
  Start(ads.port());
  ASSERT_TRUE(WaitFor([&] { return !ads.heard(cp::kClusterType).empty(); }));
  auto mixed = Clusters("v1");
  for (const char* text :
       {", name: a, type: STATIC}", ", name: b, type: STATIC, lb_policy: MAGLEV, maglev_lb_config: {table_size: 7}}",
        ", name: c, type: STATIC}"}) {
    Add(mixed, text);
  }
  ads.Say(mixed);
  const auto nack = AnswerTo(ads, mixed);
  EXPECT_EQ(nack.version_info(), "");
  EXPECT_TRUE(absl::StartsWith(nack.error_detail().message(), "cluster \"b\" (version v1): "))
      << nack.error_detail().message();
  EXPECT_FALSE(absl::StrContains(nack.error_detail().message(), "\"a\""));
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("cluster_manager.active_clusters") == 4; }));
  EXPECT_EQ(proxy_->Stat("cluster_manager.cds.update_rejected"), 1);
  ExpectStillServing();
}

TEST_F(LiveConfigRefusalTest, AnUnknownTypeOfResponseIsIgnoredAndTheStreamGoesOn) {
  ScriptedAds ads;
  Start(ads.port());
  ASSERT_TRUE(WaitFor([&] { return !ads.heard(cp::kClusterType).empty(); }));
  ScriptedAds::Response strange;
  strange.set_type_url("type.googleapis.com/nobody.knows.This");
  strange.set_nonce("n");
  ads.Say(strange);
  auto good = Clusters("v1");
  ads.Say(good);
  EXPECT_EQ(AnswerTo(ads, good).version_info(), "v1");
  EXPECT_TRUE(ads.heard(strange.type_url()).empty());
  EXPECT_EQ(ads.streams(), 1);
  uint64_t unknown = 0;
  proxy_->OnMain([&](server::Server&) { unknown = xds_->sources()->ads()->counters().unknown_types.value(); });
  EXPECT_EQ(unknown, 1u);
  ExpectStillServing();
}

TEST_F(LiveConfigRefusalTest, AMessageAboveTheLimitEndsTheStreamWithThatReasonAndItIsTriedAgain) {
  ScriptedAds ads;
  Start(ads.port(), "{envoy_grpc: {cluster_name: xds, max_receive_message_length: 1000}}");
  ASSERT_TRUE(WaitFor([&] { return !ads.heard(cp::kClusterType).empty(); }));
  auto large = Clusters("v1");
  large.add_resources()->set_type_url(std::string(2000, 'x'));
  ads.Say(large);
  EXPECT_TRUE(WaitFor([&] { return ads.streams() > 1; }));
  EXPECT_TRUE(absl::StrContains(LastError(), "a message above the limit of 1000 bytes came")) << LastError();
  EXPECT_GE(proxy_->Stat("cluster_manager.cds.update_failure"), 1);
  EXPECT_EQ(proxy_->Stat("cluster_manager.cds.update_rejected"), 0);
  ExpectStillServing();
}

TEST_F(LiveConfigRefusalTest, AManagementServerThatDoesNotSpeakHttp2IsToldOfAndTriedAgain) {
  harness::HttpUpstream other("other", http::Protocol::kHttp11);  // answers the preface with a 400 of HTTP/1.1
  Start(other.port());
  EXPECT_TRUE(WaitFor([&] { return other.connections() > 1; }));
  EXPECT_TRUE(WaitFor([&] { return proxy_->Stat("cluster_manager.cds.update_failure") > 1; }));
  EXPECT_GE(proxy_->Stat("cluster.xds.upstream_cx_protocol_error"), 1);
  EXPECT_NE(LastError(), "");
  EXPECT_EQ(proxy_->Stat("control_plane.connected_state"), 0);
  ExpectStillServing();
}

TEST_F(LiveConfigRefusalTest, GarbageInsideTheStreamEndsItAndItIsTriedAgain) {
  using namespace http::h2;  // the frames
  const std::string answer = "\x88" + Literal("content-type", "application/grpc");
  const auto begun = [&](uint32_t stream) { return Frame(1, kEndHeaders, stream, answer); };
  const std::vector<std::function<std::string(uint32_t)>> garbage = {
      [&](uint32_t) { return Frame(0, 0, 0, "of no stream"); },
      [&](uint32_t stream) { return Frame(1, kEndHeaders, stream, "\xff\xff\xff\xff\xff\xff"); },
      [&](uint32_t stream) { return begun(stream) + Data(stream, Number(0x7f, 1) + Number(1, 4) + "x", false); },
      [&](uint32_t stream) { return begun(stream) + Data(stream, Number(0, 1) + Number(2, 4) + "\xff\xff", false); },
      [&](uint32_t stream) { return begun(stream) + Frame(0, 0, stream + 100, "of a stream that nobody began"); }};
  std::atomic<size_t> tries{0};
  ScriptedBackend server([&](ScriptedBackend::Peer& peer, int) {
    peer.Write(Settings());
    std::string bytes;
    for (std::string more; !(more = peer.ReadSome()).empty();) {
      bytes += more;
      for (const SeenFrame& frame : SplitFrames(bytes, &bytes)) {
        if (frame.type == 4 && (frame.flags & 1) == 0) peer.Write(Frame(4, 1, 0, ""));
        if (frame.type == 1) peer.Write(garbage[tries++ % garbage.size()](frame.stream));
      }
    }
  });
  Start(server.port());
  EXPECT_TRUE(WaitFor([&] { return tries > garbage.size(); })) << tries;
  EXPECT_GE(proxy_->Stat("cluster_manager.cds.update_failure"), static_cast<int64_t>(garbage.size()));
  EXPECT_GE(proxy_->Stat("cluster.xds.upstream_cx_protocol_error"), 3);
  EXPECT_EQ(proxy_->Stat("cluster_manager.cds.update_success"), 0);
  EXPECT_NE(LastError(), "");
  ExpectStillServing();
}

}  // namespace
}  // namespace outrigger::integration
