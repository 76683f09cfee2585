// What RFC 9110 asks of an intermediary, on real sockets: the rows of docs/http-conformance.md that no other test has.
#include <gtest/gtest.h>

#include <mutex>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/integration/threaded_proxy.h"

namespace outrigger::integration {
namespace {

using absl::StartsWith;
using absl::StrCat;
using absl::StrContains;
using Peer = ScriptedBackend::Peer;

constexpr char kFine[] = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

class Rfc9110Test : public testing::Test {
 protected:
  ~Rfc9110Test() override { client_.reset(); }
  // Every request is answered with what Answer() said last.
  void Start(std::function<void(filters::hcm::HcmConfig&)> hcm = nullptr) {
    StartServing(
        [this](Peer& peer, int) {
          for (std::string request; !(request = peer.ReadRequest()).empty();) {
            const std::lock_guard<std::mutex> lock(mutex_);
            seen_ = request;
            ++count_;
            peer.Write(answer_);
          }
        },
        hcm);
  }
  void StartServing(std::function<void(Peer&, int)> serve,
                    std::function<void(filters::hcm::HcmConfig&)> hcm = nullptr) {
    backend_ = std::make_unique<ScriptedBackend>(std::move(serve));
    options_.backend_port = backend_->port();
    options_.hcm = [this, hcm](filters::hcm::HcmConfig& config) {
      config.access_logs.push_back(log_);
      if (hcm) hcm(config);
    };
    proxy_ = std::make_unique<SmallProxy>(options_);
    client_ = std::make_unique<Client>(proxy_->port());
  }
  void Answer(const std::string& wire) {
    const std::lock_guard<std::mutex> lock(mutex_);
    answer_ = wire;
  }
  std::string seen() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return seen_;
  }
  int count() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return count_;
  }
  std::string Ask(const std::string& method, const std::string& fields = "", const std::string& target = "/") {
    client_->Send(StrCat(method, " ", target, " HTTP/1.1\r\nhost: a.example\r\n", fields, "\r\n"));
    return client_->ReadResponse();
  }
  std::string ReadUntil(const std::string& end) {
    std::string all;
    char buffer[4096];
    while (!absl::EndsWith(all, end)) all.append(buffer, client_->ReadSome(buffer, sizeof(buffer)));
    return all;
  }

  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  SmallProxy::Options options_;
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<SmallProxy> proxy_;
  std::unique_ptr<Client> client_;

 private:
  std::mutex mutex_;
  std::string answer_ = kFine, seen_;
  int count_ = 0;
};

// --- what an intermediary passes on, and what not

TEST_F(Rfc9110Test, WhatBelongsToTheClientsConnectionStaysThere) {
  Start();
  Ask("GET",
      "connection: x-mine, keep-alive, X-Other\r\nx-mine: 1\r\nx-other: 2\r\nkeep-alive: timeout=5\r\n"
      "proxy-connection: keep-alive\r\nte: gzip\r\nupgrade: h2c\r\nx-kept: 3\r\n");
  for (const char* gone :
       {"x-mine", "x-other", "keep-alive", "proxy-connection", "\r\nte:", "upgrade", "connection:"}) {
    EXPECT_FALSE(StrContains(seen(), gone)) << gone << " in " << seen();
  }
  EXPECT_TRUE(StrContains(seen(), "x-kept: 3\r\n"));
}

TEST_F(Rfc9110Test, WhatBelongsToTheUpstreamsConnectionStaysThere) {
  Start();
  Answer(
      "HTTP/1.1 200 OK\r\nconnection: x-mine, keep-alive\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: "
      "close\r\nupgrade: h2c\r\nx-kept: 3\r\ncontent-length: 4\r\n\r\nfine");
  const std::string answer = Ask("GET");
  for (const char* gone : {"x-mine", "keep-alive", "proxy-connection", "upgrade", "connection:"}) {
    EXPECT_FALSE(StrContains(answer, gone)) << gone << " in " << answer;
  }
  EXPECT_TRUE(StrContains(answer, "x-kept: 3\r\n"));
}

