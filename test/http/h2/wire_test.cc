// What our side puts on the wire (RFC 9113): every frame of long conversations is looked at, whatever the layers above
// asked for. docs/http-conformance.md names these cases.
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "source/http/h2/hpack_decoder.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

constexpr uint8_t kAck = 1;
constexpr uint32_t kProtocol = 1, kClosed = 5;

std::string Ping(absl::string_view text = "12345678") { return Frame(6, 0, 0, text); }
std::string Window(uint32_t stream, uint32_t by) { return Frame(8, 0, stream, Number(by, 4)); }
std::string GoAway(uint32_t last, uint32_t code) { return Frame(7, 0, 0, Number(last, 4) + Number(code, 4)); }

// Judges what one side sent, frame by frame.
class WireJudge {
 public:
  explicit WireJudge(bool of_client) : of_client_(of_client) {}

  void Judge(const std::vector<SeenFrame>& frames) {
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.front().type, 4) << "SETTINGS come first";
    EXPECT_EQ(frames.front().flags, 0);
    for (const SeenFrame& frame : frames) {
      SCOPED_TRACE(testing::Message() << "type " << int{frame.type} << " stream " << frame.stream);
      Judge(frame);
    }
    EXPECT_TRUE(block_.empty()) << "a header block without end";
  }
  size_t blocks() const { return blocks_; }
  size_t continuations() const { return continuations_; }
  // Every field of a name, of all messages.
  std::vector<std::string> Values(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& [field, value] : fields_) {
      if (field == name) out.push_back(value);
    }
    return out;
  }

 private:
  enum class State { kIdle, kHead, kFinal, kEnded, kReset };

  void Judge(const SeenFrame& frame) {
    static const std::map<uint8_t, uint8_t> kFlags = {
        {0, kEndStream}, {1, kEndStream | kEndHeaders}, {3, 0}, {4, kAck}, {6, kAck}, {7, 0}, {8, 0}, {9, kEndHeaders}};
    const auto flags = kFlags.find(frame.type);
    ASSERT_NE(flags, kFlags.end()) << "no such frame is sent";
    EXPECT_EQ(frame.flags & ~flags->second, 0) << "flags without meaning, or padding";
    EXPECT_EQ(frame.stream >> 31, 0u) << "the reserved bit";
    EXPECT_LE(frame.payload.size(), 16384u);
    if (!block_.empty() || frame.type == 9) {
      EXPECT_EQ(frame.type, 9) << "within a header block";
      EXPECT_EQ(frame.stream, block_stream_);
    }
    const bool of_connection = frame.type == 4 || frame.type == 6 || frame.type == 7;
    if (frame.type != 8) {
      EXPECT_EQ(frame.stream == 0, of_connection);
    }
    switch (frame.type) {
      case 3:
        EXPECT_EQ(frame.payload.size(), 4u);
        break;
      case 4:
        EXPECT_EQ(frame.payload.size() % 6, 0u);
        EXPECT_TRUE(frame.flags == 0 || frame.payload.empty());
        for (size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
          const int id = frame.payload[at + 1];
          const uint32_t value = Word(absl::string_view(frame.payload).substr(at + 2));
          EXPECT_TRUE(id != 2 || value == 0) << "ENABLE_PUSH";
          EXPECT_TRUE(id != 4 || value <= 0x7fffffff) << "INITIAL_WINDOW_SIZE";
          EXPECT_TRUE(id != 5 || (value >= 16384 && value < 1u << 24)) << "MAX_FRAME_SIZE";
        }
        break;
      case 6:
        EXPECT_EQ(frame.payload.size(), 8u);
        break;
      case 7: {
        ASSERT_GE(frame.payload.size(), 8u);
        const uint32_t last = Word(frame.payload);
        EXPECT_LE(last, last_said_) << "it does not grow";
        last_said_ = last;
        break;
      }
      case 8:
        ASSERT_EQ(frame.payload.size(), 4u);
        EXPECT_GT(Word(frame.payload), 0u);
        EXPECT_LE(Word(frame.payload), 0x7fffffffu);
        break;
      default:
        break;
    }
    if (frame.stream != 0) JudgeStream(frame);
  }

  void JudgeStream(const SeenFrame& frame) {
    State& state = streams_[frame.stream];
    EXPECT_EQ(frame.stream % 2, 1u) << "nothing is pushed";
    EXPECT_NE(state, State::kReset) << "nothing follows RST_STREAM";
    if (frame.type == 0 || frame.type == 1) {
      EXPECT_NE(state, State::kEnded) << "nothing follows END_STREAM";
    }
    if (frame.type == 3) {
      if (of_client_) {
        EXPECT_NE(state, State::kIdle);
      }
      state = State::kReset;
    }
    if (frame.type == 0) {
      EXPECT_EQ(state, State::kFinal) << "DATA before the header section";
      if ((frame.flags & kEndStream) != 0) state = State::kEnded;
    }
    if (frame.type == 1) {
      if (of_client_ && state == State::kIdle) {
        EXPECT_GT(frame.stream, highest_) << "ids grow";
        highest_ = frame.stream;
      }
      block_stream_ = frame.stream;
      block_ends_stream_ = (frame.flags & kEndStream) != 0;
    }
    if (frame.type == 1 || frame.type == 9) {
      continuations_ += frame.type == 9 ? 1 : 0;
      block_ += frame.payload;
      if ((frame.flags & kEndHeaders) != 0) JudgeBlock(state);
    }
  }

  void JudgeBlock(State& state) {
    ++blocks_;
    const std::string block = std::exchange(block_, "");
    const bool trailers = state == State::kFinal;
    if (trailers) {
      EXPECT_TRUE(block_ends_stream_) << "trailers end the stream";
    }
    std::set<std::string> pseudo;
    bool in_fields = false;
    std::string status, method, authority, host;
    HpackDecoder::Field field;
    decoder_.Begin(block);
    HpackDecoder::Outcome outcome;
    while ((outcome = decoder_.Next(&field)) == HpackDecoder::Outcome::kField) {
      const std::string name(field.name), value(field.value);
      fields_.emplace_back(name, value);
      EXPECT_TRUE(field.sound) << name << ": " << value;
      if (name[0] == ':') {
        static const std::set<std::string> kOfRequests = {":method", ":scheme", ":authority", ":path", ":protocol"};
        EXPECT_FALSE(trailers) << name;
        EXPECT_FALSE(in_fields) << name << " behind a field";
        EXPECT_TRUE(pseudo.insert(name).second) << name << " twice";
        EXPECT_TRUE(of_client_ ? kOfRequests.count(name) == 1 : name == ":status") << name;
        if (name == ":status") status = value;
        if (name == ":method") method = value;
        if (name == ":authority") authority = value;
        continue;
      }
      in_fields = true;
      for (const char c : name) EXPECT_FALSE(c >= 'A' && c <= 'Z') << name;
      for (const char* hop : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
        EXPECT_NE(name, hop);
      }
      if (name == "te") {
        EXPECT_EQ(value, "trailers");
      }
      if (name == "host") {
        EXPECT_EQ(value, authority);
      }
    }
    EXPECT_EQ(outcome, HpackDecoder::Outcome::kEnd);
    decoder_.Finish();
    if (!trailers && of_client_) {
      EXPECT_EQ(pseudo.count(":method"), 1u);
      const bool plain_connect = method == "CONNECT" && pseudo.count(":protocol") == 0;
      EXPECT_EQ(pseudo.count(":scheme"), plain_connect ? 0u : 1u);
      EXPECT_EQ(pseudo.count(":path"), plain_connect ? 0u : 1u);
      EXPECT_EQ(pseudo.count(":authority"), 1u);
      EXPECT_EQ(authority.find('@'), std::string::npos);
    }
    if (!trailers && !of_client_) {
      EXPECT_EQ(pseudo.count(":status"), 1u);
      EXPECT_NE(status, "101");
    }
    const bool interim = !of_client_ && !trailers && status[0] == '1';
    if (interim) {
      EXPECT_FALSE(block_ends_stream_);
    }
    if (!interim) state = State::kFinal;
    if (block_ends_stream_) state = State::kEnded;
  }

  static uint32_t Word(absl::string_view bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }

  const bool of_client_;
  HpackDecoder decoder_;
  std::map<uint32_t, State> streams_;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string block_;
  uint32_t block_stream_ = 0, highest_ = 0, last_said_ = 0x7fffffff;
  bool block_ends_stream_ = false;
  size_t blocks_ = 0, continuations_ = 0;
};

