#include "source/control_plane/serve/control_plane.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "outrigger/enroll/v1/enroll.grpc.pb.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

namespace discovery = envoy::service::discovery::v3;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using testing::HasSubstr;

constexpr char kMesh[] = R"(trust_domain: example.org
services:
- name: a
  workloads:
  - {node: a-1, address: 127.0.0.1, port: 1001, application: {port: 1}}
- name: b
  callers: [a]
  workloads:
  - {node: b-1, address: 127.0.0.1, port: 1002, application: {port: 1}}
)";

std::string MeshWithUsers(uid_t of_a, uid_t of_b) {
  std::string mesh = kMesh;
  mesh.insert(mesh.find("port: 1001"), absl::StrCat("uid: ", of_a, ", "));
  mesh.insert(mesh.find("port: 1002"), absl::StrCat("uid: ", of_b, ", "));
  return mesh;
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The whole control plane on its own thread, in a folder of its own, and clients on the test's.
class ControlPlaneTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/outrigger-XXXXXX";  // short: Unix sockets lie in it
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    Write(kMesh);
    options_.mesh = folder_ + "/mesh.yaml";
    options_.state = folder_ + "/state";
    options_.tls_listen = {"127.0.0.1:0"};
    options_.node_sockets = folder_ + "/nodes";
    options_.status = "127.0.0.1:0";
    Begin();
  }
  void TearDown() override {
    End();
    std::filesystem::remove_all(folder_);
  }
  void Begin() {
    dispatcher_ = std::make_unique<event::Dispatcher>(event::MakeEpollEngine());  // a dispatcher stays with its thread
    control_plane_ = std::make_unique<ControlPlane>(*dispatcher_, options_);
    const absl::Status started = control_plane_->Start();
    ASSERT_TRUE(started.ok()) << started;
    options_.tls_listen = {absl::StrCat("127.0.0.1:", control_plane_->ports()[0])};  // again there after a restart
    loop_ = std::thread([this] {
      dispatcher_->Run();
      control_plane_->Stop();
    });
  }
  void End() {
    dispatcher_->Stop();
    if (loop_.joinable()) loop_.join();
    control_plane_.reset();
  }
  void Write(const std::string& mesh) {
    std::ofstream(folder_ + "/new") << mesh;
    std::filesystem::rename(folder_ + "/new", folder_ + "/mesh.yaml");
  }
  // Runs something on the loop and waits for its result.
  template <class F>
  auto OnLoop(F work) {
    std::promise<decltype(work())> done;
    dispatcher_->Post([&] { done.set_value(work()); });
    return done.get_future().get();
  }
  // Looks again after each turn of the loop.
  template <class F>
  bool Until(F condition) {
    std::promise<bool> done;
    int looks = 0;
    event::Timer again([&] {
      if (condition() || ++looks == 2000) return done.set_value(looks < 2000);
      dispatcher_->Arm(again, milliseconds(5));
    });
    dispatcher_->Post([&] { dispatcher_->Arm(again, Duration(0)); });
    return done.get_future().get();
  }
  // On the loop only: the status page's JSON, and one of its numbers.
  std::string Status() { return control_plane_->Answer({"GET", "/status.json", false}).body; }
  int Number(const std::string& name) {
    const std::string text = Status();
    const size_t at = text.find(absl::StrCat("\"", name, "\":"));
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + name.size() + 3);
  }
  EnrollOptions EnrollmentOf(const std::string& node, const std::string& token) {
    EnrollOptions options;
    options.server = absl::StrCat("127.0.0.1:", control_plane_->ports()[0]);
    options.node = node;
    options.token = token;
    options.root = folder_ + "/state/root.pem";
    options.out = absl::StrCat(folder_, "/out-", node);
    options.once = true;
    return options;
  }
  std::string TokenFor(const std::string& node) { return *MakeToken(folder_ + "/state", node, hours(1)); }
  absl::Status Enrolled(const EnrollOptions& options) {
    event::Dispatcher own(event::MakeEpollEngine());
    return EnrollClient(own, options).Run();
  }
  std::shared_ptr<grpc::Channel> ChannelOf(const std::string& node) {
    const std::string out = absl::StrCat(folder_, "/out-", node, "/");
    grpc::SslCredentialsOptions ssl{ReadAll(out + "root.pem"), ReadAll(out + "key.pem"), ReadAll(out + "cert.pem")};
    return grpc::CreateChannel(absl::StrCat("127.0.0.1:", control_plane_->ports()[0]), grpc::SslCredentials(ssl));
  }
  std::shared_ptr<grpc::Channel> SocketOf(const std::string& node) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("unix:", folder_, "/nodes/", node, ".sock"),
                                     grpc::InsecureChannelCredentials(), arguments);
  }
  // Asks for "default" as `node`; empty if the stream was refused.
  static std::string KeyOver(const std::shared_ptr<grpc::Channel>& channel, const std::string& node) {
    grpc::ClientContext context;
    auto stream = discovery::AggregatedDiscoveryService::NewStub(channel)->StreamAggregatedResources(&context);
    discovery::DiscoveryRequest ask;
    ask.set_type_url(std::string(kSecretType));
    ask.mutable_node()->set_id(node);
    ask.add_resource_names("default");
    stream->Write(ask);
    discovery::DiscoveryResponse response;
    if (!stream->Read(&response)) {
      EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
      return "";
    }
    context.TryCancel();
    Secret secret;
    EXPECT_TRUE(response.resources(0).UnpackTo(&secret));
    return secret.tls_certificate().private_key().inline_string();
  }

  std::string folder_;
  ServeOptions options_;
  std::unique_ptr<event::Dispatcher> dispatcher_;
  std::unique_ptr<ControlPlane> control_plane_;
  std::thread loop_;
};