TEST_F(Rfc9110Test, EmptyElementsOfListsAreReadOver) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.upgrades.push_back({"websocket", true, nullptr}); });
  Ask("GET", "connection: , x-mine ,,te,\r\nx-mine: 1\r\nte: ,, trailers ,\r\nx-kept: 2\r\n");
  EXPECT_FALSE(StrContains(seen(), "x-mine")) << seen();
  EXPECT_TRUE(StrContains(seen(), "x-kept: 2\r\n")) << seen();
  EXPECT_TRUE(StrContains(seen(), "\r\nte: trailers\r\n")) << seen();
  EXPECT_TRUE(StartsWith(Ask("GET", "connection: ,upgrade,\r\nupgrade: , WebSocket,\r\n"), "HTTP/1.1 200 "));
  EXPECT_TRUE(StrContains(absl::AsciiStrToLower(seen()), "websocket")) << seen();
  EXPECT_TRUE(StartsWith(Ask("GET", "expect: ,,\r\n"), "HTTP/1.1 200 "));
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\nexpect: , 100-continue,\r\ncontent-length: 1\r\n\r\n");
  EXPECT_TRUE(StartsWith(ReadUntil("\r\n\r\n"), "HTTP/1.1 100 "));
  client_->Send("x");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
}

TEST_F(Rfc9110Test, TrailersAreAskedForOnlyIfTheClientTakesThem) {
  Start();
  Ask("GET", "te: trailers, deflate;q=0.5\r\nconnection: te\r\n");
  EXPECT_TRUE(StrContains(seen(), "\r\nte: trailers\r\nconnection: te\r\n")) << seen();
  Ask("GET", "te: deflate\r\nconnection: te\r\n");
  EXPECT_FALSE(StrContains(seen(), "\r\nte:")) << seen();
}

TEST_F(Rfc9110Test, EverythingElseOfARequestPassesUnchanged) {
  Start();
  const std::string fields =
      "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nproxy-authorization: Basic eA==\r\nx-unknown-field: v\r\n"
      "accept: a;q=0.1\r\nx-list: one\r\nx-between: 0\r\nx-list: two, three\r\nx-empty: \r\ncookie: a=b; c=d\r\n"
      "if-match: \"e\"\r\nif-none-match: W/\"f\"\r\nif-modified-since: Sat, 29 Oct 1994 19:43:31 GMT\r\n"
      "if-range: \"g\"\r\nrange: bytes=0-9,-5\r\ncache-control: no-transform\r\ncontent-location: /x\r\n"
      "from: a@b\r\nreferer: http://c/\r\nuser-agent: d/1 (e)\r\nvia: 1.0 fred\r\nmax-forwards: 3\r\n";
  Ask("GET", fields);
  EXPECT_TRUE(StrContains(seen(), "\r\n" + fields)) << seen();
}

TEST_F(Rfc9110Test, EachRequestOfAConnectionIsJudgedByItself) {
  Start();
  Ask("GET", "authorization: Basic eA==\r\ncookie: a=b\r\nmax-forwards: 1\r\n");
  EXPECT_TRUE(StrContains(seen(), "authorization: Basic eA==")) << seen();
  EXPECT_TRUE(StartsWith(Ask("TRACE", "max-forwards: 0\r\n"), "HTTP/1.1 405 "));
  EXPECT_TRUE(StartsWith(Ask("GET"), "HTTP/1.1 200 "));
  for (const char* gone : {"authorization", "cookie", "max-forwards"}) {
    EXPECT_FALSE(StrContains(seen(), gone)) << seen();
  }
}

TEST_F(Rfc9110Test, EverythingElseOfAnAnswerPassesUnchanged) {
  Start();
  const std::string fields =
      "date: Tue, 15 Nov 1994 08:12:31 GMT\r\nset-cookie: a=1\r\nx-between: 0\r\nset-cookie: b=2\r\nx-empty: \r\n"
      "etag: W/\"x\"\r\nlast-modified: Tue, 15 Nov 1994 12:45:26 GMT\r\ncontent-type: text/html; charset=x\r\n"
      "content-encoding: gzip\r\ncontent-language: mi, en\r\ncontent-location: /y\r\nvary: accept, *\r\n"
      "www-authenticate: Basic realm=\"a\", Digest b=c\r\nproxy-authenticate: Basic\r\nauthentication-info: n\r\n"
      "retry-after: 120\r\nallow: GET, HEAD\r\nlocation: /z#f\r\naccept-ranges: none\r\ncontent-range: bytes */47\r\n"
      "cache-control: no-transform\r\nvia: 1.0 fred\r\n";
  for (const char* status :
       {"206 Partial Content", "401 Unauthorized", "405 Method Not Allowed", "416 Range", "511 New", "299 Own"}) {
    Answer(StrCat("HTTP/1.1 ", status, "\r\n", fields, "content-length: 4\r\n\r\nfine"));
    const std::string answer = Ask("GET");
    EXPECT_TRUE(StartsWith(answer, StrCat("HTTP/1.1 ", std::string(status).substr(0, 4)))) << answer;
    EXPECT_TRUE(StrContains(answer, "\r\n" + fields)) << answer;
    EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nfine")) << answer;
  }
}

