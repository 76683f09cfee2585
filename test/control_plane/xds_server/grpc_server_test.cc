#include "source/control_plane/xds_server/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/extension/v3/config_discovery.grpc.pb.h"
#include "envoy/service/route/v3/rds.grpc.pb.h"
#include "envoy/service/runtime/v3/rtds.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "envoy/service/status/v3/csds.grpc.pb.h"
#include "source/base/time.h"
#include "source/net/address.h"
#include "source/tls/issue.h"
#include "test/control_plane/resources_of.h"

namespace outrigger::control_plane {
namespace {

namespace discovery = envoy::service::discovery::v3;
using discovery::DeltaDiscoveryRequest;
using discovery::DeltaDiscoveryResponse;
using discovery::DiscoveryRequest;
using discovery::DiscoveryResponse;

// The server on its own thread, as in the program; clients are libgrpc's blocking ones on the test's.
class GrpcServerTest : public testing::Test {
 protected:
  void Serve(const GrpcListenOptions& options, AdmissionPolicy policy = {}, Duration ttl = Duration(0)) {
    core_ =
        std::make_unique<XdsServer>(*dispatcher_, XdsServer::Options{.policy = std::move(policy), .resource_ttl = ttl});
    auto catalog = std::make_shared<Catalog>();
    ASSERT_TRUE(catalog->AddForAll(EdsCluster("a")));
    ASSERT_TRUE(catalog->AddForAll(Endpoints("a", 1)));
    ASSERT_TRUE(catalog->AddForNode("n1", SecretOf("default", "key-of-n1")));
    ASSERT_TRUE(catalog->AddForNode("n2", SecretOf("default", "key-of-n2")));
    core_->Publish(catalog);
    auto server = GrpcServer::Listen(*dispatcher_, *core_, options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    loop_ = std::thread([this] {
      dispatcher_->Run();
      server_->Stop();
    });
  }
  ~GrpcServerTest() override {
    dispatcher_->Stop();
    if (loop_.joinable()) loop_.join();
  }
  // Runs something on the loop and waits for its result.
  template <class F>
  auto OnLoop(F work) {
    std::promise<decltype(work())> done;
    dispatcher_->Post([&] { done.set_value(work()); });
    return done.get_future().get();
  }
  std::string Address() const { return absl::StrCat("127.0.0.1:", server_->port()); }
  static DiscoveryRequest Ask(absl::string_view type, const std::string& node, const std::string& name = "") {
    DiscoveryRequest request;
    request.set_type_url(std::string(type));
    request.mutable_node()->set_id(node);
    if (!name.empty()) request.add_resource_names(name);
    return request;
  }
  // The first response to one ask on a fresh ADS stream, or how the stream ended.
  static grpc::Status AskOnce(const std::shared_ptr<grpc::Channel>& channel, const DiscoveryRequest& ask,
                              DiscoveryResponse& response) {
    grpc::ClientContext context;
    auto stub = discovery::AggregatedDiscoveryService::NewStub(channel);
    auto stream = stub->StreamAggregatedResources(&context);
    stream->Write(ask);
    const bool got = stream->Read(&response);
    if (got) context.TryCancel();
    const grpc::Status status = stream->Finish();
    return got ? grpc::Status::OK : status;
  }

  std::unique_ptr<event::Dispatcher> dispatcher_ = std::make_unique<event::Dispatcher>(event::MakeEpollEngine());
  std::unique_ptr<XdsServer> core_;
  std::unique_ptr<GrpcServer> server_;
  std::thread loop_;
};

TEST_F(GrpcServerTest, ServesAnAggregatedStreamOverTcp) {
  Serve({.address = "127.0.0.1:0"});
  auto channel = grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials());
  DiscoveryResponse response;
  const grpc::Status status = AskOnce(channel, Ask(kClusterType, "n1"), response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.type_url(), kClusterType);
  EXPECT_FALSE(response.nonce().empty());
}

TEST_F(GrpcServerTest, PushesChangesOnAnOpenStream) {
  Serve({.address = "127.0.0.1:0"});
  grpc::ClientContext context;
  auto stub = discovery::AggregatedDiscoveryService::NewStub(
      grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials()));
  auto stream = stub->StreamAggregatedResources(&context);
  DiscoveryRequest ask = Ask(kEndpointType, "n1", "a");
  stream->Write(ask);
  DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ask.set_response_nonce(response.nonce());
  ask.set_version_info(response.version_info());
  stream->Write(ask);
  dispatcher_->Post([this] {
    auto catalog = std::make_shared<Catalog>();
    catalog->AddForAll(Endpoints("a", 2));
    core_->Publish(catalog);
  });
  DiscoveryResponse next;
  ASSERT_TRUE(stream->Read(&next));
  EXPECT_NE(next.version_info(), response.version_info());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerTest, TheDeltaFormSendsWhatChangedAndWhatIsGone) {
  Serve({.address = "127.0.0.1:0"});
  grpc::ClientContext context;
  auto stub = discovery::AggregatedDiscoveryService::NewStub(
      grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials()));
  auto stream = stub->DeltaAggregatedResources(&context);
  DeltaDiscoveryRequest ask;
  ask.set_type_url(std::string(kEndpointType));
  ask.mutable_node()->set_id("n1");
  for (const char* name : {"a", "none", "gone"}) ask.add_resource_names_subscribe(name);
  (*ask.mutable_initial_resource_versions())["gone"] = "1";
  stream->Write(ask);
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.resources(0).name(), "a");
  EXPECT_EQ(response.resources(0).version(), Endpoints("a", 1)->version);
  EXPECT_EQ(response.resources(0).resource().value(), Endpoints("a", 1)->bytes);
  EXPECT_THAT(response.removed_resources(), testing::UnorderedElementsAre("none", "gone"));
  EXPECT_FALSE(response.system_version_info().empty());
  DeltaDiscoveryRequest ack;
  ack.set_type_url(std::string(kEndpointType));
  ack.set_response_nonce(response.nonce());
  stream->Write(ack);
  dispatcher_->Post([this] { core_->Publish(std::make_shared<Catalog>()); });
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.resources_size(), 0);
  EXPECT_THAT(response.removed_resources(), testing::ElementsAre("a"));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerTest, EachTypeHasItsOwnServiceInBothForms) {
  Serve({.address = "127.0.0.1:0"});
  OnLoop([this] {
    auto catalog = std::make_shared<Catalog>();
    catalog->AddForAll(EdsCluster("a"));
    catalog->AddForAll(HostOf("r/shop", "[shop.example]"));
    catalog->AddForAll(ResourceOf(absl::StrCat("{\"@type\": ", kRuntimeType, ", name: live}")));
    catalog->AddForAll(ResourceOf(absl::StrCat("{\"@type\": ", kExtensionType, ", name: f}")));
    core_->Publish(catalog);
    return 0;
  });
  auto channel = grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials());
  const auto delta = [&](auto open, const std::string& name) {
    grpc::ClientContext context;
    auto stream = open(&context);
    DeltaDiscoveryRequest ask;
    ask.mutable_node()->set_id("n1");
    if (!name.empty()) ask.add_resource_names_subscribe(name);
    stream->Write(ask);
    DeltaDiscoveryResponse response;
    EXPECT_TRUE(stream->Read(&response)) << stream->Finish().error_message();
    context.TryCancel();
    return response;
  };
  namespace v3 = envoy::service;
  auto cds = v3::cluster::v3::ClusterDiscoveryService::NewStub(channel);
  auto vhds = v3::route::v3::VirtualHostDiscoveryService::NewStub(channel);
  auto rtds = v3::runtime::v3::RuntimeDiscoveryService::NewStub(channel);
  auto ecds = v3::extension::v3::ExtensionConfigDiscoveryService::NewStub(channel);
  EXPECT_EQ(delta([&](auto* context) { return cds->DeltaClusters(context); }, "").resources_size(), 1);
  EXPECT_EQ(delta([&](auto* context) { return rtds->DeltaRuntime(context); }, "live").resources_size(), 1);
  EXPECT_EQ(delta([&](auto* context) { return ecds->DeltaExtensionConfigs(context); }, "f").resources_size(), 1);
  const auto host = delta([&](auto* context) { return vhds->DeltaVirtualHosts(context); }, "r/shop.example:80");
  ASSERT_EQ(host.resources_size(), 1);
  EXPECT_EQ(host.resources(0).name(), "r/shop");
  EXPECT_THAT(host.resources(0).aliases(), testing::ElementsAre("r/shop.example", "r/shop.example:80"));
  for (const auto& [type, name] : {std::pair(kRuntimeType, "live"), std::pair(kExtensionType, "f")}) {
    DiscoveryResponse response;
    ASSERT_TRUE(AskOnce(channel, Ask(type, "n1", name), response).ok());
    EXPECT_EQ(response.resources_size(), 1) << type;
  }
}

