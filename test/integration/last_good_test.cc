// A whole server that is started while its control plane is not there: from the configuration on disk.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "test/integration/live_config.h"
#include "test/tls/authority.h"

namespace outrigger::integration {
namespace {

using harness::ProxyHarness;
using harness::ReadFile;
using harness::WaitFor;
using harness::WriteFile;

constexpr int kClusters = 1000;
constexpr char kTls[] = "\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.";

WallTime Now() { return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now()); }

std::string Text(absl::string_view text) { return absl::StrCat("\"", absl::CEscape(text), "\""); }

// One authority; the names of a mesh.
class Identities {
 public:
  // As a TlsCertificate, and as a client's files.
  std::string Certificate(const tls::CertificateSpec& spec) {
    return absl::StrCat("{certificate_chain: {inline_string: ", Text(spec.chain_pem),
                        "}, private_key: {inline_string: ", Text(spec.key_pem.view()), "}}");
  }
  std::string Server() { return Certificate(authority_.Dns("in.test")); }
  std::string Roots() { return absl::StrCat("{trusted_ca: {inline_string: ", Text(authority_.pem()), "}}"); }
  // The command that asks a listener by mutual TLS.
  std::string Ask(const std::string& folder, uint16_t port) {
    const tls::CertificateSpec client = authority_.Uri("spiffe://test/client");
    WriteFile(folder + "/client.pem", client.chain_pem);
    WriteFile(folder + "/client.key", std::string(client.key_pem.view()));
    WriteFile(folder + "/root.pem", authority_.pem());
    return harness::Shell(absl::StrCat("curl -s -m 5 --cacert ", folder, "/root.pem --cert ", folder,
                                       "/client.pem --key ", folder,
                                       "/client.key --connect-to in.test:443:127.0.0.1:", port, " https://in.test/"));
  }

 private:
  tls::TestAuthority authority_{Now()};
};

// A server of static configuration that only talks to clients with a certificate: what is behind the mesh's second hop.
std::string Peer(Identities& identities, uint16_t upstream) {
  const std::string listener = absl::StrReplaceAll(
      harness::HttpListener("in", "up"),
      {{"filter_chains:\n    - filters:",
        absl::StrCat("filter_chains:\n    - transport_socket: {name: tls, typed_config: {", kTls,
                     "DownstreamTlsContext, require_client_certificate: true, common_tls_context: {tls_certificates: [",
                     identities.Server(), "], validation_context: ", identities.Roots(), "}}}\n      filters:")}});
  return harness::Bootstrap(listener, harness::StaticCluster("up", upstream));
}

// Mutual TLS on both sides, its secrets from the control plane, among many clusters.
std::vector<cp::ResourcePtr> Mesh(Identities& identities, uint16_t peer) {
  const auto secret = [](const std::string& name) { return absl::StrCat("{name: ", name, ", sds_config: {ads: {}}}"); };
  const std::string common = absl::StrCat("common_tls_context: {tls_certificate_sds_secret_configs: [", secret("own"),
                                          "], validation_context_sds_secret_config: ", secret("roots"), "}");
  std::vector<cp::ResourcePtr> all;
  for (int i = 0; i < kClusters; ++i) {
    all.push_back(cp::EdsCluster(absl::StrCat("c", i)));
    all.push_back(cp::Endpoints(absl::StrCat("c", i), 1));
  }
  all.push_back(
      cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kClusterType,
                                  ", name: hop, connect_timeout: 1s, type: EDS, eds_cluster_config: {eds_config: "
                                  "{ads: {}}}, transport_socket: {name: tls, typed_config: {",
                                  kTls, "UpstreamTlsContext, sni: in.test, ", common, "}}}")));
  all.push_back(cp::Endpoints("hop", peer));
  all.push_back(cp::RoutesTo("r", "hop"));
  all.push_back(cp::ResourceOf(absl::StrReplaceAll(
      Listener("{ads: {}}"),
      {{"filter_chains:\n- filters:",
        absl::StrCat("filter_chains:\n- transport_socket: {name: tls, typed_config: {", kTls,
                     "DownstreamTlsContext, require_client_certificate: true, ", common, "}}\n  filters:")}})));
  const auto secret_of = [&](const std::string& name, const std::string& content) {
    return cp::ResourceOf(absl::StrCat("{\"@type\": ", cp::kSecretType, ", name: ", name, ", ", content, "}"));
  };
  all.push_back(secret_of("own", absl::StrCat("tls_certificate: ", identities.Server())));
  all.push_back(secret_of("roots", absl::StrCat("validation_context: ", identities.Roots())));
  return all;
}

class LastGoodTest : public testing::Test {
 protected:
  LastGoodTest() {
    char folder[] = "/tmp/outrigger-XXXXXX";  // short: a Unix socket lies in it
    EXPECT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    options_.last_good_dir = folder_ + "/state";
    options_.concurrency = 2;
  }
  ~LastGoodTest() override { harness::Shell(absl::StrCat("rm -rf ", folder_)); }

