#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "test/tls/tls_pair.h"

namespace outrigger::tls {
namespace {

std::string Pattern(size_t size, uint32_t seed) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525 + 1013904223;
    out[i] = static_cast<char>(seed >> 24);
  }
  return out;
}

class StreamTest : public TlsPairTest {
 protected:
  // Client and server with a man in the middle, who moves the bytes as the test says.
  void ConnectThroughRelay() {
    const auto [client_fd, near_fd] = harness::TcpPair(loop_);
    const auto [far_fd, server_fd] = harness::TcpPair(loop_);
    near_ = std::make_unique<harness::End>(loop_, near_fd);
    far_ = std::make_unique<harness::End>(loop_, far_fd);
    server_ = std::make_unique<TlsEnd>(loop_, server_fd, ServerTransport(), false);
    client_ = std::make_unique<TlsEnd>(loop_, client_fd, ClientTransport(), true);
  }
  // Moves at most n bytes each way.
  void Relay(size_t n) {
    Move(*near_, *far_, n);
    Move(*far_, *near_, n);
    loop_.RunOnce(Duration::zero());
  }
  static void Move(harness::End& from, harness::End& to, size_t n) {
    std::string& got = from.recorder.got;
    n = std::min(n, got.size());
    if (n > 0) to->Write(absl::string_view(got.data(), n));
    got.erase(0, n);
  }
  ~StreamTest() override {
    near_.reset();
    far_.reset();
  }

  std::unique_ptr<harness::End> near_;
  std::unique_ptr<harness::End> far_;
};

// Each request for new keys is answered with a record: they must not pile up for a peer that does not read.
TEST_F(StreamTest, APeerThatAsksForKeyUpdatesAndDoesNotReadIsCutOff) {
  const auto [client_fd, server_fd] = harness::TcpPair(loop_);
  // The peer's receive buffer keeps its size: a window that shrinks behind data on its way makes the kernel drop what
  // comes, acknowledgements too, and then nothing moves until it sends again, seconds later.
  const int small = 4096;
  loop_.engine().SetOption(server_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  server_ = std::make_unique<TlsEnd>(loop_, server_fd, ServerTransport(), false);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* peer = SSL_new(context);
  SSL_set_fd(peer, client_fd);
  SSL_set_connect_state(peer);
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return SSL_do_handshake(peer) == 1; }));
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server_->recorder.connected == 1; }));
  int asked = 0;
  for (; asked < 200'000 && !server_->recorder.closed; ++asked) {
    SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED);
    while (SSL_do_handshake(peer) != 1 && !server_->recorder.closed) loop_.RunOnce(Duration::zero());
    if (asked % 64 == 0) harness::Turns(loop_, 1);
  }
  EXPECT_LT(asked, 200'000);
  EXPECT_EQ(server_->code(), "flood") << server_->text();
  SSL_free(peer);
  SSL_CTX_free(context);
  loop_.engine().Close(client_fd);
}

TEST_F(StreamTest, BigBodiesCrossBothWaysAtOnce) {
  Connect();
  ASSERT_TRUE(Established());
  const std::string up = Pattern(5'000'000, 1);
  const std::string down = Pattern(7'000'000, 2);
  (*client_)->Write(up);
  (*server_)->Write(down);
  ASSERT_TRUE(harness::RunUntil(
      loop_, [&] { return server_->recorder.got.size() >= up.size() && client_->recorder.got.size() >= down.size(); }));
  EXPECT_TRUE(server_->recorder.got == up);
  EXPECT_TRUE(client_->recorder.got == down);
  EXPECT_TRUE((*client_)->output().empty());
  EXPECT_EQ((*client_)->stats().bytes_written, up.size());
  EXPECT_EQ((*client_)->stats().bytes_read, down.size());
}

TEST_F(StreamTest, SmallSlicesBecomeOneRecordAndOneWrite) {
  Connect();
  ASSERT_TRUE(Established());
  ASSERT_TRUE(Exchange());
  harness::Turns(loop_);
  const std::string body(2000, 'b');
  server_->recorder.on_data = [&](Buffer& input, bool) {
    input.Clear();
    (*server_)->Write("head");
    Buffer other(body);
    (*server_)->Write(std::move(other));
  };
  const auto before = counts_;
  constexpr int kExchanges = 50;
  for (int i = 0; i < kExchanges; ++i) {
    client_->recorder.got.clear();
    client_->recorder.calls = 0;
    (*client_)->Write("request");
    ASSERT_TRUE(harness::RunUntil(loop_, [&] { return client_->recorder.got.size() == body.size() + 4; }));
    EXPECT_EQ(client_->recorder.calls, 1);
  }
  EXPECT_EQ(counts_.readv - before.readv, 2 * kExchanges);
  EXPECT_EQ(counts_.writev - before.writev, 2 * kExchanges);
  EXPECT_EQ(counts_.socket_calls() - before.socket_calls(), 4 * kExchanges);
}

TEST_F(StreamTest, OneByteAtATimeIsEnough) {
  Mutual();
  ConnectThroughRelay();
  ASSERT_TRUE(harness::RunUntil(loop_,
                                [&] {
                                  Relay(1);
                                  return client_->recorder.connected && server_->recorder.connected;
                                }))
      << client_->text() << server_->text();
  (*client_)->Write("hello");
  (*server_)->Write("there");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(1);
    return client_->recorder.got == "there" && server_->recorder.got == "hello";
  }));
}

