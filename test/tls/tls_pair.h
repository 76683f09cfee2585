// Thread: test
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "source/net/connection.h"
#include "source/tls/tls_transport.h"
#include "test/harness/counting_engine.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"
#include "test/tls/authority.h"

namespace outrigger::tls {

// One end of a connection with any transport.
struct TlsEnd {
  harness::Recorder recorder;
  std::unique_ptr<net::Connection> connection;

  TlsEnd(event::Dispatcher& loop, int fd, std::unique_ptr<net::Transport> transport, bool client)
      : connection(std::make_unique<net::Connection>(loop, fd, std::move(transport))) {
    connection->SetHandler(&recorder);
    connection->Start();
    if (client) connection->transport().OnConnected();
  }
  net::Connection* operator->() { return connection.get(); }
  const net::TlsInfo& info() { return *connection->transport().tls(); }
  std::string code() { return connection->failure().code; }
  const std::string& text() { return connection->failure().text; }
};

// A TLS client and a TLS server joined by a loopback connection.
class TlsPairTest : public testing::Test {
 protected:
  TlsPairTest() {
    loop_.RunOnce(Duration::zero());
    authority_ = std::make_unique<TestAuthority>(loop_.wall_now());
    server_spec_.certificates.push_back(authority_->Leaf(SubjectNames{
        .dns = {"server.example", "*.wild.example"}, .uri = {"spiffe://mesh/server"}, .ip = {"10.0.0.9"}}));
    client_spec_.validation = authority_->Trusting();
    client_spec_.sni = "server.example";
  }
  ~TlsPairTest() override {
    client_.reset();
    server_.reset();
  }

  // Mutual: the client has a certificate and the server wants it.
  void Mutual() {
    client_spec_.certificates = {authority_->Uri("spiffe://mesh/client")};
    server_spec_.validation = authority_->Trusting();
    server_spec_.require_client_certificate = true;
  }
  void Versions(ProtocolVersion version) {
    client_spec_.params.min_version = client_spec_.params.max_version = version;
  }
  std::unique_ptr<net::Transport> ServerTransport() {
    if (server_context_ == nullptr) {
      auto built = ServerContext::Build(server_spec_);
      EXPECT_TRUE(built.ok()) << built.status();
      server_context_ = *built;
    }
    return MakeServerTransport({.context = server_context_, .stats = &server_stats_});
  }
  std::unique_ptr<net::Transport> ClientTransport() {
    if (client_context_ == nullptr) {
      auto built = ClientContext::Build(client_spec_);
      EXPECT_TRUE(built.ok()) << built.status();
      client_context_ = *built;
    }
    client_options_.context = client_context_;
    client_options_.stats = &client_stats_;
    return MakeClientTransport(client_options_);
  }
  // New connections from the specs as they are now.
  void Connect(bool new_contexts = true) {
    client_.reset();
    server_.reset();
    if (new_contexts) {
      server_context_ = nullptr;
      client_context_ = nullptr;
    }
    const auto [client_fd, server_fd] = harness::TcpPair(loop_);
    server_ = std::make_unique<TlsEnd>(loop_, server_fd, ServerTransport(), false);
    client_ = std::make_unique<TlsEnd>(loop_, client_fd, ClientTransport(), true);
  }
  bool Established() {
    return harness::RunUntil(loop_,
                             [&] {
                               return (client_->recorder.connected && server_->recorder.connected) ||
                                      client_->recorder.closed || server_->recorder.closed;
                             }) &&
           !client_->recorder.closed && !server_->recorder.closed;
  }
  // Sends one message each way, which also brings the tickets.
  bool Exchange() {
    (*client_)->Write("ping");
    (*server_)->Write("pong");
    return harness::RunUntil(loop_,
                             [&] {
                               return (client_->recorder.got == "pong" && server_->recorder.got == "ping") ||
                                      client_->recorder.closed || server_->recorder.closed;
                             }) &&
           !client_->recorder.closed && !server_->recorder.closed;
  }
  bool BothClosed() {
    return harness::RunUntil(loop_, [&] { return client_->recorder.closed && server_->recorder.closed; });
  }
  // Connects and expects one side to refuse with this word.
  void ExpectClientRefuses(absl::string_view code) {
    Connect();
    ASSERT_TRUE(BothClosed());
    EXPECT_EQ(client_->code(), code) << client_->text();
    EXPECT_EQ(client_->recorder.connected, 0);
    EXPECT_EQ(server_->code(), "peer_alert") << server_->text();
  }
  void ExpectServerRefuses(absl::string_view code) {
    Connect();
    ASSERT_TRUE(BothClosed());
    EXPECT_EQ(server_->code(), code) << server_->text();
    EXPECT_EQ(server_->recorder.connected, 0);
    EXPECT_EQ(client_->code(), "peer_alert") << client_->text();
  }

  harness::CountingEngine::Counts counts_;
  event::Dispatcher loop_{std::make_unique<harness::CountingEngine>(event::MakeEpollEngine(), counts_)};
  std::unique_ptr<TestAuthority> authority_;
  ServerSpec server_spec_;
  ClientSpec client_spec_;
  ClientTransportOptions client_options_;
  TlsStats server_stats_;
  TlsStats client_stats_;
  std::shared_ptr<const ServerContext> server_context_;
  std::shared_ptr<const ClientContext> client_context_;
  std::unique_ptr<TlsEnd> client_;
  std::unique_ptr<TlsEnd> server_;
};

}  // namespace outrigger::tls
