#include "gtest/gtest.h"
#include "source/http/h2/memory.h"
#include "test/http/h2/pair.h"

namespace outrigger::http::h2 {
namespace {

struct H2ExchangeTest : testing::Test, Pair {};

TEST_F(H2ExchangeTest, ARequestAndItsResponseArriveAsTheSameEventsAsH1) {
  Echo();
  Open();
  FieldList fields = Get("/x?y=1");
  fields.push_back({"x-own", "v"});
  fields.push_back({"te", "trailers"});
  Exchange& request = Start(fields, true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  Exchange& seen = served();
  EXPECT_EQ(seen.Get(":method"), "GET");
  EXPECT_EQ(seen.Get(":path"), "/x?y=1");
  EXPECT_EQ(seen.Get(":authority"), "a.test");
  EXPECT_EQ(seen.Get(":scheme"), "http");
  EXPECT_EQ(seen.Get("x-own"), "v");
  EXPECT_EQ(seen.Get("te"), "trailers");
  EXPECT_EQ(request.headers->status(), 200u);
  EXPECT_EQ(request.resets, 0);
  ASSERT_TRUE(Until([&] { return server_app.idles == 1 && client_app.stream_closes >= 1; }));
  EXPECT_EQ(server->active_streams(), 0u);
  EXPECT_EQ(client->active_streams(), 0u);
}

TEST_F(H2ExchangeTest, BodiesOfAllSizesPassBothWays) {
  Echo();
  Open();
  for (const size_t size : {1u, 100u, 16384u, 16385u, 100000u, 5000000u}) {
    Exchange& request = Start(Post(), false);
    std::string body(size, 'a');
    for (size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
    request.SendBody(body, true);
    ASSERT_TRUE(Until([&] { return request.done(); })) << size;
    EXPECT_TRUE(request.body == body) << size;
    EXPECT_EQ(request.ends, 1);
  }
}

TEST_F(H2ExchangeTest, LargeBodiesAreNotCopied) {
  server_app.on_stream = [](Exchange& exchange) { exchange.keep_slices = true; };
  Open();
  Exchange& request = Start(Post(), false);
  Buffer body;
  for (int i = 0; i < 64; ++i) {
    Block* block = AcquireBlock(kMediumBlock);
    std::fill_n(block->data(), 16000, 'b');
    body.AppendSlice(block, 0, 16000);
    ReleaseBlock(block);
  }
  const size_t size = body.size();
  request.sender->SendBody(body, true);
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && served().ends == 1; }));
  EXPECT_EQ(served().kept.size(), size);
  // Slices of the blocks that were read into: each large block serves several frames.
  EXPECT_LT(served().kept.slice_count(), 200u);
}

TEST_F(H2ExchangeTest, TrailersPassBothWaysWithAndWithoutBody) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.Send({{":status", "200"}}, false);
      if (!e.body.empty()) e.SendBody(e.body, false);
      e.SendTrailers({{"grpc-status", "0"}, {"x-end", "yes"}});
    };
  };
  Open();
  for (const std::string body : {"", "hello"}) {
    Exchange& request = Start(Post(), false);
    if (!body.empty()) request.SendBody(body, false);
    request.SendTrailers({{"x-sum", "1"}});
    ASSERT_TRUE(Until([&] { return request.done(); }));
    ASSERT_NE(request.trailer_map, nullptr);
    EXPECT_EQ(request.trailer_map->Get(HeaderName("x-end")), "yes");
    EXPECT_EQ(request.trailer_map->Get(KnownHeader::kGrpcStatus), "0");
    EXPECT_EQ(request.body, body);
    EXPECT_EQ(request.ends, 1);
    Exchange& seen = *server_app.exchanges.back();
    ASSERT_NE(seen.trailer_map, nullptr);
    EXPECT_EQ(seen.trailer_map->Get(HeaderName("x-sum")), "1");
  }
}

TEST_F(H2ExchangeTest, InterimResponsesComeBeforeTheFinalOne) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      for (const uint32_t status : {100u, 103u}) {
        HeaderMap interim(e.memory);
        interim.SetStatus(status);
        e.sender->SendInterim(interim);
      }
      e.Send({{":status", "204"}, {"content-length", "0"}}, false);
      e.SendBody("must not be sent", true);
    };
  };
  Open();
  Exchange& request = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.interims, (std::vector<uint32_t>{100, 103}));
  EXPECT_EQ(request.headers->status(), 204u);
  EXPECT_FALSE(request.headers->Has(KnownHeader::kContentLength));
  EXPECT_EQ(request.body, "");
  EXPECT_EQ(request.resets, 0);
}

TEST_F(H2ExchangeTest, AResponseToHeadHasNoBody) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.Send({{":status", "200"}, {"content-length", "5"}}, false);
      e.SendBody("12345", true);
    };
  };
  Open();
  FieldList fields = Get();
  fields[0].second = "HEAD";
  Exchange& request = Start(fields, true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.Get("content-length"), "5");
  EXPECT_EQ(request.body, "");
  EXPECT_EQ(request.resets, 0);
}

