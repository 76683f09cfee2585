#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StrContains;
using Peer = ScriptedBackend::Peer;

// What was logged of each stream: flags and details are the contract of this file.
class Recorder final : public observe::AccessLog {
 public:
  struct Line {
    uint32_t code;
    std::string flags, details;
    uint32_t attempts;
  };
  void Log(observe::WorkerStats&, const http::AccessLogRecord& record) const override {
    Line line;
    line.code = record.info->response_code;
    record.info->flags.AppendShort(line.flags);
    line.details = std::string(record.info->details);
    line.attempts = record.info->upstream.attempts;
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(line);
    added_.notify_all();
  }
  Line Next() const {
    std::unique_lock<std::mutex> lock(mutex_);
    added_.wait_for(lock, std::chrono::seconds(10), [this] { return !lines_.empty(); });
    if (lines_.empty()) return {0, "nothing was logged", "", 0};
    Line line = lines_.front();
    lines_.pop_front();
    return line;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable added_;
  mutable std::deque<Line> lines_;
};

class RouterTest : public testing::Test {
 protected:
  void Start(std::function<void(Peer&, int)> serve) {
    backend_ = std::make_unique<ScriptedBackend>(std::move(serve));
    options_.backend_port = backend_->port();
    StartProxy();
  }
  void StartProxy() {
    options_.hcm = [this, more = options_.hcm](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log_);
      if (more) more(hcm);
    };
    proxy_ = std::make_unique<SmallProxy>(options_);
    client_ = std::make_unique<Client>(proxy_->port());
  }
  std::string Get(const std::string& path = "/", const std::string& more = "") {
    client_->Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nhost: a.example\r\n", more, "\r\n"));
    return client_->ReadResponse();
  }
  static void Ok(Peer& peer, const std::string& body = "fine") {
    peer.Write(absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", body.size(), "\r\n\r\n", body));
  }
  static void Status(Peer& peer, int status) {
    peer.Write(absl::StrCat("HTTP/1.1 ", status, " X\r\ncontent-length: 0\r\n\r\n"));
  }
  void Retry(uint32_t on, uint32_t times, std::function<void(model::RetryPolicy&)> more = nullptr) {
    auto policy = std::make_shared<model::RetryPolicy>();
    policy->on = on;
    policy->retries = times;
    policy->back_off_base = milliseconds(1);
    policy->back_off_max = milliseconds(2);
    if (more) more(*policy);
    options_.route = [policy, before = options_.route](model::ForwardAction& route) {
      if (before) before(route);
      route.retry = policy;
    };
  }

  std::shared_ptr<Recorder> log_ = std::make_shared<Recorder>();
  SmallProxy::Options options_;
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<SmallProxy> proxy_;
  std::unique_ptr<Client> client_;
};

TEST_F(RouterTest, PassesARequestAndItsAnswer) {
  std::string seen;
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    Ok(peer);
    peer.WaitForEnd();
  });
  const std::string answer = Get("/a?b=c", "x-mine: 1\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nfine")) << answer;
  EXPECT_TRUE(absl::StartsWith(seen, "GET /a?b=c HTTP/1.1\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "host: a.example\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-mine: 1\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-request-id: ")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-forwarded-proto: http\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-envoy-expected-rq-timeout-ms: 15000\r\n")) << seen;
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.code, 200u);
  EXPECT_EQ(line.flags, "-");
  EXPECT_EQ(line.details, "via_upstream");
}

TEST_F(RouterTest, PassesABodyUpAndDown) {
  std::string seen;
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    Ok(peer, std::string(300000, 'z'));
    peer.WaitForEnd();
  });
  client_->Send(absl::StrCat("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n", std::string(200000, 'y')));
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(absl::EndsWith(answer, std::string(300000, 'z')));
  EXPECT_TRUE(absl::EndsWith(seen, "\r\n\r\n" + std::string(200000, 'y')));
}

TEST_F(RouterTest, AnswersUfWhenNobodyListens) {
  {
    ScriptedBackend gone([](Peer&, int) {});
    options_.backend_port = gone.port();
  }
  StartProxy();
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 503 "));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "UF");
  EXPECT_TRUE(absl::StartsWith(line.details, "upstream_reset_before_response_started{remote_connection_failure"))
      << line.details;
}

