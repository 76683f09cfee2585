// /config_status of a server that a control plane configures: what somebody reads who wants to know why the new
// configuration does not work.
#include "absl/strings/match.h"
#include "google/protobuf/struct.pb.h"
#include "source/schema/reader.h"
#include "test/integration/live_config.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrContains;
using harness::ProxyHarness;
using harness::WaitFor;

class ConfigStatusTest : public testing::Test {
 protected:
  ConfigStatusTest() {
    plane_ = std::make_unique<ServedConfig>(Whole("one", one_.port()));
    proxy_ = std::make_unique<ProxyHarness>(AdsBootstrap(plane_->port()), server::Options{}, Xds);
    EXPECT_EQ(proxy_->error(), "");
    EXPECT_TRUE(proxy_->WaitUntilLive());
  }
  std::string Page(const std::string& query = "") { return proxy_->Admin("/config_status" + query); }
  // The page comes to say this.
  void ExpectSays(const std::string& text, const std::string& query = "") {
    std::string page;
    EXPECT_TRUE(WaitFor([&] {
      page = Page(query);
      return StrContains(page, text);
    })) << "wanted: "
        << text << "\n"
        << page;
  }
  int StatusOf(const std::string& query, const std::string& method = "GET") {
    int status = 0;
    proxy_->Admin("/config_status" + query, method, &status);
    return status;
  }

  harness::HttpUpstream one_{"one", http::Protocol::kHttp11};
  harness::HttpUpstream two_{"two", http::Protocol::kHttp11};
  std::unique_ptr<ServedConfig> plane_;
  std::unique_ptr<ProxyHarness> proxy_;
};

TEST_F(ConfigStatusTest, WhenAllIsWellItSaysSoAndSinceWhen) {
  ExpectSays("OK: everything that was accepted is in use.");
  const std::string page = Page();
  EXPECT_TRUE(StrContains(page, "Configuration of n1 at 20")) << page;
  EXPECT_TRUE(StrContains(page, "cluster \"xds\": connected since 20")) << page;
  EXPECT_TRUE(StrContains(page, "bootstrap: 1 cluster\n")) << page;
  for (const char* one : {"CDS  one: version ", "EDS  one: version ", "LDS  in: version ", "RDS  r: version "}) {
    EXPECT_TRUE(StrContains(page, one)) << one << "\n" << page;
  }
  EXPECT_FALSE(StrContains(page, "never")) << page;
}

TEST_F(ConfigStatusTest, ARefusedResourceComesFirstWithTheFieldAndTheVersionThatServes) {
  auto resources = Whole("one", one_.port());
  resources[2] = cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kRouteType,
                                             ", name: r, virtual_hosts: [{name: a, domains: ['*']}, "
                                             "{name: b, domains: ['*']}]}"));
  plane_->Publish(resources);
  ExpectSays("ATTENTION: 1 refused.");
  const std::string page = Page();
  const size_t refused = page.find("refused   RDS  r\n");
  ASSERT_NE(refused, std::string::npos) << page;
  EXPECT_LT(refused, page.find("CDS  one")) << page;
  EXPECT_TRUE(StrContains(page, "virtual_hosts: virtual host \"b\": domain \"*\"")) << page;
  EXPECT_TRUE(StrContains(page, "is in use since")) << page;
  const std::string only = Page("?state=refused");
  EXPECT_FALSE(StrContains(only, "CDS  one")) << only;
}

TEST_F(ConfigStatusTest, WhatWaitsSaysForWhat) {
  auto resources = Whole("one", one_.port());
  resources.push_back(cp::EdsCluster("two"));  // no endpoints come
  plane_->Publish(resources);
  ExpectSays("1 waiting");
  ExpectSays("waits since 20");
  const std::string page = Page();
  EXPECT_TRUE(StrContains(page, "waiting   CDS  two\n")) << page;
  EXPECT_TRUE(StrContains(page, "for cluster_load_assignment \"two\" for 0s")) << page;
  EXPECT_TRUE(StrContains(page, "asked     EDS  two\n")) << page;
  resources.push_back(cp::Endpoints("two", two_.port()));
  plane_->Publish(resources);
  ExpectSays("OK: everything");
}

