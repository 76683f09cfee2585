// What a peer may do on the wire and what not (RFC 9113, RFC 7541), said by hand to both sides.
// docs/http-conformance.md names these cases.
#include "gtest/gtest.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

constexpr uint32_t kProtocol = 1, kFlow = 3, kClosed = 5, kSize = 6, kCompression = 9;
constexpr uint8_t kPadded = 8, kPriorityFlag = 0x20, kAck = 1;

std::string Block(absl::string_view raw) { return std::string(raw); }
std::string Raw1(std::string block) { return Frame(1, kEndHeaders | kEndStream, 1, block); }
std::string Window(uint32_t stream, uint32_t by) { return Frame(8, 0, stream, Number(by, 4)); }
std::string Ping(absl::string_view text = "12345678") { return Frame(6, 0, 0, text); }
std::string GoAway(uint32_t last) { return Frame(7, 0, 0, Number(last, 4) + Number(0, 4)); }
std::string Priority(uint32_t stream) { return Frame(2, 0, stream, Number(0, 4) + "\x10"); }

// What ends the connection, and with which code. The first stream is open (`1`), and nothing else was said.
struct Fatal {
  const char* what;
  std::string bytes;
  uint32_t code;
};

std::vector<Fatal> FramesThatAreWrongOfAnybody() {
  return {
      {"DATA on stream 0", Frame(0, 0, 0, "x"), kProtocol},
      {"HEADERS on stream 0", Frame(1, kEndHeaders, 0, h2::Block(Get())), kProtocol},
      {"PRIORITY on stream 0", Priority(0), kProtocol},
      {"short PRIORITY", Frame(2, 0, 1, "1234"), kSize},
      {"long PRIORITY", Frame(2, 0, 1, "123456"), kSize},
      {"HEADERS with room for no padding length", Frame(1, kEndHeaders | kPadded, 1, ""), kSize},
      {"HEADERS with room for no priority", Frame(1, kEndHeaders | kPriorityFlag, 1, "1234"), kSize},
      {"RST_STREAM on stream 0", Reset(0, ErrorCode::kCancel), kProtocol},
      {"CONTINUATION on stream 0", Frame(9, kEndHeaders, 0, "x"), kProtocol},
      {"SETTINGS on a stream", Frame(4, 0, 1, ""), kProtocol},
      {"PING on a stream", Frame(6, 0, 1, "12345678"), kProtocol},
      {"GOAWAY on a stream", Frame(7, 0, 1, Number(0, 8)), kProtocol},
      {"DATA larger than the maximum", Frame(0, 0, 1, std::string(16385, 'x')), kSize},
      {"HEADERS larger than the maximum", Frame(1, kEndHeaders, 1, std::string(16385, '\x82')), kSize},
      {"a frame of no known type larger than the maximum", Frame(0x4d, 0, 1, std::string(16385, 'x')), kSize},
      {"short PING", Frame(6, 0, 0, "1234567"), kSize},
      {"long PING", Frame(6, 0, 0, "123456789"), kSize},
      {"short RST_STREAM", Frame(3, 0, 1, "123"), kSize},
      {"long RST_STREAM", Frame(3, 0, 1, "12345"), kSize},
      {"short WINDOW_UPDATE", Frame(8, 0, 0, "123"), kSize},
      {"long WINDOW_UPDATE", Frame(8, 0, 0, "12345"), kSize},
      {"short GOAWAY", Frame(7, 0, 0, "1234567"), kSize},
      {"SETTINGS of odd length", Frame(4, 0, 0, "1234567"), kSize},
      {"SETTINGS acknowledgement with a payload", Frame(4, kAck, 0, std::string(6, '\0')), kSize},
      {"ENABLE_PUSH of 2", Settings({{2, 2}}), kProtocol},
      {"INITIAL_WINDOW_SIZE of 2^31", Settings({{4, 0x80000000u}}), kFlow},
      {"MAX_FRAME_SIZE below 2^14", Settings({{5, 16383}}), kProtocol},
      {"MAX_FRAME_SIZE of 2^24", Settings({{5, 1u << 24}}), kProtocol},
      {"ENABLE_CONNECT_PROTOCOL of 2", Settings({{8, 2}}), kProtocol},
      {"WINDOW_UPDATE of nothing for the connection", Window(0, 0), kProtocol},
      {"the connection's window above 2^31-1", Window(0, 0x7fffffff), kFlow},
      {"a stream's window above 2^31-1 by SETTINGS", Window(1, 0x70000000) + Settings({{4, 0x7fffffff}}), kFlow},
      {"CONTINUATION after no HEADERS", Frame(9, kEndHeaders, 1, "\x82"), kProtocol},
      {"padding as long as the DATA", Frame(0, kPadded, 1, std::string(1, 5) + "abcd"), kProtocol},
      {"DATA with room for no padding length", Frame(0, kPadded, 1, ""), kSize},
      {"RST_STREAM on an idle stream", Reset(7, ErrorCode::kCancel), kProtocol},
      {"WINDOW_UPDATE on an idle stream", Window(7, 1), kProtocol},
      {"DATA on an idle stream", Data(7, "x", false), kProtocol},
      {"DATA after RST_STREAM", Reset(1, ErrorCode::kCancel) + Data(1, "x", false), kClosed},
      {"HEADERS after RST_STREAM", Reset(1, ErrorCode::kCancel) + Headers(1, {{"x", "y"}}, true), kClosed},
  };
}