TEST_F(RouterTest, AnswersUcWhenTheUpstreamClosesBeforeItsAnswer) {
  Start([](Peer& peer, int) { peer.ReadRequest(); });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 503 "));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "UC");
  EXPECT_EQ(line.details, "upstream_reset_before_response_started{connection_termination}");
}

TEST_F(RouterTest, AnswersUpeWhenTheUpstreamTalksNonsense) {
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("no such protocol\r\n\r\n");
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 502 "));
  EXPECT_EQ(log_->Next().flags, "UPE");
}

TEST_F(RouterTest, CutsTheClientOffWhenTheAnswerIsCutShort) {
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  });
  const std::string answer = Get();
  EXPECT_FALSE(absl::EndsWith(answer, std::string(100, ' ')));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "UC");
  EXPECT_TRUE(absl::StartsWith(line.details, "upstream_reset_after_response_started{")) << line.details;
}

TEST_F(RouterTest, AnswersUtWhenTheRouteTimeoutPasses) {
  options_.route = [](model::ForwardAction& route) { route.timeout = milliseconds(50); };
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 504 "));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "UT");
  EXPECT_EQ(line.details, "response_timeout");
}

TEST_F(RouterTest, RetriesAnswersThatThePolicyNames) {
  Retry(model::kRetry5xx, 2);
  Start([this](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) {
      backend_->CountRequest();
      backend_->requests() < 3 ? Status(peer, 503) : Ok(peer);
    }
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.attempts, 3u);
  EXPECT_EQ(line.flags, "-");
  EXPECT_EQ(backend_->requests(), 3);
}

TEST_F(RouterTest, GivesTheLastAnswerAndUrxWhenRetriesAreUsedUp) {
  Retry(model::kRetry5xx, 1);
  Start([this](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) {
      backend_->CountRequest();
      Status(peer, 500);
    }
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 500 "));
  EXPECT_EQ(log_->Next().flags, "URX");
  EXPECT_EQ(backend_->requests(), 2);
}

TEST_F(RouterTest, RetriesWithTheWholeBodyAfterAReset) {
  Retry(model::kRetryReset, 1);
  std::string second;
  Start([&](Peer& peer, int number) {
    const std::string request = peer.ReadRequest();
    if (number == 0) return peer.Reset();
    second = request;
    Ok(peer);
    peer.WaitForEnd();
  });
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789");
  EXPECT_TRUE(absl::StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
  EXPECT_TRUE(absl::EndsWith(second, "\r\n\r\n0123456789")) << second;
}

TEST_F(RouterTest, TriesAgainWhenOneTryTakesTooLong) {
  Retry(model::kRetry5xx, 1, [](model::RetryPolicy& policy) { policy.per_try_timeout = milliseconds(50); });
  Start([](Peer& peer, int number) {
    peer.ReadRequest();
    if (number > 0) Ok(peer);
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  EXPECT_EQ(log_->Next().attempts, 2u);
}

TEST_F(RouterTest, AnswersUmsdrWhenTheClustersStreamDurationPasses) {
  options_.cluster = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().max_stream_duration = milliseconds(50);
  };
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 504 "));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "UMSDR");
  EXPECT_EQ(line.details, "upstream_max_stream_duration_reached");
}

TEST_F(RouterTest, CutsAnAnswerOffThatOutlivesTheClustersStreamDuration) {
  options_.cluster = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().max_stream_duration = milliseconds(300);
  };
  options_.route = [](model::ForwardAction& route) { route.timeout = Duration::zero(); };  // independent of it
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::EndsWith(Get(), "half"));
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.code, 200u);
  EXPECT_EQ(line.flags, "UMSDR");
}

TEST_F(RouterTest, ARequestMayShortenItsUpstreamStreamAndThePolicyRetryIt) {
  Retry(model::kRetryReset, 1);
  options_.hcm = [](filters::hcm::HcmConfig& hcm) {  // an internal client: others may not say it
    hcm.use_remote_address = true;
    hcm.internal_addresses = matching::CidrSet({*matching::CidrRange::Parse("127.0.0.0/8")});
  };
  std::string seen;
  Start([&](Peer& peer, int number) {
    const std::string request = peer.ReadRequest();
    if (number > 0) {  // of the two threads this one alone
      seen = request;
      Ok(peer);
    }
    peer.WaitForEnd();
  });
  EXPECT_TRUE(absl::StartsWith(Get("/", "x-envoy-upstream-stream-duration-ms: 300\r\n"), "HTTP/1.1 200 "));
  EXPECT_EQ(log_->Next().attempts, 2u);
  EXPECT_FALSE(StrContains(seen, "x-envoy-upstream-stream-duration-ms")) << seen;
}

