#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/http/h1/limits.h"
#include "test/http/h1/server_session_fixture.h"

namespace outrigger::http::h1 {
namespace {

TEST_F(ServerSessionTest, ARequestIsAnsweredAndTheConnectionKept) {
  AnswerAll();
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return got() == Answer("/"); }));
  EXPECT_EQ(served().Get(":authority"), "a");
  EXPECT_EQ(app_.idles, 1);
  EXPECT_EQ(session_->active_streams(), 0u);
  Say("GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return got() == Answer("/") + Answer("/two"); }));
  EXPECT_EQ(app_.closes, 0);
}

TEST_F(ServerSessionTest, PipelinedRequestsAreAnsweredInOrderOneByOne) {
  Open();
  Say("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  EXPECT_TRUE(connection_->reading_paused()) << "what waits is bounded";
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Until([&] { return count() == i + 1; }));
    served(i).Send({{":status", "204"}, {"n", absl::StrCat(i)}}, true);
  }
  ASSERT_TRUE(Until([&] { return absl::StrContains(got(), "n: 2"); }));
  EXPECT_LT(got().find("n: 0"), got().find("n: 1"));
  EXPECT_LT(got().find("n: 1"), got().find("n: 2"));
  EXPECT_FALSE(connection_->reading_paused());
}

TEST_F(ServerSessionTest, PipelinedRequestsBeforeAHalfCloseAreAllAnswered) {
  AnswerAll();
  Open();
  (*peer_)->Write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  ASSERT_TRUE(Until([&] { return got() == Answer("/1") + Answer("/2"); }));
}

TEST_F(ServerSessionTest, ManyPipelinedRequestsThatAreAnsweredAtOnceTakeTurns) {
  AnswerAll();
  Open();
  std::string all, answers;
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(&all, "GET /", i, " HTTP/1.1\r\nHost: a\r\n\r\n");
    answers += Answer(absl::StrCat("/", i));
  }
  (*peer_)->Write(all);
  (*peer_)->EndWrite();
  size_t before = 0, most = 0;
  ASSERT_TRUE(Until([&] {
    most = std::max(most, count() - std::exchange(before, count()));
    return app_.closes == 1;
  }));
  ASSERT_TRUE(Until([&] { return got() == answers; })) << "also those before a half close";
  EXPECT_LE(most, kRequestsPerTurn);
}

TEST_F(ServerSessionTest, ManySmallChunksTakeTurns) {
  AnswerAll();
  Open();
  std::string all = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) all += "1\r\nx\r\n";
  (*peer_)->Write(all + "0\r\n\r\n");
  (*peer_)->EndWrite();
  size_t before = 0, most = 0;
  ASSERT_TRUE(Until([&] {
    const size_t now = count() == 0 ? 0 : served().body.size();
    most = std::max(most, now - std::exchange(before, now));
    return app_.closes == 1;
  }));
  EXPECT_EQ(served().body, std::string(20'000, 'x')) << "whole, although the peer ended long before";
  EXPECT_TRUE(Until([&] { return got() == Answer("/p"); }));
  EXPECT_LE(most, kChunksPerTurn);
}

TEST_F(ServerSessionTest, AHalfClosedClientStillGetsALateAnswer) {
  Open();
  (*peer_)->Write(kGet);
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  harness::Turns(loop_);
  EXPECT_EQ(served().resets, 0);
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1 && absl::StrContains(got(), "connection: close"); }));
}

TEST_F(ServerSessionTest, BodiesPassBothWays) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1 && served().body == "abc"; }));
  served().Send({{":status", "200"}}, false);  // early, while the request goes on
  served().SendBody("xyz", false);
  Say("2\r\nde\r\n0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  EXPECT_EQ(served().body, "abcde");
  served().SendBody("", true);
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "\r\n\r\n3\r\nxyz\r\n0\r\n\r\n"); }));
  EXPECT_EQ(session_->active_streams(), 0u);
}

