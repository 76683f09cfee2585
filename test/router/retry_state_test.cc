// What is tried again: each word of retry_on, what requests may say, and the pauses between attempts.
#include "source/router/retry_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/event/epoll_engine.h"
#include "source/model/retry_on.h"

namespace outrigger::router {
namespace {

using http::HeaderMap;
using http::ResetReason;
using model::AllRetryWordsKnown;
using model::ParseRetryOn;
using Fields = std::vector<std::pair<std::string, std::string>>;

HeaderMap& Headers(Arena& arena, const Fields& fields) {
  HeaderMap& headers = *arena.New<HeaderMap>(arena);
  for (const auto& [name, value] : fields) headers.AddCopy(http::HeaderName(arena.Copy(name)), value);
  return headers;
}

class RetryStateTest : public testing::Test {
 protected:
  static model::RetryPolicy On(absl::string_view words) {
    model::RetryPolicy policy;
    policy.on = ParseRetryOn(words);
    return policy;
  }
  RetryState Make(const model::RetryPolicy* policy, const Fields& request = {}) {
    return RetryState(policy, Headers(arena_, request));
  }
  bool Status(absl::string_view words, uint32_t status, Fields more = {}) {
    const model::RetryPolicy policy = On(words);
    return Repeats(Make(&policy), status, std::move(more));
  }
  bool Repeats(const RetryState& state, uint32_t status, Fields more = {}) {
    HeaderMap& response = Headers(arena_, more);
    response.SetStatus(status);
    return state.WantsRetry(response, true);
  }
  bool Reset(absl::string_view words, ResetReason reason, bool sent = true) {
    const model::RetryPolicy policy = On(words);
    return Make(&policy).WantsRetry(reason, sent);
  }