TEST_F(ControlPlaneTest, AnEnrolledNodeGetsItsOwnKeyAndNoOther) {
  ASSERT_TRUE(Enrolled(EnrollmentOf("a-1", TokenFor("a-1"))).ok());
  auto channel = ChannelOf("a-1");
  EXPECT_THAT(KeyOver(channel, "a-1"), HasSubstr("PRIVATE KEY"));
  EXPECT_EQ(KeyOver(channel, "b-1"), "");
  EXPECT_EQ(OnLoop([this] { return control_plane_->server().counters().events.denied_nodes; }), 1u);
}

TEST_F(ControlPlaneTest, ASocketOfANodeGivesItsKeyAndNoOther) {
  auto channel =
      grpc::CreateChannel(absl::StrCat("unix:", folder_, "/nodes/b-1.sock"), grpc::InsecureChannelCredentials());
  EXPECT_THAT(KeyOver(channel, "b-1"), HasSubstr("PRIVATE KEY"));
  EXPECT_EQ(KeyOver(channel, "a-1"), "");
  const auto mode = std::filesystem::status(folder_ + "/nodes/b-1.sock").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// The kernel says who connects; here that is always this test's user, so another user's socket is one that is not ours.
TEST_F(ControlPlaneTest, ASocketOfAUserServesThatUserOnlyAndCountsOthers) {
  const uid_t self = ::geteuid();
  Write(MeshWithUsers(self, self + 1));
  ASSERT_TRUE(Until([this] { return control_plane_->server().counters().published == 2; }));
  EXPECT_THAT(KeyOver(SocketOf("a-1"), "a-1"), HasSubstr("PRIVATE KEY"));
  EXPECT_EQ(KeyOver(SocketOf("a-1"), "b-1"), "") << "the right user, but another node";
  grpc::ClientContext context;
  auto stream = discovery::AggregatedDiscoveryService::NewStub(SocketOf("b-1"))->StreamAggregatedResources(&context);
  discovery::DiscoveryResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_GE(OnLoop([this] { return control_plane_->server().counters().denied_peers; }), 1u);
  // Whoever is the right user must be able to get there.
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder_ + "/nodes/b-1.sock").permissions() & perms::all, perms(0666));
  EXPECT_EQ(std::filesystem::status(folder_ + "/nodes").permissions() & perms::all, perms(0711));
}