// Header blocks that cannot be decoded; each would be the first of its connection.
std::vector<std::pair<const char*, std::string>> BrokenBlocks() {
  return {
      {"index 0", Block("\x80")},
      {"index of no entry", Block("\xff\x20")},
      {"name index of no entry", Block("\x7f\x20\x01v")},
      {"an integer without end", Block("\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
      {"table size above what was allowed", Block("\x3f\xff\xff\x7f\x82")},
      {"table size after a field", Block(absl::string_view("\x82\x20", 2))},
      {"a string longer than the block", Block("\x10\x01x\x7e"
                                               "ab")},
      {"a name longer than the block", Block("\x10\x0ax")},
      {"Huffman code with EOS", Block("\x10\x01x\x84\xff\xff\xff\xff")},
      {"Huffman padding of a byte and more", Block("\x10\x01x\x82\x1f\xff")},
      {"Huffman padding with zeros", Block("\x10\x01x\x81\x18")},
  };
}

struct H2ConformanceTest : testing::Test, Raw {
  void ExpectEnd(absl::string_view bytes, uint32_t code) {
    Write(bytes);
    ASSERT_TRUE(Until([&] { return closed(); }));
    harness::Turns(loop);
    ASSERT_EQ(Last(7).type, 7) << "GOAWAY";
    EXPECT_EQ(Last(7).code(), code);
    EXPECT_GE(counters.protocol_errors, 1u);
  }
  void ExpectAlive() {
    const size_t before = Count(6);
    Write(Ping("87654321"));
    ASSERT_TRUE(Until([&] { return Count(6) > before || closed(); }));
    ASSERT_FALSE(closed());
    EXPECT_EQ(Last(6).payload, "87654321");
  }
  void Listen() {
    Open(true);
    Write(Frame(4, kAck, 0, ""));
  }
};

struct Conversation : Raw {  // of a server with a request that has begun, or a client that waits for its answer
  Conversation(bool as_server, bool request_ended) {
    http2.stream_error_on_invalid_http_message = true;
    http2.initial_stream_window_size = 65535;
    Open(as_server);
    Write(Frame(4, kAck, 0, ""));
    if (as_server) {
      Write(Headers(1, request_ended ? Get() : Post(), request_ended));
      OUTRIGGER_CHECK(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->headers; }));
    } else {
      Start(Get(), true);
      OUTRIGGER_CHECK(Until([&] { return Count(1) == 1; }));
    }
  }
  void ExpectAnswer() {
    Write(Ping());
    ASSERT_TRUE(Until([&] { return Count(6) == 1 || closed(); }));
    ASSERT_FALSE(closed());
  }
  void ExpectEnd(const Fatal& fatal) {
    SCOPED_TRACE(fatal.what);
    Write(fatal.bytes);
    ASSERT_TRUE(Until([&] { return closed(); }));
    harness::Turns(loop);
    ASSERT_EQ(Last(7).type, 7) << "GOAWAY";
    EXPECT_EQ(Last(7).code(), fatal.code);
    EXPECT_EQ(counters.protocol_errors, 1u);
    Exchange& exchange = requests.empty() ? *server_app.exchanges[0] : *requests[0];
    EXPECT_EQ(exchange.resets, 1) << "nobody may take what came for a whole message";
  }
};

