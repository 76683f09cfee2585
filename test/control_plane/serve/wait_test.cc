// `wait` from end to end: the control plane, a client that reports what it uses, and the command.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "source/control_plane/serve/control_plane.h"

namespace outrigger::control_plane {
namespace {

namespace discovery = envoy::service::discovery::v3;
using testing::HasSubstr;

constexpr char kClusterUrl[] = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

class WaitTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/outrigger-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    std::ofstream(folder_ + "/a.yaml") << "{\"@type\": " << kClusterUrl << ", name: a, connect_timeout: 1s}";
    ServeOptions options;
    options.resources = folder_;
    options.listen = {"127.0.0.1:0"};
    options.status = "127.0.0.1:0";
    control_plane_ = std::make_unique<ControlPlane>(dispatcher_, options);
    const absl::Status started = control_plane_->Start();
    ASSERT_TRUE(started.ok()) << started;
    wait_.status = absl::StrCat("127.0.0.1:", control_plane_->status_port());
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", control_plane_->ports()[0]), grpc::InsecureChannelCredentials());
    loop_ = std::thread([this] {
      dispatcher_.Run();
      control_plane_->Stop();
    });
  }
  void TearDown() override {
    dispatcher_.Stop();
    loop_.join();
    control_plane_.reset();
    std::filesystem::remove_all(folder_);
  }
  static void Report(envoy::config::core::v3::Node& node, const std::string& version) {
    auto& in_use = (*node.mutable_metadata()->mutable_fields())["outrigger.in_use"];
    (*in_use.mutable_struct_value()->mutable_fields())["version"].set_string_value(version);
  }

  std::string folder_;
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<ControlPlane> control_plane_;
  std::shared_ptr<grpc::Channel> channel_;
  std::thread loop_;
  WaitOptions wait_;
};

TEST_F(WaitTest, EndsWhenTheLastProxyReportsWhatItUses) {
  const auto version = CheckConfig(folder_, "");
  ASSERT_TRUE(version.ok()) << version.status();
  wait_.version = *version;
  auto stub = discovery::AggregatedDiscoveryService::NewStub(channel_);
  grpc::ClientContext world_context, delta_context;
  auto world = stub->StreamAggregatedResources(&world_context);
  discovery::DiscoveryRequest ask;
  ask.set_type_url(kClusterUrl);
  ask.mutable_node()->set_id("n1");
  ask.mutable_node()->set_user_agent_name("outrigger");
  world->Write(ask);
  discovery::DiscoveryResponse response;
  ASSERT_TRUE(world->Read(&response));
  ask.set_version_info(response.version_info());
  ask.set_response_nonce(response.nonce());
  world->Write(ask);
  auto delta = stub->DeltaAggregatedResources(&delta_context);
  discovery::DeltaDiscoveryRequest delta_ask;
  delta_ask.set_type_url(kClusterUrl);
  *delta_ask.mutable_node() = ask.node();
  delta_ask.mutable_node()->set_id("n2");
  delta->Write(delta_ask);
  discovery::DeltaDiscoveryResponse delta_response;
  ASSERT_TRUE(delta->Read(&delta_response));
  delta_ask.set_response_nonce(delta_response.nonce());
  delta->Write(delta_ask);

  wait_.timeout = seconds(1);
  const auto early = WaitInUse(wait_);
  ASSERT_FALSE(early.ok());
  EXPECT_THAT(std::string(early.status().message()), HasSubstr("n1: Cluster: accepted, not in use yet"));
  EXPECT_THAT(std::string(early.status().message()), HasSubstr("n2: Cluster: accepted, not in use yet"));

  wait_.timeout = seconds(60);
  auto waiting = std::async(std::launch::async, [this] { return WaitInUse(wait_); });
  Report(*ask.mutable_node(), response.version_info());
  world->Write(ask);
  delta_ask.clear_response_nonce();
  Report(*delta_ask.mutable_node(), delta_response.system_version_info());
  delta->Write(delta_ask);
  const auto done = waiting.get();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, absl::StrCat("version ", *version, " is in use\nin use: n1, n2\n"));
  wait_.version = "latest";
  wait_.node = "n2";
  EXPECT_TRUE(WaitInUse(wait_).ok());
  world_context.TryCancel();
  delta_context.TryCancel();
}

TEST_F(WaitTest, SaysWhyItCannotKnow) {
  wait_.timeout = seconds(1);
  wait_.version = "0123456789abcdef";
  EXPECT_THAT(std::string(WaitInUse(wait_).status().message()), HasSubstr("version 0123456789abcdef is not published"));
  wait_.version = "latest";
  wait_.node = "nobody";
  EXPECT_THAT(std::string(WaitInUse(wait_).status().message()), HasSubstr("nobody: not connected"));
  wait_.status = absl::StrCat("127.0.0.1:", control_plane_->ports()[0]);  // speaks something else
  EXPECT_FALSE(WaitInUse(wait_).ok());
  wait_.status = "nonsense";
  EXPECT_THAT(std::string(WaitInUse(wait_).status().message()), HasSubstr("is not an address"));
}

}  // namespace
}  // namespace outrigger::control_plane
