// What the control plane's page says about a proxy that refuses a resource: a real refusal over a real stream.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "source/control_plane/serve/control_plane.h"
#include "source/server/dynamic/xds_configuration.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"

namespace outrigger::integration {
namespace {

using google::protobuf::Struct;
using harness::Shell;
using harness::WaitFor;

// A cluster that follows every rule of its fields, and that the proxy refuses all the same if it has two endpoints.
std::string Cluster(int endpoints) {
  std::string text =
      "- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: shop\n  type: LOGICAL_DNS\n"
      "  connect_timeout: 1s\n  load_assignment:\n    cluster_name: shop\n    endpoints:\n    - lb_endpoints:\n";
  for (int i = 0; i < endpoints; ++i) {
    absl::StrAppend(&text, "      - endpoint: {address: {socket_address: {address: localhost, port_value: ", i + 1,
                    "}}}\n");
  }
  return text;
}

class StatusOfAProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = harness::TempFolder();
    harness::WriteFile(folder_ + "/shop.yaml", Cluster(1));
    control_plane::ServeOptions options;
    options.resources = folder_;
    options.listen = {"127.0.0.1:0"};
    options.status = "127.0.0.1:0";
    control_plane_ = std::make_unique<control_plane::ControlPlane>(dispatcher_, options);
    const absl::Status started = control_plane_->Start();
    ASSERT_TRUE(started.ok()) << started;
    page_ = absl::StrCat("http://127.0.0.1:", control_plane_->status_port());
    port_ = control_plane_->ports()[0];
    thread_ = std::thread([this] {
      dispatcher_.Run();
      control_plane_->Stop();
    });
  }
  void TearDown() override {
    dispatcher_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  std::string Page(const std::string& path) { return Shell(absl::StrCat("curl -s -m 5 ", page_, path)); }
  // What the page knows about clusters of the one proxy; empty before it is there.
  Struct Clusters() {
    Struct json;
    if (!google::protobuf::util::JsonStringToMessage(Page("/status.json"), &json).ok()) return {};
    const auto proxies = json.fields().find("proxies");
    if (proxies == json.fields().end() || proxies->second.list_value().values().empty()) return {};
    const Struct& types =
        proxies->second.list_value().values(0).struct_value().fields().find("types")->second.struct_value();
    const auto clusters = types.fields().find("Cluster");
    return clusters == types.fields().end() ? Struct() : clusters->second.struct_value();
  }
  static std::string Text(const Struct& json, const char* key) {
    const auto found = json.fields().find(key);
    return found == json.fields().end() ? "" : found->second.string_value();
  }

  std::string folder_, page_;
  int port_ = 0;
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<control_plane::ControlPlane> control_plane_;
  std::thread thread_;
};

TEST_F(StatusOfAProxyTest, ShowsWhatItRefusedWhyAndWhenAndThatItTookTheNext) {
  harness::ProxyHarness proxy(absl::StrCat("node: {id: n1, cluster: test}\n"
                                           "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n"
                                           "dynamic_resources:\n"
                                           "  ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: "
                                           "[{envoy_grpc: {cluster_name: xds}}]}\n"
                                           "  cds_config: {ads: {}, resource_api_version: V3}\n"
                                           "static_resources:\n  clusters:",
                                           harness::StaticCluster("xds", static_cast<uint16_t>(port_), true)),
                              {}, [] { return std::make_unique<server::XdsConfiguration>(); });
  ASSERT_EQ(proxy.error(), "");
  ASSERT_TRUE(WaitFor([&] { return !Text(Clusters(), "acked_version").empty(); }));
  const Struct good = Clusters();
  EXPECT_EQ(Text(good, "acked_version"), Text(good, "sent_version"));
  EXPECT_EQ(Text(good, "nack_reason"), "");

  harness::WriteFile(folder_ + "/shop.yaml", Cluster(2));
  ASSERT_TRUE(WaitFor([&] { return !Text(Clusters(), "nack_reason").empty(); }));
  const Struct bad = Clusters();
  EXPECT_THAT(Text(bad, "nack_reason"), testing::HasSubstr("cluster \"shop\""));
  EXPECT_THAT(Text(bad, "nack_reason"), testing::HasSubstr("a cluster of type LOGICAL_DNS has exactly one endpoint"));
  EXPECT_EQ(Text(bad, "nacked_version"), Text(bad, "sent_version"));
  EXPECT_EQ(Text(bad, "acked_version"), Text(good, "acked_version")) << "what it has is the one before";
  EXPECT_THAT(Text(bad, "nacked_at"), testing::MatchesRegex("20..-..-..T..:..:.*"));
  EXPECT_TRUE(bad.fields().find("refusing")->second.bool_value());
  EXPECT_THAT(Page("/"), testing::AllOf(testing::HasSubstr("<tr class=bad><td>n1"),
                                        testing::HasSubstr("has exactly one endpoint")));

  harness::WriteFile(folder_ + "/shop.yaml", Cluster(1) + "  dns_refresh_rate: 60s\n");
  ASSERT_TRUE(WaitFor([&] { return !Clusters().fields().find("refusing")->second.bool_value(); }));
  EXPECT_EQ(Text(Clusters(), "acked_version"), Text(Clusters(), "sent_version"));
  EXPECT_EQ(Text(Clusters(), "nack_reason"), Text(bad, "nack_reason")) << "the last refusal stays to be read";
}

}  // namespace
}  // namespace outrigger::integration