TEST(H2WrongFramesTest, EndTheConnectionOfAServer) {
  for (const Fatal& fatal : FramesThatAreWrongOfAnybody()) Conversation(true, false).ExpectEnd(fatal);
}

TEST(H2WrongFramesTest, EndTheConnectionOfAClient) {
  for (const Fatal& fatal : FramesThatAreWrongOfAnybody()) Conversation(false, true).ExpectEnd(fatal);
}

TEST(H2WrongFramesTest, OfAClientEndItsConnection) {
  const std::string begun = Frame(1, kEndStream, 3, h2::Block(Get()));
  const std::vector<Fatal> cases = {
      {"even id", Headers(2, Get(), true), kProtocol},
      {"PUSH_PROMISE", Frame(5, kEndHeaders, 1, Number(2, 4) + h2::Block(Get())), kProtocol},
      {"padding as long as HEADERS", Frame(1, kEndHeaders | kPadded, 3, std::string(1, 9) + "12345678"), kProtocol},
      {"DATA within a header block", begun + Data(1, "x", false), kProtocol},
      {"PING within a header block", begun + Ping(), kProtocol},
      {"HEADERS within a header block", begun + Headers(5, Get(), true), kProtocol},
      {"a frame of no known type within a header block", begun + Frame(0x4d, 0, 3, ""), kProtocol},
      {"CONTINUATION of another stream", begun + Frame(9, kEndHeaders, 1, ""), kProtocol},
      {"CONTINUATION after the end of the block", Headers(3, Get(), false) + Frame(9, kEndHeaders, 3, ""), kProtocol},
      {"SETTINGS that are acknowledged twice", Frame(4, kAck, 0, ""), kProtocol},
  };
  for (const Fatal& fatal : cases) Conversation(true, false).ExpectEnd(fatal);
}

TEST(H2WrongFramesTest, AnIdBelowOneThatWasUsedEndsTheConnection) {
  Conversation talk(true, false);
  talk.ExpectEnd({"not opened before", Headers(9, Get(), true) + Headers(5, Get(), true), kProtocol});
  EXPECT_EQ(talk.server_app.error, "http2.stream_id_not_increasing");
}

TEST(H2WrongFramesTest, AfterTheEndOfARequestEndTheConnection) {
  const std::vector<Fatal> cases = {
      {"DATA", Data(1, "x", false), kClosed},
      {"empty DATA", Data(1, "", true), kClosed},
      {"trailers", Headers(1, {{"x", "y"}}, true), kClosed},
      {"CONTINUATION", Frame(9, kEndHeaders, 1, ""), kProtocol},
  };
  for (const Fatal& fatal : cases) Conversation(true, true).ExpectEnd(fatal);
}

