// Resets, GOAWAY and drain, keepalive, the connection's end.
#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

struct H2LifecycleTest : testing::Test, Pair {};

struct H2RawServerTest : testing::Test, Raw {
  void AnswerEarly() {
    Open(true);
    server_app.on_stream = [](Exchange& exchange) {
      exchange.on_headers = [](Exchange& e) {
        e.Send({{":status", "413"}}, false);
        e.SendBody("too large", true);
        e.sender->Reset(ResetReason::kNone);
      };
    };
    Write(Headers(1, Post(), false));
    ASSERT_TRUE(Until([&] { return Count(0) == 1; }));
  }
};

TEST_F(H2LifecycleTest, ResetReasonsCrossTheWire) {
  const std::vector<std::pair<ResetReason, ResetReason>> server_says = {
      {ResetReason::kLocalReset, ResetReason::kRemoteReset},
      {ResetReason::kLocalRefused, ResetReason::kRemoteRefused},
      {ResetReason::kOverflow, ResetReason::kRemoteRefused},
      {ResetReason::kConnectionTermination, ResetReason::kRemoteReset},
      {ResetReason::kProtocolError, ResetReason::kRemoteReset},
      {ResetReason::kHttp11Required, ResetReason::kHttp11Required},
  };
  ResetReason why = ResetReason::kNone;
  server_app.on_stream = [&](Exchange& exchange) { exchange.on_headers = [&](Exchange& e) { e.sender->Reset(why); }; };
  Open();
  for (const auto& [said, heard] : server_says) {
    why = said;
    Exchange& request = Start(Get(), true);
    ASSERT_TRUE(Until([&] { return request.done(); }));
    EXPECT_EQ(request.reason, heard) << ResetReasonName(said);
    EXPECT_EQ(request.resets, 1);
    EXPECT_EQ(server_app.exchanges.back()->resets, 0) << "who resets hears nothing more";
  }
  ASSERT_TRUE(Until([&] { return client->active_streams() == 0 && server->active_streams() == 0; }));
  EXPECT_EQ(server_counters.tx_reset, server_says.size());
  EXPECT_EQ(client_counters.rx_reset, server_says.size());
}

TEST_F(H2LifecycleTest, AClientsResetReachesTheServer) {
  Open();
  Exchange& request = Start(Post(), false);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1 && served().headers != nullptr; }));
  request.sender->Reset(ResetReason::kLocalReset);
  ASSERT_TRUE(Until([&] { return served().resets == 1; }));
  EXPECT_EQ(served().reason, ResetReason::kRemoteReset);
  EXPECT_EQ(served().detail, "http2.remote_reset");
  EXPECT_EQ(request.resets, 0);
  ASSERT_TRUE(Until([&] { return server_app.idles == 1 && client->active_streams() == 0; }));
}

TEST_F(H2LifecycleTest, AResetBeforeTheHeadersWereSentTouchesNoWire) {
  Open();
  Exchange idle;
  idle.sender = client->NewStream(idle);
  idle.sender->Reset(ResetReason::kLocalReset);
  EXPECT_EQ(client->active_streams(), 0u);
  Exchange& request = Start(Get(), true);
  request.sender->Reset(ResetReason::kLocalReset);  // in the same turn
  ASSERT_TRUE(Until([&] { return client->active_streams() == 0; }));
  harness::Turns(loop);
  for (const auto& exchange : server_app.exchanges) EXPECT_EQ(exchange->resets, 1);
}

TEST_F(H2LifecycleTest, AnEarlyCompleteResponseEndsTheRequestWithNoError) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) {
      e.Send({{":status", "413"}}, false);
      e.SendBody(std::string(300000, 'x'), true);
      e.sender->Reset(ResetReason::kNone);
    };
  };
  Open();
  Exchange& request = Start(Post(), false);
  request.SendBody("a part", false);
  ASSERT_TRUE(Until([&] { return request.resets == 1; }));
  EXPECT_EQ(request.ends, 1);
  EXPECT_EQ(request.body.size(), 300000u);
  EXPECT_EQ(request.reason, ResetReason::kNone);
  ASSERT_TRUE(Until([&] { return client->active_streams() == 0 && server->active_streams() == 0; }));
}

