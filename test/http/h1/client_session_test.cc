#include "source/http/h1/client_session.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/http/h2/pair.h"

namespace outrigger::http::h1 {
namespace {

using h2::ClientApp;
using h2::Exchange;
using h2::FieldList;
using net::CloseReason;

// A client session on one end of a loopback connection, a raw server on the other.
class ClientSessionTest : public testing::Test {
 protected:
  ClientSessionTest() {
    const auto [left, right] = harness::TcpPair(loop_);
    peer_ = std::make_unique<harness::End>(loop_, right);
    connection_ = std::make_unique<net::Connection>(loop_, left, std::make_unique<net::RawTransport>());
    session_ = MakeHttp1Client(*connection_, app_, options_, http1_, counters_);
    connection_->SetHandler(session_.get());
    connection_->Start();
    harness::Turns(loop_);
  }
  ~ClientSessionTest() override {
    connection_->Close(net::Connection::CloseMode::kNow);
    peer_->connection->Close(net::Connection::CloseMode::kNow);
    harness::Turns(loop_, 2);
  }
  bool Until(const std::function<bool()>& done) { return harness::RunUntil(loop_, done); }
  void Say(absl::string_view text) {
    (*peer_)->Write(text);
    harness::Turns(loop_, 6);
  }
  Exchange& Start(const FieldList& fields, bool end) {
    exchanges_.push_back(std::make_unique<Exchange>());
    Exchange& made = *exchanges_.back();
    made.sender = session_->NewStream(made);
    OUTRIGGER_CHECK(made.sender != nullptr);
    made.Send(fields, end);
    harness::Turns(loop_, 4);
    return made;
  }
  const std::string& got() const { return peer_->recorder.got; }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  CodecOptions options_;
  Http1Options http1_;
  CodecCounters counters_;
  ClientApp app_;
  std::unique_ptr<harness::End> peer_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<http::ClientSession> session_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
};

TEST_F(ClientSessionTest, ExchangesFollowEachOtherOnOneConnection) {
  EXPECT_EQ(app_.ready, 1);
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(session_->accepts_streams());
    Exchange& e = Start(h2::Get("/x"), true);
    EXPECT_FALSE(session_->accepts_streams());
    Exchange other;
    EXPECT_EQ(session_->NewStream(other), nullptr);
    Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    ASSERT_TRUE(Until([&] { return e.ends == 1; }));
    EXPECT_EQ(e.body, "hi");
    EXPECT_EQ(app_.stream_closes, i);
  }
  EXPECT_EQ(got(), "GET /x HTTP/1.1\r\nhost: a.test\r\n\r\nGET /x HTTP/1.1\r\nhost: a.test\r\n\r\n");
  EXPECT_EQ(app_.goaways, 0);
}

TEST_F(ClientSessionTest, RequestBodiesAreChunkedUnlessTheirLengthIsKnown) {
  Exchange& e = Start(h2::Post(), false);
  e.SendBody("abc", false);
  e.SendBody("de", true);
  ASSERT_TRUE(Until([&] {
    return got() ==
           "POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  }));
}

TEST_F(ClientSessionTest, InterimAnswersArePassedOnAndCounted) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1; }));
  EXPECT_EQ(e.interims, (std::vector<uint32_t>{100, 103}));
  Exchange& flooded = Start(h2::Get(), true);
  std::string flood;
  for (int i = 0; i < 100; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
  Say(flood);
  ASSERT_TRUE(Until([&] { return flooded.resets == 1; }));
  EXPECT_EQ(flooded.detail, "http1.too_many_interim_responses");
  EXPECT_EQ(counters_.interim_responses_overflow, 1u);
}

TEST_F(ClientSessionTest, AnAnswerUntilTheEndIsWholeOnlyIfTheEndIsOrderly) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\n\r\nsome");
  ASSERT_TRUE(Until([&] { return e.body == "some"; }));
  EXPECT_EQ(app_.goaways, 1);
  EXPECT_EQ(e.ends, 0);
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.resets, 0);
}

TEST_F(ClientSessionTest, AResetConnectionIsNotTheEndOfAnAnswer) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\n\r\nsome");
  ASSERT_TRUE(Until([&] { return e.body == "some"; }));
  (*peer_)->Close(net::Connection::CloseMode::kReset);
  ASSERT_TRUE(Until([&] { return e.resets == 1; }));
  EXPECT_EQ(e.reason, ResetReason::kConnectionTermination);
  EXPECT_EQ(e.ends, 0);
}

