#include "gtest/gtest.h"
#include "source/http/h2/flood_guard.h"
#include "source/http/h2/memory.h"
#include "source/http/h2/stream_index.h"
#include "test/http/h2/raw_peer.h"

namespace outrigger::http::h2 {
namespace {

std::string Times(int n, const std::string& frame) {
  std::string out;
  for (int i = 0; i < n; ++i) out += frame;
  return out;
}

struct H2FloodTest : testing::Test, Raw {
  void ExpectCalmed(const char* detail) {
    ASSERT_TRUE(Until([&] { return closed(); }));
    harness::Turns(loop);
    EXPECT_EQ(server_app.error, detail);
    EXPECT_EQ(Last(7).code(), 11u);  // ENHANCE_YOUR_CALM
    EXPECT_STREQ(server_app.closed.detail, detail);
  }
  void ExpectAlive() {
    Write(Frame(6, 0, 0, "12345678"));
    ASSERT_TRUE(Until([&] { return Count(6) >= 1 || closed(); }));
    EXPECT_FALSE(closed());
  }
};

TEST_F(H2FloodTest, PingsInOneBurst) {
  http2.max_outbound_control_frames = 20;  // within the part of a turn that the clock does not shorten
  Open(true);
  Write(Times(3000, Frame(6, 0, 0, "12345678")));
  ExpectCalmed("http2.outbound_control_frames_flood");
  EXPECT_EQ(counters.outbound_control_flood, 1u);
}

TEST_F(H2FloodTest, SettingsInOneBurst) {
  Open(true);
  Write(Times(3000, Settings()));
  ExpectCalmed("http2.inbound_control_frames_flood");
  EXPECT_EQ(counters.inbound_control_flood, 1u);
}

TEST_F(H2FloodTest, SettingsWhoseAcknowledgementsPileUp) {
  http2.control_frames_burst = 1'000'000;
  http2.max_outbound_control_frames = 2;
  Open(true);
  Write(Times(300, Settings()));
  ExpectCalmed("http2.outbound_control_frames_flood");
  EXPECT_EQ(counters.outbound_control_flood, 1u);
}

TEST_F(H2FloodTest, PingsOfAPeerThatReadsTheAnswers) {
  http2.control_frames_burst = 100;
  http2.control_frames_per_second = 0;
  Open(true);
  for (int i = 0; i < 80; ++i) {
    Write(Frame(6, 0, 0, "12345678"));
    ASSERT_TRUE(Until([&] { return Count(6) == static_cast<size_t>(i + 1); }));
  }
  Write(Times(20, Frame(6, 0, 0, "12345678")));
  ExpectCalmed("http2.inbound_control_frames_flood");
}

TEST_F(H2FloodTest, FramesOfMessagesPayForPings) {  // gRPC measures its round trips with each of them
  http2.control_frames_burst = 50;
  http2.control_frames_per_second = 0;
  Open(true);
  Write(Headers(1, Post(), false));
  for (int i = 0; i < 300; ++i) Write(Data(1, "x", false) + Frame(6, 0, 0, "12345678"));
  ASSERT_TRUE(Until([&] { return Count(6) == 300 || closed(); }));
  ExpectAlive();
}

TEST_F(H2FloodTest, SettingsWithTooManyEntries) {
  Open(true);
  std::vector<std::pair<uint16_t, uint32_t>> entries(100, {9, 1});
  Write(Settings(entries));
  ASSERT_TRUE(Until([&] { return closed(); }));
}

TEST_F(H2FloodTest, EmptyDataFrames) {
  Open(true);
  Write(Headers(1, Post(), false) + Data(1, "", false));
  ExpectAlive();
  Write(Data(1, "", false));
  ExpectCalmed("http2.inbound_empty_frames_flood");
  EXPECT_EQ(counters.inbound_empty_frames_flood, 1u);
}

TEST_F(H2FloodTest, EmptyDataOnAStreamThatWasReset) {
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) { e.sender->Reset(ResetReason::kLocalRefused); };
  };
  Open(true);
  Write(Headers(1, Post(), false));
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  Write(Data(1, "", false));
  ExpectAlive();
  Write(Data(1, "", false));
  ExpectCalmed("http2.inbound_empty_frames_flood");
}

