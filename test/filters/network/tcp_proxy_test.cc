#include "source/filters/network/tcp_proxy/tcp_proxy.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "test/filters/network/proxied.h"

namespace outrigger::filters {
namespace {

using net::Connection;
using observe::ResponseFlag;

// Keeps what a log would read.
class KeepingLog final : public observe::AccessLog {
 public:
  struct Line {
    http::StreamInfo info;
    std::string upstream_host, cluster, termination;
    http::LogEvent event;
  };
  void Log(observe::WorkerStats&, const http::AccessLogRecord& record) const override {
    Line line{*record.info, record.info->upstream.host == nullptr ? "" : record.info->upstream.host->ToString(),
              std::string(record.info->upstream.cluster), std::string(record.info->termination), record.event};
    lines.push_back(std::move(line));
  }
  mutable std::vector<Line> lines;
};

class TcpProxyTest : public testing::Test {
 protected:
  TcpProxyTest() {
    config_->stats = p_.upstream.registry.Register<observe::TcpProxyStats>("tcp.t.");
    config_->targets = {{"c", p_.upstream.slot, 1}};
    config_->access_logs = {log_};
  }
  std::vector<Proxied::Make> Filters() {
    return {[this](model::DownstreamContext& context) { return std::make_unique<TcpProxy>(config_, context); }};
  }
  void Open() {
    p_.Start(Filters());
    p_.ConnectClient();
    ASSERT_TRUE(p_.ServerHas(1));
  }
  TcpServer::Accepted& At(size_t i) { return *p_.server.all[i]; }
  observe::TcpProxyStats& Stats() { return p_.upstream.registry.main().Get(config_->stats); }
  bool Has(ResponseFlag flag) const { return !log_->lines.empty() && log_->lines.back().info.flags.Has(flag); }

  Proxied p_;
  std::shared_ptr<TcpProxyConfig> config_ = std::make_shared<TcpProxyConfig>();
  std::shared_ptr<KeepingLog> log_ = std::make_shared<KeepingLog>();
};

TEST_F(TcpProxyTest, CarriesBytesBothWaysAndEachEndByItself) {
  Open();
  p_.client->Write("hello");
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got == "hello"; }));
  At(0).connection->Write("world");
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.got == "world"; }));
  p_.client->Write("last");
  p_.client->EndWrite();
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.ends == 1; }));
  EXPECT_EQ(At(0).recorder.got, "hellolast");
  EXPECT_FALSE(p_.closed);
  At(0).connection->Write("after the end");  // half closed: still flows
  At(0).connection->EndWrite();
  ASSERT_TRUE(p_.Closed());
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.closes == 1; }));
  EXPECT_EQ(p_.recorder.got, "worldafter the end");
  EXPECT_EQ(p_.recorder.closed->reason, net::CloseReason::kPeer);

  ASSERT_EQ(log_->lines.size(), 1u);
  const KeepingLog::Line& line = log_->lines[0];
  EXPECT_EQ(line.event, http::LogEvent::kTcpConnectionEnd);
  EXPECT_EQ(line.info.bytes_received, 9u);
  EXPECT_EQ(line.info.bytes_sent, 18u);
  EXPECT_EQ(line.cluster, "c");
  EXPECT_EQ(line.upstream_host, p_.server.address().ToString());
  EXPECT_TRUE(line.info.flags.empty());
  EXPECT_EQ(Stats().downstream_cx_total.value(), 1u);
  EXPECT_EQ(Stats().downstream_cx_rx_bytes_total.value(), 9u);
  EXPECT_EQ(Stats().downstream_cx_tx_bytes_total.value(), 18u);
}

TEST_F(TcpProxyTest, KeepsWhatTheClientSaysUntilTheUpstreamIsConnected) {
  p_.Start(Filters());
  p_.recorder.on_connected = [&] {
    p_.client->Write("early");
    p_.client->EndWrite();
  };
  p_.ConnectClient();
  ASSERT_TRUE(p_.ServerHas(1));
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got == "early" && At(0).recorder.ends == 1; }));
}

TEST_F(TcpProxyTest, AServerMaySpeakFirst) {
  p_.server.on_accepted = [](TcpServer::Accepted& accepted) { accepted.connection->Write("220 ready"); };
  Open();
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.got == "220 ready"; }));
}

