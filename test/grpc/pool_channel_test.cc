#include "source/grpc/pool_channel.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/grpc/unary.h"
#include "test/upstream/harness.h"

namespace outrigger::grpc {
namespace {

using http::h2::Exchange;
using testing::ElementsAre;
using testing::HasSubstr;

struct Heard final : StreamHandler {
  void OnStarted() override { ++started; }
  void OnMessage(absl::string_view message) override {
    messages.emplace_back(message);
    if (on_message) on_message();
  }
  void OnEnd(GrpcStatus with, absl::string_view text) override {
    ++ends;
    status = with;
    detail = std::string(text);
  }
  int started = 0, ends = 0;
  std::vector<std::string> messages;
  GrpcStatus status = GrpcStatus::kOk;
  std::string detail;
  std::function<void()> on_message;
};

std::string Framed(absl::string_view message) {
  Buffer out;
  AppendFrame(message, out);
  return out.ToString();
}

// One HTTP/2 server that a test makes answer, and a channel to it.
struct Pair {
  explicit Pair(bool http2 = true) : server(*world.loop, http2) {
    world.config->settings.Edit().protocol = http2 ? model::UpstreamProtocol::kHttp2 : model::UpstreamProtocol::kHttp1;
    server.on_stream = [this](Exchange& e) {
      if (on_stream) on_stream(e);
    };
    world.Start(upstream::SetOf({upstream::Record(server.address(), 1)}));
    channel = std::make_unique<PoolChannel>(*world.context, "c");
  }
  ~Pair() { call.reset(); }
  void Open(CallOptions options = {}) { call = channel->Open("/a.B/C", heard, options); }
  // The server's side of the only call, once it is there.
  Exchange& Served() {
    EXPECT_TRUE(
        Until([&] { return server.requests() > 0 && server.served.back()->app.exchanges.back()->headers != nullptr; }));
    return *server.served.back()->app.exchanges.back();
  }
  static void Begin(Exchange& e) { e.Send({{":status", "200"}, {"content-type", "application/grpc"}}, false); }
  bool Until(const std::function<bool()>& done) { return world.Until(done); }
  bool Ended() {
    return Until([&] { return heard.ends > 0; });
  }

  upstream::World world;
  upstream::FakeUpstream server;
  std::function<void(Exchange&)> on_stream;
  Heard heard;
  std::unique_ptr<PoolChannel> channel;
  std::unique_ptr<ClientStream> call;
};

TEST(PoolChannelTest, ARequestHasTheHeadersOfGrpcAndItsMetadata) {
  Pair pair;
  CallOptions options;
  options.metadata.entries = {{"x-token", "t"}};
  options.deadline = seconds(10);
  pair.Open(options);
  Exchange& served = pair.Served();
  EXPECT_EQ(served.Get(":method"), "POST");
  EXPECT_EQ(served.Get(":path"), "/a.B/C");
  EXPECT_EQ(served.Get(":authority"), "c");
  EXPECT_EQ(served.Get(":scheme"), "http");
  EXPECT_EQ(served.Get("content-type"), "application/grpc");
  EXPECT_EQ(served.Get("te"), "trailers");
  EXPECT_EQ(served.Get("grpc-timeout"), "10000000u");
  EXPECT_EQ(served.Get("x-token"), "t");
}

TEST(PoolChannelTest, MessagesGoBothWaysAndTheTrailersEndTheCall) {
  Pair pair;
  pair.Open();
  pair.call->Send("one");
  Exchange& served = pair.Served();
  ASSERT_TRUE(pair.Until([&] { return served.body == Framed("one"); }));
  Pair::Begin(served);
  served.SendBody(Framed("answer") + Framed("more"), false);
  ASSERT_TRUE(pair.Until([&] { return pair.heard.messages.size() == 2; }));
  pair.call->Send("two");
  pair.call->EndSending();
  ASSERT_TRUE(pair.Until([&] { return served.ends == 1; }));
  EXPECT_EQ(served.body, Framed("one") + Framed("two"));
  served.SendTrailers({{"grpc-status", "5"}, {"grpc-message", "not%20here"}});
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.started, 1);
  EXPECT_THAT(pair.heard.messages, ElementsAre("answer", "more"));
  EXPECT_EQ(pair.heard.status, GrpcStatus::kNotFound);
  EXPECT_EQ(pair.heard.detail, "not here");
}

TEST(PoolChannelTest, ATrailersOnlyAnswerIsAnEnd) {
  Pair pair;
  pair.Open();
  pair.Served().Send(
      {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}, {"grpc-message", "no"}}, true);
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnimplemented);
  EXPECT_EQ(pair.heard.detail, "no");
}

