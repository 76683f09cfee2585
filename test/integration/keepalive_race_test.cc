// An upstream closes a connection while a request is on its way to it: no client sees that where sending it again is
// safe.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/harness/proxy_harness.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StartsWith;
using absl::StrContains;
using Peer = ScriptedBackend::Peer;

constexpr char kFine[] = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

class KeepaliveRaceTest : public testing::Test {
 protected:
  ~KeepaliveRaceTest() override { clients_.clear(); }
  // `end` is what happens to each connection's second request, or to the first of those after `good` connections.
  void Start(std::function<void(Peer&)> end, int good = 1000, const std::string& cluster = "") {
    backend_ = std::make_unique<ScriptedBackend>([this, end, good](Peer& peer, int number) {
      for (int i = 0;; ++i) {
        const std::string request = peer.ReadRequest();
        if (request.empty()) return;
        backend_->CountRequest();
        whole_body_ = absl::EndsWith(request, "\r\n\r\nbody");
        if (i == 1 || number >= good) return end(peer);
        while (hold_) std::this_thread::yield();
        peer.Write(kFine);
      }
    });
    StartProxy(cluster);
  }
  void StartProxy(const std::string& cluster = "") {
    const std::string log =
        "          access_log:\n          - name: log\n            typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: " +
        folder_ +
        "/log, log_format: {text_format_source: {inline_string: \"%RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%\\n\"}}}\n";
    proxy_ = std::make_unique<harness::ProxyHarness>(
        harness::Bootstrap(harness::HttpListener("in", "echo", log),
                           harness::StaticCluster("echo", backend_->port()) + cluster),
        OneWorker());
    ASSERT_EQ(proxy_->error(), "");
    ASSERT_TRUE(proxy_->WaitUntilLive());
  }
  static server::Options OneWorker() {
    server::Options options;
    options.concurrency = 1;
    options.file_flush_interval = milliseconds(20);
    return options;
  }
  Client& NewClient() {
    clients_.push_back(std::make_unique<Client>(proxy_->port("in")));
    return *clients_.back();
  }
  static std::string Get() { return "GET / HTTP/1.1\r\nhost: a\r\n\r\n"; }
  static std::string WithBody(const std::string& method) {
    return method + " / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
  }
  std::string Ask(const std::string& request) {
    Client& client = clients_.empty() ? NewClient() : *clients_.back();
    client.Send(request);
    return client.ReadResponse();
  }
  int64_t Stat(const std::string& name) { return proxy_->Stat("cluster.echo." + name); }

  const std::string folder_ = harness::TempFolder();
  std::atomic<bool> hold_{false};
  std::atomic<bool> whole_body_{false};  // of the last request
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<harness::ProxyHarness> proxy_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(KeepaliveRaceTest, AnIdempotentRequestThatACloseMetIsSentAgainOnAFreshConnection) {
  Start([](Peer&) {});
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_EQ(backend_->connections(), 2);
  EXPECT_EQ(backend_->requests(), 3);
  EXPECT_EQ(Stat("upstream_rq_repeated_idle_close"), 1);
}

TEST_F(KeepaliveRaceTest, AResetIsAsGoodAnEndAsAClose) {
  Start([](Peer& peer) { peer.Reset(); });
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_EQ(Stat("upstream_rq_repeated_idle_close"), 1);
}

TEST_F(KeepaliveRaceTest, TheBodyOfAnIdempotentRequestIsSentAgainWhole) {
  Start([](Peer&) {});
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(WithBody("PUT")), "HTTP/1.1 200 "));
  EXPECT_TRUE(whole_body_);
  EXPECT_EQ(backend_->requests(), 3);
}

