// The client status discovery service on the admin address, asked by libgrpc's client, and by requests that no gRPC
// library makes.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <map>

#include "absl/strings/match.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/service/status/v3/csds.grpc.pb.h"
#include "test/integration/live_config.h"

namespace outrigger::integration {
namespace {

namespace admin = envoy::admin::v3;
namespace status = envoy::service::status::v3;
using absl::StrContains;
using harness::ProxyHarness;
using harness::WaitFor;
using Generic = status::ClientConfig::GenericXdsConfig;

constexpr char kFetch[] = "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus";

class ClientStatusTest : public testing::Test {
 protected:
  ClientStatusTest() {
    EXPECT_EQ(proxy_.error(), "");
    EXPECT_TRUE(proxy_.WaitUntilLive());
    address_ = absl::StrCat("127.0.0.1:", proxy_.admin_port());
    stub_ = StubWith({});
  }
  std::unique_ptr<status::ClientStatusDiscoveryService::Stub> StubWith(const ::grpc::ChannelArguments& args) const {
    return status::ClientStatusDiscoveryService::NewStub(
        ::grpc::CreateCustomChannel(address_, ::grpc::InsecureChannelCredentials(), args));
  }
  ::grpc::Status Fetch(const status::ClientStatusRequest& request, status::ClientStatusResponse* response) {
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return stub_->FetchClientStatus(&context, request, response);
  }
  // By short type and name: "Cluster one".
  std::map<std::string, Generic> Resources(const status::ClientStatusRequest& request = {}) {
    status::ClientStatusResponse response;
    const ::grpc::Status status = Fetch(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::map<std::string, Generic> out;
    if (response.config_size() != 1) return out;
    EXPECT_EQ(response.config(0).node().id(), "n1");
    for (const Generic& one : response.config(0).generic_xds_configs()) {
      out[absl::StrCat(one.type_url().substr(one.type_url().rfind('.') + 1), " ", one.name())] = one;
    }
    return out;
  }
  // What a request with these bytes as its body is answered: headers and trailers.
  std::string Raw(const std::string& printf_bytes, const std::string& more = "", const std::string& path = kFetch,
                  const std::string& content_type = "application/grpc") {
    return harness::Shell(absl::StrCat("printf '", printf_bytes,
                                       "' | curl -s -m 10 -D - -o /dev/null --http2-prior-knowledge -H 'te: trailers' "
                                       "-H 'content-type: ",
                                       content_type, "' ", more, " --data-binary @- http://", address_, path));
  }

  harness::HttpUpstream upstream_{"one", http::Protocol::kHttp11};
  ServedConfig plane_{Whole("one", upstream_.port())};
  ProxyHarness proxy_{AdsBootstrap(plane_.port()), server::Options{}, Xds};
  std::string address_;
  std::unique_ptr<status::ClientStatusDiscoveryService::Stub> stub_;
};

TEST_F(ClientStatusTest, EachResourceIsToldWithItsVersionAndContent) {
  const auto resources = Resources();
  for (const char* name : {"Cluster one", "ClusterLoadAssignment one", "Listener in", "RouteConfiguration r"}) {
    ASSERT_EQ(resources.count(name), 1u) << name;
    const Generic& one = resources.find(name)->second;
    EXPECT_EQ(one.client_status(), admin::ACKED) << name;
    EXPECT_FALSE(one.version_info().empty()) << name;
    EXPECT_GT(one.last_updated().seconds(), 0) << name;
    EXPECT_FALSE(one.is_static_resource()) << name;
  }
  envoy::config::cluster::v3::Cluster cluster;
  ASSERT_TRUE(resources.find("Cluster one")->second.xds_config().UnpackTo(&cluster));
  EXPECT_EQ(cluster.name(), "one");
  ASSERT_EQ(resources.count("Cluster xds"), 1u);
  EXPECT_TRUE(resources.find("Cluster xds")->second.is_static_resource());
}

TEST_F(ClientStatusTest, ContentsAreLeftOutIfAskedTo) {
  status::ClientStatusRequest request;
  request.set_exclude_resource_contents(true);
  const auto resources = Resources(request);
  EXPECT_EQ(resources.size(), 5u);
  for (const auto& [name, one] : resources) EXPECT_FALSE(one.has_xds_config()) << name;
}

TEST_F(ClientStatusTest, ARefusedResourceHasItsReasonAndTheVersionThatServes) {
  auto changed = Whole("one", upstream_.port());
  changed[2] = cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kRouteType,
                                           ", name: r, virtual_hosts: [{name: a, domains: ['*']}, "
                                           "{name: b, domains: ['*']}]}"));
  const std::string before = Resources()["RouteConfiguration r"].version_info();
  plane_.Publish(changed);
  EXPECT_TRUE(WaitFor([&] { return Resources()["RouteConfiguration r"].client_status() == admin::NACKED; }));
  const Generic routes = Resources()["RouteConfiguration r"];
  EXPECT_EQ(routes.version_info(), before);
  EXPECT_NE(routes.error_state().version_info(), before);
  EXPECT_TRUE(StrContains(routes.error_state().details(), "virtual_hosts: virtual host \"b\": domain \"*\""))
      << routes.error_state().details();
  envoy::config::route::v3::RouteConfiguration failed;
  ASSERT_TRUE(routes.error_state().failed_configuration().UnpackTo(&failed));
  EXPECT_EQ(failed.virtual_hosts_size(), 2);
}

TEST_F(ClientStatusTest, OnlyThisNodeIsTold) {
  status::ClientStatusRequest request;
  request.add_node_matchers()->mutable_node_id()->set_exact("other");
  EXPECT_TRUE(Resources(request).empty());
  request.add_node_matchers()->mutable_node_id()->set_prefix("n");
  EXPECT_FALSE(Resources(request).empty()) << "any of them is enough";
  request.clear_node_matchers();
  auto& metadata = *request.add_node_matchers()->add_node_metadatas();
  metadata.add_path()->set_key("zone");
  metadata.mutable_value()->mutable_string_match()->set_exact("a");
  EXPECT_TRUE(Resources(request).empty()) << "this node has no such metadata";
  request.mutable_node_matchers(0)
      ->mutable_node_metadatas(0)
      ->mutable_value()
      ->mutable_string_match()
      ->mutable_safe_regex()
      ->set_regex("(");
  status::ClientStatusResponse response;
  EXPECT_EQ(Fetch(request, &response).error_code(), ::grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ClientStatusTest, AStreamIsAnsweredMessageByMessage) {
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  auto stream = stub_->StreamClientStatus(&context);
  for (int i = 0; i < 20; ++i) {
    status::ClientStatusRequest request;
    request.set_exclude_resource_contents(i % 2 == 1);
    ASSERT_TRUE(stream->Write(request));
    status::ClientStatusResponse response;
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_EQ(response.config_size(), 1);
    EXPECT_EQ(response.config(0).generic_xds_configs_size(), 5);
  }
  stream->WritesDone();
  status::ClientStatusResponse none;
  EXPECT_FALSE(stream->Read(&none));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ClientStatusTest, CompressionIsRefusedByName) {
  ::grpc::ChannelArguments args;
  args.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  ::grpc::ClientContext context;
  status::ClientStatusResponse response;
  status::ClientStatusRequest request;
  request.mutable_node()->set_id(std::string(5000, 'x'));
  const ::grpc::Status status = StubWith(args)->FetchClientStatus(&context, request, &response);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST_F(ClientStatusTest, WhatIsNoCallEndsWithItsStatus) {
  EXPECT_TRUE(
      StrContains(Raw("", "", "/envoy.service.status.v3.ClientStatusDiscoveryService/Other"), "grpc-status: 12"));
  EXPECT_TRUE(StrContains(Raw("\\000\\000\\000\\000\\001\\377"), "grpc-status: 13")) << "no protobuf";
  EXPECT_TRUE(StrContains(Raw("\\002\\000\\000\\000\\000"), "grpc-status: 13")) << "no flag";
  EXPECT_TRUE(StrContains(Raw("\\000\\000\\000\\000\\011x"), "grpc-status: 13")) << "half a message";
  EXPECT_TRUE(StrContains(Raw(""), "grpc-status: 13")) << "no message";
  EXPECT_TRUE(StrContains(Raw("\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000"), "grpc-status: 13"))
      << "two of them";
  EXPECT_TRUE(StrContains(Raw("\\001\\000\\000\\000\\000"), "grpc-status: 12")) << "compressed";
  EXPECT_TRUE(StrContains(Raw("\\000\\177\\000\\000\\000"), "grpc-status: 8")) << "too large";
  EXPECT_TRUE(StrContains(Raw("", "-H 'grpc-timeout: soon'"), "grpc-status: 13"));
  EXPECT_TRUE(StrContains(Raw("\\000\\000\\000\\000\\000"), "grpc-status: 0"));
  EXPECT_TRUE(StrContains(Raw("", "", kFetch, "text/plain"), "HTTP/2 415"));
}

}  // namespace
}  // namespace outrigger::integration