// curl 7.88 takes RST_STREAM NO_ERROR that comes while it sends for a failure, so it comes late (RFC 9113 8.1: MAY).
TEST_F(H2RawServerTest, AnEarlyAnswerIsNotFollowedByAResetWhereTheRequestEndsInTime) {
  http2.early_answer_grace = seconds(100);
  AnswerEarly();
  Write(Data(1, std::string(3000, 'x'), true));
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
  EXPECT_EQ(Count(3), 0u);
  EXPECT_EQ(counters.tx_reset, 0u);
}

TEST_F(H2RawServerTest, AnEarlyAnswerIsFollowedByNoErrorAfterAWhile) {
  http2.early_answer_grace = milliseconds(30);
  http2.initial_stream_window_size = 10'000;
  AnswerEarly();
  Write(Data(1, std::string(10'000, 'x'), false));
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  const std::vector<SeenFrame> seen = Seen();
  bool ended = false;
  for (const SeenFrame& frame : seen) {
    if (frame.type == 0 && (frame.flags & kEndStream) != 0) ended = true;
    EXPECT_TRUE(frame.type != 8 || frame.stream == 0) << "no more of it is asked for";
    EXPECT_TRUE(frame.type != 3 || ended) << "after the whole answer";
  }
  EXPECT_EQ(Last(3).code(), 0u);
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
}

TEST_F(H2LifecycleTest, ADrainingServerFinishesWhatIsUnderWayThenCloses) {
  Open();
  Exchange& first = Start(Get("/1"), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  server->StartDrain(seconds(5));
  EXPECT_TRUE(server->draining());
  ASSERT_TRUE(Until([&] { return client_app.goaways == 1; }));
  EXPECT_FALSE(client->accepts_streams());
  harness::Turns(loop, 10);
  EXPECT_EQ(first.resets, 0);
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return first.done() && server_app.closes == 1 && client_app.closes == 1; }));
  EXPECT_EQ(first.ends, 1);
  EXPECT_STREQ(server_app.closed.detail, "http2.drained");
}

TEST_F(H2LifecycleTest, AStreamThatCrossesTheFirstGoAwayIsServed) {
  Echo();
  Open();
  server->StartDrain(seconds(5));
  Exchange& crossing = Start(Get(), true);  // the client has not read the notice
  ASSERT_TRUE(Until([&] { return crossing.done() && server_app.closes == 1; }));
  EXPECT_EQ(crossing.ends, 1);
  EXPECT_EQ(crossing.resets, 0);
}

TEST_F(H2LifecycleTest, ADrainingIdleServerClosesAfterARoundTrip) {
  Open();
  server->StartDrain(hours(1));
  ASSERT_TRUE(Until([&] { return server_app.closes == 1 && client_app.closes == 1; }));
}

TEST_F(H2LifecycleTest, AServerThatDrainsWithoutGraceTakesNoStreamMore) {
  Open();
  Exchange& first = Start(Get("/1"), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  server->StartDrain(hours(1));  // gently, then it cannot wait any longer
  server->StartDrain(Duration(0));
  Exchange& crossing = Start(Get("/2"), true);  // the client has not read the GOAWAY
  ASSERT_TRUE(Until([&] { return crossing.resets == 1; }));
  EXPECT_EQ(crossing.reason, ResetReason::kRemoteGoneAway);
  EXPECT_EQ(server_app.exchanges.size(), 1u);
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return first.done() && server_app.closes == 1; }));
  EXPECT_EQ(first.resets, 0);
}

