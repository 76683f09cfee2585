#include "source/http/stream.h"

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/harness/stream_harness.h"

namespace outrigger::http {
namespace {

using harness::Fields;
using harness::StreamHarness;

// A filter whose hooks do what the test says, and note what they saw: "rh" request headers, "rb:BYTES", "rt", "sh" response, ...; "$" is
// the end.
struct Script {
  std::string name;
  std::string* log = nullptr;
  std::function<FilterStatus(Stream&, HeaderMap&)> request_headers, request_trailers, response_headers, response_trailers, interim;
  std::function<FilterStatus(Stream&, Buffer&, bool)> request_body, response_body;
  std::function<void(Stream&)> done;
  Filter* self = nullptr;

  void Note(absl::string_view what, bool end) const { absl::StrAppend(log, name, ".", what, end ? "$ " : " "); }
};

class Scripted : public Filter {
 public:
  struct Config {
    Script* script;
  };
  Scripted(const Config& config, Stream&) : s_(*config.script) { s_.self = this; }
  FilterStatus OnRequestHeaders(Stream& stream, HeaderMap& headers, bool end) override {
    s_.Note("rh", end);
    return s_.request_headers ? s_.request_headers(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnRequestBody(Stream& stream, Buffer& body, bool end) override {
    s_.Note(absl::StrCat("rb:", body.ToString()), end);
    return s_.request_body ? s_.request_body(stream, body, end) : FilterStatus::kContinue;
  }
  FilterStatus OnRequestTrailers(Stream& stream, HeaderMap& trailers) override {
    s_.Note("rt", false);
    return s_.request_trailers ? s_.request_trailers(stream, trailers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseInterim(Stream& stream, HeaderMap& headers) override {
    return s_.interim ? s_.interim(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseHeaders(Stream& stream, HeaderMap& headers, bool end) override {
    s_.Note("sh", end);
    return s_.response_headers ? s_.response_headers(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseBody(Stream& stream, Buffer& body, bool end) override {
    s_.Note(absl::StrCat("sb:", body.ToString()), end);
    return s_.response_body ? s_.response_body(stream, body, end) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseTrailers(Stream& stream, HeaderMap& trailers) override {
    s_.Note("st", false);
    return s_.response_trailers ? s_.response_trailers(stream, trailers) : FilterStatus::kContinue;
  }
  void OnDone(Stream& stream) override {
    s_.Note("done", false);
    if (s_.done) s_.done(stream);
  }

 private:
  Script& s_;
};

// Hears headers alone: what it holds later is held without asking it.
class HeadersOnly : public Filter {
 public:
  using Config = Scripted::Config;
  HeadersOnly(const Config& config, Stream&) : s_(*config.script) { s_.self = this; }
  FilterStatus OnRequestHeaders(Stream& stream, HeaderMap& headers, bool) override {
    return s_.request_headers ? s_.request_headers(stream, headers) : FilterStatus::kContinue;
  }
  FilterStatus OnResponseHeaders(Stream& stream, HeaderMap& headers, bool) override {
    return s_.response_headers ? s_.response_headers(stream, headers) : FilterStatus::kContinue;
  }

 private:
  Script& s_;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    a_.name = "a";
    b_.name = "b";
    a_.log = b_.log = &log_;
  }
  template <class F = Scripted>
  void Add(Script& script) {
    h_.Add(MakeFilterSpec<F>(std::make_shared<typename F::Config>(typename F::Config{&script})), script.name);
  }
  void AddBoth() {
    Add(a_);
    Add(b_);
  }
  static auto Pause() {
    return [](Stream&, HeaderMap&) { return FilterStatus::kPause; };
  }
  static auto Always(FilterStatus status) {
    return [status](Stream&, Buffer&, bool) { return status; };
  }

  StreamHarness h_{16};
  Script a_, b_;
  std::string log_;
};

TEST_F(StreamTest, RunsTheRequestUpAndTheResponseDownTheChain) {
  AddBoth();
  h_.Post("/x");
  h_.Body("one", false);
  h_.Body("two", true);
  h_.Respond(200, "answer");
  EXPECT_EQ(log_,
            "a.rh b.rh a.rb:one b.rb:one a.rb:two$ b.rb:two$ b.sh a.sh b.sb:answer$ a.sb:answer$ a.done b.done ");
  EXPECT_EQ(h_.arrived.body, "onetwo");
  EXPECT_TRUE(h_.arrived.ended);
  EXPECT_EQ(h_.sender.status(), "200");
  EXPECT_EQ(h_.sender.body, "answer");
  EXPECT_TRUE(h_.sender.ended);
  EXPECT_EQ(h_.completes, 1);
  EXPECT_EQ(h_.done, 1);
  EXPECT_TRUE(h_.arrived.done);
  EXPECT_FALSE(h_.sender.was_reset);
}

TEST_F(StreamTest, PassesTrailersBothWays) {
  AddBoth();
  h_.Post();
  h_.Body("x", false);
  h_.Trailers({{"t", "1"}});
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody("y", false);
  h_.RespondTrailers({{"grpc-status", "0"}});
  EXPECT_EQ(h_.arrived.trailers, 1);
  EXPECT_EQ(h_.sender.trailers, (Fields{{"grpc-status", "0"}}));
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamTest, HoldsEverythingBehindAFilterThatPausedAtHeaders) {
  a_.request_headers = Pause();
  Add<HeadersOnly>(a_);
  Add(b_);
  h_.Post();
  h_.Body("one", false);
  h_.Body("two", true);
  EXPECT_EQ(log_, "");
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_EQ(log_, "b.rh b.rb:onetwo$ ");
  EXPECT_EQ(h_.arrived.body, "onetwo");
  EXPECT_TRUE(h_.arrived.ended);
}

TEST_F(StreamTest, HoldsTrailersToo) {
  a_.request_headers = Pause();
  Add<HeadersOnly>(a_);
  Add(b_);
  h_.Post();
  h_.Body("one", false);
  h_.Trailers({{"t", "1"}});
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_EQ(log_, "b.rh b.rb:one b.rt ");
  EXPECT_EQ(h_.arrived.trailers, 1);
}

TEST_F(StreamTest, LetsAFilterWaitForTheEndByAnsweringAnewAtEachEvent) {
  a_.request_headers = Pause();
  a_.request_body = [](Stream&, Buffer&, bool end) { return end ? FilterStatus::kContinue : FilterStatus::kPause; };
  AddBoth();
  h_.Post();
  h_.Body("one", false);
  EXPECT_FALSE(h_.arrived.headers);
  h_.Body("two", true);
  EXPECT_EQ(log_, "a.rh a.rb:one a.rb:two$ b.rh b.rb:onetwo$ ");
  EXPECT_EQ(h_.arrived.body, "onetwo");
}

TEST_F(StreamTest, TwoFiltersMayHoldTheSameRequestAtDifferentPlaces) {
  b_.request_headers = Pause();
  b_.request_body = Always(FilterStatus::kPause);
  a_.request_body = Always(FilterStatus::kPause);
  AddBoth();
  h_.Post();
  h_.Body("one", false);  // held by a, although b already holds the headers
  h_.stream().ResumeRequest(*b_.self);
  EXPECT_TRUE(h_.arrived.headers);
  EXPECT_EQ(h_.arrived.body, "");
  b_.request_body = nullptr;
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_EQ(h_.arrived.body, "one");
  EXPECT_EQ(h_.arrived.header_calls, 1);
}

TEST_F(StreamTest, TurnsARequestOfHeadersAloneIntoOneWithABodyIfAFilterAddsIt) {
  a_.request_headers = Pause();
  AddBoth();
  h_.Get();
  h_.stream().HeldRequest(*a_.self)->Append("added");
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_EQ(log_, "a.rh$ b.rh b.rb:added$ ");
  EXPECT_EQ(h_.arrived.body, "added");
  EXPECT_TRUE(h_.arrived.ended);
}

TEST_F(StreamTest, ResumingWhatWasNotPausedDoesNothing) {
  AddBoth();
  h_.Get();
  h_.stream().ResumeRequest(*a_.self);
  h_.stream().ResumeResponse(*a_.self);
  EXPECT_EQ(h_.arrived.header_calls, 1);
  EXPECT_EQ(h_.stream().HeldRequest(*a_.self), nullptr);
}

TEST_F(StreamTest, PausesTheSourceOfARequestThatIsHeldBeyondTheLimit) {
  a_.request_headers = Pause();
  Add<HeadersOnly>(a_);
  h_.Post();
  h_.Body(std::string(16, 'x'), false);
  EXPECT_EQ(h_.sender.pauses, 0);
  h_.Body("y", false);
  h_.Body("z", false);
  EXPECT_EQ(h_.sender.pauses, 1);
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_EQ(h_.sender.pauses, 0);
  EXPECT_EQ(h_.arrived.body.size(), 18u);
}

TEST_F(StreamTest, Answers413WhenAFilterBuffersMoreThanTheLimit) {
  a_.request_headers = [](Stream&, HeaderMap&) { return FilterStatus::kBuffer; };
  Add<HeadersOnly>(a_);
  Add(b_);
  h_.Post();
  h_.Body(std::string(17, 'x'), false);
  EXPECT_EQ(h_.sender.status(), "413");
  EXPECT_EQ(h_.sender.body, "Payload Too Large");
  EXPECT_EQ(h_.details, "request_payload_too_large");
  EXPECT_FALSE(h_.arrived.headers);
  EXPECT_TRUE(h_.sender.was_reset);  // the rest of the request is not wanted
  EXPECT_EQ(h_.sender.reset_reason, ResetReason::kNone);
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamTest, Answers500WhenAFilterBuffersMoreOfTheResponseThanTheLimit) {
  b_.response_headers = [](Stream& stream, HeaderMap&) {
    return stream.answered() ? FilterStatus::kContinue : FilterStatus::kBuffer;
  };
  b_.response_body = [](Stream& stream, Buffer&, bool) {
    return stream.answered() ? FilterStatus::kContinue : FilterStatus::kBuffer;
  };
  AddBoth();
  h_.Get();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody("0123456789", false);
  EXPECT_FALSE(h_.sender.headers_sent);
  h_.RespondBody("0123456789", false);
  EXPECT_EQ(h_.sender.status(), "500");
  EXPECT_EQ(h_.details, "response_payload_too_large");
  EXPECT_EQ(h_.sender.body, "Internal Server Error");
  h_.RespondBody("late", true);  // the terminal filter does not know yet
  EXPECT_EQ(h_.sender.body, "Internal Server Error");
}

TEST_F(StreamTest, HoldsTheResponseAndItsEnd) {
  b_.response_headers = Pause();
  b_.response_body = Always(FilterStatus::kPause);
  AddBoth();
  h_.Get();
  h_.Respond(200, "answer");
  EXPECT_FALSE(h_.sender.headers_sent);
  EXPECT_EQ(h_.stream().HeldResponse(*b_.self)->ToString(), "answer");
  h_.stream().ResumeResponse(*b_.self);
  EXPECT_EQ(h_.sender.body, "answer");
  EXPECT_TRUE(h_.sender.ended);
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamTest, HoldsResponseTrailersBehindTheBody) {
  b_.response_body = Always(FilterStatus::kPause);
  b_.response_trailers = Pause();
  AddBoth();
  h_.Get();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody("x", false);
  h_.RespondTrailers({{"t", "1"}});
  EXPECT_EQ(h_.sender.body, "");
  h_.stream().ResumeResponse(*b_.self);
  EXPECT_EQ(h_.sender.body, "x");
  EXPECT_EQ(h_.sender.trailers.size(), 1u);
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamTest, TellsTheProducerToStopWhileAFilterHoldsTooMuchOfTheResponse) {
  b_.response_headers = Pause();
  b_.response_body = Always(FilterStatus::kPause);
  AddBoth();
  h_.Get();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody(std::string(17, 'x'), false);
  EXPECT_EQ(h_.arrived.highs, 1);
  EXPECT_TRUE(h_.stream().downstream_above_high());
  h_.stream().OnAboveWriteHigh();  // and the client is slow as well
  h_.stream().ResumeResponse(*b_.self);
  EXPECT_EQ(h_.arrived.highs, 1);
  EXPECT_EQ(h_.arrived.lows, 0);
  h_.stream().OnBelowWriteLow();
  EXPECT_EQ(h_.arrived.lows, 1);
  EXPECT_FALSE(h_.stream().downstream_above_high());
}

TEST_F(StreamTest, InjectedBodyGoesOnBehindTheFilterThatHoldsTheRest) {
  b_.response_body = Always(FilterStatus::kPause);
  AddBoth();
  h_.Get();
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.RespondBody("end", true);
  Buffer piece("piece");
  h_.stream().InjectResponseBody(*b_.self, piece);
  EXPECT_EQ(h_.sender.body, "piece");
  EXPECT_FALSE(h_.sender.ended);
  h_.stream().ResumeResponse(*b_.self);
  EXPECT_EQ(h_.sender.body, "pieceend");
  EXPECT_TRUE(h_.sender.ended);
}

TEST_F(StreamTest, LocalRepliesPassAllResponseFiltersAndEndTheRequest) {
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

TEST_F(StreamTest, LocalRepliesToHeadHaveNoBodyAndToGrpcAreTrailersOnly) {
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

TEST_F(StreamTest, TheOwnerMayRewriteALocalReply) {
  h_.on_local_reply = [](Stream&, LocalReply& reply) {
    reply.status = 418;
    reply.body = "tea";
  };
  h_.Get();
  h_.stream().SendLocalReply({.status = 503, .body = "busy", .details = "d"});
  EXPECT_EQ(h_.sender.status(), "418");
  EXPECT_EQ(h_.sender.body, "tea");
}

TEST_F(StreamTest, ALocalReplyAfterTheResponseBeganResets) {
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

TEST_F(StreamTest, AResponseFilterMayAnswerInPlaceOfTheResponse) {
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

TEST_F(StreamTest, AResponseFilterThatAlwaysAnswersEndsInAReset) {
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

TEST_F(StreamTest, ALocalReplyDropsWhatIsHeldAndLetsTheSourceGoOn) {
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

TEST_F(StreamTest, ARefusalByTheOwnerReachesNoFilter) {
  h_.refuse = true;
  AddBoth();
  h_.Post();
  h_.Body("x", true);
  EXPECT_EQ(h_.sender.status(), "404");
  EXPECT_EQ(log_, "");
  EXPECT_EQ(h_.done, 1);
}

TEST_F(StreamTest, AResetByThePeerEndsItForFiltersAndOwnerOnce) {
  a_.request_headers = Pause();
  AddBoth();
  h_.Post();
  h_.stream().OnReset(ResetReason::kRemoteReset, "");
  h_.stream().OnReset(ResetReason::kRemoteReset, "");
  EXPECT_EQ(log_, "a.rh a.done b.done ");
  EXPECT_TRUE(h_.flags.Has(observe::ResponseFlag::kDownstreamConnectionTermination));
  EXPECT_EQ(h_.details, "downstream_remote_disconnect");
  EXPECT_EQ(h_.done, 1);
  EXPECT_EQ(h_.stream().info().wire_bytes_received, 7u);
  h_.stream().ResumeRequest(*a_.self);
  EXPECT_FALSE(h_.arrived.headers);
}

TEST_F(StreamTest, ARequestThatIsAnsweredEarlyIsNotReadToItsEnd) {
  AddBoth();
  h_.Post();
  h_.Body("some", false);
  h_.Respond(200, "enough");
  EXPECT_EQ(h_.done, 1);
  EXPECT_TRUE(h_.sender.was_reset);
  EXPECT_EQ(h_.sender.reset_reason, ResetReason::kNone);
}

TEST_F(StreamTest, ATunnelLastsUntilBothEndsAreDone) {
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

TEST_F(StreamTest, SwitchedOffFiltersSeeNothing) {
  h_.enabled["a"] = false;
  AddBoth();
  h_.Get();
  h_.Respond(200, "x");
  EXPECT_EQ(log_, "b.rh$ b.sh b.sb:x$ b.done ");
}

TEST_F(StreamTest, GivesTheMostSpecificPerRouteConfiguration) {
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

TEST_F(StreamTest, InterimResponsesPassOnlyBeforeTheFinalOne) {
  AddBoth();
  h_.Get();
  h_.stream().SendResponseInterim(h_.NewMap({{":status", "103"}}));
  EXPECT_EQ(h_.sender.interims, 1);
  h_.RespondHeaders({{":status", "200"}}, false);
  h_.stream().SendResponseInterim(h_.NewMap({{":status", "103"}}));
  EXPECT_EQ(h_.sender.interims, 1);
}

TEST_F(StreamTest, ADrawIsTheSameAtEachEvaluation) {
  h_.Get();
  EXPECT_EQ(h_.stream().random(), h_.stream().random());
}

}  // namespace
}  // namespace outrigger::http