TEST(H2WrongFramesTest, OnStreamsWhoseEndsWereBothSaidEndTheConnection) {
  for (const std::string& late : {Data(1, "x", false), Headers(1, {{"x", "y"}}, true)}) {
    Conversation talk(true, true);
    talk.server_app.exchanges[0]->Send({{":status", "200"}}, true);
    ASSERT_TRUE(talk.Until([&] { return talk.Count(1) == 1 && talk.server->active_streams() == 0; }));
    talk.Write(Window(1, 5) + Reset(1, ErrorCode::kNoError) + Priority(1));  // may cross the end
    talk.ExpectAnswer();
    talk.Write(late);
    ASSERT_TRUE(talk.Until([&] { return talk.closed(); }));
    harness::Turns(talk.loop);
    EXPECT_EQ(talk.Last(7).code(), kClosed);
    EXPECT_EQ(talk.server_app.error, "http2.frame_on_closed_stream");
  }
}

TEST(H2WrongFramesTest, OfAServerEndItsConnection) {
  const std::string answer = Headers(1, {{":status", "200"}}, false);
  const std::vector<Fatal> cases = {
      {"HEADERS on a stream that nobody opened", Headers(2, {{":status", "200"}}, true), kProtocol},
      {"HEADERS on a request that was not made", Headers(3, {{":status", "200"}}, true), kProtocol},
      {"PUSH_PROMISE", Frame(5, kEndHeaders, 1, Number(2, 4) + h2::Block(Get())), kProtocol},
      {"ENABLE_PUSH of a server", Settings({{2, 1}}), kProtocol},
      {"extended CONNECT taken back", Settings({{8, 1}}) + Settings({{8, 0}}), kProtocol},
      {"GOAWAY with a larger last id", GoAway(1) + GoAway(3), kProtocol},
      {"PING within a header block", Frame(1, 0, 1, h2::Block(FieldList{{":status", "200"}})) + Ping(), kProtocol},
  };
  for (const Fatal& fatal : cases) Conversation(false, true).ExpectEnd(fatal);
}

TEST(H2WrongFramesTest, AfterTheEndOfAnAnswerEndTheConnection) {
  for (const std::string& late : {Data(1, "x", false), Headers(1, {{"x", "y"}}, true)}) {
    Conversation talk(false, true);
    talk.Write(Headers(1, {{":status", "200"}}, true));
    ASSERT_TRUE(talk.Until([&] { return talk.client->active_streams() == 0; }));
    talk.Write(late);
    ASSERT_TRUE(talk.Until([&] { return talk.closed(); }));
    harness::Turns(talk.loop);
    EXPECT_EQ(talk.Last(7).code(), kClosed);
  }
}

TEST_F(H2ConformanceTest, WhatIsOnItsWayToAStreamThatWasResetIsDropped) {
  Listen();
  Write(Headers(1, Post(), false));
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  server_app.exchanges[0]->sender->Reset(ResetReason::kLocalReset);
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  Write(Data(1, "x", false) + Window(1, 5) + Headers(1, {{"x", "y"}}, true) + Reset(1, ErrorCode::kCancel) +
        Priority(1));
  ExpectAlive();
  Write(Headers(3, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"x", "y"}}, true));
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2 && server_app.exchanges[1]->ends == 1; }));
}

TEST_F(H2ConformanceTest, DataForStreamsThatWereResetCountsForTheConnectionAlone) {
  http2.initial_connection_window_size = 65535;
  http2.initial_stream_window_size = 65535;
  Listen();
  Write(Headers(1, Post(), false));
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 1; }));
  server_app.exchanges[0]->sender->Reset(ResetReason::kLocalReset);
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  for (int i = 0; i < 6; ++i) Write(Data(1, std::string(10000, 'x'), false));
  ASSERT_TRUE(Until([&] { return Count(8) > 0 || closed(); })) << "the connection's credit comes back";
  EXPECT_EQ(Last(8).stream, 0u);
  EXPECT_FALSE(closed());
}