TEST_F(H2LifecycleTest, AnIdleServerThatDrainsWithoutGraceCloses) {
  Open();
  server->StartDrain(Duration(0));
  loop.RunOnce(Duration(0));
  EXPECT_EQ(server_app.closes, 0) << "the peer has to read the GOAWAY, and not a reset of the connection";
  Exchange& crossing = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return crossing.resets == 1 && server_app.closes == 1; }));
  EXPECT_EQ(crossing.reason, ResetReason::kRemoteGoneAway);
  EXPECT_TRUE(server_app.exchanges.empty());
}

TEST_F(H2LifecycleTest, ADrainingClientFinishesItsStreamsThenCloses) {
  Open();
  Exchange& request = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  client->StartDrain(Duration(0));
  EXPECT_EQ(client_app.goaways, 1);
  EXPECT_FALSE(client->accepts_streams());
  harness::Turns(loop, 6);
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return client_app.closes == 1; }));
  EXPECT_EQ(request.ends, 1);
}

TEST_F(H2LifecycleTest, TheConnectionsEndResetsEveryStream) {
  Open();
  Start(Get("/1"), true);
  Start(Post("/2"), false);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2; }));
  client_connection->Close(net::Connection::CloseMode::kNow);
  EXPECT_EQ(client_app.closes, 1);
  ASSERT_TRUE(Until([&] { return server_app.closes == 1; }));
  for (const auto& request : requests) {
    EXPECT_EQ(request->resets, 1);
    EXPECT_EQ(request->reason, ResetReason::kConnectionTermination);
  }
  for (const auto& exchange : server_app.exchanges) EXPECT_EQ(exchange->resets, 1);
  EXPECT_EQ(client->active_streams(), 0u);
  EXPECT_EQ(client->NewStream(*requests[0]), nullptr);
}

TEST_F(H2LifecycleTest, CloseAllGivesTheReasonToEachStreamAndSaysGoodbye) {
  Open();
  Start(Get("/1"), true);
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  server->CloseAll(ResetReason::kLocalReset, {net::CloseReason::kLocal, 0, "overload"});
  EXPECT_EQ(served().reason, ResetReason::kLocalReset);
  EXPECT_EQ(served().detail, "overload");
  ASSERT_TRUE(Until([&] { return client_app.closes == 1 && server_app.closes == 1; }));
  EXPECT_EQ(client_app.goaways, 1);
  EXPECT_EQ(requests[0]->resets, 1);
}

TEST_F(H2LifecycleTest, SendersMayBeUsedWrongWithoutHarm) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.SendBody("before headers", false);
      e.Send({{":status", "200"}}, true);
      e.Send({{":status", "500"}}, true);
      e.SendBody("after the end", true);
      e.SendTrailers({{"x", "y"}});
    };
  };
  Open();
  Exchange& request = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.headers->status(), 200u);
  EXPECT_EQ(request.body, "");
  EXPECT_EQ(request.resets, 0);
}

struct H2RawClientTest : testing::Test, Raw {};

// Made in the turn in which the server's first GOAWAY is read: the server still takes it, so it goes out.
TEST_F(H2RawClientTest, AStreamOfTheTurnThatReadsTheFirstGoAwayIsStillSent) {
  Open(false);
  Write(Frame(7, 0, 0, Number(0x7fffffff, 4) + Number(0, 4)));
  loop.RunOnce(Duration::zero());  // it is on its way
  Exchange& request = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return client_app.goaways == 1 && Count(1) == 1; }));
  EXPECT_EQ(request.resets, 0);
  EXPECT_FALSE(client->accepts_streams());
  Write(Headers(1, {{":status", "200"}}, true));
  ASSERT_TRUE(Until([&] { return request.done(); }));
  EXPECT_EQ(request.headers->status(), 200u);
}