TEST(PoolChannelTest, AnHttpErrorBecomesAGrpcStatus) {
  Pair pair;
  pair.Open();
  pair.Served().Send({{":status", "503"}}, true);
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnavailable);
  EXPECT_EQ(pair.heard.detail, "HTTP status 503");
}

TEST(PoolChannelTest, AnAnswerThatIsNotGrpcIsUnknown) {
  Pair pair;
  pair.Open();
  pair.Served().Send({{":status", "200"}, {"content-type", "text/html"}}, false);
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnknown);
}

TEST(PoolChannelTest, AnAnswerWithoutStatusIsUnknownAndOneThatEndsInAMessageIsInternal) {
  Pair first;
  first.Open();
  Pair::Begin(first.Served());
  first.Served().SendBody("", true);
  ASSERT_TRUE(first.Ended());
  EXPECT_EQ(first.heard.status, GrpcStatus::kUnknown);
  Pair second;
  second.Open();
  Pair::Begin(second.Served());
  second.Served().SendBody(Framed("abc").substr(0, 6), false);
  second.Served().SendTrailers({{"grpc-status", "0"}});
  ASSERT_TRUE(second.Ended());
  EXPECT_EQ(second.heard.status, GrpcStatus::kInternal);
}

TEST(PoolChannelTest, MessagesBeforeTheTrailersAreHandedOutFirst) {
  Pair pair;
  pair.Open();
  Exchange& served = pair.Served();
  Pair::Begin(served);
  std::string all;
  for (int i = 0; i < 20; ++i) all += Framed(std::to_string(i));
  served.SendBody(all, false);
  served.SendTrailers({{"grpc-status", "0"}});
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.messages.size(), 20u);
  EXPECT_EQ(pair.heard.status, GrpcStatus::kOk);
}

TEST(PoolChannelTest, ACompressedOrTooLargeMessageEndsTheCall) {
  Pair compressed;
  compressed.Open();
  Pair::Begin(compressed.Served());
  compressed.Served().SendBody(std::string("\1\0\0\0\1x", 6), false);
  ASSERT_TRUE(compressed.Ended());
  EXPECT_EQ(compressed.heard.status, GrpcStatus::kInternal);
  Pair large;
  CallOptions options;
  options.most_message_bytes = 100;
  large.Open(options);
  Pair::Begin(large.Served());
  large.Served().SendBody(Framed(std::string(101, 'x')), false);
  ASSERT_TRUE(large.Ended());
  EXPECT_EQ(large.heard.status, GrpcStatus::kResourceExhausted);
}

TEST(PoolChannelTest, TheDeadlineEndsTheCallAndResetsItsStream) {
  Pair pair;
  CallOptions options;
  options.deadline = milliseconds(30);
  pair.Open(options);
  Exchange& served = pair.Served();
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kDeadlineExceeded);
  EXPECT_TRUE(pair.Until([&] { return served.resets == 1; }));
}

TEST(PoolChannelTest, DestroyingTheCallCancelsItAlsoFromItsOwnCallback) {
  Pair pair;
  pair.Open();
  Exchange& served = pair.Served();
  pair.heard.on_message = [&] { pair.call.reset(); };
  Pair::Begin(served);
  served.SendBody(Framed("a") + Framed("b"), false);
  EXPECT_TRUE(pair.Until([&] { return served.resets == 1; }));
  harness::Turns(*pair.world.loop, 5);
  EXPECT_THAT(pair.heard.messages, ElementsAre("a"));
  EXPECT_EQ(pair.heard.ends, 0);
}

TEST(PoolChannelTest, AServerThatFloodsIsHeldBackWhileReadingIsPaused) {
  Pair pair;
  pair.Open();
  Exchange& served = pair.Served();
  Pair::Begin(served);
  pair.heard.on_message = [&] { pair.call->PauseReading(); };
  const std::string message = Framed(std::string(64 * 1024, 'x'));
  for (int i = 0; i < 1000; ++i) served.SendBody(message, false);
  ASSERT_TRUE(pair.Until([&] { return served.highs > 0 && pair.heard.messages.size() == 1; }));
  harness::Turns(*pair.world.loop, 50);
  EXPECT_EQ(pair.heard.messages.size(), 1u);
  pair.heard.on_message = nullptr;
  pair.call->ResumeReading();
  EXPECT_TRUE(pair.Until([&] { return pair.heard.messages.size() == 1000; }));
}

