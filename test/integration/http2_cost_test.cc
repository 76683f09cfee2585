// What a request costs over HTTP/2: socket calls and memory, counted.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>

#include "source/base/bug.h"
#include "test/http/h2/frames.h"
#include "test/integration/allocation_count.h"
#include "test/integration/small_proxy.h"

namespace outrigger::integration {
namespace {

namespace h2 = http::h2;

constexpr int kWarmUp = 300;
constexpr int kRounds = 2000;
constexpr int kStreams = 16;
constexpr size_t kRoom = 128 * 1024;

// Calls of frame(type, flags, stream) for the whole frames in `bytes`; moves the rest to the front and says its size.
template <class F>
size_t EatFrames(char* bytes, size_t n, F&& frame) {
  size_t at = 0;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])); };
  while (n - at >= 9) {
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (n - at < 9 + length) break;
    frame(byte(3), byte(4), byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
    at += 9 + length;
  }
  memmove(bytes, bytes + at, n - at);
  return n - at;
}

void PutStream(uint32_t stream, char* frame) {
  const uint32_t in_order = htonl(stream);
  memcpy(frame + 5, &in_order, sizeof(in_order));
}

// Answers each request with the same two frames, all that came together in one write. One connection; allocates nothing
// per request.
class FramesBackend {
 public:
  FramesBackend()
      : answer_(h2::Frame(1, h2::kEndHeaders, 0, "\x88") + h2::Frame(0, h2::kEndStream, 0, std::string(100, 'b'))) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    OUTRIGGER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    OUTRIGGER_CHECK(listen(listener_, 8) == 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FramesBackend() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  uint16_t port() const { return port_; }

 private:
  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    const std::string hello = h2::Settings() + h2::Frame(4, 1, 0, "");
    OUTRIGGER_CHECK(write(fd, hello.data(), hello.size()) > 0);
    static char in[kRoom], out[kRoom];
    size_t have = 0;
    for (bool greeted = false;;) {
      const ssize_t n = read(fd, in + have, kRoom - have);
      if (n <= 0) break;
      have += static_cast<size_t>(n);
      if (!greeted) {
        if (have < h2::kPreface.size()) continue;
        memmove(in, in + h2::kPreface.size(), have -= h2::kPreface.size());
        greeted = true;
      }
      size_t answered = 0;
      have = EatFrames(in, have, [&](uint32_t type, uint32_t, uint32_t stream) {
        if (type != 1) return;
        char* to = out + answered;
        answered += answer_.copy(to, answer_.size());
        PutStream(stream, to);
        PutStream(stream, to + 10);
      });
      if (answered > 0 && write(fd, out, answered) < 0) break;
    }
    close(fd);
  }

  const std::string answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

// A connection that sends `kStreams` requests at once, or one, and waits for their ends.
class FramesClient {
 public:
  explicit FramesClient(uint16_t port) : client_(port) {
    client_.Send(h2::kPreface + h2::Settings() + h2::Frame(4, 1, 0, "") + h2::Frame(8, 0, 0, h2::Number(1 << 30, 4)));
    const h2::Fields fields = {{":method", "GET"},      {":scheme", "http"},    {":authority", "example.com"},
                               {":path", "/hello?x=1"}, {"user-agent", "test"}, {"accept", "*/*"}};
    one_ = h2::Headers(1, fields, true);
    requests_.reserve(kStreams * one_.size());
  }
  void Exchange(int streams) {
    requests_.clear();
    for (int i = 0; i < streams; ++i) {
      PutStream(next_, one_.data());
      next_ += 2;
      requests_.append(one_);
    }
    client_.Send(requests_);
    static char in[kRoom];
    for (int ended = 0; ended < streams;) {
      have_ += client_.ReadSome(in + have_, kRoom - have_);
      have_ = EatFrames(in, have_, [&](uint32_t type, uint32_t flags, uint32_t) {
        EXPECT_TRUE(type != 3 && type != 7) << "RST_STREAM or GOAWAY";
        if (type <= 1 && (flags & h2::kEndStream) != 0) ++ended;
      });
    }
  }

 private:
  Client client_;
  std::string one_, requests_;
  uint32_t next_ = 1;
  size_t have_ = 0;
};

struct Cost {
  double calls;  // per request
  uint64_t allocations, frees;
};

Cost Measure(SmallProxy& proxy, int streams) {
  FramesClient client(proxy.port());
  for (int i = 0; i < kWarmUp; ++i) client.Exchange(streams);
  const auto before = proxy.CountsNow();
  AllocationCount::Start();
  for (int i = 0; i < kRounds; ++i) client.Exchange(streams);
  AllocationCount::Stop();
  const auto after = proxy.CountsNow();
  return {(after.socket_calls() - before.socket_calls()) / static_cast<double>(kRounds * streams),
          AllocationCount::Allocations(), AllocationCount::Frees()};
}

SmallProxy::Options Http2Options(uint16_t port, bool to_upstreams) {
  SmallProxy::Options options;
  options.backend_port = port;
  options.hcm = [](filters::hcm::HcmConfig& hcm) { hcm.codec = filters::hcm::CodecType::kHttp2; };
  if (to_upstreams) {
    options.cluster = [](model::ClusterConfig& cluster) {
      cluster.settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
    };
  }
  return options;
}

TEST(Http2CostTest, ARequestToAnHttp1UpstreamCostsFourSocketCallsAndNoMemoryOfItsOwn) {
  FixedBackend backend("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nserver: x\r\n\r\n" + std::string(100, 'b'));
  SmallProxy proxy(Http2Options(backend.port(), false));
  const Cost cost = Measure(proxy, 1);
  EXPECT_EQ(cost.calls, 4);
  EXPECT_LT(cost.allocations, uint64_t{kRounds} / 100) << "the date of a new second is an entry of the table";
  EXPECT_LT(cost.frees, uint64_t{kRounds} / 100);
}

TEST(Http2CostTest, RequestsThatComeTogetherGoOnTogetherAndCostHardlyAnyMemory) {
  FramesBackend backend;
  SmallProxy proxy(Http2Options(backend.port(), true));
  const Cost cost = Measure(proxy, kStreams);
  EXPECT_LE(cost.calls, 0.5) << "two reads and two writes for sixteen: 0.25, if nothing is torn apart on its way";
  EXPECT_LT(cost.allocations, uint64_t{kRounds} / 50)
      << "now and then an entry of the peer's table, until that is full";
  EXPECT_LT(cost.frees, uint64_t{kRounds} / 50);
}

TEST(Http2CostTest, ARequestAloneCostsFourSocketCallsAndHardlyAnyMemory) {
  FramesBackend backend;
  SmallProxy proxy(Http2Options(backend.port(), true));
  const Cost cost = Measure(proxy, 1);
  EXPECT_EQ(cost.calls, 4);
  EXPECT_LT(cost.allocations, uint64_t{kRounds} / 50)
      << "now and then an entry of the peer's table, until that is full";
  EXPECT_LT(cost.frees, uint64_t{kRounds} / 50);
}

}  // namespace
}  // namespace outrigger::integration