TEST_F(KeepaliveRaceTest, WhatMayHaveBeenProcessedAndIsNotIdempotentIsNotSentAgain) {
  Start([](Peer&) {});
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(WithBody("POST")), "HTTP/1.1 503 "));
  EXPECT_EQ(backend_->requests(), 2);
  EXPECT_EQ(Stat("upstream_rq_repeated_idle_close"), 0);
  const std::string line =
      "upstream_reset_before_response_started{connection_termination|reused_connection_without_answer} UC\n";
  EXPECT_TRUE(harness::WaitFor([&] { return StrContains(harness::ReadFile(folder_ + "/log"), line); }))
      << harness::ReadFile(folder_ + "/log");
}

TEST_F(KeepaliveRaceTest, ARequestIsSentAgainOnceOnly) {
  Start([](Peer&) {}, /*good=*/1);
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 503 "));
  EXPECT_EQ(backend_->requests(), 3);
  EXPECT_EQ(Stat("upstream_rq_repeated_idle_close"), 1);
}

TEST_F(KeepaliveRaceTest, AConnectionThatWasNeverUsedIsNoRace) {
  Start([](Peer&) {}, /*good=*/0);
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 503 "));
  EXPECT_EQ(backend_->requests(), 1);
}

TEST_F(KeepaliveRaceTest, AnAnswerThatBeganIsNotAskedForAgain) {
  Start([](Peer& peer) { peer.Write("HTTP/1.1 2"); });
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 503 "));
  EXPECT_EQ(backend_->requests(), 2);
}

TEST_F(KeepaliveRaceTest, TheSecondTryTakesNoOtherConnectionThatWasUsedBefore) {
  Start([](Peer&) {});
  hold_ = true;
  for (int i = 0; i < 3; ++i) NewClient().Send(Get());
  ASSERT_TRUE(harness::WaitFor([&] { return backend_->requests() == 3; }));
  hold_ = false;
  for (auto& client : clients_) ASSERT_TRUE(StartsWith(client->ReadResponse(), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_EQ(backend_->connections(), 4);
  EXPECT_EQ(backend_->requests(), 5);
}

TEST_F(KeepaliveRaceTest, ItTakesNoneOfTheRetriesThatTheClusterAllows) {
  Start([](Peer&) {}, 1000, "    circuit_breakers: {thresholds: [{max_retries: 0}]}\n");
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_EQ(Stat("upstream_rq_retry_overflow"), 0);
}

TEST_F(KeepaliveRaceTest, AFreshConnectionIsHadWhereNoFurtherOneIsAllowed) {
  Start([](Peer&) {}, 1000, "    circuit_breakers: {thresholds: [{max_connections: 1}]}\n");
  ASSERT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
}

TEST_F(KeepaliveRaceTest, WhatAHostSaysOfItsIdleTimeIsHonoured) {
  std::atomic<int> ended{0};
  backend_ = std::make_unique<ScriptedBackend>([&](Peer& peer, int) {
    if (peer.ReadRequest().empty()) return;
    peer.Write("HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, max=100\r\ncontent-length: 4\r\n\r\nfine");
    if (peer.WaitForEnd()) ++ended;
  });
  StartProxy();
  const std::string answer = Ask(Get());
  EXPECT_FALSE(StrContains(answer, "keep-alive: timeout")) << "it is for this hop: " << answer;
  EXPECT_TRUE(harness::WaitFor([&] { return ended == 1; }));
  EXPECT_EQ(Stat("upstream_cx_idle_before_peer"), 1);
  EXPECT_EQ(Stat("upstream_cx_idle_timeout"), 0);
}

TEST_F(KeepaliveRaceTest, AHostThatKeepsNoIdleConnectionIsNotAskedTwiceOnOne) {
  backend_ = std::make_unique<ScriptedBackend>([&](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) {
      peer.Write("HTTP/1.1 200 OK\r\nkeep-alive: timeout=0\r\ncontent-length: 4\r\n\r\nfine");
    }
  });
  StartProxy();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(StartsWith(Ask(Get()), "HTTP/1.1 200 "));
  EXPECT_EQ(backend_->connections(), 3);
}

}  // namespace
}  // namespace outrigger::integration