TEST_F(Rfc9110Test, TheTargetPassesAsItIs) {
  Start();
  for (const char* target : {"/", "/a/../b//c/./d%2F%7e?x=/../y&&=", "/?", "/;v=1/,!$&'()*+=:@"}) {
    Ask("GET", "", target);
    EXPECT_TRUE(StartsWith(seen(), StrCat("GET ", target, " HTTP/1.1\r\n"))) << seen();
  }
}

TEST_F(Rfc9110Test, AnAbsoluteTargetSaysTheHost) {
  Start();
  Ask("GET", "", "http://other.example:81/p?q");
  EXPECT_TRUE(StartsWith(seen(), "GET /p?q HTTP/1.1\r\nhost: other.example:81\r\n")) << seen();
  EXPECT_FALSE(StrContains(seen(), "a.example")) << seen();
  Ask("GET", "", "http://other.example");
  EXPECT_TRUE(StartsWith(seen(), "GET / HTTP/1.1\r\nhost: other.example\r\n")) << seen();
}

TEST_F(Rfc9110Test, MethodsAreCaseSensitiveAndUnknownOnesPass) {
  Start();
  for (const char* method : {"get", "PATCH", "PROPFIND", "BREW", "M-SEARCH"}) {
    Ask(method);
    EXPECT_TRUE(StartsWith(seen(), StrCat(method, " / HTTP/1.1\r\n"))) << seen();
  }
}

TEST_F(Rfc9110Test, TheVersionOnEachConnectionIsOurs) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.http1.accept_http_10 = true; });
  client_->Send("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
  EXPECT_TRUE(StartsWith(seen(), "GET / HTTP/1.1\r\n")) << seen();
  Answer("HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nfine");
  client_ = std::make_unique<Client>(proxy_->port());
  EXPECT_TRUE(StartsWith(Ask("GET"), "HTTP/1.1 200 "));
}

TEST_F(Rfc9110Test, ARefusedVersionIsToldWhichOneIsTaken) {
  Start();
  client_->Send("GET / HTTP/1.0\r\nhost: a\r\n\r\n");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(StartsWith(answer, "HTTP/1.1 426 ")) << answer;
  EXPECT_TRUE(StrContains(answer, "\r\nupgrade: HTTP/1.1\r\nconnection: upgrade, close\r\n")) << answer;
}

TEST_F(Rfc9110Test, ViaIsAddedBothWaysWhereItIsConfigured) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.via = "1.1 edge"; });
  Answer("HTTP/1.1 200 OK\r\nvia: 1.0 origin\r\ncontent-length: 4\r\n\r\nfine");
  const std::string answer = Ask("GET", "via: 1.0 fred, 1.1 p.example\r\n");
  EXPECT_TRUE(StrContains(seen(), "\r\nvia: 1.0 fred, 1.1 p.example, 1.1 edge\r\n")) << seen();
  EXPECT_TRUE(StrContains(answer, "\r\nvia: 1.0 origin, 1.1 edge\r\n")) << answer;
  Ask("GET");
  EXPECT_TRUE(StrContains(seen(), "\r\nvia: 1.1 edge\r\n")) << seen();
}

TEST_F(Rfc9110Test, AnAnswerWithoutADateGetsOne) {
  Start();
  const std::string answer = Ask("GET");
  const size_t at = answer.find("\r\ndate: ");
  ASSERT_NE(at, std::string::npos) << answer;
  EXPECT_EQ(answer.substr(at + 8, answer.find("\r\n", at + 2) - at - 8).size(), 29u) << "an IMF-fixdate: " << answer;
  EXPECT_EQ(answer.substr(at + 33, 4), " GMT") << answer;
}

