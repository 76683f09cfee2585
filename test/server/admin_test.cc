#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "source/net/raw_transport.h"
#include "source/server/admin/listener.h"
#include "source/server/admin/pages.h"
#include "test/harness/recorder.h"

namespace outrigger::server {
namespace {

TEST(AdminPagesTest, TheTargetIsDecoded) {
  const AdminRequest request = ParseAdminTarget("GET", "/st%61ts?filter=a%2Bb+c&usedonly&x=%zz#part");
  EXPECT_EQ(request.path, "/stats");
  EXPECT_EQ(request.Get("filter"), "a+b c");
  EXPECT_TRUE(request.Has("usedonly"));
  EXPECT_EQ(request.Get("x"), "%zz");
  EXPECT_FALSE(request.Has("y"));
}

TEST(AdminPagesTest, WhatChangesSomethingNeedsPost) {
  AdminPages pages;
  pages.Add("/change", "changes", true, [](const AdminRequest&) { return AdminResponse::Text("done"); });
  const auto status = [&pages](absl::string_view method, absl::string_view target) {
    uint32_t got = 0;
    pages.Handle(ParseAdminTarget(method, target), [&got](AdminResponse response) { got = response.status; });
    return got;
  };
  EXPECT_EQ(status("GET", "/change"), 405u);
  EXPECT_EQ(status("POST", "/change"), 200u);
  EXPECT_EQ(status("GET", "/nothing"), 404u);
}

TEST(AdminPagesTest, TheIndexEscapesWhatPagesSay) {
  AdminPages pages;
  pages.Add("/a", "<b> & \"c\"", false, [](const AdminRequest&) { return AdminResponse(); });
  EXPECT_TRUE(absl::StrContains(pages.Index(), "&lt;b&gt; &amp; &quot;c&quot;"));
}

class AdminListenerTest : public testing::Test {
 protected:
  AdminListenerTest() : loop_(event::MakeEpollEngine()), context_(0, loop_, stats_.main(), facts_, Empty(), [](auto) {}) {
    pages_.Add("/hello", "says hello", false, [](const AdminRequest& request) {
      return AdminResponse::Text(absl::StrCat("hello ", request.Get("who"), request.body));
    });
    pages_.Add({"/later", "answers later", false, [this](const AdminRequest&, AdminPages::Done done) { later_ = std::move(done); }});
    auto made = AdminListener::Start({.address = *net::Address::ParseIp("127.0.0.1", 0)}, pages_, context_, stats_);
    EXPECT_TRUE(made.ok()) << made.status();
    admin_ = *std::move(made);
  }
  static std::shared_ptr<const model::Snapshot> Empty() { return std::make_shared<const model::Snapshot>(); }

  // Sends bytes; what came until the server ended.
  std::string Exchange(absl::string_view bytes) {
    harness::Recorder recorder;
    auto connection = net::Connection::Connect(loop_, {.remote = admin_->address(), .timeout = seconds(5)},
                                               std::make_unique<net::RawTransport>());
    connection->SetHandler(&recorder);
    connection->Write(bytes);
    EXPECT_TRUE(harness::RunUntil(loop_, [&] { return recorder.closed.has_value() || recorder.ends > 0; })) << recorder.got;
    if (!recorder.closed) connection->Close(net::Connection::CloseMode::kNow);
    loop_.DestroyLater(std::move(connection));
    harness::Turns(loop_);
    return recorder.got;
  }

  event::Dispatcher loop_;
  observe::StatsRegistry stats_;
  upstream::ProcessFacts facts_;
  upstream::WorkerContext context_;
  AdminPages pages_;
  AdminPages::Done later_;
  std::unique_ptr<AdminListener> admin_;
};

TEST_F(AdminListenerTest, APageIsServedOverHttp1) {
  const std::string got = Exchange("GET /hello?who=you HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(absl::EndsWith(got, "\r\n\r\nhello you")) << got;
  EXPECT_TRUE(absl::StrContains(got, "content-length: 9\r\n")) << got;
}

TEST_F(AdminListenerTest, ABodyIsGathered) {
  const std::string got =
      Exchange("POST /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nyo\r\n1\r\nu\r\n0\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(got, "hello you")) << got;
}

TEST_F(AdminListenerTest, HeadHasTheHeadersOnly) {
  const std::string got = Exchange("HEAD /hello?who=you HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(absl::StrContains(got, "content-length: 9\r\n")) << got;
  EXPECT_TRUE(absl::EndsWith(got, "\r\n\r\n")) << got;
}

TEST_F(AdminListenerTest, AnUnknownPathGetsTheList) {
  const std::string got = Exchange("GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(absl::StartsWith(got, "HTTP/1.1 404 ")) << got;
  EXPECT_TRUE(absl::StrContains(got, "/hello: says hello")) << got;
}

TEST_F(AdminListenerTest, AnAnswerMayComeAfterItsAskerIsGone) {
  harness::Recorder recorder;
  auto connection = net::Connection::Connect(loop_, {.remote = admin_->address(), .timeout = seconds(5)},
                                             std::make_unique<net::RawTransport>());
  connection->SetHandler(&recorder);
  connection->Write("GET /later HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return later_ != nullptr; }));
  connection->Close(net::Connection::CloseMode::kReset);
  loop_.DestroyLater(std::move(connection));
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return admin_->connections() == 0; }));
  harness::Turns(loop_);
  later_(AdminResponse::Text("late"));
  harness::Turns(loop_);
}

}  // namespace
}  // namespace outrigger::server