TEST_F(GrpcServerTest, AResourceWithATimeToLiveComesWrappedAndItsHeartbeatsWithoutContent) {
  Serve({.address = "127.0.0.1:0"}, {}, milliseconds(1500));
  grpc::ClientContext context;
  auto stub = discovery::AggregatedDiscoveryService::NewStub(
      grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials()));
  auto stream = stub->StreamAggregatedResources(&context);
  DiscoveryRequest ask = Ask(kEndpointType, "n1", "a");
  stream->Write(ask);
  for (const bool heartbeat : {false, true}) {
    DiscoveryResponse response;
    discovery::Resource resource;
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_TRUE(response.resources(0).UnpackTo(&resource));
    EXPECT_EQ(resource.name(), "a");
    EXPECT_EQ(resource.version(), Endpoints("a", 1)->version);
    EXPECT_EQ(resource.ttl().seconds(), 1);
    EXPECT_EQ(resource.ttl().nanos(), 500'000'000);
    EXPECT_EQ(resource.resource().value(), heartbeat ? "" : Endpoints("a", 1)->bytes);
    EXPECT_EQ(resource.has_resource(), !heartbeat);
    ask.set_response_nonce(response.nonce());
    stream->Write(ask);
  }
  context.TryCancel();
}

TEST_F(GrpcServerTest, TellsWhatEachNodeWasSentAndWhetherItTookIt) {
  Serve({.address = "127.0.0.1:0"}, {.allow_unauthenticated_secrets = true});
  auto channel = grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials());
  auto ads = discovery::AggregatedDiscoveryService::NewStub(channel);
  grpc::ClientContext context, other_context;
  auto stream = ads->StreamAggregatedResources(&context), other = ads->StreamAggregatedResources(&other_context);
  DiscoveryResponse response;
  DiscoveryRequest ask = Ask(kSecretType, "n1", "default");
  stream->Write(ask);
  ASSERT_TRUE(stream->Read(&response));
  ask = Ask(kEndpointType, "n1", "a");
  stream->Write(ask);
  ASSERT_TRUE(stream->Read(&response));
  ask.set_response_nonce(response.nonce());
  ask.mutable_error_detail()->set_message("no such port");
  ask.add_resource_names("none");
  stream->Write(ask);
  other->Write(Ask(kClusterType, "n2"));
  ASSERT_TRUE(other->Read(&response));
  while (OnLoop([this] { return core_->counters().events.nacks; }) == 0) continue;

  namespace status = envoy::service::status::v3;
  auto stub = status::ClientStatusDiscoveryService::NewStub(channel);
  status::ClientStatusRequest request;
  status::ClientStatusResponse all;
  grpc::ClientContext fetch;
  ASSERT_TRUE(stub->FetchClientStatus(&fetch, request, &all).ok());
  EXPECT_EQ(all.config_size(), 2);
  EXPECT_THAT(all.SerializeAsString(), testing::Not(testing::HasSubstr("key-of-n1")));
  EXPECT_THAT(all.SerializeAsString(), testing::HasSubstr("[redacted]"));

  request.add_node_matchers()->mutable_node_id()->set_suffix("1");
  request.set_exclude_resource_contents(true);
  grpc::ClientContext watch;
  auto statuses = stub->StreamClientStatus(&watch);
  for (int i = 0; i < 2; ++i) {
    statuses->Write(request);
    status::ClientStatusResponse one;
    ASSERT_TRUE(statuses->Read(&one));
    ASSERT_EQ(one.config_size(), 1);
    EXPECT_EQ(one.config(0).node().id(), "n1");
    ASSERT_EQ(one.config(0).generic_xds_configs_size(), 3);
    const auto& endpoints = one.config(0).generic_xds_configs(0);
    EXPECT_EQ(endpoints.name(), "a");
    EXPECT_EQ(endpoints.config_status(), status::ERROR);
    EXPECT_EQ(endpoints.error_state().details(), "no such port");
    EXPECT_FALSE(endpoints.has_xds_config());
    EXPECT_EQ(one.config(0).generic_xds_configs(1).client_status(), envoy::admin::v3::DOES_NOT_EXIST) << "none";
    EXPECT_EQ(one.config(0).generic_xds_configs(2).config_status(), status::STALE) << "the secret is not accepted yet";
  }
  request.add_node_matchers()->add_node_metadatas();
  statuses->Write(request);
  status::ClientStatusResponse none;
  EXPECT_FALSE(statuses->Read(&none));
  EXPECT_EQ(statuses->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  context.TryCancel();
  other_context.TryCancel();
}