// --- Max-Forwards, TRACE

TEST_F(Rfc9110Test, MaxForwardsIsCountedForTraceAndOptionsOnly) {
  Start();
  for (const char* method : {"OPTIONS", "TRACE"}) {
    Ask(method, "max-forwards: 5\r\n");
    EXPECT_TRUE(StrContains(seen(), "\r\nmax-forwards: 4\r\n")) << seen();
    Ask(method, "max-forwards: 1\r\n");
    EXPECT_TRUE(StrContains(seen(), "\r\nmax-forwards: 0\r\n")) << seen();
    Ask(method, "max-forwards: 99999999999999999999999\r\n");
    EXPECT_TRUE(StrContains(seen(), "\r\nmax-forwards: 1844674407370955161")) << seen();
    Ask(method);
    EXPECT_FALSE(StrContains(seen(), "max-forwards")) << "none is made: " << seen();
  }
  Ask("GET", "max-forwards: 0\r\n");
  EXPECT_TRUE(StrContains(seen(), "\r\nmax-forwards: 0\r\n")) << seen();
}

TEST_F(Rfc9110Test, WhoMayGoNoFurtherIsAnsweredHere) {
  Start();
  const std::string options = Ask("OPTIONS", "max-forwards: 0\r\n");
  EXPECT_TRUE(StartsWith(options, "HTTP/1.1 200 ")) << options;
  EXPECT_TRUE(StrContains(options, "\r\ncontent-length: 0\r\n")) << options;
  const std::string trace = Ask("TRACE", "max-forwards: 0\r\n");
  EXPECT_TRUE(StartsWith(trace, "HTTP/1.1 405 ")) << trace;
  EXPECT_TRUE(StrContains(trace, "\r\nallow: ")) << trace;
  for (const char* nonsense : {"max-forwards: x\r\n", "max-forwards: -1\r\n", "max-forwards: \r\n",
                               "max-forwards: 1\r\nmax-forwards: 2\r\n"}) {
    EXPECT_TRUE(StartsWith(Ask("OPTIONS", nonsense), "HTTP/1.1 400 ")) << nonsense;
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(Rfc9110Test, ATraceHasNoContent) {
  Start();
  client_->Send("TRACE / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 400 "));
  EXPECT_EQ(count(), 0);
}

// --- expectations and interim answers

TEST_F(Rfc9110Test, AnExpectationThatNobodyKnowsFails) {
  Start();
  EXPECT_TRUE(StartsWith(Ask("GET", "expect: a-miracle\r\n"), "HTTP/1.1 417 "));
  EXPECT_TRUE(StartsWith(Ask("GET", "expect: 100-continue, a-miracle\r\n"), "HTTP/1.1 417 "));
  EXPECT_EQ(count(), 0);
}

TEST_F(Rfc9110Test, AnExpectationOfARequestWithoutContentIsNotPassedOn) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.proxy_100_continue = true; });
  EXPECT_TRUE(StartsWith(Ask("GET", "expect: 100-continue\r\n"), "HTTP/1.1 200 "));
  EXPECT_FALSE(StrContains(seen(), "\r\nexpect:")) << seen();
}

TEST_F(Rfc9110Test, AnExpectationIsPassedOnAndItsAnswerBack) {
  StartServing(
      [](Peer& peer, int) {
        std::string request = peer.ReadSome();
        if (!StrContains(request, "\r\nexpect: 100-Continue\r\n")) return;
        peer.Write("HTTP/1.1 100 Continue\r\nx-from: upstream\r\n\r\n");
        while (!absl::EndsWith(request, "abc")) request += peer.ReadSome();
        peer.Write(kFine);
        peer.WaitForEnd();
      },
      [](filters::hcm::HcmConfig& hcm) { hcm.proxy_100_continue = true; });
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\nExpect: 100-Continue\r\ncontent-length: 3\r\n\r\n");
  EXPECT_TRUE(StrContains(ReadUntil("\r\n\r\n"), "x-from: upstream\r\n"));
  client_->Send("abc");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 200 "));
}