TEST_F(ConfigStatusTest, ALostControlPlaneIsNamedWithItsLastError) {
  plane_.reset();
  ExpectSays("cluster \"xds\" cannot be reached");
  const std::string page = Page();
  EXPECT_TRUE(StrContains(page, "NOT CONNECTED since 20")) << page;
  EXPECT_TRUE(StrContains(page, "last error ")) << page;
  EXPECT_TRUE(StrContains(page, "CDS  one: version ")) << "the configuration stays\n" << page;
}

TEST_F(ConfigStatusTest, AStreamThatBeganBeforeAChangeIsCountedWithItsGeneration) {
  ExpectSays("OK: everything");
  uint64_t before = 0;
  proxy_->OnMain([&](server::Server& server) { before = server.in_use_generation(); });
  Client client(proxy_->port("in"));
  client.Send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx");
  EXPECT_TRUE(WaitFor([&] { return one_.requests() == 1; }));
  plane_->Publish(Whole("two", two_.port()));
  ExpectSays(absl::StrCat("generation ", before, ": 1 stream\n"));
  client.Send("y");
  EXPECT_TRUE(StrContains(client.ReadResponse(), "200"));
  EXPECT_TRUE(WaitFor([&] { return !StrContains(Page(), "older generation"); })) << Page();
}

TEST_F(ConfigStatusTest, ManyResourcesArePagedAndTheQueryIsChecked) {
  auto resources = Whole("one", one_.port());
  for (int i = 0; i < 60; ++i) {
    resources.push_back(cp::ResourceOf(
        absl::StrCat("{\"@type\": ", cp::kClusterType, ", name: many-", i, ", connect_timeout: 1s, type: STATIC}")));
  }
  plane_->Publish(resources);
  ExpectSays("14 more: ");
  EXPECT_FALSE(StrContains(Page("?limit=100"), "more: "));
  const std::string one = Page("?type=cds&name=many-17");
  EXPECT_TRUE(StrContains(one, "CDS  many-17: version")) << one;
  EXPECT_FALSE(StrContains(one, "many-18")) << one;
  EXPECT_EQ(StatusOf("?limit=x"), 400);
  EXPECT_EQ(StatusOf("?state=odd"), 400);
  EXPECT_EQ(StatusOf("?format=xml"), 400);
  EXPECT_EQ(StatusOf("", "DELETE"), 405);
  EXPECT_EQ(StatusOf("", "HEAD"), 200);
  EXPECT_TRUE(StrContains(proxy_->Admin("/help"), "/config_status: "));
}

TEST_F(ConfigStatusTest, ProgramsGetTheSameAsJson) {
  ExpectSays("OK: everything");
  google::protobuf::Struct page;
  const std::string text = Page("?format=json");
  ASSERT_TRUE(schema::ReadMessage(text, page).ok()) << text;
  const auto& fields = page.fields();
  EXPECT_EQ(fields.at("node").string_value(), "n1");
  EXPECT_EQ(fields.at("generation").number_value(), fields.at("in_use_generation").number_value());
  EXPECT_EQ(fields.at("resources").list_value().values_size(), 4);
  const auto& first = fields.at("resources").list_value().values(0).struct_value().fields();
  EXPECT_EQ(first.at("type").string_value(), "CDS");
  EXPECT_EQ(first.at("state").string_value(), "in-use");
  EXPECT_FALSE(first.at("active").struct_value().fields().at("in_use_since").string_value().empty());
  const auto& type = fields.at("types").list_value().values(0).struct_value().fields();
  EXPECT_EQ(type.at("accepted").string_value(), type.at("in_use").string_value());
}

}  // namespace
}  // namespace outrigger::integration
