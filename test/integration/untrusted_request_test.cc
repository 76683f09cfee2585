// Requests as clients send them that nobody trusts.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/integration/threaded_proxy.h"

namespace outrigger::integration {
namespace {

using Peer = ScriptedBackend::Peer;

class UntrustedRequestTest : public testing::Test {
 protected:
  void StartProxy() {
    proxy_ = std::make_unique<SmallProxy>(options_);
    client_ = std::make_unique<Client>(proxy_->port());
  }
  std::string Get(const std::string& more) {
    client_->Send(absl::StrCat("GET / HTTP/1.1\r\nhost: a.example\r\n", more, "\r\n"));
    return client_->ReadResponse();
  }
  // Whoever connects from here is internal.
  static void TrustLoopback(filters::hcm::HcmConfig& hcm) {
    hcm.use_remote_address = true;
    hcm.internal_addresses = matching::CidrSet({*matching::CidrRange::Parse("127.0.0.0/8")});
  }

  static void ExpectTooSlow(Client& client, const LogRecorder& log) {
    const std::string answer = client.ReadResponse();
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 408 ")) << answer;
    EXPECT_TRUE(absl::StrContains(answer, "connection: close\r\n")) << answer;
    char byte;
    EXPECT_EQ(recv(client.fd(), &byte, 1, 0), 0);
    ASSERT_TRUE(harness::WaitFor([&] { return log.Has(); }));
    const LogRecorder::Line line = log.Take();
    EXPECT_EQ(line.code, 408u);
    EXPECT_EQ(line.details, "request_header_timeout");
    EXPECT_TRUE(line.set.Has(observe::ResponseFlag::kDownstreamProtocolError)) << line.flags;
  }
  int64_t Stat(absl::string_view name) {
    for (const auto& number : proxy_->stats().Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }

  SmallProxy::Options options_;
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<SmallProxy> proxy_;
  std::unique_ptr<Client> client_;
};

// Two direct answers, the first only for requests with `header`, which is internal.
std::shared_ptr<model::RouteTable> TwoAnswers(const std::string& header) {
  auto table = std::make_shared<model::RouteTable>();
  matching::VirtualHostSpec host;
  host.name = "all";
  host.domains = {"*"};
  host.routes.resize(2);
  for (auto& route : host.routes) route.match.path = "/";
  matching::HeaderMatcher::Spec present;
  present.name = header;
  host.routes[0].match.headers.push_back(*matching::HeaderMatcher::Create(present));
  table->matcher = *matching::RouteTable::Build({host});
  model::VirtualHost virtual_host;
  virtual_host.name = "all";
  for (const char* body : {"for internal use", "for everybody"}) {
    model::Route route;
    route.action = model::DirectResponse{200, body};
    virtual_host.routes.push_back(std::move(route));
  }
  table->virtual_hosts.push_back(std::move(virtual_host));
  for (auto& route : table->virtual_hosts[0].routes) {
    route.virtual_host = &table->virtual_hosts[0];
    route.table = table.get();
  }
  table->internal_only_headers = {header};
  return table;
}

TEST_F(UntrustedRequestTest, AnInternalOnlyHeaderOfAnExternalClientDoesNotChooseItsRoute) {
  options_.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.routes = TwoAnswers("x-debug"); };
  StartProxy();
  EXPECT_TRUE(absl::EndsWith(Get("x-debug: 1\r\n"), "for everybody"));
}

TEST_F(UntrustedRequestTest, AnInternalOnlyHeaderOfAnInternalClientDoes) {
  options_.hcm = [](filters::hcm::HcmConfig& hcm) {
    hcm.routes = TwoAnswers("x-debug");
    TrustLoopback(hcm);
  };
  StartProxy();
  EXPECT_TRUE(absl::EndsWith(Get("x-debug: 1\r\n"), "for internal use"));
}

TEST_F(UntrustedRequestTest, MoreRetriesThanAnybodyCouldKeepMayBeAskedFor) {
  options_.hcm = TrustLoopback;
  backend_ = std::make_unique<ScriptedBackend>([](Peer& peer, int) {
    for (int i = 0; !peer.ReadRequest().empty(); ++i) {
      peer.Write(absl::StrCat("HTTP/1.1 ", i == 0 ? 500 : 200, " X\r\ncontent-length: 0\r\n\r\n"));
    }
  });
  options_.backend_port = backend_->port();
  StartProxy();
  for (const char* most : {"4294967295", "4294967294", "2000000000"}) {
    const std::string answer = Get(absl::StrCat("x-envoy-retry-on: 5xx\r\nx-envoy-max-retries: ", most, "\r\n"));
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 ")) << most << answer;
  }
}

TEST_F(UntrustedRequestTest, AHeadThatDoesNotComeToItsEndIsTimedOut) {
  const auto log = std::make_shared<LogRecorder>();
  options_.hcm = [log](filters::hcm::HcmConfig& hcm) {
    hcm.routes = TwoAnswers("x-debug");
    hcm.request_headers_timeout = milliseconds(50);
    hcm.access_logs.push_back(log);
  };
  StartProxy();
  EXPECT_TRUE(absl::StartsWith(Get(""), "HTTP/1.1 200 "));
  EXPECT_EQ(log->Take().code, 200u);
  client_->Send("GET / HTTP/1.1\r\nhost: a.exam");
  ExpectTooSlow(*client_, *log);
  Client silent(proxy_->port());  // not even its protocol is known
  silent.Send("P");
  ExpectTooSlow(silent, *log);
  EXPECT_EQ(Stat("http.test.downstream_rq_header_timeout"), 2);
  EXPECT_EQ(Stat("http.test.downstream_cx_protocol_error"), 0);  // slow is not malformed
}

}  // namespace
}  // namespace outrigger::integration