TEST_F(H2ExchangeTest, CookieCrumbsAreJoinedAndHostBecomesAuthority) {
  Echo();
  Open();
  FieldList fields = Get();
  fields.push_back({"cookie", "a=1"});
  fields.push_back({"x", "y"});
  fields.push_back({"cookie", "b=2"});
  Exchange& request = Start(fields, true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(served().Get("cookie"), "a=1; b=2");
  EXPECT_EQ(served().headers->Count(KnownHeader::kCookie), 1u);
}

TEST_F(H2ExchangeTest, AThousandStreamsAtOnceShareAFewWrites) {
  std::vector<Exchange*> waiting;
  server_app.on_stream = [&](Exchange& exchange) { exchange.on_end = [&](Exchange& e) { waiting.push_back(&e); }; };
  Open();
  for (int i = 0; i < 1000; ++i) Start(Get("/" + std::to_string(i)), true);
  EXPECT_EQ(client->active_streams(), 1000u);
  ASSERT_TRUE(Until([&] { return waiting.size() == 1000; }));
  EXPECT_EQ(server->active_streams(), 1000u);
  for (Exchange* e : waiting) {
    e->Send({{":status", "200"}}, false);
    e->SendBody(e->Get(":path"), true);
  }
  ASSERT_TRUE(Until([&] { return client->active_streams() == 0; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(requests[i]->body, "/" + std::to_string(i));
}

TEST_F(H2ExchangeTest, ThePeersStreamLimitIsKept) {
  server_http2.max_concurrent_streams = 2;
  Open();
  EXPECT_EQ(client->stream_limit(), 2u);
  Start(Get(), true);
  Start(Get(), true);
  EXPECT_FALSE(client->accepts_streams());
  Exchange third;
  EXPECT_EQ(client->NewStream(third), nullptr);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2; }));
  served(0).Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return client->accepts_streams(); }));
}

TEST_F(H2ExchangeTest, ExtendedConnectLooksLikeAnUpgradeOnBothSides) {
  server_http2.allow_connect = true;
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) { e.Send({{":status", "101"}, {"upgrade", "websocket"}, {"connection", "upgrade"}}, false); };
    exchange.on_body = [](Exchange& e) {
      e.SendBody(e.body, e.ends > 0);
      e.body.clear();
    };
  };
  Open();
  FieldList fields = Get("/chat");
  fields.push_back({"connection", "Upgrade"});
  fields.push_back({"upgrade", "websocket"});
  Exchange& request = Start(fields, false);
  ASSERT_TRUE(Until([&] { return request.headers != nullptr; }));
  EXPECT_EQ(request.headers->status(), 101u);
  EXPECT_EQ(request.Get("upgrade"), "websocket");
  EXPECT_EQ(served().Get(":method"), "GET");
  EXPECT_EQ(served().Get("upgrade"), "websocket");
  EXPECT_EQ(served().Get(":protocol"), "");
  request.SendBody("ping", false);
  ASSERT_TRUE(Until([&] { return request.body == "ping"; }));
  request.SendBody("", true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.resets, 0);
}

TEST_F(H2ExchangeTest, AnUpgradeThatThePeerDoesNotAllowFailsAtOnce) {
  Open();
  FieldList fields = Get("/chat");
  fields.push_back({"connection", "upgrade"});
  fields.push_back({"upgrade", "websocket"});
  Exchange& request = Start(fields, false);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.detail, "http2.extended_connect_not_allowed");
  EXPECT_EQ(client->active_streams(), 0u);
}

TEST_F(H2ExchangeTest, AConnectTunnelCanBeHalfClosed) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) {
      e.Send({{":status", "200"}}, false);
      e.SendBody("", true);
    };
  };
  Open();
  Exchange& request = Start({{":method", "CONNECT"}, {":authority", "a.test:443"}}, false);
  ASSERT_TRUE(Until([&] { return request.ends == 1; }));
  request.SendBody("still heard", true);
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  EXPECT_EQ(served().body, "still heard");
  EXPECT_EQ(request.resets, 0);
}

TEST_F(H2ExchangeTest, TheSteadyStateCallsNoMallocForSessionsAndStreams) {
#ifdef OUTRIGGER_SANITIZED
  GTEST_SKIP() << "sanitizers see every allocation";
#endif
  Echo();
  Open();
  const auto exchange = [&] {
    Exchange& request = Start(Post(), false);
    request.SendBody("body", true);
    ASSERT_TRUE(Until([&] { return request.done() && server->active_streams() == 0; }));
  };
  for (int i = 0; i < 200; ++i) exchange();
  const uint64_t mallocs = Memory::MallocCalls();
  const uint64_t in_use = Memory::BytesInUse();
  for (int i = 0; i < 200; ++i) exchange();
  EXPECT_EQ(Memory::MallocCalls(), mallocs);
  EXPECT_NEAR(static_cast<double>(Memory::BytesInUse()), static_cast<double>(in_use), 64 * 1024);
}

}  // namespace
}  // namespace outrigger::http::h2