TEST_F(ServerSessionTest, MalformedRequestsAreAnsweredByTheCodecAndClosed) {
  Open();
  Say("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::StartsWith(got(), "HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(absl::StrContains(got(), "connection: close\r\n"));
  EXPECT_EQ(app_.error, "http1.invalid_host");
  EXPECT_EQ(count(), 0u);
  EXPECT_EQ(counters_.protocol_errors, 1u);
  EXPECT_EQ(counters_.rx_messaging_error, 1u);
  (*peer_)->EndWrite();
  EXPECT_TRUE(Until([&] { return app_.closes == 1; }));
}

TEST_F(ServerSessionTest, NothingBehindACloseIsProcessed) {
  Open();
  AnswerAll();
  Say("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_EQ(got(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n/a");
  EXPECT_EQ(count(), 1u);
}

TEST_F(ServerSessionTest, NothingBehindOurOwnCloseIsProcessed) {
  Open();
  app_.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) { e.Send({{":status", "204"}, {"connection", "close"}}, true); };
  };
  Say(absl::StrCat(kGet, kGet));
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_EQ(got(), "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(count(), 1u);
}

TEST_F(ServerSessionTest, ARefusedHeadRequestGetsNoContent) {
  Open();
  Say("\r\nHEAD / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::StartsWith(got(), "HTTP/1.1 400 Bad Request\r\n")) << got();
  EXPECT_TRUE(absl::EndsWith(got(), "connection: close\r\n\r\n")) << got();
}

TEST_F(ServerSessionTest, AMalformedBodyResetsTheStreamAndIsAnswered) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_EQ(served().resets, 1);
  EXPECT_EQ(served().reason, ResetReason::kProtocolError);
  EXPECT_EQ(served().detail, "http1.invalid_chunk");
  EXPECT_TRUE(absl::StartsWith(got(), "HTTP/1.1 400 "));
}

TEST_F(ServerSessionTest, ACutRequestBodyIsAReset) {
  Open();
  (*peer_)->Write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  EXPECT_EQ(served().ends, 0);
  EXPECT_EQ(served().reason, ResetReason::kConnectionTermination);
}

TEST_F(ServerSessionTest, TheRestOfARequestIsThrownAwayAfterAnEarlyAnswer) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "403"}}, true);
  served().sender->Reset(ResetReason::kNone);
  Say(absl::StrCat("defghij", kGet));
  ASSERT_TRUE(Until([&] { return count() == 2; }));
  EXPECT_EQ(served(0).resets, 0);
  EXPECT_EQ(app_.closes, 0);
}

TEST_F(ServerSessionTest, ALongRestIsNotWaitedFor) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nabc");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "403"}}, true);
  served().sender->Reset(ResetReason::kNone);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::StartsWith(got(), "HTTP/1.1 403 ")) << "the answer went out whole";
  EXPECT_TRUE(absl::StrContains(got(), "connection: close\r\n")) << "and said that no more requests are taken";
}

// How much of it will come nobody knows: a client that was promised the connection would send its next request behind
// it.
TEST_F(ServerSessionTest, AnEarlyAnswerToAChunkedRequestSaysClose) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "403"}}, true);
  served().sender->Reset(ResetReason::kNone);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_EQ(got(), "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST_F(ServerSessionTest, AnEarlyAnswerThatPromisedTheConnectionKeepsIt) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\nabc");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "403"}}, true);
  served().sender->Reset(ResetReason::kNone);
  Say(std::string(59'997, 'x') + std::string(kGet));
  ASSERT_TRUE(Until([&] { return count() == 2; }));
  EXPECT_FALSE(absl::StrContains(got(), "close"));
}

TEST_F(ServerSessionTest, ExpectIsPassedUpAndAFinalAnswerInsteadCloses) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  EXPECT_EQ(served().Get("expect"), "100-continue");
  served().Send({{":status", "417"}}, true);
  served().sender->Reset(ResetReason::kNone);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::StrContains(got(), "connection: close"));
}

TEST_F(ServerSessionTest, InterimAnswersGoFirst) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  HeaderMap interim(served().memory);
  interim.SetStatus(100);
  served().sender->SendInterim(interim);
  ASSERT_TRUE(Until([&] { return got() == "HTTP/1.1 100 Continue\r\n\r\n"; }));
  Say("abc");
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"); }));
}