TEST_F(ClientSessionTest, CutAnswersAreResets) {
  Exchange& e = Start(h2::Get(), true);
  (*peer_)->Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome");
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.reason, ResetReason::kConnectionTermination);
  EXPECT_EQ(e.ends, 0);
}

TEST_F(ClientSessionTest, AnUpstreamThatClosesInsteadOfAnsweringIsAReset) {
  Exchange& e = Start(h2::Get(), true);
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.reason, ResetReason::kConnectionTermination);
  EXPECT_EQ(e.headers, nullptr);
}

TEST_F(ClientSessionTest, MalformedAnswersAreProtocolErrors) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.reason, ResetReason::kProtocolError);
  EXPECT_EQ(e.detail, "http1.content_length_and_chunked_not_allowed");
  EXPECT_EQ(counters_.rx_messaging_error, 1u);
}

TEST_F(ClientSessionTest, AnAnswerThatNobodyAskedForEndsTheConnection) {
  Say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  EXPECT_EQ(app_.goaways, 1);
  EXPECT_EQ(counters_.unexpected_responses, 1u);
}

// What lies ready when a request is about to go out is no answer to it, whatever it looks like.
TEST_F(ClientSessionTest, AnAnswerFromBeforeTheRequestWentOutIsNotItsAnswer) {
  connection_->PauseReading();
  Say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  Exchange e;
  e.sender = session_->NewStream(e);
  e.Send(h2::Get(), true);
  connection_->ResumeReading();
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.headers, nullptr);
  EXPECT_EQ(e.reason, ResetReason::kNotSent);
  EXPECT_EQ(e.detail, "http1.unexpected_response");
  EXPECT_EQ(got(), "");
}

TEST_F(ClientSessionTest, BytesBehindAnAnswerNeverReachTheNextRequest) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.body, "hi");
  EXPECT_EQ(counters_.unexpected_responses, 1u);
  EXPECT_FALSE(session_->accepts_streams());
}

TEST_F(ClientSessionTest, A101ToSomethingElseThanWasAskedIsRefused) {
  Exchange& e = Start({{":method", "GET"},
                       {":scheme", "http"},
                       {":authority", "a"},
                       {":path", "/"},
                       {"upgrade", "websocket"},
                       {"connection", "upgrade"}},
                      false);
  Say("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.detail, "http1.unexpected_upgrade");
}

TEST_F(ClientSessionTest, TwoAnswersToOneRequestAreNotReused) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
}

TEST_F(ClientSessionTest, CloseAndHttp10AreTheLastExchange) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
  EXPECT_EQ(app_.goaways, 1);
}

TEST_F(ClientSessionTest, WhoeverSaysCloseTheConnectionEndsWithTheAnswer) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\nConnection: CLOSE\r\nContent-Length: 2\r\n\r\nh");
  EXPECT_EQ(app_.goaways, 1);  // known before the body came
  Say("i");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.body, "hi");
  EXPECT_FALSE(session_->accepts_streams());
}

TEST_F(ClientSessionTest, ARequestThatSaysCloseIsTheLast) {
  FieldList fields = h2::Get();
  fields.push_back({"connection", "close"});
  Exchange& e = Start(fields, true);
  EXPECT_EQ(got(), "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
  Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
  EXPECT_FALSE(session_->accepts_streams());
}

TEST_F(ClientSessionTest, AnEarlyAnswerWithCloseEndsTheRequest) {
  Exchange& e = Start(h2::Post(), false);
  Say("HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.ends, 1);
  EXPECT_EQ(e.body, "no");
  EXPECT_EQ(e.reason, ResetReason::kNone);
}

TEST_F(ClientSessionTest, AnEarlyAnswerLetsTheRequestFinish) {
  Exchange& e = Start(h2::Post(), false);
  Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1; }));
  EXPECT_EQ(app_.stream_closes, 0);
  e.SendBody("rest", true);
  EXPECT_EQ(app_.stream_closes, 1);
  EXPECT_TRUE(session_->accepts_streams());
}

TEST_F(ClientSessionTest, ResettingAnExchangeClosesItsConnection) {
  Exchange& e = Start(h2::Get(), true);
  e.sender->Reset(ResetReason::kLocalReset);
  EXPECT_EQ(e.resets, 0);
  EXPECT_FALSE(session_->accepts_streams());
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  e.SendBody("stale", true);
}

TEST_F(ClientSessionTest, ResettingAnExchangeOfWhichNothingWasSentKeepsItsConnection) {
  Exchange given_up;
  given_up.sender = session_->NewStream(given_up);
  given_up.Send(h2::Post("/given-up"), false);
  given_up.SendBody("body", false);
  given_up.sender->Reset(ResetReason::kLocalReset);
  EXPECT_TRUE(session_->accepts_streams());
  Exchange& next = Start(h2::Get("/next"), true);
  Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return next.ends == 1; }));
  EXPECT_EQ(got(), "GET /next HTTP/1.1\r\nhost: a.test\r\n\r\n");
  EXPECT_EQ(app_.closes, 0);
}