// What is on the way is bounded by the window and one message, however much the server has to say.
TEST(PoolChannelTest, AServerThatFloodsIsReadAtThePaceOfItsReaderOneMessageATurn) {
  Pair pair;
  pair.Open();
  Exchange& served = pair.Served();
  Pair::Begin(served);
  size_t turns = 0, most_in_a_turn = 0, in_this_turn = 0;
  pair.heard.on_message = [&] { ++in_this_turn; };
  const std::string message = Framed(std::string(64 * 1024, 'x'));
  for (int i = 0; i < 1000; ++i) served.SendBody(message, false);
  while (pair.heard.messages.size() < 20 && turns < 10'000) {
    in_this_turn = 0;
    pair.world.loop->RunOnce(milliseconds(10));
    ++turns;
    most_in_a_turn = std::max(most_in_a_turn, in_this_turn);
  }
  EXPECT_EQ(most_in_a_turn, 1u);
  EXPECT_GT(served.highs, 0) << "its writer is held back: the rest waits at its end";
  pair.heard.on_message = nullptr;
  EXPECT_TRUE(pair.Until([&] { return pair.heard.messages.size() == 1000; }));
}

TEST(PoolChannelTest, APeerThatTakesNothingEndsTheCallAtTheLimit) {
  Pair pair;
  CallOptions options;
  options.most_queued_bytes = 1 << 20;
  pair.Open(options);
  Exchange& served = pair.Served();
  served.sender->PauseReading();
  for (int i = 0; i < 100 && pair.heard.ends == 0; ++i) {
    pair.call->Send(std::string(256 * 1024, 'x'));
    harness::Turns(*pair.world.loop, 2);
  }
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kResourceExhausted);
}

TEST(PoolChannelTest, NoConnectionNoEndpointAndNoClusterAreUnavailableAndToldLater) {
  Pair pair;
  PoolChannel nowhere(*pair.world.context, "nowhere");
  pair.call = nowhere.Open("/a.B/C", pair.heard, {});
  EXPECT_EQ(pair.heard.ends, 0) << "never from inside Open";
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnavailable);
  EXPECT_THAT(pair.heard.detail, HasSubstr("cluster \"nowhere\" is not known"));
}

TEST(PoolChannelTest, AConnectionThatBreaksEndsTheCall) {
  Pair pair;
  pair.Open();
  Pair::Begin(pair.Served());
  pair.server.CloseAll();
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnavailable);
}

TEST(PoolChannelTest, AClusterThatSpeaksHttp1IsRefusedWithTheReason) {
  Pair pair(/*http2=*/false);
  pair.Open();
  ASSERT_TRUE(pair.Ended());
  EXPECT_EQ(pair.heard.status, GrpcStatus::kUnavailable);
  EXPECT_THAT(pair.heard.detail, HasSubstr("HTTP/2"));
}

TEST(UnaryCallTest, OneAnswerIsGivenWithItsStatus) {
  Pair pair;
  pair.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      Pair::Begin(e);
      e.SendBody(Framed("echo"), false);
      e.SendTrailers({{"grpc-status", "0"}});
    };
  };
  int done = 0;
  std::string answer;
  UnaryCall call(*pair.channel, "/a.B/C", "hello", {},
                 [&](GrpcStatus status, absl::string_view, absl::string_view text) {
                   ++done;
                   EXPECT_EQ(status, GrpcStatus::kOk);
                   answer = std::string(text);
                 });
  ASSERT_TRUE(pair.Until([&] { return done == 1; }));
  EXPECT_EQ(answer, "echo");
}

TEST(UnaryCallTest, AnOkWithoutAnAnswerIsInternal) {
  Pair pair;
  pair.on_stream = [](Exchange& exchange) {
    exchange.on_end = [](Exchange& e) {
      e.Send({{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "0"}}, true);
    };
  };
  GrpcStatus status = GrpcStatus::kOk;
  int done = 0;
  UnaryCall call(*pair.channel, "/a.B/C", "hello", {}, [&](GrpcStatus with, absl::string_view, absl::string_view) {
    ++done;
    status = with;
  });
  ASSERT_TRUE(pair.Until([&] { return done == 1; }));
  EXPECT_EQ(status, GrpcStatus::kInternal);
}

}  // namespace
}  // namespace outrigger::grpc