TEST_F(GrpcServerTest, SeparateSecretServiceDeniesStrangers) {
  Serve({.address = "127.0.0.1:0"});
  grpc::ClientContext context;
  auto stub = envoy::service::secret::v3::SecretDiscoveryService::NewStub(
      grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials()));
  auto stream = stub->StreamSecrets(&context);
  stream->Write(Ask(kSecretType, "n1", "default"));
  DiscoveryResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(GrpcServerTest, AUnixSocketOfOneNodeGivesItsKeyToNoOther) {
  char folder[] = "/tmp/outrigger-XXXXXX";  // the test's own folder is too long for the path of a socket
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = absl::StrCat(folder, "/n1.sock");
  Serve({.address = absl::StrCat("unix:", path), .bound_node = "n1"});
  auto channel = grpc::CreateChannel(absl::StrCat("unix:", path), grpc::InsecureChannelCredentials());
  DiscoveryResponse response;
  ASSERT_TRUE(AskOnce(channel, Ask(kSecretType, "n1", "default"), response).ok());
  EXPECT_THAT(response.resources(0).value(), testing::HasSubstr("key-of-n1"));
  {
    grpc::ClientContext context;
    auto stream = envoy::service::secret::v3::SecretDiscoveryService::NewStub(channel)->StreamSecrets(&context);
    stream->Write(Ask(kSecretType, "n1", "default"));
    ASSERT_TRUE(stream->Read(&response)) << "the separate service, for the same node";
    EXPECT_THAT(response.resources(0).value(), testing::HasSubstr("key-of-n1"));
    context.TryCancel();
  }
  for (const char* type : {kSecretType.data(), kClusterType.data()}) {
    EXPECT_EQ(AskOnce(channel, Ask(type, "n2", "default"), response).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  }
  std::filesystem::remove_all(folder);
}

TEST_F(GrpcServerTest, AClientCertificateGetsTheSecretsOfItsNodeOnly) {
  const WallTime now{hours(24 * 365 * 50)};
  tls::IssueOptions root{.names = {.common_name = "root"},
                         .not_before = now,
                         .not_after = now + hours(24 * 365 * 60),
                         .serial = "1",
                         .authority = true};
  auto authority = tls::MakeSelfSigned(tls::KeyKind::kEcdsaP256, root);
  ASSERT_TRUE(authority.ok()) << authority.status();
  const auto issue = [&](tls::SubjectNames names) {
    tls::IssueOptions leaf = root;
    leaf.authority = false;
    leaf.serial = "2";
    leaf.names = std::move(names);
    auto issued = tls::Issue(*authority, tls::KeyKind::kEcdsaP256, leaf);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return *issued;
  };
  const auto server = issue({.dns = {"localhost"}});
  const auto client = issue({.uri = {"spiffe://example.org/node/n1"}});
  Serve({.address = "127.0.0.1:0",
         .identity = std::make_shared<ServerIdentity>(
             ServerIdentity::Pem{server.certificate_pem, server.key_pem, authority->certificate_pem})},
        {.trust_domain = "example.org"});
  grpc::SslCredentialsOptions ssl{authority->certificate_pem, client.key_pem, client.certificate_pem};
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  auto channel = grpc::CreateCustomChannel(Address(), grpc::SslCredentials(ssl), arguments);
  DiscoveryResponse response;
  const grpc::Status own = AskOnce(channel, Ask(kSecretType, "n1", "default"), response);
  ASSERT_TRUE(own.ok()) << own.error_message();
  EXPECT_THAT(response.resources(0).value(), testing::HasSubstr("key-of-n1"));
  EXPECT_EQ(AskOnce(channel, Ask(kSecretType, "n2", "default"), response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(GrpcServerTest, AReplacedIdentityIsShownFromTheNextHandshakeOnAndOpenStreamsStay) {
  const WallTime now{hours(24 * 365 * 50)};
  const auto make = [&](const std::string& serial) {
    tls::IssueOptions options{.names = {.common_name = "self", .dns = {"localhost"}},
                              .not_before = now,
                              .not_after = now + hours(24 * 365 * 60),
                              .serial = serial};
    return *tls::MakeSelfSigned(tls::KeyKind::kEcdsaP256, options);
  };
  const auto first = make("1"), second = make("2");
  auto identity = std::make_shared<ServerIdentity>(ServerIdentity::Pem{first.certificate_pem, first.key_pem, ""});
  Serve({.address = "127.0.0.1:0", .identity = identity});
  const auto trusting = [this](const std::string& root) {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(Address(), grpc::SslCredentials({root, "", ""}), arguments);
  };
  grpc::ClientContext context;
  auto stub = discovery::AggregatedDiscoveryService::NewStub(trusting(first.certificate_pem));
  auto stream = stub->StreamAggregatedResources(&context);
  stream->Write(Ask(kClusterType, "n1"));
  DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(AskOnce(trusting(second.certificate_pem), Ask(kClusterType, "n1"), response).ok());
  identity->Replace({second.certificate_pem, second.key_pem, ""});
  EXPECT_TRUE(AskOnce(trusting(second.certificate_pem), Ask(kClusterType, "n1"), response).ok());
  EXPECT_FALSE(AskOnce(trusting(first.certificate_pem), Ask(kClusterType, "n1"), response).ok());
  stream->Write(Ask(kEndpointType, "n1", "a"));
  EXPECT_TRUE(stream->Read(&response));
  context.TryCancel();
}

// Sidecars ping every ten seconds; libgrpc's own limit would end their streams at the third ping.
TEST_F(GrpcServerTest, AQuietStreamWhoseClientPingsStaysOpen) {
  Serve({.address = "127.0.0.1:0"});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 600);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto channel = grpc::CreateCustomChannel(Address(), grpc::InsecureChannelCredentials(), arguments);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(7));
  auto stub = discovery::AggregatedDiscoveryService::NewStub(channel);
  auto stream = stub->StreamAggregatedResources(&context);
  stream->Write(Ask(kClusterType, "n1"));
  DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(stream->Read(&response));  // nothing changes: until the deadline
  const grpc::Status ended = stream->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << ended.error_message();
}

TEST_F(GrpcServerTest, AConnectionThatSaysNothingIsClosed) {
  Serve({.address = "127.0.0.1:0", .longest_handshake = milliseconds(200)});
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const net::Address at = *net::Address::ParseIp("127.0.0.1", static_cast<uint16_t>(server_->port()));
  ASSERT_EQ(::connect(fd, at.sockaddr_ptr(), at.sockaddr_length()), 0);
  const timeval longest{10, 0};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)), 0);
  char piece[4096];
  ssize_t n = 0;
  while ((n = ::recv(fd, piece, sizeof(piece), 0)) > 0) continue;  // it may say something first
  EXPECT_EQ(n, 0) << "closed, before the ten seconds were over";
  ::close(fd);
}