  Arena arena_;
  std::unique_ptr<event::Engine> engine_ = event::MakeEpollEngine();
};

TEST_F(RetryStateTest, StatusWordsNameStatuses) {
  EXPECT_TRUE(Status("5xx", 500) && Status("5xx", 599));
  EXPECT_FALSE(Status("5xx", 499) || Status("5xx", 600));
  EXPECT_TRUE(Status("gateway-error", 502) && Status("gateway-error", 503) && Status("gateway-error", 504));
  EXPECT_FALSE(Status("gateway-error", 500) || Status("gateway-error", 505));
  EXPECT_TRUE(Status("retriable-4xx", 409));
  EXPECT_FALSE(Status("retriable-4xx", 408) || Status("retriable-4xx", 500));
  EXPECT_FALSE(Status("reset,connect-failure,refused-stream,reset-before-request", 503));
  EXPECT_FALSE(Status("no-such-word", 503));
}

TEST_F(RetryStateTest, RetriableStatusCodesComeFromThePolicyAndTheRequest) {
  model::RetryPolicy policy = On("retriable-status-codes");
  policy.retriable_status_codes = {418};
  const RetryState state = Make(&policy, {{"x-envoy-retriable-status-codes", "404, 501"}});
  EXPECT_TRUE(Repeats(state, 418) && Repeats(state, 404) && Repeats(state, 501));
  EXPECT_FALSE(Repeats(state, 500));
  policy.on = 0;
  EXPECT_FALSE(Repeats(Make(&policy), 418)) << "the word is missing";
}

TEST_F(RetryStateTest, RetriableHeadersComeFromThePolicyAndTheRequest) {
  model::RetryPolicy policy = On("retriable-headers");
  const RetryState state = Make(&policy, {{"x-envoy-retriable-header-names", "X-Again, x-more"}});
  EXPECT_TRUE(Repeats(state, 200, {{"x-again", "1"}}));
  EXPECT_TRUE(Repeats(state, 200, {{"x-more", ""}}));
  EXPECT_FALSE(Repeats(state, 200, {{"x-other", "1"}}));
}

TEST_F(RetryStateTest, ALimitedUpstreamIsRepeatedOnlyIfAskedForByName) {
  const Fields limited = {{"x-envoy-ratelimited", "true"}};
  EXPECT_FALSE(Status("5xx", 503, limited));
  EXPECT_TRUE(Status("envoy-ratelimited", 429, limited));
  EXPECT_FALSE(Status("envoy-ratelimited", 503));
}

TEST_F(RetryStateTest, GrpcWordsNameStatusesOfTrailersOnlyAnswers) {
  const std::pair<const char*, const char*> words[] = {{"cancelled", "1"},
                                                       {"deadline-exceeded", "4"},
                                                       {"resource-exhausted", "8"},
                                                       {"internal", "13"},
                                                       {"unavailable", "14"}};
  for (const auto& [word, status] : words) {
    EXPECT_TRUE(Status(word, 200, {{"grpc-status", status}})) << word;
    EXPECT_FALSE(Status(word, 200, {{"grpc-status", "5"}})) << word;
    EXPECT_FALSE(Status("5xx", 200, {{"grpc-status", status}})) << word;
  }
}

TEST_F(RetryStateTest, ResetWordsNameEndsWithoutAnAnswer) {
  for (const char* word : {"5xx", "gateway-error", "reset"}) {
    EXPECT_TRUE(Reset(word, ResetReason::kConnectionTermination)) << word;
    EXPECT_TRUE(Reset(word, ResetReason::kRemoteReset)) << word;
    EXPECT_TRUE(Reset(word, ResetReason::kConnectFailure)) << word;
    EXPECT_FALSE(Reset(word, ResetReason::kOverflow)) << word;
  }
  EXPECT_TRUE(Reset("connect-failure", ResetReason::kConnectFailure, false));
  EXPECT_TRUE(Reset("connect-failure", ResetReason::kConnectTimeout, false));
  EXPECT_FALSE(Reset("connect-failure", ResetReason::kRemoteReset));
  EXPECT_TRUE(Reset("refused-stream", ResetReason::kRemoteRefused));
  EXPECT_TRUE(Reset("refused-stream", ResetReason::kRemoteGoneAway));
  EXPECT_FALSE(Reset("refused-stream", ResetReason::kRemoteReset));
  EXPECT_TRUE(Reset("reset-before-request", ResetReason::kConnectionTermination, false));
  EXPECT_FALSE(Reset("reset-before-request", ResetReason::kConnectionTermination, true));
  EXPECT_FALSE(Reset("retriable-4xx", ResetReason::kRemoteReset));
}

TEST_F(RetryStateTest, ATryThatTakesTooLongIsRepeatedByTheWordsForResets) {
  for (const char* word : {"5xx", "gateway-error", "reset"}) {
    const model::RetryPolicy policy = On(word);
    EXPECT_TRUE(Make(&policy).WantsRetryAfterPerTryTimeout()) << word;
  }
  const model::RetryPolicy policy = On("connect-failure,retriable-4xx,unavailable");
  EXPECT_FALSE(Make(&policy).WantsRetryAfterPerTryTimeout());
}

TEST_F(RetryStateTest, ARequestMayAskForRetriesAndSayHowMany) {
  HeaderMap& request = Headers(arena_, {{"x-envoy-retry-on", "5xx,unavailable"}, {"x-envoy-max-retries", "3"}});
  const RetryState asked(nullptr, request);
  EXPECT_TRUE(asked.enabled());
  EXPECT_EQ(asked.remaining(), 3u);
  EXPECT_TRUE(Repeats(asked, 500));
  EXPECT_FALSE(Repeats(asked, 200, {{"grpc-status", "14"}})) << "gRPC words have a header of their own";
  EXPECT_FALSE(request.Has(http::KnownHeader::kXEnvoyRetryOn)) << "the upstream is not told";
  EXPECT_FALSE(request.Has(http::KnownHeader::kXEnvoyMaxRetries));

  const RetryState once = Make(nullptr, {{"x-envoy-retry-grpc-on", "unavailable,5xx"}});
  EXPECT_EQ(once.remaining(), 1u);
  EXPECT_TRUE(Repeats(once, 200, {{"grpc-status", "14"}}));
  EXPECT_FALSE(Repeats(once, 500));

  model::RetryPolicy policy = On("5xx");
  policy.retries = 5;
  EXPECT_EQ(Make(&policy, {{"x-envoy-max-retries", "2"}}).remaining(), 2u);
  EXPECT_FALSE(Make(&policy, {{"x-envoy-max-retries", "0"}}).enabled());
  EXPECT_FALSE(Make(nullptr).wanted());
}

TEST_F(RetryStateTest, BackOffIsJitteredBelowADoublingCeiling) {
  model::RetryPolicy policy = On("5xx");
  policy.back_off_base = milliseconds(10);
  policy.back_off_max = milliseconds(25);
  Duration longest[4] = {};
  for (int i = 0; i < 400; ++i) {
    RetryState state = Make(&policy);
    for (Duration& seen : longest) seen = std::max(seen, state.NextBackOff(*engine_));
  }
  EXPECT_LT(longest[0], milliseconds(10));
  EXPECT_GT(longest[0], milliseconds(5));
  EXPECT_GT(longest[1], milliseconds(10));
  EXPECT_LT(longest[1], milliseconds(20));
  EXPECT_LT(longest[3], milliseconds(25));
  EXPECT_GT(longest[3], milliseconds(20));
}

TEST_F(RetryStateTest, AnUpstreamThatSaysWhenIsBelieved) {
  model::RetryPolicy policy = On("envoy-ratelimited");
  policy.rate_limited_reset_headers = {{"x-reset-at", true}, {"retry-after", false}};
  policy.rate_limited_max = seconds(60);
  const RetryState state = Make(&policy);
  const WallTime now{seconds(1000)};
  const auto pause = [&](const Fields& fields) {
    Duration wait{-1};
    return state.RateLimitedBackOff(Headers(arena_, fields), now, *engine_, &wait) ? wait : Duration(-1);
  };
  const Duration ten = pause({{"retry-after", "10"}});
  EXPECT_GE(ten, seconds(10));
  EXPECT_LE(ten, seconds(15));
  const Duration at = pause({{"x-reset-at", "1020"}, {"retry-after", "10"}});
  EXPECT_GE(at, seconds(20));
  EXPECT_LE(at, seconds(30));
  EXPECT_EQ(pause({{"retry-after", "61"}}), Duration(-1)) << "longer than allowed";
  EXPECT_EQ(pause({{"retry-after", "soon"}}), Duration(-1));
  EXPECT_EQ(pause({{"x-reset-at", "999"}}), Duration(-1)) << "past";
  EXPECT_EQ(pause({}), Duration(-1));
}

TEST_F(RetryStateTest, WordsAreKnownOrNot) {
  EXPECT_TRUE(
      AllRetryWordsKnown("5xx, gateway-error,reset,reset-before-request,connect-failure,retriable-4xx,refused-stream"));
  EXPECT_TRUE(
      AllRetryWordsKnown("retriable-status-codes,retriable-headers,envoy-ratelimited,cancelled,deadline-exceeded"));
  EXPECT_FALSE(AllRetryWordsKnown("5xx,sometimes"));
}

}  // namespace
}  // namespace outrigger::router