TEST_F(Rfc9110Test, AFinalAnswerInsteadOf100EndsTheExpectation) {
  StartServing(
      [](Peer& peer, int) {
        peer.ReadSome();
        peer.Write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      },
      [](filters::hcm::HcmConfig& hcm) { hcm.proxy_100_continue = true; });
  client_->Send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
  EXPECT_TRUE(StartsWith(client_->ReadResponse(), "HTTP/1.1 413 "));
}

TEST_F(Rfc9110Test, EveryInterimAnswerIsPassedOn) {
  Start();
  Answer(
      StrCat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n",
             "HTTP/1.1 199 Own\r\nx-a: b\r\n\r\n", kFine));
  client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const std::string all = ReadUntil("fine");
  for (const char* part :
       {"HTTP/1.1 100 ", "HTTP/1.1 102 ", "HTTP/1.1 103 ", "\r\nlink: x\r\n", "HTTP/1.1 199 ", "\r\nx-a: b\r\n"}) {
    EXPECT_TRUE(StrContains(all, part)) << part << " in " << all;
  }
}

TEST_F(Rfc9110Test, AnHttp10ClientHearsNoInterimAnswer) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.http1.accept_http_10 = true; });
  Answer(StrCat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", kFine));
  client_->Send("POST / HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx");
  const std::string all = ReadUntil("fine");
  EXPECT_TRUE(StartsWith(all, "HTTP/1.1 200 ")) << all;
  EXPECT_FALSE(StrContains(seen(), "\r\nexpect:")) << seen();
}

