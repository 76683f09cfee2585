#include "test/http/scripted_filters.h"

namespace outrigger::http {
namespace {

TEST_F(StreamTest, RunsTheRequestUpAndTheResponseDownTheChain) {
  AddBoth();
  h_.Post("/x");
  h_.Body("one", false);
  h_.Body("two", true);
  h_.Respond(200, "answer");
  EXPECT_EQ(log_, "a.rh b.rh a.rb:one b.rb:one a.rb:two$ b.rb:two$ b.sh a.sh b.sb:answer$ a.sb:answer$ a.done b.done ");
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

}  // namespace
}  // namespace outrigger::http