TEST_F(ServerSessionTest, Http10PeersGetNeitherChunksNorInterims) {
  http1_.accept_http_10 = true;
  Open();
  Say("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  HeaderMap interim(served().memory);
  interim.SetStatus(103);
  served().sender->SendInterim(interim);
  served().Send({{":status", "200"}}, false);
  served().SendBody("body", true);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_EQ(got(), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbody");
}

TEST_F(ServerSessionTest, ACutAnswerThatEndsWithTheConnectionIsAResetOfIt) {
  http1_.accept_http_10 = true;
  Open();
  Say("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}}, false);
  served().SendBody("bo", false);
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "bo"); }));
  served().sender->Reset(ResetReason::kLocalReset);
  ASSERT_TRUE(Until([&] { return peer_->recorder.closes == 1; }));
  EXPECT_EQ(peer_->recorder.closed->reason, CloseReason::kPeerReset);
}

TEST_F(ServerSessionTest, ABodyThatDoesNotMatchItsLengthIsCut) {
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}, {"content-length", "10"}}, false);
  served().SendBody("abc", true);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1 && app_.closes == 1; }));
  EXPECT_TRUE(absl::EndsWith(got(), "\r\n\r\nabc"));
}

TEST_F(ServerSessionTest, HeadGetsNoBody) {
  Open();
  Say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}, {"content-length", "5"}}, false);
  served().SendBody("hello", true);
  ASSERT_TRUE(Until([&] { return got() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"; }));
}

TEST_F(ServerSessionTest, AnAcceptedUpgradeBecomesATunnel) {
  Open();
  Say("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  EXPECT_EQ(served().ends, 0);
  EXPECT_EQ(served().body, "") << "bytes wait for the decision";
  served().Send({{":status", "101"}, {"upgrade", "websocket"}, {"connection", "upgrade"}}, false);
  ASSERT_TRUE(Until([&] { return served().body == "early"; }));
  served().SendBody("hi", false);
  Say("\r\n\0more");
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "connection: upgrade\r\n\r\nhi"); }));
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return served().ends == 1; }));
  EXPECT_EQ(app_.closes, 0) << "the other direction goes on";
  served().SendBody("bye", true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1 && peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::EndsWith(got(), "hibye"));
}

TEST_F(ServerSessionTest, ARefusedUpgradeIsAnOrdinaryRequest) {
  Open();
  Say(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", kGet));
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return count() == 2; })) << "what followed was a request";
  EXPECT_EQ(served(0).ends, 1);
  EXPECT_EQ(served(0).body, "");
}

TEST_F(ServerSessionTest, TrailersOfAnUpgradeRequestDoNotEndWhatIsNotDecidedYet) {
  http1_.enable_trailers = true;
  for (const bool accepted : {true, false}) {
    SCOPED_TRACE(accepted);
    app_.exchanges.clear();
    Open();
    Say("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nx: y\r\n\r\n");
    ASSERT_TRUE(Until([&] { return count() == 1 && served().body == "abc"; }));
    EXPECT_EQ(served().ends, 0);
    served().Send({{":status", accepted ? "101" : "200"}, {"upgrade", "x"}, {"connection", "upgrade"}}, !accepted);
    if (accepted) (*peer_)->EndWrite();
    ASSERT_TRUE(Until([&] { return served().ends > 0; }));
    harness::Turns(loop_, 4);
    EXPECT_EQ(served().ends, 1);
    connection_->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop_, 2);
  }
}

TEST_F(ServerSessionTest, AHeadThatIsTooSlowIsRefusedByItsOwner) {
  Open();
  Say("GET / HTTP/1.1\r\nHost:");
  session_->RefuseHead(408, "request_header_timeout");
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::StartsWith(got(), "HTTP/1.1 408 Request Timeout\r\n")) << got();
  EXPECT_EQ(app_.error, "request_header_timeout");
}