TEST_F(H2FloodTest, HeaderBlocksOfRequestsThatAreRefused) {
  http2.max_concurrent_streams = 1;
  http2.control_frames_burst = 30;
  http2.control_frames_per_second = 0;
  Open(true);  // our SETTINGS are not acknowledged: the peer may not know the limit
  std::string bytes = Headers(1, Post(), false);
  for (uint32_t i = 1; i < 100; ++i) bytes += Headers(1 + 2 * i, Get(), true);
  Write(bytes);
  ASSERT_TRUE(Until([&] { return counters.inbound_control_flood == 1; }));
  harness::Turns(loop, 5);
  const uint64_t refused = counters.stream_refused_errors;
  EXPECT_GT(refused, 10u);
  EXPECT_LT(refused, 60u) << "the rest waits: the connection is not read for a while";
  ASSERT_TRUE(Until([&] { return counters.stream_refused_errors > refused; }));
  EXPECT_EQ(server_app.exchanges.size(), 1u);
  EXPECT_EQ(counters.headers_cb_no_stream, counters.stream_refused_errors);
  EXPECT_FALSE(closed());
}

TEST_F(H2FloodTest, NamesOfTheTableThatAreCopiedForNobody) {
  options.max_header_bytes = 10'000;
  Open(true);
  std::string block = Block(Get()) + "\x40\x7f\xa1\x1e" + std::string(4000, 'n') + std::string(1, '\0');
  for (int i = 0; i < 100; ++i) block += std::string("\x7e\0", 2);  // that name again, into the table again
  Write(Frame(1, kEndHeaders | kEndStream, 1, block));
  ExpectCalmed("http2.header_block_too_large");
  EXPECT_EQ(counters.header_overflow, 1u);
}

TEST(StreamIndexTest, ALargeTableGoesWithItsLastStream) {
  StreamIndex index(12345);
  Stream* const some = reinterpret_cast<Stream*>(&index);  // only its address matters
  for (uint32_t id = 1; id < 400; id += 2) index.Insert(id, *some);
  EXPECT_GT(index.memory_held(), 4000u);
  for (uint32_t id = 1; id < 400; id += 2) {
    EXPECT_EQ(index.Find(id), some);
    index.Remove(id);
    EXPECT_EQ(index.Find(id), nullptr);
  }
  EXPECT_EQ(index.memory_held(), 0u);
  index.Insert(401, *some);
  EXPECT_EQ(index.Find(401), some);
}

TEST_F(H2FloodTest, PaddingAloneIsEmptyToo) {
  Open(true);
  const std::string padded = Frame(0, 8, 1, std::string(1, 3) + "000");
  Write(Headers(1, Post(), false) + padded + padded);
  ExpectCalmed("http2.inbound_empty_frames_flood");
}

TEST_F(H2FloodTest, PriorityFrames) {
  Open(true);
  const std::string priority = Frame(2, 0, 1, Number(0, 4) + "\x10");
  Write(Times(100, priority));
  ExpectAlive();
  Write(priority);
  ExpectCalmed("http2.inbound_priority_frames_flood");
  EXPECT_EQ(counters.inbound_priority_frames_flood, 1u);
}

TEST_F(H2FloodTest, WindowUpdates) {
  Open(true);
  const std::string update = Frame(8, 0, 0, Number(1, 4));
  Write(Times(5, update));
  ExpectAlive();
  Write(update);
  ExpectCalmed("http2.inbound_window_update_frames_flood");
  EXPECT_EQ(counters.inbound_window_update_flood, 1u);
}

TEST_F(H2FloodTest, RapidReset) {
  http2.resets_burst = 10;
  Open(true);
  for (uint32_t i = 0; i < 11; ++i) Write(Headers(1 + 2 * i, Get(), true) + h2::Reset(1 + 2 * i, ErrorCode::kCancel));
  ExpectCalmed("http2.inbound_resets_flood");
  EXPECT_EQ(counters.inbound_resets_flood, 1u);
  EXPECT_EQ(counters.rx_reset, 11u);
}

TEST_F(H2FloodTest, ResetsThatThePeerMakesUsSend) {
  http2.resets_burst = 10;
  http2.stream_error_on_invalid_http_message = true;
  Open(true);
  std::string bytes;
  for (uint32_t i = 0; i < 12; ++i)
    bytes += Headers(1 + 2 * i, Post(), false) + Frame(8, 0, 1 + 2 * i, Number(0x7fffffff, 4));
  Write(bytes);
  ExpectCalmed("http2.inbound_resets_flood");
}