TEST_F(RouterTest, NeverRetriesWithoutAPolicy) {
  Start([this](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) {
      backend_->CountRequest();
      Status(peer, 503);
    }
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 503 "));
  EXPECT_EQ(backend_->requests(), 1);
}

TEST_F(RouterTest, AnswersUoWhenTheCircuitBreakerIsOpen) {
  options_.cluster = [](model::ClusterConfig& cluster) {
    for (size_t i = 0; i < 2; ++i)
      cluster.circuit_breakers->Put(i, std::make_shared<model::CircuitBreaker>(1, 0, 1, 0));
  };
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.WaitForEnd();
  });
  client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  Client second(proxy_->port());
  // Whichever is first holds the only request; the other one is refused at once.
  second.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.code, 503u);
  EXPECT_EQ(line.flags, "UO");
  EXPECT_EQ(line.details, "upstream_reset_before_response_started{overflow}");
}

TEST_F(RouterTest, RewritesPathAndHost) {
  std::string seen;
  options_.route = [](model::ForwardAction& route) {
    route.has_prefix_rewrite = true;
    route.prefix_rewrite = "/new/";
    route.host_rewrite = "other.example";
  };
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    Ok(peer);
    peer.WaitForEnd();
  });
  Get("/a?b");
  EXPECT_TRUE(StrContains(seen, "host: other.example\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-envoy-original-host: ")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-envoy-original-path: /a?b\r\n")) << seen;
}

// A client that only ends its own direction still gets its answer; one that resets is gone.
TEST_F(RouterTest, LogsDcWhenTheClientLeaves) {
  Start([](Peer& peer, int) {
    peer.ReadRequest();
    peer.WaitForEnd();
  });
  client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  while (backend_->connections() == 0) std::this_thread::yield();
  client_->Abort();
  const Recorder::Line line = log_->Next();
  EXPECT_EQ(line.flags, "DC");
  EXPECT_EQ(line.code, 0u);
}

TEST_F(RouterTest, TunnelsAnAcceptedUpgrade) {
  options_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.upgrades.push_back({"websocket", true, nullptr}); };
  std::string seen;
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    peer.Write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    const std::string bytes = peer.ReadSome();
    peer.Write("echo:" + bytes);
    peer.WaitForEnd();
  });
  const std::string answer = Get("/chat", "connection: upgrade\r\nupgrade: websocket\r\n");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 101 ")) << answer;
  EXPECT_TRUE(StrContains(seen, "upgrade: websocket\r\n")) << seen;
  client_->Send("ping");
  char echoed[9];
  for (size_t have = 0; have < 9;) have += client_->ReadSome(echoed + have, 9 - have);
  EXPECT_EQ(std::string(echoed, 9), "echo:ping");
}

TEST_F(RouterTest, EndsAConnectAsATcpConnection) {
  options_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.upgrades.push_back({"connect", true, nullptr}); };
  options_.connect_route = true;
  options_.route = [](model::ForwardAction& route) { route.upgrades.push_back({"connect", true, true}); };
  Start([&](Peer& peer, int) {
    const std::string bytes = peer.ReadSome();
    peer.Write("raw:" + bytes);
  });
  client_->Send("CONNECT a.example:25 HTTP/1.1\r\nhost: a.example:25\r\n\r\n");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 ")) << answer;
  client_->Send("ping");
  char echoed[8];
  for (size_t have = 0; have < 8;) have += client_->ReadSome(echoed + have, 8 - have);
  EXPECT_EQ(std::string(echoed, 8), "raw:ping");
  EXPECT_EQ(client_->ReadResponse(), "");  // the upstream's end reaches the client
}

TEST_F(RouterTest, RefusesAnUpgradeThatIsNotAllowed) {
  Start([](Peer&, int) {});
  EXPECT_TRUE(absl::StartsWith(Get("/chat", "connection: upgrade\r\nupgrade: websocket\r\n"), "HTTP/1.1 403 "));
  EXPECT_EQ(log_->Next().details, "upgrade_failed");
}