TEST_F(ServerSessionTest, ConnectTunnelsAfter2xx) {
  Open();
  Say("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}}, false);
  ASSERT_TRUE(Until([&] { return got() == "HTTP/1.1 200 OK\r\n\r\n"; }));
  Say("bytes");
  ASSERT_TRUE(Until([&] { return served().body == "bytes"; }));
  served().SendBody("back", true);
  ASSERT_TRUE(Until([&] { return peer_->recorder.ends == 1; }));
  EXPECT_TRUE(absl::EndsWith(got(), "back"));
}

TEST_F(ServerSessionTest, DrainingAnswersWithCloseAndThenCloses) {
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  session_->StartDrain(Duration(0));
  EXPECT_EQ(app_.closes, 0);
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  ASSERT_TRUE(Until([&] { return absl::StrContains(got(), "connection: close"); }));
}

// The head that is gone promised the connection: the next request may be on its way.
TEST_F(ServerSessionTest, ADrainThatBeginsAfterTheHeadWaitsForTheNextAnswer) {
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}, {"content-length", "4"}}, false);
  ASSERT_TRUE(Until([&] { return absl::StrContains(got(), "200 OK"); }));
  session_->StartDrain(seconds(5));
  served().SendBody("back", true);
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "back"); }));
  harness::Turns(loop_);
  EXPECT_EQ(app_.closes, 0);
  EXPECT_FALSE(absl::StrContains(got(), "connection: close"));
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 2; }));
  served(1).Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  ASSERT_TRUE(Until([&] { return absl::StrContains(got(), "connection: close"); }));
}

TEST_F(ServerSessionTest, AnIdleDrainStillTakesTheRequestThatIsOnItsWay) {
  Open();
  session_->StartDrain(seconds(5));
  harness::Turns(loop_);
  EXPECT_EQ(app_.closes, 0);
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  ASSERT_TRUE(Until([&] { return absl::StrContains(got(), "connection: close"); }));
}

TEST_F(ServerSessionTest, ADrainWithoutGraceAfterTheHeadTakesNoRequestMore) {
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}, {"content-length", "4"}}, false);
  session_->StartDrain(Duration(0));
  Say(kGet);  // in vain
  served().SendBody("back", true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  ASSERT_TRUE(Until([&] { return absl::EndsWith(got(), "back"); }));
  EXPECT_EQ(count(), 1u);
}

TEST_F(ServerSessionTest, CloseAllResetsTheStreamFirst) {
  Open();
  Say(kGet);
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  session_->CloseAll(ResetReason::kLocalReset, {CloseReason::kIdleTimeout, 0, "idle"});
  EXPECT_EQ(served().resets, 1);
  EXPECT_EQ(app_.closes, 1);
  EXPECT_EQ(app_.closed.reason, CloseReason::kIdleTimeout);
  served().sender->Reset(ResetReason::kLocalReset);  // stale: ignored
}

TEST_F(ServerSessionTest, ASlowReaderStopsTheProducerAndTheNextRequest) {
  Open();
  connection_->SetWriteLimits(64 * 1024);
  (*peer_)->PauseReading();
  Say(absl::StrCat(kGet, kGet));
  ASSERT_TRUE(Until([&] { return count() == 1; }));
  served().Send({{":status", "200"}}, false);
  const std::string chunk(64 * 1024, 'x');
  int sent = 0;
  while (served().highs == served().lows && sent < 1000) {
    served().SendBody(chunk, false);
    harness::Turns(loop_, 2);
    ++sent;
  }
  ASSERT_EQ(served().highs, served().lows + 1);
  served().SendBody("", true);
  harness::Turns(loop_, 4);
  EXPECT_EQ(count(), 1u) << "the next request waits until the answer drained";
  (*peer_)->ResumeReading();
  ASSERT_TRUE(Until([&] { return count() == 2; }));
}

TEST_F(ServerSessionTest, APausedReceiverStopsTheConnection) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(Until([&] { return count() == 1 && served().body == "abc"; }));
  served().sender->PauseReading();
  Say("def");
  harness::Turns(loop_, 4);
  EXPECT_EQ(served().body, "abc");
  served().sender->ResumeReading();
  ASSERT_TRUE(Until([&] { return served().body == "abcdef" && served().ends == 1; }));
}

TEST_F(ServerSessionTest, CountsWireBytes) {
  Open();
  Say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return count() == 1 && served().ends == 1; }));
  EXPECT_EQ(served().sender->wire_bytes_received(), 56u + 13u);
  served().Send({{":status", "200"}}, false);
  served().SendBody("xyz", false);
  EXPECT_EQ(served().sender->wire_bytes_sent(), 47u + 8u);
  served().SendBody("", true);
}

}  // namespace
}  // namespace outrigger::http::h1