TEST_F(ControlPlaneTest, ASocketThatBecomesAnotherUsersEndsTheStreamsOfTheOldOne) {
  const uid_t self = ::geteuid();
  Write(MeshWithUsers(self, self));
  ASSERT_TRUE(Until([this] { return control_plane_->server().counters().published == 2; }));
  grpc::ClientContext context;
  auto stream = discovery::AggregatedDiscoveryService::NewStub(SocketOf("b-1"))->StreamAggregatedResources(&context);
  discovery::DiscoveryRequest ask;
  ask.set_type_url(std::string(kSecretType));
  ask.mutable_node()->set_id("b-1");
  ask.add_resource_names("default");
  stream->Write(ask);
  discovery::DiscoveryResponse response;
  ASSERT_TRUE(stream->Read(&response));
  Write(MeshWithUsers(self, self + 1));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ControlPlaneTest, ATokenWorksOnceAndARestartRenewsWithTheCertificate) {
  const EnrollOptions options = EnrollmentOf("a-1", TokenFor("a-1"));
  ASSERT_TRUE(Enrolled(options).ok());
  const std::string key = ReadAll(options.out + "/key.pem"), first = ReadAll(options.out + "/cert.pem");
  EXPECT_TRUE(Enrolled(options).ok());
  EXPECT_NE(ReadAll(options.out + "/cert.pem"), first);
  EXPECT_EQ(ReadAll(options.out + "/key.pem"), key);
  EnrollOptions thief = EnrollmentOf("a-1", options.token);
  thief.out = folder_ + "/thief";
  EXPECT_TRUE(absl::IsPermissionDenied(Enrolled(thief)));
}

TEST_F(ControlPlaneTest, OfTwoWhoComeWithOneTokenOneGetsACertificateAndTheOtherIsCounted) {
  const std::string token = TokenFor("a-1");
  absl::Status results[2];
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&, i] {
      EnrollOptions options = EnrollmentOf("a-1", token);
      options.out = absl::StrCat(folder_, "/race-", i);
      results[i] = Enrolled(options);
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_NE(results[0].ok(), results[1].ok()) << results[0] << results[1];
  const int loser = results[0].ok() ? 1 : 0;
  EXPECT_TRUE(absl::IsPermissionDenied(results[loser])) << results[loser];
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat(folder_, "/race-", loser, "/cert.pem")));
  EXPECT_EQ(OnLoop([this] { return Number("nodes_enrolled"); }), 1);
  EXPECT_EQ(OnLoop([this] { return Number("tokens_unknown"); }), 1);
}

TEST_F(ControlPlaneTest, ATokenOfAnotherNodeIsRefusedCountedAndSpent) {
  const std::string token = TokenFor("a-1");
  const absl::Status refused = Enrolled(EnrollmentOf("b-1", token));
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("for another node"));
  EXPECT_TRUE(absl::IsPermissionDenied(Enrolled(EnrollmentOf("a-1", token)))) << "whoever has it is not to be trusted";
  EXPECT_EQ(OnLoop([this] { return Number("tokens_of_another_node"); }), 1);
  EXPECT_EQ(OnLoop([this] { return Number("tokens_unknown"); }), 1);
  EXPECT_EQ(OnLoop([this] { return Number("nodes_enrolled"); }), 0);
}