TEST_F(H2FloodTest, ResetsOfOurOwnCostThePeerNothing) {
  http2.resets_burst = 10;
  server_app.on_stream = [](Exchange& exchange) {
    exchange.on_headers = [](Exchange& e) { e.sender->Reset(ResetReason::kLocalRefused); };
  };
  Open(true);
  for (uint32_t i = 0; i < 50; ++i) Write(Headers(1 + 2 * i, Get(), true));
  ASSERT_TRUE(Until([&] { return Count(3) == 50; }));
  EXPECT_EQ(Last(3).code(), 7u);
  ExpectAlive();
}

TEST_F(H2FloodTest, Continuations) {
  Open(true);
  Write(Frame(1, kEndStream, 1, Block(Get())) + Times(100, Frame(9, 0, 1, "")));
  ASSERT_TRUE(Until([&] { return closed(); }));
  EXPECT_EQ(server_app.error, "http2.too_many_continuations");
}

TEST_F(H2FloodTest, HeadersInAFewContinuationsAreFine) {
  Open(true);
  FieldList fields = Get();
  for (int i = 0; i < 50; ++i) fields.push_back({"x" + std::to_string(i), std::string(1000, 'v')});
  const std::string block = Block(fields);
  std::string bytes = Frame(1, kEndStream, 1, block.substr(0, 16000));
  for (size_t at = 16000; at < block.size(); at += 16000) {
    bytes += Frame(9, at + 16000 >= block.size() ? kEndHeaders : 0, 1, block.substr(at, 16000));
  }
  Write(bytes);
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->done(); }));
  EXPECT_EQ(server_app.exchanges[0]->headers->size(), 54u);
}

TEST_F(H2FloodTest, StreamsAboveTheLimitAreRefusedWithoutAReceiver) {
  http2.max_concurrent_streams = 2;
  Open(true);  // our SETTINGS are not acknowledged: the peer may not know the limit
  Write(Headers(1, Get(), true) + Headers(3, Get(), true) + Headers(5, Get(), true));
  ASSERT_TRUE(Until([&] { return Count(3) == 1 || closed(); }));
  EXPECT_EQ(server_app.exchanges.size(), 2u);
  EXPECT_EQ(Last(3).code(), 7u);
}

TEST_F(H2FloodTest, MemoryOfTheFramerIsChargedToItsConnection) {
  http2.hpack_table_size = 8 * 1024 * 1024;
  http2.max_session_memory = 1024 * 1024;
  options.max_header_count = 10'000;
  Open(true);
  Write(Frame(4, 1, 0, ""));
  const uint64_t before = Memory::BytesInUse();
  for (uint32_t i = 0; i < 1000 && !closed(); ++i) {
    std::string block = i == 0 ? "\x3f\xe1\xff\xff\x03" : "";  // a table of 8 MiB, as allowed
    block += Block(Get());
    for (int k = 0; k < 10; ++k) block += "\x40\x7f\xa9\x06" + std::string(936, static_cast<char>('a' + k)) + "\x01v";
    Write(Frame(1, kEndHeaders | kEndStream, 1 + 2 * i, block));
    harness::Turns(loop, 1);
  }
  ExpectCalmed("http2.memory_limit");
  EXPECT_EQ(counters.memory_overflow, 1u);
  EXPECT_LT(Memory::BytesInUse() - before, 1'600'000u);
}

// A server's connection of which the peer says no more than `said`.
void StartHalf(Raw& raw, const Http2Options& http2, absl::string_view said) {
  raw.http2 = http2;
  const auto [left, right] = harness::TcpPair(raw.loop);
  raw.connection = std::make_unique<net::Connection>(raw.loop, left, std::make_unique<net::RawTransport>());
  raw.server = MakeHttp2Server(*raw.connection, raw.server_app, raw.options, raw.http2, raw.counters);
  raw.connection->SetHandler(raw.server.get());
  raw.connection->Start();
  raw.server->OnConnected();
  raw.peer = std::make_unique<harness::End>(raw.loop, right);
  raw.Write(said);
}

TEST_F(H2FloodTest, APrefaceThatIsNeverFinished) {
  http2.preface_timeout = milliseconds(20);
  for (const size_t said : {size_t{0}, size_t{4}, kPreface.size()}) {
    Raw raw;
    StartHalf(raw, http2, kPreface.substr(0, said));
    ASSERT_TRUE(raw.Until([&] { return raw.closed(); })) << said;
    EXPECT_STREQ(raw.server_app.closed.detail, "http2.preface_timeout");
    EXPECT_EQ(raw.counters.preface_timeout, 1u);
    EXPECT_EQ(raw.counters.protocol_errors, 0u);
  }
}

