// Peers that stop in the middle, and bytes that are no HTTP/2 from where it was spoken: each has its limit, its counter
// and its line in the log.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "test/harness/process.h"
#include "test/http/h2/frames.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"
#include "test/integration/threaded_proxy.h"

namespace outrigger::integration {
namespace {

using Peer = ScriptedBackend::Peer;

const http::h2::Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
const http::h2::Fields kPost = {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};

class StallingPeerTest : public testing::Test {
 protected:
  void Start(std::function<void(Peer&)> serve, std::function<void(filters::hcm::HcmConfig&)> change) {
    backend_ = std::make_unique<ScriptedBackend>([serve](Peer& peer, int) { serve(peer); });
    options_.backend_port = backend_->port();
    options_.hcm = [this, change](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log_);
      change(hcm);
    };
    proxy_ = std::make_unique<SmallProxy>(options_);
    client_ = std::make_unique<Client>(proxy_->port());
  }
  static void Silent(Peer& peer) {
    peer.ReadRequest();
    peer.WaitForEnd();
  }
  LogRecorder::Line Logged() {
    harness::WaitFor([this] { return log_->Has(); });
    return log_->Take();
  }
  int64_t Stat(absl::string_view name) {
    for (const auto& number : proxy_->stats().Read().numbers) {
      if (number.name == name) return number.value;
    }
    return -1;
  }
  bool Ends() {
    char buffer[4096];
    ssize_t n;
    while ((n = recv(client_->fd(), buffer, sizeof(buffer), 0)) > 0) {
    }
    return n == 0;
  }

  SmallProxy::Options options_;
  std::shared_ptr<LogRecorder> log_ = std::make_shared<LogRecorder>();
  std::unique_ptr<ScriptedBackend> backend_;
  std::unique_ptr<SmallProxy> proxy_;
  std::unique_ptr<Client> client_;
};

TEST_F(StallingPeerTest, HalfAPrefaceOfHttp2IsAnIdleConnection) {
  Start(Silent, [](filters::hcm::HcmConfig& hcm) {
    hcm.codec = filters::hcm::CodecType::kHttp2;
    hcm.idle_timeout = hcm.drain_timeout = milliseconds(50);
  });
  client_->Send(http::h2::kPreface.substr(0, 10));
  EXPECT_TRUE(Ends());
  EXPECT_EQ(Stat("http.test.downstream_cx_idle_timeout"), 1);
}

TEST_F(StallingPeerTest, AHeaderBlockThatIsNotContinuedIsTimedOut) {
  Start(Silent, [](filters::hcm::HcmConfig& hcm) { hcm.request_headers_timeout = milliseconds(50); });
  client_->Send(http::h2::kPreface + http::h2::Settings() + http::h2::Frame(1, 0, 1, http::h2::Block(kGet)));
  const LogRecorder::Line line = Logged();
  EXPECT_EQ(line.details, "request_header_timeout");
  EXPECT_TRUE(line.set.Has(observe::ResponseFlag::kDownstreamProtocolError)) << line.flags;
  EXPECT_EQ(Stat("http.test.downstream_rq_header_timeout"), 1);
}

TEST_F(StallingPeerTest, ABodyThatStopsInTheMiddleOfAFrameIsTimedOut) {
  Start(Silent, [](filters::hcm::HcmConfig& hcm) { hcm.request_timeout = milliseconds(50); });
  client_->Send(http::h2::kPreface + http::h2::Settings() + http::h2::Headers(1, kPost, false) +
                http::h2::Data(1, std::string(100, 'x'), true).substr(0, 50));
  const LogRecorder::Line line = Logged();
  EXPECT_EQ(line.code, 408u);
  EXPECT_EQ(line.details, "request_overall_timeout");
  EXPECT_EQ(Stat("http.test.downstream_rq_timeout"), 1);
}

TEST_F(StallingPeerTest, AnAnswerWhoseBodyStopsIsCut) {
  Start(
      [](Peer& peer) {
        peer.ReadRequest();
        peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        peer.WaitForEnd();
      },
      [](filters::hcm::HcmConfig& hcm) { hcm.stream_idle_timeout = milliseconds(50); });
  client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_TRUE(Ends());
  const LogRecorder::Line line = Logged();
  EXPECT_EQ(line.code, 200u);
  EXPECT_EQ(line.details, "stream_idle_timeout");
  EXPECT_TRUE(line.set.Has(observe::ResponseFlag::kStreamIdleTimeout)) << line.flags;
  EXPECT_EQ(Stat("http.test.downstream_rq_idle_timeout"), 1);
}

// An upstream that spoke HTTP/2 so far.
TEST_F(StallingPeerTest, GarbageFramesOfAnUpstreamAreAProtocolError) {
  options_.cluster = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  };
  Start(
      [](Peer& peer) {
        using namespace http::h2;  // the frames
        peer.Write(Settings());
        std::string bytes;
        for (std::string more; !(more = peer.ReadSome()).empty();) {
          bytes += more;
          for (const SeenFrame& frame : SplitFrames(bytes, &bytes)) {
            if (frame.type == 1) peer.Write(Frame(1, kEndHeaders, frame.stream, "\xff\xff\xff\xff\xff\xff"));
          }
        }
      },
      [](filters::hcm::HcmConfig&) {});
  client_->Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  const std::string answer = client_->ReadResponse();
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 502 ")) << answer;
  const LogRecorder::Line line = Logged();
  EXPECT_EQ(line.details, "upstream_reset_before_response_started{protocol_error}");
  EXPECT_TRUE(line.set.Has(observe::ResponseFlag::kUpstreamProtocolError)) << line.flags;
  EXPECT_EQ(Stat("cluster.backend.upstream_cx_protocol_error"), 1);
}

}  // namespace
}  // namespace outrigger::integration