TEST_F(H2ConformanceTest, WhatIsLegalButOddIsTakenOrLeft) {
  Listen();
  Write(Priority(5) + Priority(1));                                                 // on idle streams
  Write(Headers(1, Get(), true) + Window(1, 10) + Priority(1));                     // half closed
  Write(Frame(0x4d, 0xff, 0, "x") + Frame(0xb, 0, 3, "") + Frame(0x10, 0, 0, ""));  // unknown types
  Write(Settings({{0x99, 7}, {0xffff, 0}}));                                        // unknown settings
  Write(Frame(6, 0xfe, 0, "12345678"));                                             // flags that mean nothing
  Write(Frame(8, 0, 0x80000000u, Number(0x80000001u, 4)));                          // reserved bits
  Write(Frame(1, kEndHeaders | kEndStream | kPriorityFlag, 3, Number(0x80000001u, 4) + "\xff" + h2::Block(Get())));
  Write(Frame(1, kEndHeaders | kEndStream | kPadded, 5, std::string(1, 3) + h2::Block(Get()) + "\1\2\3"));
  Write(Frame(1, kEndStream, 7, "") + Frame(9, 0, 7, "") + Frame(9, kEndHeaders, 7, h2::Block(Get())));
  Write(Headers(9, Post(), false) + Frame(0, kPadded, 9, std::string(1, 2) + "ab" + std::string(2, '\0')));
  Write(Data(9, "c", false) + Headers(9, {{"x", "y"}}, true));
  Write(Reset(1, ErrorCode::kCancel));
  ExpectAlive();
  ASSERT_EQ(server_app.exchanges.size(), 5u);
  for (size_t i = 1; i < 5; ++i) EXPECT_EQ(server_app.exchanges[i]->ends, 1) << i;
  EXPECT_EQ(server_app.exchanges[4]->body, "abc");
  ASSERT_NE(server_app.exchanges[4]->trailer_map, nullptr);
  EXPECT_EQ(counters.protocol_errors, 0u);
}

TEST_F(H2ConformanceTest, BlocksThatCannotBeDecodedEndAServersConnection) {
  for (const auto& [what, block] : BrokenBlocks()) {
    SCOPED_TRACE(what);
    Conversation talk(true, false);
    talk.ExpectEnd({what, Frame(1, kEndHeaders | kEndStream, 3, block), kCompression});
  }
}

TEST_F(H2ConformanceTest, BlocksThatCannotBeDecodedEndAClientsConnection) {
  for (const auto& [what, block] : BrokenBlocks())
    Conversation(false, true).ExpectEnd({what, Raw1(block), kCompression});
}

TEST_F(H2ConformanceTest, BlocksOfRefusedAndResetStreamsAreDecodedAllTheSame) {
  http2.max_concurrent_streams = 1;
  Open(true);
  // Stream 3 is refused; what it put into the table is used by stream 5.
  Write(Headers(1, Post(), false));
  Write(Frame(1, kEndHeaders | kEndStream, 3, h2::Block(Get()) + "\x40\x03own\x05value"));
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  EXPECT_EQ(Last(3).code(), 7u);
  Write(Reset(1, ErrorCode::kCancel));
  ASSERT_TRUE(Until([&] { return server->active_streams() == 0; }));
  Write(Frame(1, kEndHeaders | kEndStream, 5, h2::Block(Get()) + "\xbe"));
  ASSERT_TRUE(Until([&] { return server_app.exchanges.size() == 2 && server_app.exchanges[1]->ends == 1; }));
  EXPECT_EQ(server_app.exchanges[1]->Get("own"), "value");
  EXPECT_EQ(counters.stream_refused_errors, 1u);
}

TEST_F(H2ConformanceTest, SettingsAreAcknowledgedAndPingsAnsweredInKind) {
  Listen();
  const size_t acks = Count(4);
  Write(Settings({{3, 50}}) + Settings() + Ping("abcdefgh") + Frame(6, kAck, 0, "ABCDEFGH"));
  ASSERT_TRUE(Until([&] { return Count(4) == acks + 2 && Count(6) == 1; }));
  harness::Turns(loop);
  EXPECT_EQ(Last(4).flags, kAck);
  EXPECT_EQ(Last(4).payload, "");
  EXPECT_EQ(Last(6).payload, "abcdefgh");
  EXPECT_EQ(Last(6).flags, kAck);
  EXPECT_EQ(Count(6), 1u) << "an acknowledgement is not answered";
}

