#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/observe/stats_reader.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

using Peer = ScriptedBackend::Peer;

constexpr size_t kBody = 64 * 1024 * 1024;
constexpr size_t kBound = 44 * 1024 * 1024;  // mostly kernel buffers: a socket may grow to 32 MiB each way
constexpr int kQuietMs = 400;                // a socket that takes nothing for so long is stalled

char ByteAt(size_t i) { return static_cast<char>('a' + (i * 7 + i / 1000) % 26); }

// Sends the body as long as the socket takes it; returns how much that was.
size_t SendUntilStalled(int fd, size_t from, size_t to) {
  std::string chunk;
  while (from < to) {
    pollfd ready{fd, POLLOUT, 0};
    if (poll(&ready, 1, kQuietMs) == 0) return from;
    chunk.clear();
    for (size_t i = 0; i < 32768 && from + i < to; ++i) chunk.push_back(ByteAt(from + i));
    const ssize_t n = send(fd, chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) continue;
    from += static_cast<size_t>(n);
  }
  return from;
}

// How many proxies stand in a row, and what they speak to each other: clients and backends speak HTTP/1.
//   1: h1>h1     2: h1>h2, h2>h1     3: h1>h2, h2>h2, h2>h1
class PressureTest : public testing::TestWithParam<int> {
 protected:
  void Chain(uint16_t backend_port) {
    uint16_t port = backend_port;
    for (int i = 0; i < GetParam(); ++i) {
      SmallProxy::Options options;
      options.backend_port = port;
      const bool to_backend = i == 0;
      options.cluster = [to_backend](model::ClusterConfig& cluster) {
        if (!to_backend) cluster.settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
        model::ClusterSettings& settings = cluster.settings.Edit();
        settings.http2.initial_stream_window_size = settings.http2.initial_connection_window_size = 256 * 1024;
        settings.buffer_limit = 256 * 1024;
        settings.codec.stream_buffer_limit = 256 * 1024;
      };
      options.hcm = [](filters::hcm::HcmConfig& hcm) {
        hcm.http2.initial_stream_window_size = hcm.http2.initial_connection_window_size = 256 * 1024;
        hcm.codec_options.stream_buffer_limit = 256 * 1024;
      };
      options.route = [](model::ForwardAction& route) { route.timeout = Duration::zero(); };
      proxies_.push_back(std::make_unique<SmallProxy>(options));
      port = proxies_.back()->port();
    }
  }
  uint16_t port() const { return proxies_.back()->port(); }
  // Of the cluster of the proxy before the client.
  uint64_t Count(absl::string_view what) {
    for (const auto& number : proxies_.back()->stats().Read().numbers) {
      if (absl::EndsWith(number.name, absl::StrCat(".upstream_flow_control_", what))) {
        return static_cast<uint64_t>(number.value);
      }
    }
    return 0;
  }
  std::vector<std::unique_ptr<SmallProxy>> proxies_;  // the one before the backend first
};

TEST_P(PressureTest, AClientThatDoesNotReadStopsTheUpstream) {
  std::atomic<size_t> stalled_at{0};
  std::atomic<bool> go_on{false};
  ScriptedBackend backend([&](Peer& peer, int) {
    peer.ReadRequest();
    peer.Write(absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", kBody, "\r\n\r\n"));
    const size_t sent = SendUntilStalled(peer.fd(), 0, kBody);
    stalled_at = sent;
    go_on.wait(false);
    for (size_t at = sent; at < kBody;) at = SendUntilStalled(peer.fd(), at, kBody);
    peer.WaitForEnd();
  });
  Chain(backend.port());
  Client client(port());
  client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  while (stalled_at == 0) std::this_thread::yield();
  EXPECT_LT(stalled_at.load(), kBound);
  EXPECT_GT(Count("paused_reading_total"), Count("resumed_reading_total"));

  go_on = true;
  go_on.notify_all();
  std::vector<char> buffer(256 * 1024);
  std::string head;
  size_t body = 0;
  bool in_body = false, right = true;
  while (body < kBody) {
    const size_t n = client.ReadSome(buffer.data(), buffer.size());
    size_t from = 0;
    if (!in_body) {
      head.append(buffer.data(), n);
      const size_t end = head.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      from = n - (head.size() - end - 4);
      in_body = true;
    }
    for (size_t i = from; i < n; ++i) right = right && buffer[i] == ByteAt(body++);
  }
  EXPECT_TRUE(right);
  EXPECT_EQ(body, kBody);
  EXPECT_GT(Count("resumed_reading_total"), 0u);
}

TEST_P(PressureTest, AnUpstreamThatDoesNotReadStopsTheClient) {
  std::atomic<bool> go_on{false};
  std::atomic<bool> right{true};
  ScriptedBackend backend([&](Peer& peer, int) {
    std::string head;
    while (!absl::StrContains(head, "\r\n\r\n")) {
      char one;
      if (recv(peer.fd(), &one, 1, 0) != 1) return;
      head.push_back(one);
    }
    go_on.wait(false);
    std::vector<char> buffer(256 * 1024);
    for (size_t at = 0; at < kBody;) {
      const ssize_t n = recv(peer.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0) {
        right = false;
        return;
      }
      for (ssize_t i = 0; i < n; ++i) {
        if (buffer[static_cast<size_t>(i)] != ByteAt(at++)) right = false;
      }
    }
    peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    peer.WaitForEnd();
  });
  Chain(backend.port());
  Client client(port());
  client.Send(absl::StrCat("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ", kBody, "\r\n\r\n"));
  const size_t stalled_at = SendUntilStalled(client.fd(), 0, kBody);
  EXPECT_LT(stalled_at, kBound);
  EXPECT_GT(Count("backed_up_total"), Count("drained_total"));
  go_on = true;
  go_on.notify_all();
  for (size_t at = stalled_at; at < kBody;) at = SendUntilStalled(client.fd(), at, kBody);
  const std::string answer = client.ReadResponse();
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(right.load());
  EXPECT_GT(Count("drained_total"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Codecs, PressureTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace outrigger::integration