TEST_F(H2RawClientTest, StreamsAboveTheGoAwaysLastIdWereNotProcessed) {
  Open(false);
  Exchange& first = Start(Get("/1"), true);
  Exchange& second = Start(Get("/2"), true);
  ASSERT_TRUE(Until([&] { return Count(1) == 2; }));
  Write(Frame(7, 0, 0, Number(1, 4) + Number(0, 4)));
  ASSERT_TRUE(Until([&] { return second.resets == 1; }));
  EXPECT_EQ(second.reason, ResetReason::kRemoteGoneAway);
  EXPECT_EQ(client_app.goaways, 1);
  EXPECT_EQ(first.resets, 0);
  EXPECT_FALSE(client->accepts_streams());
  Write(Headers(1, {{":status", "200"}}, true));
  ASSERT_TRUE(Until([&] { return closed(); }));
  EXPECT_EQ(first.ends, 1);
  EXPECT_EQ(first.resets, 0);
}

// Without a GOAWAY nothing says how far the peer came. What was not written it cannot have seen.
TEST_F(H2RawClientTest, WhatWasNotWrittenWhenTheConnectionEndedWasNotProcessed) {
  Open(false);
  Exchange& written = Start(Get(), true);
  Exchange& begun = Start(Post(), false);
  ASSERT_TRUE(Until([&] { return Count(1) == 2; }));
  (*peer)->Close(net::Connection::CloseMode::kNow);  // its end lies ready when the next ones are made
  begun.SendBody("more", true);
  Exchange& unwritten = Start(Get(), true);
  Exchange& with_body = Start(Post(), false);
  with_body.SendBody("all of it", true);
  ASSERT_TRUE(Until([&] { return written.resets + begun.resets + unwritten.resets + with_body.resets == 4; }));
  EXPECT_EQ(written.reason, ResetReason::kConnectionTermination);
  EXPECT_EQ(begun.reason, ResetReason::kConnectionTermination);
  EXPECT_EQ(unwritten.reason, ResetReason::kNotSent);
  EXPECT_EQ(with_body.reason, ResetReason::kNotSent);
}

TEST_F(H2RawClientTest, ResetCodesBecomeReasons) {
  const std::vector<std::pair<ErrorCode, ResetReason>> codes = {
      {ErrorCode::kRefusedStream, ResetReason::kRemoteRefused},
      {ErrorCode::kHttp11Required, ResetReason::kHttp11Required},
      {ErrorCode::kCancel, ResetReason::kRemoteReset},
      {ErrorCode::kNoError, ResetReason::kRemoteReset},
      {static_cast<ErrorCode>(0xdead), ResetReason::kRemoteReset}};
  Open(false);
  uint32_t id = 1;
  for (const auto& [code, reason] : codes) {
    Exchange& request = Start(Get(), true);
    ASSERT_TRUE(Until([&] { return Last(1).stream == id; }));
    Write(h2::Reset(id, code));
    ASSERT_TRUE(Until([&] { return request.resets == 1; }));
    EXPECT_EQ(request.reason, reason);
    id += 2;
  }
}

TEST_F(H2RawClientTest, ASilentPeerIsFoundByKeepalive) {
  http2.keepalive_interval = milliseconds(5);
  http2.keepalive_timeout = milliseconds(5);
  Open(false);
  Exchange& request = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return closed(); }));  // the raw peer answers no PING
  EXPECT_EQ(request.resets, 1);
  EXPECT_EQ(counters.keepalive_timeout, 1u);
  EXPECT_EQ(client_app.closed.reason, net::CloseReason::kIdleTimeout);
  EXPECT_STREQ(client_app.closed.detail, "http2.keepalive_timeout");
}

TEST_F(H2LifecycleTest, AnAnsweringPeerIsKept) {
  client_http2.keepalive_interval = milliseconds(1);
  client_http2.keepalive_timeout = seconds(20);
  Open();
  const uint64_t before = server_connection->stats().bytes_read;
  ASSERT_TRUE(Until([&] { return server_connection->stats().bytes_read > before + 5 * 17; }));
  EXPECT_EQ(client_app.closes, 0);
  EXPECT_EQ(client_counters.keepalive_timeout, 0u);
}

}  // namespace
}  // namespace outrigger::http::h2