TEST_F(H2ConformanceTest, FirstFramesSayWhatWeAllow) {
  http2.allow_connect = true;
  http2.max_concurrent_streams = 77;
  Open(true);
  const std::string settings = Seen().front().payload;
  EXPECT_EQ(Seen().front().type, 4);
  const auto says = [&](uint16_t id, uint32_t value) {
    return settings.find(Number(id, 2) + Number(value, 4)) != std::string::npos;
  };
  EXPECT_TRUE(says(3, 77));
  EXPECT_TRUE(says(8, 1));
  EXPECT_FALSE(says(2, 1)) << "a server must not";
  Raw other;
  other.Open(false);
  EXPECT_EQ(other.peer->recorder.got.substr(0, kPreface.size()), kPreface);
  EXPECT_NE(other.Seen().front().payload.find(Number(2, 2) + Number(0, 4)), std::string::npos) << "no push";
}

// ---- flow control

struct H2WindowTest : H2ConformanceTest {
  size_t Body() const {
    size_t n = 0;
    for (const SeenFrame& frame : Seen()) n += frame.type == 0 ? frame.payload.size() : 0;
    return n;
  }
  Exchange& Answer(const std::string& settings, size_t body) {
    Open(true);
    Write(settings + Headers(1, Get(), true));
    OUTRIGGER_CHECK(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->ends == 1; }));
    Exchange& exchange = *server_app.exchanges[0];
    exchange.Send({{":status", "200"}}, false);
    exchange.SendBody(std::string(body, 'x'), true);
    return exchange;
  }
  void ExpectBody(size_t n) {
    ASSERT_TRUE(Until([&] { return Body() >= n; }));
    harness::Turns(loop, 5);
    EXPECT_EQ(Body(), n);
  }
};

TEST_F(H2WindowTest, AStreamsWindowIsKeptAndFollowsTheSettings) {
  Answer(Settings({{4, 10}}), 1000);
  ExpectBody(10);
  Write(Window(1, 5));
  ExpectBody(15);
  Write(Settings({{4, 30}}));  // 20 more for each open stream
  ExpectBody(35);
  Write(Settings({{4, 0}}));  // the window is now -30
  Write(Window(1, 29));
  ExpectAlive();
  ExpectBody(35);
  Write(Window(1, 2));
  ExpectBody(36);
  Write(Settings({{4, 5000}}));
  ExpectBody(1000);
  EXPECT_EQ(Last(0).flags & kEndStream, kEndStream);
}

TEST_F(H2WindowTest, TheConnectionsWindowIsKept) {
  Answer(Settings({{4, 1'000'000}}), 200'000);
  ExpectBody(65535);
  Write(Settings({{4, 2'000'000}}));  // does not concern the connection
  ExpectAlive();
  ExpectBody(65535);
  Write(Window(0, 1000));
  ExpectBody(66535);
}

TEST_F(H2WindowTest, AnEmptyLastFrameNeedsNoWindow) {
  Open(true);
  Write(Settings({{4, 0}}) + Headers(1, Get(), true));
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->ends == 1; }));
  server_app.exchanges[0]->Send({{":status", "200"}}, false);
  ASSERT_TRUE(Until([&] { return Count(1) == 1; }));
  server_app.exchanges[0]->SendBody("", true);
  ASSERT_TRUE(Until([&] { return Count(0) == 1; }));
  EXPECT_EQ(Last(0).flags, kEndStream);
}