TEST_F(H2FloodTest, WhoFinishedThePrefaceMayBeQuiet) {
  http2.preface_timeout = milliseconds(20);
  Open(true);
  Raw late;  // its time ends after the time that the first one had
  StartHalf(late, http2, "");
  ASSERT_TRUE(late.Until([&] { return late.closed(); }));
  ExpectAlive();
  EXPECT_EQ(counters.preface_timeout, 0u);
}

TEST_F(H2FloodTest, EmptyHeadersOfABlockWithoutEnd) {
  Open(true);
  Write(Times(20, Frame(1, 0, 1, "")));
  ASSERT_TRUE(Until([&] { return closed(); }));
}

TEST_F(H2FloodTest, ReferencesThatExpandAreCutWhileTheyAreDecoded) {
  options.max_header_bytes = 10'000;
  Open(true);
  Write(Frame(4, 1, 0, ""));
  Write(Frame(1, kEndHeaders | kEndStream, 1, Block(Get()) + "\x40\x01x\x7f\xa1\x1e" + std::string(4000, 'v')));
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->ends == 1; }));
  Write(Frame(1, kEndHeaders | kEndStream, 3, Block(Get()) + std::string(16000, '\xbe')));  // 64 MB in 16 KB
  ASSERT_TRUE(Until([&] { return Count(3) == 1; }));
  EXPECT_EQ(Last(3).code(), 11u);
  EXPECT_LT(server_app.exchanges[1]->memory.charged(), 100'000u);
  EXPECT_EQ(counters.header_overflow, 1u);
}

TEST_F(H2FloodTest, GaugesGoUpAndComeBack) {
  Open(true);
  Write(Settings({{4, 10}}) + Headers(1, Get(), true));
  ASSERT_TRUE(Until([&] { return !server_app.exchanges.empty() && server_app.exchanges[0]->ends == 1; }));
  server_app.exchanges[0]->Send({{":status", "200"}}, false);
  server_app.exchanges[0]->SendBody(std::string(1000, 'x'), true);
  ASSERT_TRUE(Until([&] { return Count(0) == 1; }));
  EXPECT_EQ(counters.streams_active, 1);
  EXPECT_EQ(counters.pending_send_bytes, 990);
  connection->Close(net::Connection::CloseMode::kNow);
  EXPECT_EQ(counters.streams_active, 0);
  EXPECT_EQ(counters.pending_send_bytes, 0);
  EXPECT_EQ(counters.outbound_frames_active, 0);
  EXPECT_EQ(counters.outbound_control_frames_active, 0);
  EXPECT_EQ(counters.deferred_stream_close, 0);
}

TEST(FloodGuardTest, CountsOnlyFramesThatThePeerHasNotTaken) {
  Http2Options options;
  options.max_outbound_control_frames = 100;
  options.max_outbound_frames = 200;
  CodecCounters counters;
  FloodGuard guard(options, counters);
  uint64_t appended = 0;
  for (int i = 0; i < 10000; ++i) {  // a reader that keeps up
    guard.OnOutput(appended, 0);
    ASSERT_EQ(guard.OnFrameSent(true, false, appended += 17), nullptr);
  }
  guard.OnOutput(appended, 0);
  EXPECT_EQ(guard.waiting_frames(), 0u);
  const uint64_t start = appended;
  const char* flood = nullptr;
  int sent = 0;
  while (flood == nullptr) {
    guard.OnOutput(appended, appended - start);
    flood = guard.OnFrameSent(true, false, appended += 17);
    ++sent;
  }
  EXPECT_EQ(sent, 101);
  EXPECT_STREQ(flood, "http2.outbound_control_frames_flood");
  guard.OnOutput(appended, 0);
  for (sent = 0, flood = nullptr; flood == nullptr; ++sent) flood = guard.OnFrameSent(false, false, appended += 60);
  EXPECT_EQ(sent, 201);
  EXPECT_STREQ(flood, "http2.outbound_frames_flood");
  EXPECT_EQ(counters.outbound_flood, 1u);
}

TEST(FloodGuardTest, TheResetBudgetRefills) {
  Http2Options options;
  options.resets_burst = 5;
  options.resets_per_second = 10;
  CodecCounters counters;
  FloodGuard guard(options, counters);
  MonotonicTime now{};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(guard.OnReset(now), nullptr);
  EXPECT_NE(guard.OnReset(now), nullptr);
  EXPECT_EQ(guard.OnReset(now + milliseconds(100)), nullptr);
  EXPECT_NE(guard.OnReset(now + milliseconds(150)), nullptr);
}

}  // namespace
}  // namespace outrigger::http::h2