TEST_F(ControlPlaneTest, AnEnrolmentRequestThatIsTooLongIsRefusedBeforeItsTokenIsLookedAt) {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = ReadAll(folder_ + "/state/root.pem");
  auto stub = enroll::v1::EnrollmentService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", control_plane_->ports()[0]), grpc::SslCredentials(ssl)));
  const std::string token = TokenFor("a-1");
  for (const bool long_node : {true, false}) {
    enroll::v1::EnrollRequest request;
    request.set_node(long_node ? std::string(257, 'x') : "a-1");
    request.set_token(token);
    request.set_request_pem(std::string(long_node ? 10 : (64 << 10) + 1, 'x'));
    enroll::v1::EnrollResponse response;
    grpc::ClientContext context;
    EXPECT_EQ(stub->Enroll(&context, request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(OnLoop([this] { return Number("enrolments_malformed"); }), 2);
  EXPECT_TRUE(Enrolled(EnrollmentOf("a-1", token)).ok()) << "the token is good still";
}

TEST_F(ControlPlaneTest, AnInventedOrExpiredTokenIsRefusedAndCounted) {
  EXPECT_TRUE(absl::IsPermissionDenied(Enrolled(EnrollmentOf("a-1", "invented"))));
  const std::string late = *MakeToken(folder_ + "/state", "a-1", Duration(0));
  const absl::Status refused = Enrolled(EnrollmentOf("a-1", late));
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("expired"));
  EXPECT_EQ(OnLoop([this] { return Number("enrolments_refused"); }), 2);
  EXPECT_EQ(OnLoop([this] { return Number("tokens_unknown"); }), 1);
  EXPECT_EQ(OnLoop([this] { return Number("tokens_expired"); }), 1);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out-a-1/cert.pem"));
}

// A certificate of three seconds is renewed after two, again and again, also by a control plane that was away
// meanwhile.
TEST_F(ControlPlaneTest, EnrolmentRenewsBeforeExpiryAndOverAnAbsenceOfTheControlPlane) {
  End();
  options_.node_certificate_lifetime = seconds(3);
  options_.certificate_lifetime = seconds(3);
  Begin();
  EnrollOptions options = EnrollmentOf("a-1", TokenFor("a-1"));
  options.once = false;
  event::Dispatcher own(event::MakeEpollEngine());
  std::thread client([&] { EXPECT_TRUE(EnrollClient(own, options).Run().ok()); });
  EXPECT_TRUE(Until([this] { return Number("nodes_renewed") >= 1; }));
  End();
  const std::string before = ReadAll(options.out + "/cert.pem"), key = ReadAll(options.out + "/key.pem");
  Begin();
  EXPECT_TRUE(Until([this] { return Number("nodes_renewed") >= 1; }));
  EXPECT_TRUE(Until([&] { return ReadAll(options.out + "/cert.pem") != before; }));
  EXPECT_EQ(ReadAll(options.out + "/key.pem"), key);
  own.Stop();
  client.join();
}

TEST_F(ControlPlaneTest, AnExpiredCertificateNeedsANewToken) {
  End();
  options_.node_certificate_lifetime = options_.certificate_lifetime = seconds(1);
  Begin();
  EnrollOptions options = EnrollmentOf("a-1", TokenFor("a-1"));
  ASSERT_TRUE(Enrolled(options).ok());
  const WallTime expired = OnLoop([this] { return dispatcher_->wall_now(); }) + seconds(2);
  ASSERT_TRUE(Until([&] { return dispatcher_->wall_now() > expired; }));
  const absl::Status refused = Enrolled(options);  // with the token that is spent
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("before, the certificate that is there could not be renewed"));
  options.token = TokenFor("a-1");
  EXPECT_TRUE(Enrolled(options).ok());
}

TEST_F(ControlPlaneTest, TheRootIsReplacedWhileANodeKeepsItsPlace) {
  End();
  options_.root_step = milliseconds(1500);
  Begin();
  const EnrollOptions options = EnrollmentOf("a-1", TokenFor("a-1"));
  ASSERT_TRUE(Enrolled(options).ok());
  const std::string old = ReadAll(options.out + "/root.pem");
  const auto page = [this](const char* path) {
    return OnLoop([&] { return control_plane_->Answer({"POST", path, false}).status; });
  };
  EXPECT_EQ(page("/rotate-root"), 200);
  EXPECT_EQ(page("/rotate-root"), 409) << "one at a time";
  ASSERT_TRUE(Enrolled(options).ok());
  EXPECT_THAT(ReadAll(options.out + "/root.pem"), testing::StartsWith(old));
  EXPECT_NE(ReadAll(options.out + "/root.pem"), old);
  // The server's certificate is the new root's now; the node, which was handed both, renews with its old one.
  EXPECT_TRUE(Until([this] { return Number("server_certificates_renewed") >= 2; }));
  ASSERT_TRUE(Enrolled(options).ok());
  EXPECT_TRUE(Until([this] { return Status().find("\"root\":\"one root\"") != std::string::npos; }));
  ASSERT_TRUE(Enrolled(options).ok());
  EXPECT_EQ(ReadAll(options.out + "/root.pem"), ReadAll(folder_ + "/state/root.pem"));
  EXPECT_EQ(ReadAll(options.out + "/root.pem").find(old), std::string::npos);
  EXPECT_THAT(KeyOver(ChannelOf("a-1"), "a-1"), HasSubstr("PRIVATE KEY"));
}

TEST_F(ControlPlaneTest, ACertificateOfOneNodeEnrolsNoOther) {
  ASSERT_TRUE(Enrolled(EnrollmentOf("a-1", TokenFor("a-1"))).ok());
  EnrollOptions other = EnrollmentOf("b-1", "");
  other.out = folder_ + "/out-a-1";
  EXPECT_TRUE(absl::IsPermissionDenied(Enrolled(other)));
  EXPECT_TRUE(absl::IsPermissionDenied(Enrolled(EnrollmentOf("stranger", TokenFor("stranger")))));
}

TEST_F(ControlPlaneTest, WhatEnrolmentWritesIsTheOwnersAlone) {
  const EnrollOptions options = EnrollmentOf("a-1", TokenFor("a-1"));
  ASSERT_TRUE(Enrolled(options).ok());
  using std::filesystem::perms;
  for (const char* name : {"/key.pem", "/cert.pem", "/root.pem"}) {
    EXPECT_EQ(std::filesystem::status(options.out + name).permissions() & (perms::group_all | perms::others_all),
              perms::none);
  }
  EXPECT_EQ(std::filesystem::status(folder_ + "/state/root-key.pem").permissions() & perms::all,
            perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::status(folder_ + "/state").permissions() & perms::all, perms::owner_all);
}

TEST_F(ControlPlaneTest, AGrpcProgramOfAServiceGetsACertificateOfItsIdentityAndASidecarDoesNot) {
  std::string mesh = kMesh;
  mesh.insert(mesh.find("  callers: [a]"), "  grpc_clients: [b-tool]\n");
  Write(mesh);
  ASSERT_TRUE(Until([this] { return control_plane_->server().counters().published == 2; }));
  const EnrollOptions tool = EnrollmentOf("b-tool", TokenFor("b-tool")), sidecar = EnrollmentOf("a-1", TokenFor("a-1"));
  ASSERT_TRUE(Enrolled(tool).ok());
  ASSERT_TRUE(Enrolled(sidecar).ok());
  const auto names = [](const std::string& path) {
    const auto read = tls::ReadPemCertificates(ReadAll(path));
    return read.ok() ? tls::ReadInfo(read->front().get(), "").names.uri : std::vector<std::string>();
  };
  EXPECT_THAT(names(tool.out + "/workload.pem"), testing::ElementsAre("spiffe://example.org/service/b"));
  EXPECT_THAT(names(tool.out + "/cert.pem"), testing::ElementsAre("spiffe://example.org/node/b-tool"));
  EXPECT_TRUE(tls::CheckPair({ReadAll(tool.out + "/key.pem"), ReadAll(tool.out + "/workload.pem")}).ok());
  EXPECT_FALSE(std::filesystem::exists(sidecar.out + "/workload.pem")) << "its keys come by its stream";
}

TEST_F(ControlPlaneTest, ABrokenMeshKeepsTheLastGoodOne) {
  std::string broken = kMesh;
  broken.replace(broken.find("[a]"), 3, "[x]");
  Write(broken);
  ASSERT_TRUE(Until([this] { return !control_plane_->server().refused_config().empty(); }));
  EXPECT_THAT(OnLoop([this] { return control_plane_->server().refused_config(); }),
              HasSubstr("mesh.yaml:7: services[1].callers[0]: no service is called \"x\""));
  EXPECT_TRUE(OnLoop([this] { return control_plane_->server().catalog()->KnowsNode("b-1"); }));
  Write(kMesh);
  EXPECT_TRUE(Until([this] { return control_plane_->server().refused_config().empty(); }));
}

TEST_F(ControlPlaneTest, TheMeshFileIsFollowedThroughHalfWritesRemovalAndSwappedLinks) {
  namespace fs = std::filesystem;
  const std::string mesh = folder_ + "/mesh.yaml";
  const auto with = [](const std::string& node) {
    std::string text = kMesh;
    return text.replace(text.find("b-1"), 3, node);
  };
  const auto serves = [this](const std::string& node) {
    return Until([&] {
      return control_plane_->server().refused_config().empty() && control_plane_->server().catalog()->KnowsNode(node);
    });
  };
  const std::string next = with("b-2");
  std::ofstream(mesh) << next.substr(0, next.size() - 20);  // in place, and not to its end
  ASSERT_TRUE(Until([this] { return !control_plane_->server().refused_config().empty(); }));
  EXPECT_TRUE(OnLoop([this] { return control_plane_->server().catalog()->KnowsNode("b-1"); }));
  std::ofstream(mesh) << next;
  EXPECT_TRUE(serves("b-2"));
  fs::remove(mesh);
  OnLoop([this] { return control_plane_->Reload(), 0; });  // as by SIGHUP: there is nothing to read
  EXPECT_THAT(OnLoop([this] { return control_plane_->server().refused_config(); }), HasSubstr("mesh.yaml"));
  EXPECT_TRUE(OnLoop([this] { return control_plane_->server().catalog()->KnowsNode("b-2"); }));
  std::ofstream(mesh) << with("b-3");
  EXPECT_TRUE(serves("b-3"));
  // As Kubernetes mounts a ConfigMap.
  for (const char* data : {"..4", "..5"}) {
    fs::create_directory(absl::StrCat(folder_, "/", data));
    std::ofstream(absl::StrCat(folder_, "/", data, "/mesh.yaml")) << with(absl::StrCat("b-", data + 2));
  }
  fs::create_directory_symlink("..4", folder_ + "/..data");
  fs::create_symlink("..data/mesh.yaml", folder_ + "/link");
  fs::rename(folder_ + "/link", mesh);
  EXPECT_TRUE(serves("b-4"));
  fs::create_directory_symlink("..5", folder_ + "/..next");
  fs::rename(folder_ + "/..next", folder_ + "/..data");
  EXPECT_TRUE(serves("b-5"));
}

TEST_F(ControlPlaneTest, RotationPushesANewKeyOnOpenStreams) {
  auto channel =
      grpc::CreateChannel(absl::StrCat("unix:", folder_, "/nodes/b-1.sock"), grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  auto stream = discovery::AggregatedDiscoveryService::NewStub(channel)->StreamAggregatedResources(&context);
  discovery::DiscoveryRequest ask;
  ask.set_type_url(std::string(kSecretType));
  ask.mutable_node()->set_id("b-1");
  ask.add_resource_names("default");
  stream->Write(ask);
  discovery::DiscoveryResponse first, second;
  ASSERT_TRUE(stream->Read(&first));
  ask.set_version_info(first.version_info());
  ask.set_response_nonce(first.nonce());
  stream->Write(ask);
  dispatcher_->Post([this] { control_plane_->Rotate(); });
  ASSERT_TRUE(stream->Read(&second));
  EXPECT_NE(first.version_info(), second.version_info());
  context.TryCancel();
}

}  // namespace
}  // namespace outrigger::control_plane