TEST_F(ClientSessionTest, UpgradesTunnelAfter101) {
  FieldList fields = h2::Get();
  fields.push_back({"upgrade", "websocket"});
  fields.push_back({"connection", "upgrade"});
  Exchange& e = Start(fields, false);
  e.SendBody("early", false);
  harness::Turns(loop_, 4);
  EXPECT_EQ(got(), "GET / HTTP/1.1\r\nhost: a.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  Say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw");
  ASSERT_TRUE(Until([&] { return e.body == "raw" && absl::EndsWith(got(), "early"); }));
  EXPECT_EQ(e.Get(":status"), "101");
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return e.ends == 1; }));
  e.SendBody("late", true);
  ASSERT_TRUE(Until([&] { return app_.closes == 1 && absl::EndsWith(got(), "earlylate"); }));
}

TEST_F(ClientSessionTest, ARefusedUpgradeKeepsTheConnection) {
  FieldList fields = h2::Get();
  fields.push_back({"upgrade", "websocket"});
  fields.push_back({"connection", "upgrade"});
  Exchange& e = Start(fields, false);
  e.SendBody("early", false);
  Say("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1; }));
  EXPECT_FALSE(absl::StrContains(got(), "early"));
  EXPECT_TRUE(session_->accepts_streams());
}

TEST_F(ClientSessionTest, A101ThatNobodyAskedForIsRefused) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.resets == 1; }));
  EXPECT_EQ(e.detail, "http1.unexpected_upgrade");
}

TEST_F(ClientSessionTest, ConnectTunnelsAfter2xx) {
  Exchange& e = Start({{":method", "CONNECT"}, {":authority", "b:443"}}, false);
  Say("HTTP/1.1 200 Yes\r\nContent-Length: 7\r\n\r\nraw");
  ASSERT_TRUE(Until([&] { return e.body == "raw"; }));
  e.SendBody("out", true);
  ASSERT_TRUE(Until([&] { return got() == "CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\nout"; }));
}

TEST_F(ClientSessionTest, ARequestThatIsNotOneLineFailsWithoutHarmToTheConnection) {
  Exchange& e = Start(h2::Get("/a b"), true);
  ASSERT_TRUE(Until([&] { return e.resets == 1; }));
  EXPECT_EQ(e.detail, "http1.invalid_request");
  EXPECT_EQ(got(), "");
  EXPECT_TRUE(session_->accepts_streams());
  Start(h2::Get("/ok"), true);
  EXPECT_TRUE(Until([&] { return !got().empty(); }));
}

TEST_F(ClientSessionTest, ARequestBodyThatDoesNotMatchItsLengthIsCut) {
  FieldList fields = h2::Post();
  fields.push_back({"content-length", "10"});
  Exchange& e = Start(fields, false);
  e.SendBody("abc", true);
  ASSERT_TRUE(Until([&] { return e.resets == 1 && app_.closes == 1; }));
  EXPECT_EQ(e.detail, "http1.content_length_mismatch");
}

TEST_F(ClientSessionTest, IdleEndsAreNoticedAndDrainsClose) {
  (*peer_)->EndWrite();
  ASSERT_TRUE(Until([&] { return app_.closes == 1; }));
  EXPECT_EQ(app_.goaways, 1);
}

TEST_F(ClientSessionTest, DrainWaitsForTheExchange) {
  Exchange& e = Start(h2::Get(), true);
  session_->StartDrain(Duration(0));
  EXPECT_EQ(app_.goaways, 1);
  harness::Turns(loop_, 4);
  EXPECT_EQ(app_.closes, 0);
  Say("HTTP/1.1 204 No\r\n\r\n");
  ASSERT_TRUE(Until([&] { return e.ends == 1 && app_.closes == 1; }));
}

TEST_F(ClientSessionTest, APausedReceiverStopsTheUpstream) {
  Exchange& e = Start(h2::Get(), true);
  Say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(Until([&] { return e.body == "abc"; }));
  e.sender->PauseReading();
  Say("def");
  EXPECT_EQ(e.body, "abc");
  e.sender->ResumeReading();
  ASSERT_TRUE(Until([&] { return e.ends == 1; }));
  EXPECT_FALSE(connection_->reading_paused());
}

}  // namespace
}  // namespace outrigger::http::h1
