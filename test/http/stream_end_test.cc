// Local replies, resets, tunnels, and what the owner decides.
#include "test/http/scripted_filters.h"

namespace outrigger::http {
namespace {

using StreamEndTest = StreamTest;

TEST_F(StreamEndTest, LocalRepliesPassAllResponseFiltersAndEndTheRequest) {
  a_.request_headers = [](Stream& stream, HeaderMap&) {
    stream.SendLocalReply({.status = 403, .body = "no", .details = "said_no"});
    return FilterStatus::kAnswered;
  };
  AddBoth();
  h_.Post();
  EXPECT_EQ(log_, "a.rh b.sh a.sh b.sb:no$ a.sb:no$ a.done b.done ");
  EXPECT_EQ(h_.sender.status(), "403");
  EXPECT_EQ(h_.sender.Header("content-length"), "2");
  EXPECT_EQ(h_.sender.Header("content-type"), "text/plain");
  EXPECT_EQ(h_.details, "said_no");
  h_.Body("ignored", true);
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamEndTest, LocalRepliesToHeadHaveNoBodyAndToGrpcAreTrailersOnly) {
  Add(a_);
  h_.Request({{":method", "HEAD"}, {":path", "/"}}, true);
  h_.stream().SendLocalReply({.status = 503, .body = "busy", .details = "d"});
  EXPECT_EQ(h_.sender.Header("content-length"), "4");
  EXPECT_EQ(h_.sender.body, "");
  EXPECT_TRUE(h_.sender.ended);

  StreamHarness grpc;
  grpc.Request({{":method", "POST"}, {":path", "/s/m"}, {"content-type", "application/grpc"}}, false);
  grpc.stream().SendLocalReply({.status = 503, .body = "busy now", .details = "d"});
  EXPECT_EQ(grpc.sender.status(), "200");
  EXPECT_EQ(grpc.sender.Header("grpc-status"), "14");
  EXPECT_EQ(grpc.sender.Header("grpc-message"), "busy now");
  EXPECT_EQ(grpc.sender.Header("content-type"), "application/grpc");
  EXPECT_TRUE(grpc.sender.ended);
}

TEST_F(StreamEndTest, LocalRepliesOfStatusesWithoutContentHaveNone) {
  for (const uint32_t status : {204u, 205u, 304u}) {
    StreamHarness h;
    h.Get();
    h.stream().SendLocalReply({.status = status, .body = "words", .details = "d"});
    EXPECT_EQ(h.sender.status(), std::to_string(status));
    EXPECT_EQ(h.sender.Header("content-length"), "");
    EXPECT_EQ(h.sender.body, "");
    EXPECT_TRUE(h.sender.ended);
  }
}

TEST_F(StreamEndTest, TheOwnerMayRewriteALocalReply) {
  h_.on_local_reply = [](Stream&, LocalReply& reply) {
    reply.status = 418;
    reply.body = "tea";
  };
  h_.Get();
  h_.stream().SendLocalReply({.status = 503, .body = "busy", .details = "d"});
  EXPECT_EQ(h_.sender.status(), "418");
  EXPECT_EQ(h_.sender.body, "tea");
}

TEST_F(StreamEndTest, ALocalReplyAfterTheResponseBeganResets) {
  Add(a_);
  h_.Get();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.stream().SendLocalReply({.status = 504, .details = "too_late"});
  EXPECT_EQ(h_.sender.status(), "200");
  EXPECT_TRUE(h_.sender.was_reset);
  EXPECT_EQ(h_.sender.reset_reason, ResetReason::kLocalReset);
  EXPECT_EQ(h_.details, "too_late");
  EXPECT_TRUE(h_.flags.Has(observe::ResponseFlag::kLocalReset));
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamEndTest, AResponseFilterMayAnswerInPlaceOfTheResponse) {
  b_.response_headers = [](Stream& stream, HeaderMap& headers) {
    if (headers.status() != 200) return FilterStatus::kContinue;
    stream.SendLocalReply({.status = 502, .body = "bad", .details = "d"});
    return FilterStatus::kAnswered;
  };
  AddBoth();
  h_.Get();
  h_.Respond(200, "answer");
  EXPECT_EQ(h_.sender.status(), "502");
  EXPECT_EQ(h_.sender.body, "bad");
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamEndTest, AResponseFilterThatAlwaysAnswersEndsInAReset) {
  b_.response_headers = [](Stream& stream, HeaderMap&) {
    stream.SendLocalReply({.status = 502, .details = "again"});
    return FilterStatus::kAnswered;
  };
  AddBoth();
  h_.Get();
  h_.Respond(200, "answer");
  EXPECT_FALSE(h_.sender.headers_sent);
  EXPECT_TRUE(h_.sender.was_reset);
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamEndTest, ALocalReplyDropsWhatIsHeldAndLetsTheSourceGoOn) {
  a_.request_headers = Pause();
  Add<HeadersOnly>(a_);
  Add(b_);
  h_.Post();
  h_.Body(std::string(20, 'x'), false);
  EXPECT_EQ(h_.sender.pauses, 1);
  h_.stream().SendLocalReply({.status = 503, .details = "d"});
  EXPECT_EQ(h_.sender.pauses, 0);
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_EQ(log_, "b.sh$ b.done ");
}

TEST_F(StreamEndTest, ARefusalByTheOwnerReachesNoFilter) {
  h_.refuse = true;
  AddBoth();
  h_.Post();
  h_.Body("x", true);
  EXPECT_EQ(h_.sender.status(), "404");
  EXPECT_EQ(log_, "");
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamEndTest, AResetByThePeerEndsItForFiltersAndOwnerOnce) {
  a_.request_headers = Pause();
  AddBoth();
  h_.Post();
  h_.stream().OnReset(ResetReason::kRemoteReset, "");
  h_.stream().OnReset(ResetReason::kRemoteReset, "");
  EXPECT_EQ(log_, "a.rh a.done b.done ");
  EXPECT_TRUE(h_.flags.Has(observe::ResponseFlag::kDownstreamRemoteReset));
  EXPECT_EQ(h_.details, "downstream_remote_disconnect");
  EXPECT_EQ(h_.done, 1);
  EXPECT_EQ(h_.stream().info().wire_bytes_received, 7u);
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_FALSE(h_.arrived.headers);
}

TEST_F(StreamEndTest, ARequestThatIsAnsweredEarlyIsNotReadToItsEnd) {
  AddBoth();
  h_.Post();
  h_.Body("some", false);
  h_.Respond(200, "enough");
  EXPECT_EQ(h_.done, 1);
  EXPECT_TRUE(h_.sender.was_reset);
  EXPECT_EQ(h_.sender.reset_reason, ResetReason::kNone);
}

TEST_F(StreamEndTest, ATunnelLastsUntilBothEndsAreDone) {
  AddBoth();
  h_.Post();
  h_.stream().SetTunnel();
  h_.RespondHeaders({{":status", "101"}}, false);
  h_.RespondBody("down", true);
  EXPECT_EQ(h_.done, 0);
  h_.Body("up", true);
  EXPECT_EQ(h_.arrived.body, "up");
  EXPECT_EQ(h_.done, 1);
  EXPECT_FALSE(h_.sender.was_reset);
}

TEST_F(StreamEndTest, SwitchedOffFiltersSeeNothing) {
  h_.enabled["a"] = false;
  AddBoth();
  h_.Get();
  h_.Respond(200, "x");
  EXPECT_EQ(log_, "b.rh$ b.sh b.sb:x$ b.done ");
}

TEST_F(StreamEndTest, GivesTheMostSpecificPerRouteConfiguration) {
  const int table = 1, route = 2;
  h_.per_route["a"] = {&table, &route};
  AddBoth();
  h_.Get();
  EXPECT_EQ(h_.stream().PerRouteConfig(*a_.self), &route);
  EXPECT_EQ(h_.stream().PerRouteConfig(*b_.self), nullptr);
  const void* all[4];
  EXPECT_EQ(h_.stream().PerRouteConfigs(*a_.self, all), 2);
  EXPECT_EQ(all[0], &table);
}

TEST_F(StreamEndTest, InterimResponsesPassOnlyBeforeTheFinalOne) {
  AddBoth();
  h_.Get();
  h_.stream().SendResponseInterim(h_.NewMap({{":status", "103"}}));
  EXPECT_EQ(h_.sender.interims, 1);
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.stream().SendResponseInterim(h_.NewMap({{":status", "103"}}));
  EXPECT_EQ(h_.sender.interims, 1);
}

TEST_F(StreamEndTest, ADrawIsTheSameAtEachEvaluation) {
  h_.Get();
  EXPECT_EQ(h_.stream().random(), h_.stream().random());
}

}  // namespace
}  // namespace outrigger::http