TEST_F(RouterTest, AnswersExpectationsItselfByDefault) {
  std::string seen;
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    Ok(peer);
    peer.WaitForEnd();
  });
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(client_->ReadResponse(), "HTTP/1.1 100 Continue\r\n"));
  client_->Send("abc");
  EXPECT_TRUE(absl::StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
  EXPECT_FALSE(StrContains(seen, "expect:")) << seen;
}

TEST_F(RouterTest, StripsWhatUntrustedClientsMayNotSay) {
  options_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.use_remote_address = true; };
  std::string seen;
  Start([&](Peer& peer, int) {
    seen = peer.ReadRequest();
    Ok(peer);
    peer.WaitForEnd();
  });
  Get("/",
      "x-envoy-max-retries: 9\r\nx-envoy-internal: true\r\nx-envoy-upstream-rq-timeout-ms: 1\r\n"
      "x-forwarded-client-cert: By=me\r\nx-forwarded-for: 1.2.3.4\r\n");
  EXPECT_FALSE(StrContains(seen, "x-envoy-max-retries")) << seen;
  EXPECT_FALSE(StrContains(seen, "x-envoy-internal")) << seen;
  EXPECT_FALSE(StrContains(seen, "x-forwarded-client-cert")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-forwarded-for: 1.2.3.4,127.0.0.1\r\n")) << seen;
  EXPECT_TRUE(StrContains(seen, "x-envoy-expected-rq-timeout-ms: 15000\r\n")) << seen;
}

TEST_F(RouterTest, MirrorsARequestWithoutWaitingForIt) {
  std::atomic<int> shadows{0};
  options_.route = [](model::ForwardAction& route) {
    model::MirrorPolicy mirror;
    mirror.cluster = "backend";
    mirror.slot = {0, 1};
    route.mirrors.push_back(mirror);
  };
  Start([&](Peer& peer, int) {
    std::string request;
    while (!(request = peer.ReadRequest()).empty()) {
      if (StrContains(request, "host: a.example-shadow\r\n")) {
        ++shadows;
        continue;  // never answered
      }
      Ok(peer);
    }
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  while (shadows == 0) std::this_thread::yield();
}

TEST_F(RouterTest, AMirroredRequestLivesAsLongAsTheRoutesTimeout) {
  options_.route = [](model::ForwardAction& route) {
    model::MirrorPolicy mirror;
    mirror.cluster = "backend";
    mirror.slot = {0, 1};
    route.mirrors.push_back(mirror);
    route.timeout = milliseconds(50);
  };
  std::atomic<int> given_up{0};
  Start([&](Peer& peer, int) {
    std::string request;
    while (!(request = peer.ReadRequest()).empty()) {
      if (!StrContains(request, "host: a.example-shadow\r\n")) {
        Ok(peer);
      } else if (peer.WaitForEnd()) {
        ++given_up;
        return;
      }
    }
  });
  EXPECT_TRUE(absl::StartsWith(Get(), "HTTP/1.1 200 "));
  EXPECT_TRUE(harness::WaitFor([&] { return given_up == 1; }, std::chrono::seconds(10)))
      << "not after the usual 15 seconds";
}

TEST_F(RouterTest, AnswersWhatARequestWithoutHostDeserves) {
  Start([](Peer&, int) {});
  client_->Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(client_->ReadResponse(), "HTTP/1.1 400 "));
}

TEST_F(RouterTest, AnswersPipelinedRequestsInOrder) {
  Start([](Peer& peer, int) {
    std::string request;
    while (!(request = peer.ReadRequest()).empty()) Ok(peer, request.substr(4, 2));
  });
  client_->Send(
      "GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\nGET /3 HTTP/1.1\r\nhost: a\r\n\r\n");
  std::string all;
  char buffer[4096];
  while (!absl::EndsWith(all, "\r\n\r\n/3")) all.append(buffer, client_->ReadSome(buffer, sizeof(buffer)));
  EXPECT_LT(all.find("\r\n\r\n/1"), all.find("\r\n\r\n/2"));
}

}  // namespace
}  // namespace outrigger::integration
