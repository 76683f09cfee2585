#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "source/filters/listener/http_inspector/http_inspector.h"
#include "source/filters/listener/original_dst/original_dst.h"
#include "source/filters/listener/tls_inspector/tls_inspector.h"
#include "test/harness/loop.h"
#include "test/harness/recorder.h"
#include "test/net/hello_bytes.h"

namespace outrigger::filters {
namespace {

using harness::RunUntil;
using net::AcceptedSocket;
using net::ListenerFilterRun;

class InspectorsTest : public testing::Test, public ListenerFilterRun::Owner {
 protected:
  InspectorsTest() {
    const auto [client, server] = harness::TcpPair(loop_);
    client_ = std::make_unique<harness::End>(loop_, client);
    AcceptedSocket socket;
    socket.fd = server;
    socket.properties.local = (*client_)->remote();
    std::vector<std::unique_ptr<net::ListenerFilter>> filters;
    filters.push_back(std::make_unique<OriginalDst>(dst_));
    filters.push_back(std::make_unique<TlsInspector>(tls_, 4096));
    filters.push_back(std::make_unique<HttpInspector>(http_));
    run_ = std::make_unique<ListenerFilterRun>(loop_, std::move(socket), std::move(filters),
                                               ListenerFilterRun::Options{}, *this);
  }
  ~InspectorsTest() override { net::CloseAccepted(loop_.engine(), handed_); }
  void OnListenerFiltersDone(ListenerFilterRun&, AcceptedSocket socket, ListenerFilterRun::Outcome outcome) override {
    outcome_ = outcome;
    handed_ = std::move(socket);
  }
  void Send(const std::string& bytes, bool end = false) {
    run_->Start();
    (*client_)->Write(bytes);
    if (end) (*client_)->EndWrite();
    ASSERT_TRUE(RunUntil(loop_, [&] { return outcome_.has_value(); }));
  }

  event::Dispatcher loop_{event::MakeEpollEngine()};
  observe::TlsInspectorStats tls_;
  observe::HttpInspectorStats http_;
  observe::OriginalDstStats dst_;
  std::unique_ptr<harness::End> client_;
  std::unique_ptr<ListenerFilterRun> run_;
  std::optional<ListenerFilterRun::Outcome> outcome_;
  AcceptedSocket handed_;
};

TEST_F(InspectorsTest, AClientHelloGivesNameAndProtocols) {
  Send(net::Hello({{0, net::ServerNameExtension("A.example")}, {16, net::AlpnExtension({"h2"})}}));
  EXPECT_EQ(outcome_, ListenerFilterRun::Outcome::kDone);
  EXPECT_EQ(handed_.properties.transport_protocol(), "tls");
  EXPECT_EQ(handed_.properties.server_name(), "a.example");
  ASSERT_EQ(handed_.properties.hello->alpns.size(), 1u);
  EXPECT_EQ(handed_.properties.application_name(), "") << "the HTTP inspector leaves TLS alone";
  EXPECT_EQ(tls_.tls_found.value(), 1u);
  EXPECT_EQ(tls_.sni_found.value(), 1u);
  EXPECT_EQ(tls_.alpn_found.value(), 1u);
}

TEST_F(InspectorsTest, APlainRequestGivesItsProtocol) {
  Send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(handed_.properties.transport_protocol(), "raw_buffer");
  EXPECT_EQ(handed_.properties.application_name(), "http/1.1");
  EXPECT_EQ(tls_.tls_not_found.value(), 1u);
  EXPECT_EQ(http_.http11_found.value(), 1u);
}

TEST_F(InspectorsTest, APrefaceIsH2c) {
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(handed_.properties.application_name(), "h2c");
  EXPECT_EQ(http_.http2_found.value(), 1u);
}

TEST_F(InspectorsTest, OtherBytesGoOnWithNothingKnown) {
  Send("\x01\x02\x03");
  EXPECT_EQ(outcome_, ListenerFilterRun::Outcome::kDone);
  EXPECT_EQ(handed_.properties.application_name(), "");
  EXPECT_EQ(http_.http_not_found.value(), 1u);
}

TEST_F(InspectorsTest, AHelloThatIsTooLargeIsRefused) {
  Send(net::Hello({{0x5555, std::string(9000, 'x')}}));
  EXPECT_EQ(outcome_, ListenerFilterRun::Outcome::kRefused);
  EXPECT_EQ(tls_.client_hello_too_large.value(), 1u);
}

TEST_F(InspectorsTest, AHelloThatBreaksOffIsCounted) {
  Send(net::Hello({}).substr(0, 20), /*end=*/true);
  EXPECT_EQ(outcome_, ListenerFilterRun::Outcome::kPeerClosed);
  EXPECT_EQ(tls_.connection_closed.value(), 1u);
}

TEST_F(InspectorsTest, AConnectionThatBreaksWhileItIsLookedAtIsCounted) {
  run_->Start();
  (*client_)->Close(net::Connection::CloseMode::kReset);
  ASSERT_TRUE(RunUntil(loop_, [&] { return outcome_.has_value(); }));
  EXPECT_EQ(outcome_, ListenerFilterRun::Outcome::kError);
  EXPECT_EQ(tls_.read_error.value(), 1u);
  EXPECT_EQ(http_.read_error.value(), 0u);
}

TEST_F(InspectorsTest, WithoutARedirectTheDestinationStays) {
  const net::Address local = run_->socket().properties.local;
  Send("\x01");
  EXPECT_EQ(handed_.properties.local, local);
  EXPECT_FALSE(handed_.properties.local_restored);
  EXPECT_EQ(dst_.not_found.value(), 1u);
}

}  // namespace
}  // namespace outrigger::filters