  // The control plane is always at the same Unix socket, which is the node's own: secrets go there.
  std::unique_ptr<ServedConfig> Serve(const std::vector<cp::ResourcePtr>& resources) {
    unlink(socket().c_str());
    return std::make_unique<ServedConfig>(
        resources, cp::GrpcListenOptions{.address = absl::StrCat("unix:", socket()), .bound_node = "n1"});
  }
  std::unique_ptr<ProxyHarness> Start(const std::string& more = "") {
    const std::string cluster = absl::StrReplaceAll(
        harness::StaticCluster("xds", 1, true),
        {{"{socket_address: {address: 127.0.0.1, port_value: 1}}", absl::StrCat("{pipe: {path: ", socket(), "}}")}});
    const std::string ads = AdsFrom("{envoy_grpc: {cluster_name: xds}}", cluster);
    return std::make_unique<ProxyHarness>(
        absl::StrCat(absl::StrReplaceAll(ads, {{"api_type: GRPC", absl::StrCat("api_type: ", api_type_)}}), more),
        options_, Xds);
  }
  // A life with the control plane, until what came is on disk.
  void LiveOnce(const std::vector<cp::ResourcePtr>& resources, const std::string& more = "") {
    auto served = Serve(resources);
    auto proxy = Start(more);
    ASSERT_EQ(proxy->error(), "");
    ASSERT_TRUE(proxy->WaitUntilLive());
    ASSERT_TRUE(WaitFor([&] { return proxy->Stat("server.last_good_written") > 0; }));
    EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 0);
  }
  void WithKey() {
    options_.last_good_secrets_key_file = folder_ + "/key";
    WriteFile(options_.last_good_secrets_key_file, std::string(32, 'k'));
    chmod(options_.last_good_secrets_key_file.c_str(), 0600);
  }
  std::string socket() const { return folder_ + "/xds.sock"; }
  std::string slot(const std::string& which) const { return folder_ + "/state/last-good." + which; }
  void Spoil(const std::string& path) {
    std::string bytes = ReadFile(path);
    if (bytes.empty()) return;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    WriteFile(path, bytes);
  }

  std::string folder_, api_type_ = "GRPC";
  server::Options options_;
};

TEST_F(LastGoodTest, AColdStartWithoutAControlPlaneServesMutualTlsFromDisk) {
  Identities identities;
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  ProxyHarness peer(Peer(identities, one.port()));
  ASSERT_EQ(peer.error(), "");
  ASSERT_TRUE(peer.WaitUntilLive());
  WithKey();
  LiveOnce(Mesh(identities, peer.port("in")));
  EXPECT_EQ(ReadFile(slot("a")).find("PRIVATE KEY"), std::string::npos) << "it is sealed";

  auto proxy = Start();
  ASSERT_EQ(proxy->error(), "");
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(proxy->Stat("cluster_manager.cds.init_fetch_timeout"), 0);
  EXPECT_EQ(identities.Ask(folder_, proxy->port("in")), "one");
  EXPECT_EQ(Get(proxy->port("in")), "") << "never in plain text";
  EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 1);
  EXPECT_GE(proxy->Stat("cluster_manager.active_clusters"), kClusters);
  EXPECT_TRUE(absl::StrContains(proxy->Admin("/server_info"), "outrigger.last_good"));
  EXPECT_EQ(proxy->Stat("server.last_good_written"), 0) << "it stays what the control plane last said";

  // Back, and of another mind.
  auto served = Serve(Whole("direct", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(proxy->port("in")) == "two"; }));
  EXPECT_TRUE(WaitFor([&] { return proxy->Stat("server.last_good_in_use") == 0; }));
  EXPECT_TRUE(WaitFor([&] { return proxy->Stat("cluster_manager.active_clusters") == 2; })) << "the rest is gone";
  EXPECT_TRUE(WaitFor([&] { return proxy->Stat("server.last_good_written") > 0; }));
  EXPECT_FALSE(absl::StrContains(proxy->Admin("/server_info"), "outrigger.last_good"));
  proxy.reset();
  served.reset();

  proxy = Start();
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(Get(proxy->port("in")), "two") << "the end of a life is written, too";
}

TEST_F(LastGoodTest, ADeltaServerIsToldWhatIsHereAndSaysWhatIsGone) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11), two("two", http::Protocol::kHttp11);
  api_type_ = "DELTA_GRPC";
  LiveOnce(Whole("a", one.port()));
  auto proxy = Start();
  ASSERT_EQ(proxy->error(), "");
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(Get(proxy->port("in")), "one");
  EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 1);
  {
    // Nothing has changed: whatever it says of that, it has taken over.
    auto served = Serve(Whole("a", one.port()));
    EXPECT_TRUE(WaitFor([&] { return proxy->Stat("server.last_good_in_use") == 0; }));
    EXPECT_EQ(Get(proxy->port("in")), "one");
  }
  proxy = Start();
  ASSERT_TRUE(proxy->WaitUntilLive());
  auto served = Serve(Whole("b", two.port()));
  EXPECT_TRUE(WaitFor([&] { return Get(proxy->port("in")) == "two"; }));
  EXPECT_TRUE(WaitFor([&] { return proxy->Stat("cluster_manager.active_clusters") == 2; })) << "the old one is gone";
}