// What belongs to another hop or is no field at all, among what is meant for everybody.
FieldList WithWhatMustStayBehind(FieldList fields) {
  for (const auto& field : FieldList{{"connection", "x-mine, close"},
                                     {"keep-alive", "timeout=5"},
                                     {"proxy-connection", "close"},
                                     {"transfer-encoding", "chunked"},
                                     {"te", "gzip"},
                                     {"http2-settings", "AAMAAABk"},
                                     {":own", "v"},
                                     {"x-kept", "1"},
                                     {"x-split", "a\r\nb: c"}}) {
    fields.push_back(field);
  }
  return fields;
}

struct H2WireTest : testing::Test, Raw {
  void ExpectAlive() {
    const size_t before = Count(6);
    Write(Ping("87654321"));
    ASSERT_TRUE(Until([&] { return Count(6) > before || closed(); }));
    ASSERT_FALSE(closed());
  }
  Exchange& Served(size_t i) { return *server_app.exchanges[i]; }
  void Arrived(size_t n) {
    ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == n && Served(n - 1).headers != nullptr; }));
  }
};

TEST_F(H2WireTest, WhatAServerSendsIsWellFormed) {
  http2.allow_connect = true;
  Open(true);
  Write(Settings({{4, 1'000'000}}) + Window(0, 10'000'000));
  const std::string large(40'000, 'v');
  uint32_t id = 1;
  const auto ask = [&](const FieldList& fields, bool end) {
    Write(Headers(id, fields, end));
    id += 2;
    Arrived((id - 1) / 2);
    return server_app.exchanges.back().get();
  };
  Exchange* e = ask(Get(), true);
  e->Send(WithWhatMustStayBehind({{":status", "200"}}), false);
  e->SendBody(std::string(100'000, 'x'), true);
  e = ask(Get(), true);
  e->Send({{":status", "200"}, {"x-large", large}, {":path", "/"}}, false);
  e->SendBody("a", false);
  e->SendTrailers({{"x-sum", "1"}, {":status", "200"}, {"connection", "close"}, {"x-large", large}});
  e = ask({{":method", "HEAD"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, true);
  e->Send({{":status", "200"}, {"content-length", "9"}}, false);
  e->SendBody("forbidden", true);
  e = ask(Post(), false);
  HeaderMap hints(e->memory);
  hints.SetStatus(103);
  hints.AddCopy(HeaderName("connection"), "close");
  e->sender->SendInterim(hints);
  e->Send({{":status", "304"}}, true);
  e->Send({{":status", "500"}}, true);  // used wrong
  e->SendTrailers({{"x", "y"}});
  e = ask(Post(), false);
  e->Send({{":status", "200"}}, false);
  e->SendBody("cut", false);
  e->sender->Reset(ResetReason::kLocalReset);
  FieldList upgrade = {
      {":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {":protocol", "websocket"}};
  e = ask(upgrade, false);
  e->Send({{":status", "101"}, {"connection", "upgrade"}, {"upgrade", "websocket"}}, false);
  e->SendBody("tunnel", true);
  Write(Ping() + Settings({{3, 7}}));
  ASSERT_TRUE(Until([&] { return Count(6) == 1; }));
  for (int i = 0; i < 5; ++i) Write(Data(7, std::string(10'000, 'x'), i == 4));  // nobody wants it any more
  server->StartDrain(milliseconds(1));
  ASSERT_TRUE(Until([&] { return Count(7) > 0; }));
  harness::Turns(loop, 5);
  WireJudge judge(false);
  judge.Judge(Seen());
  EXPECT_GE(judge.blocks(), 7u);
  EXPECT_GE(judge.continuations(), 2u);
  EXPECT_EQ(judge.Values("x-kept"), std::vector<std::string>{"1"});
  EXPECT_TRUE(judge.Values("http2-settings").empty());
}

TEST_F(H2WireTest, WhatAClientSendsIsWellFormed) {
  http2.initial_stream_window_size = 65535;
  Open(false);
  Write(Settings({{4, 1'000'000}, {8, 1}}) + Window(0, 10'000'000));
  ASSERT_TRUE(Until([&] { return Count(4) == 3; }));  // acknowledged
  Exchange& get = Start(WithWhatMustStayBehind(Get()), true);
  FieldList named = Get();
  named.push_back({"host", "other.test"});
  named.push_back({"te", "trailers"});
  named.push_back({"x-large", std::string(40'000, 'v')});
  Start(named, true);
  Exchange& post = Start(Post(), false);
  post.SendBody(std::string(100'000, 'x'), false);
  post.SendTrailers({{"x-sum", "1"}, {":path", "/"}, {"transfer-encoding", "chunked"}});
  Exchange& cut = Start(Post(), false);
  cut.SendBody("cut", false);
  Start({{":method", "OPTIONS"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "*"}}, true);
  Start({{":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a.test:443"}, {":path", "/"}}, false);
  FieldList chat = Get("/chat");
  chat.push_back({"connection", "upgrade"});
  chat.push_back({"upgrade", "websocket"});
  Start(chat, false);
  ASSERT_TRUE(Until([&] { return Count(1) == 8; }));  // seven requests, and trailers
  cut.sender->Reset(ResetReason::kLocalReset);
  Write(Headers(1, {{":status", "200"}}, false));
  for (int i = 0; i < 6; ++i) Write(Data(1, std::string(10'000, 'x'), false));
  ASSERT_TRUE(Until([&] { return Last(8).stream == 1; })) << "credit comes back";
  Write(Data(1, "", true) + Ping());
  ASSERT_TRUE(Until([&] { return get.ends == 1 && Count(6) == 1 && Count(3) == 1; }))
      << get.ends << Count(6) << Count(3) << get.detail << closed();
  WireJudge judge(true);
  judge.Judge(Seen());
  EXPECT_GE(judge.continuations(), 2u);
  EXPECT_EQ(judge.Values(":path"), (std::vector<std::string>{"/", "/", "/", "/", "*", "/chat"}));
  EXPECT_EQ(judge.Values("te"), std::vector<std::string>{"trailers"});
  EXPECT_EQ(judge.Values("x-kept"), std::vector<std::string>{"1"});
}

TEST_F(H2WireTest, NothingIsSaidOnAStreamThatThePeerReset) {
  Open(true);
  Write(Settings({{4, 10}}) + Headers(1, Post(), false) + Headers(3, Get(), true));
  Arrived(2);
  Served(0).Send({{":status", "200"}}, false);
  Served(0).SendBody(std::string(1000, 'x'), false);
  Served(0).SendTrailers({{"x", "y"}});
  ASSERT_TRUE(Until([&] { return Count(0) == 1; }));  // the window is used up
  Write(Reset(1, ErrorCode::kCancel) + Reset(1, ErrorCode::kCancel) + Window(1, 10'000) + Settings({{4, 100'000}}));
  ASSERT_TRUE(Until([&] { return Served(0).resets == 1; }));
  ExpectAlive();
  EXPECT_EQ(Count(0), 1u);
  EXPECT_EQ(Count(1), 1u);
  EXPECT_EQ(Count(3), 0u) << "RST_STREAM is not answered by RST_STREAM";
  Served(1).Send({{":status", "200"}}, true);
  ASSERT_TRUE(Until([&] { return Count(1) == 2; }));
}

TEST_F(H2WireTest, AStreamBelowAnotherIsNotOpened) {
  for (const bool skipped : {true, false}) {
    Raw raw;
    raw.Open(true);
    const uint32_t first = skipped ? 5 : 1;
    raw.Write(Headers(first, Get(), true));
    ASSERT_TRUE(raw.Until([&] { return raw.server_app.exchanges.size() == 1; }));
    raw.server_app.exchanges[0]->Send({{":status", "200"}}, true);
    ASSERT_TRUE(raw.Until([&] { return raw.server->active_streams() == 0; }));
    raw.Write(Headers(skipped ? 3 : 1, Get(), true));
    ASSERT_TRUE(raw.Until([&] { return raw.closed(); }));
    harness::Turns(raw.loop);
    EXPECT_EQ(raw.Last(7).code(), skipped ? kProtocol : kClosed);
    EXPECT_EQ(raw.server_app.exchanges.size(), 1u);
  }
}

TEST_F(H2WireTest, CodesOfErrorsThatNobodyKnowsMeanNothingSpecial) {
  Open(false);
  Exchange& first = Start(Get(), true);
  Exchange& second = Start(Get(), true);
  Exchange& third = Start(Get(), true);
  ASSERT_TRUE(Until([&] { return Count(1) == 3; }));
  Write(Frame(3, 0, 1, Number(0xdeadbeef, 4)));
  ASSERT_TRUE(Until([&] { return first.resets == 1; }));
  EXPECT_EQ(first.reason, ResetReason::kRemoteReset);
  ExpectAlive();
  Write(GoAway(3, 0xdeadbeef));
  ASSERT_TRUE(Until([&] { return third.resets == 1; }));
  EXPECT_EQ(second.resets, 0) << "up to the last id they go on";
  Write(Headers(3, {{":status", "200"}}, true));
  ASSERT_TRUE(Until([&] { return second.ends == 1; }));
}

// RFC 9113 6.8: what is refused by GOAWAY still counts for HPACK and for the connection's window.
TEST_F(H2WireTest, WhatComesAfterOurGoAwayKeepsTheStateOfTheConnection) {
  http2.initial_connection_window_size = 65535;
  Open(true);
  Write(Frame(4, kAck, 0, "") + Headers(1, Post(), false));
  Arrived(1);
  server->StartDrain(Duration::zero());
  ASSERT_TRUE(Until([&] { return Count(7) > 0 && Last(7).payload.substr(0, 4) == Number(1, 4); }));
  Write(Frame(1, kEndHeaders, 3, Block(Post()) + "\x40\x03own\x05value"));  // goes into the table
  for (int i = 0; i < 6; ++i) Write(Data(3, std::string(10'000, 'x'), false));
  ASSERT_TRUE(Until([&] { return Count(8) > 0 || closed(); })) << "the connection's credit comes back";
  EXPECT_EQ(Last(8).stream, 0u);
  Write(Frame(1, kEndHeaders | kEndStream, 1, "\xbe"));  // and is used by trailers
  ASSERT_TRUE(Until([&] { return Served(0).ends == 1 || closed(); }));
  ASSERT_EQ(server_app.exchanges.size(), 1u);
  ASSERT_NE(Served(0).trailer_map, nullptr);
  EXPECT_EQ(Served(0).trailer_map->Get(HeaderName("own")), "value");
}

TEST_F(H2WireTest, NoHeadersButTheFirstPassOnATunnel) {
  http2.allow_connect = true;
  const FieldList connect = {{":method", "CONNECT"}, {":authority", "a.test:443"}};
  const FieldList extended = {
      {":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {":protocol", "websocket"}};
  Open(true);
  Write(Headers(1, connect, false) + Headers(3, extended, false) + Headers(5, connect, false));
  Arrived(3);
  for (size_t i = 0; i < 2; ++i) Served(i).Send({{":status", "200"}}, false);
  Served(2).Send({{":status", "403"}}, false);
  ASSERT_TRUE(Until([&] { return Count(1) == 3; }));
  Write(Headers(1, {{"x", "y"}}, true));
  ASSERT_TRUE(Until([&] { return Count(3) == 1 || closed(); }));
  EXPECT_EQ(Last(3).stream, 1u);
  EXPECT_EQ(Last(3).code(), kProtocol);
  EXPECT_EQ(Served(0).ends, 0);
  EXPECT_EQ(Served(0).resets, 1);
  Served(1).SendTrailers({{"x", "y"}});  // an end is all that can be said
  Served(2).SendTrailers({{"x", "y"}});  // no tunnel: an answer like others
  ASSERT_TRUE(Until([&] { return Count(0) == 1 && Count(1) == 4; }));
  EXPECT_EQ(Last(0).stream, 3u);
  EXPECT_EQ(Last(0).flags, kEndStream);
  EXPECT_EQ(Last(1).stream, 5u);
  ExpectAlive();
  Raw other;
  other.Open(false);
  Exchange& tunnel = other.Start(connect, false);
  ASSERT_TRUE(other.Until([&] { return other.Count(1) == 1; }));
  other.Write(Headers(1, {{":status", "200"}}, false) + Headers(1, {{"x", "y"}}, true));
  ASSERT_TRUE(other.Until([&] { return tunnel.resets == 1; }));
  EXPECT_EQ(tunnel.ends, 0);
  ASSERT_TRUE(other.Until([&] { return other.Count(3) == 1; }));
  EXPECT_EQ(other.Last(3).code(), kProtocol);
  EXPECT_FALSE(other.closed());
}

}  // namespace
}  // namespace outrigger::http::h2