TEST_F(StreamTest, AChangedByteBreaksTheStreamAndNothingWrongIsDelivered) {
  ConnectThroughRelay();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return client_->recorder.connected && server_->recorder.connected;
  }));
  for (int i = 0; i < 10; ++i) Relay(100'000);
  (*client_)->Write("transfer 1 coin");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return near_->recorder.got.size() > 30; }));
  near_->recorder.got[20] = static_cast<char>(near_->recorder.got[20] ^ 1);
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return server_->recorder.closed.has_value();
  }));
  EXPECT_EQ(server_->code(), "bad_record") << server_->text();
  EXPECT_EQ(server_->recorder.got, "");
  EXPECT_EQ(server_stats_.connection_error, 1u);
}

TEST_F(StreamTest, ACutConnectionIsNotAnEnd) {
  ConnectThroughRelay();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return client_->recorder.connected && server_->recorder.connected;
  }));
  (*client_)->Write("part one");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return server_->recorder.got == "part one";
  }));
  (*client_)->Write("part two");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return near_->recorder.got.size() > 20; }));
  Relay(12);  // half a record
  (*far_)->EndWrite();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.got, "part one");
  EXPECT_EQ(server_->recorder.ends, 0);
  EXPECT_EQ(server_->code(), "unexpected_eof") << server_->text();
  EXPECT_EQ(server_->recorder.closed->reason, net::CloseReason::kTransportFailed);
}

TEST_F(StreamTest, AnEndWithoutTheAlertIsNotAnEnd) {
  ConnectThroughRelay();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return client_->recorder.connected && server_->recorder.connected;
  }));
  (*client_)->Write("all of it");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay(100'000);
    return server_->recorder.got == "all of it";
  }));
  (*far_)->EndWrite();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.ends, 0);
  EXPECT_EQ(server_->recorder.closed->reason, net::CloseReason::kTransportFailed);
}

TEST_F(StreamTest, HalfCloseLetsTheOtherDirectionGoOn) {
  Connect();
  ASSERT_TRUE(Established());
  (*client_)->Write("all of it");
  (*client_)->EndWrite();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server_->recorder.ends == 1; }));
  EXPECT_EQ(server_->recorder.got, "all of it");
  EXPECT_FALSE(server_->recorder.closed);
  const std::string answer = Pattern(300'000, 3);
  (*server_)->Write(answer);
  (*server_)->EndWrite();
  ASSERT_TRUE(BothClosed());
  EXPECT_TRUE(client_->recorder.got == answer);
  EXPECT_EQ(client_->recorder.ends, 1);
  EXPECT_EQ(client_->recorder.closed->reason, net::CloseReason::kPeer);
  EXPECT_EQ(server_->recorder.closed->reason, net::CloseReason::kPeer);
}

TEST_F(StreamTest, AFlushingCloseDeliversEverythingToASlowReader) {
  Connect();
  ASSERT_TRUE(Established());
  (*client_)->PauseReading();
  const std::string body = Pattern(6'000'000, 4);
  (*server_)->SetFlushTimeout(seconds(30));
  (*server_)->Write(body);
  (*server_)->Close(net::Connection::CloseMode::kFlush);
  harness::Turns(loop_, 50);
  EXPECT_FALSE(server_->recorder.closed);
  (*client_)->ResumeReading();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return client_->recorder.ends == 1 && server_->recorder.closed; }));
  EXPECT_TRUE(client_->recorder.got == body);
  EXPECT_EQ(server_->recorder.closed->reason, net::CloseReason::kLocal);
}

TEST_F(StreamTest, APausedReaderStallsTheWriterWithBoundedMemory) {
  Connect();
  ASSERT_TRUE(Established());
  (*client_)->PauseReading();
  (*server_)->SetWriteLimits(64 * 1024);
  int written = 0;
  while (!(*server_)->above_write_high() && written < 2000) {
    (*server_)->Write(Pattern(64 * 1024, 5));
    ++written;
    harness::Turns(loop_, 2);
  }
  EXPECT_TRUE((*server_)->above_write_high());
  EXPECT_LT(written, 2000);
  (*client_)->ResumeReading();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return client_->recorder.got.size() == size_t(written) * 64 * 1024; }));
  EXPECT_EQ(server_->recorder.lows, 1);
}

TEST_F(StreamTest, AnIdleConnectionHoldsNoBlock) {
  Connect();
  ASSERT_TRUE(Established());
  ASSERT_TRUE(Exchange());
  for (TlsEnd* end : {client_.get(), server_.get()}) {
    EXPECT_EQ((*end)->input().charged(), 0u);
    EXPECT_EQ((*end)->output().charged(), 0u);
    EXPECT_FALSE((*end)->transport().wants_write());
    EXPECT_FALSE((*end)->transport().has_buffered());
  }
}

TEST_F(StreamTest, ATransportWithoutContextFailsItsConnection) {
  const auto [client_fd, server_fd] = harness::TcpPair(loop_);
  TlsEnd server(loop_, server_fd, MakeServerTransport({}), false);
  harness::End peer(loop_, client_fd);
  peer->Write("x");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server.recorder.closed.has_value(); }));
  EXPECT_EQ(server.code(), "no_context");
}

TEST_F(StreamTest, AStateCanBeDumpedAtAnyTime) {
  Connect();
  std::string text;
  DumpWriter early(text);
  (*client_)->Dump(early);
  ASSERT_TRUE(Established());
  DumpWriter late(text);
  (*client_)->Dump(late);
  EXPECT_NE(text.find("TLSv1.3"), std::string::npos);
}

}  // namespace
}  // namespace outrigger::tls