TEST_F(LastGoodTest, TheOtherSlotIsUsedWhenTheNewestIsDamagedAndNeitherWhenBothAre) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  LiveOnce(Whole("a", one.port()));
  ASSERT_NE(ReadFile(slot("a")), "");
  ASSERT_NE(ReadFile(slot("b")), "") << "written at the end";
  Spoil(slot("b"));
  {
    auto proxy = Start();
    ASSERT_TRUE(proxy->WaitUntilLive());
    EXPECT_EQ(Get(proxy->port("in")), "one");
    EXPECT_EQ(proxy->Stat("server.last_good_refused"), 1);
  }
  Spoil(slot("a"));
  auto proxy = Start();
  ASSERT_EQ(proxy->error(), "") << "the start goes on without";
  EXPECT_EQ(proxy->Stat("server.last_good_refused"), 2);
  EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 0);
  EXPECT_EQ(proxy->port("in"), 0);
  auto served = Serve(Whole("a", one.port()));
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(Get(proxy->port("in")), "one");
}

TEST_F(LastGoodTest, WhatIsForeignTooOldOrWritableByOthersIsRefused) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  LiveOnce(Whole("a", one.port()));
  const auto refused = [&] {
    auto proxy = Start();
    EXPECT_EQ(proxy->error(), "");
    EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 0);
    return proxy->Stat("server.last_good_refused");
  };
  options_.service_node = "other";
  EXPECT_EQ(refused(), 2);
  options_.service_node = "";
  options_.last_good_max_age = nanoseconds(1);
  EXPECT_EQ(refused(), 2);
  options_.last_good_max_age = hours(1);
  chmod(slot("a").c_str(), 0622);
  chmod(slot("b").c_str(), 0620);
  EXPECT_EQ(refused(), 2);
  chmod(slot("a").c_str(), 0600);
  chmod(slot("b").c_str(), 0600);
  WithKey();
  EXPECT_EQ(refused(), 2) << "anybody may have written what is not sealed";
  options_.last_good_secrets_key_file = "";
  auto proxy = Start();
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(Get(proxy->port("in")), "one") << "and nothing of it was touched";
}

TEST_F(LastGoodTest, WithoutAKeyTheSecretsAreNotOnDiskAndNobodyIsServedInPlain) {
  Identities identities;
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  LiveOnce(Mesh(identities, one.port()));
  EXPECT_EQ(ReadFile(slot("a")).find("PRIVATE KEY"), std::string::npos);
  auto proxy = Start();
  ASSERT_EQ(proxy->error(), "");
  ASSERT_TRUE(proxy->WaitUntilLive()) << "when the secrets' fetch time is over";
  EXPECT_EQ(proxy->Stat("server.last_good_in_use"), 1);
  EXPECT_NE(proxy->port("in"), 0);
  EXPECT_EQ(Get(proxy->port("in")), "");
  EXPECT_EQ(identities.Ask(folder_, proxy->port("in")), "");
}

TEST_F(LastGoodTest, TheBootstrapCanAskForIt) {
  harness::HttpUpstream one("one", http::Protocol::kHttp11);
  const std::string folder = options_.last_good_dir;
  options_.last_good_dir = "";
  const std::string extension = absl::StrCat(
      "\nbootstrap_extensions: [{name: last_good, typed_config: {\"@type\": "
      "type.googleapis.com/outrigger.bootstrap.last_good.v1.LastGood, max_age: 3600s, directory: ",
      folder, "}}]\n");
  LiveOnce(Whole("a", one.port()), extension);
  auto proxy = Start(extension);
  ASSERT_EQ(proxy->error(), "");
  ASSERT_TRUE(proxy->WaitUntilLive());
  EXPECT_EQ(Get(proxy->port("in")), "one");
}

TEST_F(LastGoodTest, AKeyOrFolderThatOthersCanTouchEndsTheStart) {
  WithKey();
  chmod(options_.last_good_secrets_key_file.c_str(), 0644);
  EXPECT_TRUE(absl::StrContains(Start()->error(), "permissions")) << Start()->error();
  chmod(options_.last_good_secrets_key_file.c_str(), 0600);
  mkdir(options_.last_good_dir.c_str(), 0700);
  chmod(options_.last_good_dir.c_str(), 0777);
  EXPECT_TRUE(absl::StrContains(Start()->error(), "permissions"));
  options_.last_good_dir = folder_ + "/not/there";
  EXPECT_TRUE(absl::StrContains(Start()->error(), "make folder"));
}

}  // namespace
}  // namespace outrigger::integration
