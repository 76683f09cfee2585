#include <gtest/gtest.h>

#include "source/tls/context_store.h"
#include "source/tls/seeded_random.h"
#include "test/tls/tls_pair.h"

namespace outrigger::tls {
namespace {

class TransportTest : public TlsPairTest {
 protected:
  ~TransportTest() override {
    near_.reset();
    far_.reset();
  }
  void Join(int client_fd, int near_fd, int far_fd, int server_fd) {
    near_ = std::make_unique<harness::End>(loop_, near_fd);
    far_ = std::make_unique<harness::End>(loop_, far_fd);
    server_ = std::make_unique<TlsEnd>(loop_, server_fd, ServerTransport(), false);
    client_ = std::make_unique<TlsEnd>(loop_, client_fd, ClientTransport(), true);
  }
  void Resize(int fd, int option, int size) {
    ASSERT_EQ(loop_.engine().SetOption(fd, SOL_SOCKET, option, &size, sizeof(size)), 0);
  }
  // Moves everything, and remembers it.
  void Relay() {
    Move(*near_, *far_);
    Move(*far_, *near_);
    loop_.RunOnce(Duration::zero());
  }
  void Move(harness::End& from, harness::End& to) {
    std::string bytes = std::exchange(from.recorder.got, "");
    transcript_ += bytes;
    if (!bytes.empty()) to->Write(bytes);
  }
  // All bytes of a handshake and one message, with OpenSSL's generator seeded.
  std::string Transcript(uint64_t seed) {
    SeededRandom random(seed);
    transcript_.clear();
    client_.reset();
    server_.reset();
    const auto [client_fd, near_fd] = harness::TcpPair(loop_);
    const auto [far_fd, server_fd] = harness::TcpPair(loop_);
    Join(client_fd, near_fd, far_fd, server_fd);
    EXPECT_TRUE(harness::RunUntil(loop_, [&] {
      Relay();
      return client_->recorder.connected && server_->recorder.connected;
    }));
    (*client_)->Write("message");
    EXPECT_TRUE(harness::RunUntil(loop_, [&] {
      Relay();
      return server_->recorder.got == "message";
    }));
    return transcript_;
  }

  std::unique_ptr<harness::End> near_;
  std::unique_ptr<harness::End> far_;
  std::string transcript_;
};

TEST_F(TransportTest, AHandshakeFlightThatDoesNotFitWaitsForTheSocket) {
  for (int i = 0; i < 220; ++i) {
    server_spec_.certificates[0].chain_pem += authority_->pem();
  }
  const auto [client_fd, near_fd] = harness::TcpPair(loop_);
  const auto [far_fd, server_fd] = harness::TcpPair(loop_);
  Resize(server_fd, SO_SNDBUF, 1);  // the kernel makes it its minimum
  Resize(far_fd, SO_RCVBUF, 1);
  Join(client_fd, near_fd, far_fd, server_fd);
  (*far_)->PauseReading();
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    Relay();
    return (*server_)->transport().wants_write();
  }));
  EXPECT_EQ(server_->recorder.connected, 0);
  Resize(far_fd, SO_RCVBUF, 1 << 20);
  Resize(server_fd, SO_SNDBUF, 1 << 20);
  (*far_)->ResumeReading();
  ASSERT_TRUE(harness::RunUntil(loop_,
                                [&] {
                                  Relay();
                                  return client_->recorder.connected && server_->recorder.connected;
                                }))
      << client_->text() << server_->text();
  EXPECT_FALSE((*server_)->transport().wants_write());
}

TEST_F(TransportTest, WhatIsWrittenBeforeTheHandshakeIsSentAfterIt) {
  Connect();
  (*client_)->Write("early bird");
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server_->recorder.got == "early bird"; }));
}

TEST_F(TransportTest, AClosedReaderEndsTheWriter) {
  Connect();
  ASSERT_TRUE(Established());
  (*client_)->Close(net::Connection::CloseMode::kReset);
  (*server_)->Write("anybody?");
  ASSERT_TRUE(BothClosed());
  EXPECT_EQ(server_->recorder.closed->reason, net::CloseReason::kPeerReset);
}

TEST_F(TransportTest, AClientConnectsThroughTheConnectionItself) {
  event::Engine& engine = loop_.engine();
  const net::Address any = *net::Address::ParseIp("127.0.0.1", 0);
  const int listener = static_cast<int>(engine.Socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(engine.Bind(listener, any.sockaddr_ptr(), any.sockaddr_length()), 0);
  ASSERT_EQ(engine.Listen(listener, 4), 0);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  engine.LocalAddress(listener, &bound, &length);
  harness::Recorder recorder;
  net::Connection::ConnectOptions options;
  options.remote = *net::Address::FromSockaddr(reinterpret_cast<sockaddr*>(&bound), length);
  options.timeout = seconds(10);
  auto connection = net::Connection::Connect(loop_, options, ClientTransport());
  connection->SetHandler(&recorder);
  connection->Write("request");
  int accepted = -1;
  ASSERT_TRUE(harness::RunUntil(loop_, [&] {
    sockaddr_storage peer{};
    socklen_t n = sizeof(peer);
    accepted = static_cast<int>(engine.Accept(listener, &peer, &n));
    return accepted >= 0;
  }));
  engine.Close(listener);
  TlsEnd server(loop_, accepted, ServerTransport(), false);
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return server.recorder.got == "request"; }));
  EXPECT_EQ(recorder.connected, 1);
  EXPECT_EQ(server.recorder.connected, 1);
  connection->Close(net::Connection::CloseMode::kNow);
}

TEST_F(TransportTest, AServerThatSaysNothingRunsIntoTheTimeout) {
  const auto [client_fd, server_fd] = harness::TcpPair(loop_);
  harness::End silent(loop_, server_fd);
  TlsEnd client(loop_, client_fd, ClientTransport(), true);
  client->SetHandshakeTimeout(milliseconds(20));
  ASSERT_TRUE(harness::RunUntil(loop_, [&] { return client.recorder.closed.has_value(); }));
  EXPECT_EQ(client.recorder.connected, 0);
}

TEST_F(TransportTest, OneSeedGivesOneTranscript) {
  Mutual();
  server_spec_.disable_stateless_resumption = server_spec_.disable_stateful_resumption = true;  // tickets hold the time
  Transcript(1);  // contexts draw from the generator when they are made
  const std::string one = Transcript(7);
  EXPECT_GT(one.size(), 1000u);
  EXPECT_TRUE(one == Transcript(7));
  EXPECT_FALSE(one == Transcript(8));
}

TEST_F(TransportTest, ManyClustersShareCredentialsAndKeepTheirNames) {
  ContextStore store;
  client_spec_.validation = authority_->Trusting({"spiffe://mesh/server"});
  auto right = store.Client(client_spec_);
  client_spec_.validation = authority_->Trusting({"spiffe://mesh/other"});
  auto wrong = store.Client(client_spec_);
  ASSERT_TRUE(right.ok() && wrong.ok());
  client_context_ = *right;
  Connect(false);
  EXPECT_TRUE(Established()) << client_->text();
  client_context_ = *wrong;
  Connect(false);
  ASSERT_TRUE(BothClosed());
  EXPECT_EQ(client_->code(), "san_mismatch");
}

}  // namespace
}  // namespace outrigger::tls