TEST_F(Rfc9110Test, A101ThatNobodyAskedForIsNoAnswer) {
  Start();
  Answer("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  EXPECT_TRUE(StartsWith(Ask("GET"), "HTTP/1.1 502 "));
}

TEST_F(Rfc9110Test, AnUpgradeThatTheUpstreamDoesNotTakeIsAnOrdinaryRequest) {
  Start([](filters::hcm::HcmConfig& hcm) { hcm.upgrades.push_back({"websocket", true, nullptr}); });
  EXPECT_TRUE(StartsWith(Ask("GET", "connection: upgrade\r\nupgrade: websocket\r\n"), "HTTP/1.1 200 "));
  EXPECT_TRUE(StrContains(seen(), "upgrade: websocket\r\n")) << seen();
}

// The 100 is ours, the 101 the upstream's, which has to have the whole request first.
TEST_F(Rfc9110Test, AnExpectationIsAnsweredBeforeTheUpgrade) {
  StartServing(
      [](Peer& peer, int) {
        std::string request;
        while (!absl::EndsWith(request, "abc")) request += peer.ReadSome();
        peer.Write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
        peer.WaitForEnd();
      },
      [](filters::hcm::HcmConfig& hcm) {
        hcm.upgrades.push_back({"websocket", true, nullptr});
      });
  client_->Send(
      "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nexpect: 100-continue\r\n"
      "content-length: 3\r\n\r\n");
  EXPECT_TRUE(StartsWith(ReadUntil("\r\n\r\n"), "HTTP/1.1 100 "));
  client_->Send("abc");
  EXPECT_TRUE(StartsWith(ReadUntil("\r\n\r\n"), "HTTP/1.1 101 "));
}

// --- CONNECT

TEST_F(Rfc9110Test, AConnectIsPassedOnAndTunnelsAfterItsAnswer) {
  options_.connect_route = true;
  std::string head;
  StartServing(
      [&](Peer& peer, int) {
        head = peer.ReadSome();
        peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
        peer.Write("raw:" + peer.ReadSome());
      },
      [](filters::hcm::HcmConfig& hcm) {
        hcm.upgrades.push_back({"connect", true, nullptr});
      });
  client_->Send("CONNECT a.example:25 HTTP/1.1\r\nhost: a.example:25\r\n\r\n");
  const std::string answer = ReadUntil("\r\n\r\n");
  EXPECT_TRUE(StartsWith(answer, "HTTP/1.1 200 ")) << answer;
  EXPECT_FALSE(StrContains(answer, "content-length")) << answer;
  EXPECT_FALSE(StrContains(answer, "transfer-encoding")) << answer;
  client_->Send("ping");
  EXPECT_EQ(ReadUntil("raw:ping"), "raw:ping");
  EXPECT_TRUE(StartsWith(head, "CONNECT a.example:25 HTTP/1.1\r\n")) << head;
}

TEST_F(Rfc9110Test, ARefusedConnectIsAnAnswerLikeOthers) {
  options_.connect_route = true;
  StartServing(
      [](Peer& peer, int) {
        peer.ReadSome();
        peer.Write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
        peer.WaitForEnd();
      },
      [](filters::hcm::HcmConfig& hcm) {
        hcm.upgrades.push_back({"connect", true, nullptr});
      });
  client_->Send("CONNECT a.example:25 HTTP/1.1\r\nhost: a.example:25\r\n\r\n");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(StartsWith(answer, "HTTP/1.1 403 ")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nno")) << answer;
}

// --- each limit of time has its own flag and detail

struct TimeLimit {
  const char* what;
  std::function<void(filters::hcm::HcmConfig&)> hcm;
  std::function<void(model::ForwardAction&)> route;
  std::function<void(model::ClusterConfig&)> cluster;
  const char* request;
  const char* flag;
  const char* detail;
  uint32_t status;
};

TEST_F(Rfc9110Test, EachLimitOfTimeHasItsFlagAndItsDetail) {
  constexpr Duration kShort = milliseconds(40);
  const char* const get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
  const char* const half = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nx";
  const auto retry = [](auto change) {
    return [change](model::ForwardAction& route) {
      auto policy = std::make_shared<model::RetryPolicy>();
      change(*policy);
      route.retry = policy;
    };
  };
  const TimeLimit limits[] = {
      {"route", nullptr, [&](auto& route) { route.timeout = kShort; }, nullptr, get, "UT", "response_timeout", 504},
      {"try", nullptr, retry([&](auto& policy) { policy.per_try_timeout = kShort; }), nullptr, get, "UT",
       "upstream_per_try_timeout", 504},
      {"idle try", nullptr, retry([&](auto& policy) { policy.per_try_idle_timeout = kShort; }), nullptr, get, "UT",
       "upstream_per_try_idle_timeout", 504},
      {"upstream stream", nullptr, nullptr,
       [&](auto& cluster) { cluster.settings.Edit().max_stream_duration = kShort; }, get, "UMSDR",
       "upstream_max_stream_duration_reached", 504},
      {"stream", [&](auto& hcm) { hcm.max_stream_duration = kShort; }, nullptr, nullptr, get, "DT",
       "max_duration_timeout", 504},
      {"idle stream", [&](auto& hcm) { hcm.stream_idle_timeout = kShort; }, nullptr, nullptr, get, "SI",
       "stream_idle_timeout", 504},
      {"idle stream of a slow client", [&](auto& hcm) { hcm.stream_idle_timeout = kShort; }, nullptr, nullptr, half,
       "SI", "stream_idle_timeout", 408},
      {"request", [&](auto& hcm) { hcm.request_timeout = kShort; }, nullptr, nullptr, half, "DT",
       "request_overall_timeout", 408},
      {"head", [&](auto& hcm) { hcm.request_headers_timeout = kShort; }, nullptr, nullptr, "GET / HTTP/1.1\r\nho",
       "DPE", "request_header_timeout", 408},
  };
  for (const TimeLimit& limit : limits) {
    options_.route = limit.route;
    options_.cluster = limit.cluster;
    client_.reset();
    proxy_.reset();
    StartServing(
        [](Peer& peer, int) {
          peer.ReadRequest();
          peer.WaitForEnd();
        },
        limit.hcm);
    client_->Send(limit.request);
    EXPECT_TRUE(StartsWith(client_->ReadResponse(), StrCat("HTTP/1.1 ", limit.status, " "))) << limit.what;
    ASSERT_TRUE(harness::WaitFor([this] { return log_->Has(); })) << limit.what;
    const LogRecorder::Line line = log_->Take();
    EXPECT_EQ(line.flags, limit.flag) << limit.what;
    EXPECT_EQ(line.details, limit.detail) << limit.what;
    EXPECT_EQ(line.code, limit.status) << limit.what;
  }
}

}  // namespace
}  // namespace outrigger::integration