TEST_F(TcpProxyTest, ASlowServerSlowsTheClient) {
  p_.server.on_accepted = [](TcpServer::Accepted& accepted) { accepted.connection->PauseReading(); };
  p_.upstream.config->settings.Edit().buffer_limit = 64 * 1024;
  Open();
  const std::string much(4 << 20, 'x');
  p_.client->Write(much);
  ASSERT_TRUE(p_.Until([&] { return Stats().downstream_flow_control_paused_reading_total.value() > 0; }));
  p_.simulated.RunFor(seconds(1));
  EXPECT_LT(Stats().downstream_cx_rx_bytes_total.value(), 1u << 20);
  At(0).connection->ResumeReading();
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got.size() == much.size(); }));
  EXPECT_GT(Stats().downstream_flow_control_resumed_reading_total.value(), 0u);
  EXPECT_GT(p_.upstream.stats().upstream_flow_control_backed_up_total.value(), 0u);
  EXPECT_GT(p_.upstream.stats().upstream_flow_control_drained_total.value(), 0u);
}

TEST_F(TcpProxyTest, ASlowClientSlowsTheServer) {
  p_.on_connection = [](Connection& connection) { connection.SetWriteLimits(64 * 1024); };
  Open();
  p_.client->PauseReading();
  const std::string much(4 << 20, 'y');
  At(0).connection->Write(much);
  p_.simulated.RunFor(seconds(1));
  EXPECT_LT(Stats().downstream_cx_tx_bytes_total.value(), 1u << 20);
  EXPECT_GT(Stats().downstream_cx_tx_bytes_buffered.value(), 32 * 1024) << "what waits for the client";
  p_.client->ResumeReading();
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.got.size() == much.size(); }));
  EXPECT_TRUE(p_.Until([&] { return Stats().downstream_cx_tx_bytes_buffered.value() == 0; }));
  EXPECT_GT(p_.upstream.stats().upstream_flow_control_paused_reading_total.value(), 0u);
  EXPECT_EQ(p_.upstream.stats().upstream_flow_control_paused_reading_total.value(),
            p_.upstream.stats().upstream_flow_control_resumed_reading_total.value());
}

TEST_F(TcpProxyTest, WhatWaitsForAConnectionIsForgottenWithIt) {
  p_.on_connection = [](Connection& connection) { connection.SetWriteLimits(64 * 1024); };
  Open();
  p_.client->PauseReading();
  At(0).connection->Write(std::string(4 << 20, 'y'));
  p_.simulated.RunFor(seconds(1));
  EXPECT_GT(Stats().downstream_cx_tx_bytes_buffered.value(), 0);
  p_.client->Close(Connection::CloseMode::kReset);
  ASSERT_TRUE(p_.Closed());
  EXPECT_EQ(Stats().downstream_cx_tx_bytes_buffered.value(), 0);
  EXPECT_EQ(Stats().downstream_cx_rx_bytes_buffered.value(), 0);
}

TEST_F(TcpProxyTest, ClosesTheClientWithoutACluster) {
  config_->targets = {{"none", {7, 1}, 1}};
  p_.Start(Filters());
  p_.ConnectClient();
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kNoClusterFound));
  EXPECT_EQ(Stats().downstream_cx_no_route.value(), 1u);
}

TEST_F(TcpProxyTest, ClosesTheClientWithoutAnEndpoint) {
  p_.Start(Filters(), {});
  p_.ConnectClient();
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kNoHealthyUpstream));
  EXPECT_EQ(p_.upstream.stats().upstream_cx_none_healthy.value(), 1u);
}

TEST_F(TcpProxyTest, TriesToConnectAsOftenAsToldAndThenSaysSo) {
  config_->max_connect_attempts = 3;
  p_.Start(Filters(), {*net::Address::ParseIp("127.0.0.1", 1)});  // nobody listens there
  p_.ConnectClient();
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kUpstreamConnectionFailure));
  EXPECT_TRUE(Has(ResponseFlag::kUpstreamRetryLimitExceeded));
  EXPECT_EQ(log_->lines.back().info.upstream.attempts, 3u);
  EXPECT_EQ(p_.upstream.stats().upstream_cx_connect_fail.value(), 3u);
  EXPECT_EQ(p_.upstream.stats().upstream_cx_connect_attempts_exceeded.value(), 1u);
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.closes + p_.recorder.ends > 0; }));
}

TEST_F(TcpProxyTest, AnotherAttemptMayReachAnotherEndpoint) {
  config_->max_connect_attempts = 2;
  p_.Start(Filters(), {*net::Address::ParseIp("127.0.0.1", 1), p_.server.address()});
  p_.ConnectClient();
  ASSERT_TRUE(p_.ServerHas(1));
  p_.client->Write("x");
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got == "x"; }));
}

TEST_F(TcpProxyTest, RefusesBeyondTheCircuitBreaker) {
  p_.upstream.config->circuit_breakers->Put(0, upstream::Limits(0, 10, 10));
  p_.Start(Filters());
  p_.ConnectClient();
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kUpstreamOverflow));
}