TEST_F(H2WindowTest, FramesAreNoLargerThanThePeerTakes) {
  Answer(Settings({{4, 1'000'000}}) + Window(0, 1'000'000), 100'000);
  ExpectBody(100'000);
  for (const SeenFrame& frame : Seen()) EXPECT_LE(frame.payload.size(), 16384u);
}

TEST_F(H2WindowTest, LargerFramesAreUsedWhereThePeerTakesThem) {
  Answer(Settings({{4, 1'000'000}, {5, 40'000}}) + Window(0, 1'000'000), 100'000);
  ExpectBody(100'000);
  size_t largest = 0;
  for (const SeenFrame& frame : Seen()) largest = std::max(largest, frame.payload.size());
  EXPECT_GT(largest, 16384u);
  EXPECT_LE(largest, 40'000u);
}

TEST_F(H2WindowTest, AStreamsWindowAboveItsMostIsAnErrorOfTheStream) {
  http2.stream_error_on_invalid_http_message = true;
  Answer(Settings({{4, 10}}), 1000);
  ExpectBody(10);
  Write(Headers(3, Get(), true) + Window(3, 0));
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  EXPECT_EQ(Last(3).code(), kProtocol);
  Write(Window(1, 0x7fffffff) + Window(1, 0x7fffffff));
  ASSERT_TRUE(Until([&] { return Count(3) == 2; }));
  EXPECT_EQ(Last(3).code(), kFlow);
  ExpectAlive();
}

TEST_F(H2WindowTest, MoreThanAStreamMayIsAnErrorOfFlowControl) {
  http2.initial_stream_window_size = 1000;
  Listen();
  server_app.on_stream = [](Exchange& e) { e.sender->PauseReading(); };
  Write(Headers(1, Post(), false) + Data(1, std::string(1000, 'x'), false));
  ExpectAlive();
  Write(Data(1, "x", false));
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  EXPECT_EQ(Last(3).code(), kFlow);
  ExpectAlive();
}

TEST_F(H2WindowTest, MoreThanTheConnectionMayIsAnErrorOfFlowControl) {
  http2.initial_connection_window_size = 65535;
  Listen();
  server_app.on_stream = [](Exchange& e) { e.sender->PauseReading(); };
  Write(Headers(1, Post(), false));
  for (int i = 0; i < 4; ++i) Write(Data(1, std::string(16000, 'x'), false));
  ExpectAlive();
  ExpectEnd(Data(1, std::string(1600, 'x'), false), kFlow);
}

TEST_F(H2WindowTest, PaddingCountsAndItsCreditComesBack) {
  http2.initial_connection_window_size = 65535;
  http2.initial_stream_window_size = 65535;
  Listen();
  Write(Headers(1, Post(), false));
  const std::string padded = Frame(0, kPadded, 1, std::string(1, '\xff') + "x" + std::string(255, '\0'));
  for (int i = 0; i < 1000; ++i) {  // 257 bytes of window each
    Write(padded);
    if (i % 50 == 0) harness::Turns(loop, 3);
  }
  ASSERT_TRUE(Until([&] { return server_app.exchanges[0]->body.size() == 1000 || closed(); }));
  EXPECT_FALSE(closed());
}

// ---- what our encoder does

TEST_F(H2ConformanceTest, APeerWithoutATableGetsNoReferencesToIt) {
  Open(true);
  Write(Settings({{1, 0}}));
  server_app.on_stream = [](Exchange& e) {
    e.on_end = [](Exchange& e) { e.Send({{":status", "200"}, {"x-own", "the same each time"}}, true); };
  };
  for (uint32_t id = 1; id < 9; id += 2) Write(Headers(id, Get(), true));
  ASSERT_TRUE(Until([&] { return Count(1) == 4; }));
  bool first = true;
  for (const SeenFrame& frame : Seen()) {
    if (frame.type != 1) continue;
    if (first) {
      EXPECT_EQ(frame.payload[0], '\x20') << "the new size is said first (RFC 7541 4.2)";
    }
    first = false;
    EXPECT_GT(frame.payload.size(), 12u) << "each says it all";
  }
}

}  // namespace
}  // namespace outrigger::http::h2