TEST_F(GrpcServerTest, ARequestOfAHugeNodeIsRefusedWithItsReasonAndCounted) {
  Serve({.address = "127.0.0.1:0"});
  auto channel = grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials());
  DiscoveryRequest ask = Ask(kClusterType, "n1");
  (*ask.mutable_node()->mutable_metadata()->mutable_fields())["x"].set_string_value(std::string(9 << 20, 'x'));
  DiscoveryResponse response;
  const grpc::Status large = AskOnce(channel, ask, response);
  EXPECT_EQ(large.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(large.error_message(), "a larger request than the server takes");
  (*ask.mutable_node()->mutable_metadata()->mutable_fields())["x"].set_string_value(std::string(17 << 20, 'x'));
  EXPECT_FALSE(AskOnce(channel, ask, response).ok()) << "libgrpc does not even read it";
  EXPECT_TRUE(AskOnce(channel, Ask(kClusterType, "n1"), response).ok()) << "others are served";
  EXPECT_EQ(OnLoop([this] { return core_->counters().events.limits_exceeded; }), 1u);
}

TEST_F(GrpcServerTest, StreamsThatComeAndGoLeaveNothingBehind) {
  Serve({.address = "127.0.0.1:0"});
  constexpr int kStreams = 200;
  for (int i = 0; i < kStreams; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    auto channel = grpc::CreateCustomChannel(Address(), grpc::InsecureChannelCredentials(), arguments);
    DiscoveryResponse response;
    ASSERT_TRUE(AskOnce(channel, Ask(kClusterType, absl::StrCat("n", i)), response).ok());
  }
  for (int looks = 0; looks < 100'000 && OnLoop([this] { return core_->sessions().size(); }) != 0; ++looks) continue;
  EXPECT_EQ(OnLoop([this] { return core_->sessions().size(); }), 0u);
  EXPECT_EQ(OnLoop([this] { return core_->counters().closed; }), static_cast<uint64_t>(kStreams));
}

TEST_F(GrpcServerTest, AnAddressInUseIsAnError) {
  Serve({.address = "127.0.0.1:0"});
  event::Dispatcher other(event::MakeEpollEngine());
  XdsServer core(other, {});
  auto second = GrpcServer::Listen(other, core, {.address = Address()});
  EXPECT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), testing::HasSubstr(Address()));
}

}  // namespace
}  // namespace outrigger::control_plane