TEST_F(TcpProxyTest, ClosesAfterNothingWasSaidForTheIdleTimeout) {
  config_->idle_timeout = seconds(10);
  Open();
  p_.simulated.RunFor(seconds(8));
  p_.client->Write("x");
  p_.simulated.RunFor(seconds(8));
  EXPECT_FALSE(p_.closed);
  ASSERT_TRUE(p_.Closed());
  EXPECT_EQ(Stats().idle_timeout.value(), 1u);
  EXPECT_EQ(log_->lines.back().termination, "tcp_session_idle_timeout");
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.closes + At(0).recorder.ends > 0; }));
}

TEST_F(TcpProxyTest, ClosesAfterTheLongestDuration) {
  config_->max_connection_duration = seconds(3);
  Open();
  p_.simulated.RunFor(seconds(2));
  EXPECT_FALSE(p_.closed);
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kDurationTimeout));
  EXPECT_EQ(Stats().max_downstream_connection_duration.value(), 1u);
}

TEST_F(TcpProxyTest, WhatTheClientSentBeforeItLeftStillReachesTheServer) {
  p_.server.on_accepted = [](TcpServer::Accepted& accepted) { accepted.connection->PauseReading(); };
  Open();
  const std::string much(600 * 1024, 'z');
  p_.client->Write(much);
  ASSERT_TRUE(p_.Until([&] { return Stats().downstream_cx_rx_bytes_total.value() == much.size(); }));
  p_.client->Close(Connection::CloseMode::kReset);
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kDownstreamConnectionTermination));
  EXPECT_EQ(Stats().upstream_flush_active.value(), 1);
  At(0).connection->ResumeReading();
  ASSERT_TRUE(p_.Until([&] { return Stats().upstream_flush_active.value() == 0; }));
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got.size() == much.size(); }));
  EXPECT_EQ(Stats().upstream_flush_total.value(), 1u);
}

TEST_F(TcpProxyTest, TellsTheClientWhenTheServerBreaksOff) {
  Open();
  p_.client->Write("x");
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got == "x"; }));
  At(0).connection->Close(Connection::CloseMode::kReset);
  ASSERT_TRUE(p_.Closed());
  EXPECT_TRUE(Has(ResponseFlag::kUpstreamConnectionTermination));
  ASSERT_TRUE(p_.Until([&] { return p_.recorder.closes == 1 || p_.recorder.ends == 1; }));
}

TEST_F(TcpProxyTest, AClientThatLeavesWhileConnectingCancelsIt) {
  p_.simulated.faults().connect_timeout_one_in = 0;
  p_.Start(Filters());
  p_.recorder.on_connected = [&] { p_.client->Close(Connection::CloseMode::kReset); };
  p_.ConnectClient();
  ASSERT_TRUE(p_.Closed());
  p_.simulated.RunFor(seconds(3));
  EXPECT_EQ(p_.upstream.stats().upstream_cx_active.value(), 0);
}

TEST_F(TcpProxyTest, DrawsAmongWeightedClusters) {
  config_->targets = {{"none", {7, 1}, 1}, {"c", p_.upstream.slot, 3}};
  config_->total_weight = 4;
  p_.Start(Filters());
  int none = 0;
  const int kDraws = 40;
  for (int i = 0; i < kDraws; ++i) {
    p_.closed = false;
    p_.ConnectClient();
    const size_t before = p_.server.all.size();
    ASSERT_TRUE(p_.Until([&] { return p_.closed || p_.server.all.size() > before; }));
    if (!p_.closed) {
      p_.client->Close(Connection::CloseMode::kReset);
      ASSERT_TRUE(p_.Closed());
    } else {
      ++none;
    }
    p_.client.reset();
    p_.recorder = harness::Recorder();
  }
  EXPECT_GT(none, 2);
  EXPECT_LT(none, 25);
}

TEST_F(TcpProxyTest, ADrainingConnectionEndsWhenItIsQuiet) {
  Open();
  p_.client->Write("x");
  ASSERT_TRUE(p_.Until([&] { return At(0).recorder.got == "x"; }));
  ASSERT_NE(p_.drain_handler, nullptr);
  p_.drain_handler->OnDrain();
  p_.simulated.RunFor(seconds(3));
  p_.client->Write("y");  // still in use
  p_.simulated.RunFor(seconds(3));
  EXPECT_FALSE(p_.closed);
  ASSERT_TRUE(p_.Closed());
  EXPECT_EQ(At(0).recorder.got, "xy");
}

TEST_F(TcpProxyTest, LogsTheConnectAndNowAndThenIfAsked) {
  config_->log_on_connected = true;
  config_->access_log_flush_interval = seconds(10);
  Open();
  p_.simulated.RunFor(seconds(25));
  ASSERT_EQ(log_->lines.size(), 3u);
  EXPECT_EQ(log_->lines[0].event, http::LogEvent::kTcpUpstreamConnected);
  EXPECT_EQ(log_->lines[1].event, http::LogEvent::kTcpPeriodic);
}

}  // namespace
}  // namespace outrigger::filters
