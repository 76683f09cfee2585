#include <gtest/gtest.h>

#include <cstdlib>

#include "test/upstream/harness.h"

namespace {
bool g_counting = false;
uint64_t g_allocations = 0;
}  // namespace

// Sees every malloc of the process, operator new's and the block pool's alike; the sanitizers have allocators of their
// own.
#ifndef OUTRIGGER_SANITIZED
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  if (g_counting) ++g_allocations;
  return __libc_malloc(size);
}
#endif

namespace outrigger::upstream {
namespace {

// Either end of one exchange at a time, with memory of its own that is used again.
struct Reused : http::StreamReceiver {
  Arena memory;
  int ends = 0;
  Arena& arena() override { return memory; }
  void OnInterim(http::HeaderMap&) override {}
  void OnHeaders(http::HeaderMap&, bool end) override { Ended(end); }
  void OnBody(Buffer& body, bool end) override {
    body.Clear();
    Ended(end);
  }
  void OnTrailers(http::HeaderMap&) override {}
  void OnReset(http::ResetReason, const char*) override {}
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}
  void Ended(bool end) {
    if (!end) return;
    ++ends;
    OnEnd();
  }
  virtual void OnEnd() {}
};

struct Server final : Reused, http::ServerSessionOwner, net::TcpListener::Owner {
  event::Dispatcher* loop = nullptr;
  bool http2 = false;
  http::CodecCounters counters;
  http::StreamSender* sender = nullptr;
  std::unique_ptr<net::Connection> connection;
  std::unique_ptr<http::Session> session;

  void OnAccepted(net::TcpListener&, net::AcceptedSocket socket) override {
    connection = std::make_unique<net::Connection>(*loop, std::move(socket), std::make_unique<net::RawTransport>());
    session = http2 ? http::MakeHttp2Server(*connection, *this, {}, {}, counters)
                    : http::MakeHttp1Server(*connection, *this, {}, {}, counters);
    connection->SetHandler(session.get());
    connection->Start();
  }
  http::StreamReceiver& OnStream(http::StreamSender& made) override {
    memory.Reset();
    sender = &made;
    return *this;
  }
  void OnEnd() override {
    auto* map = memory.New<http::HeaderMap>(memory);
    map->SetStatus(200);
    sender->SendHeaders(*map, false);
    Buffer body("hello, world");
    sender->SendBody(body, true);
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override {}
};

struct Client final : StreamRequest, Reused {
  void OnStreamReady(http::StreamSender& sender, const ConnectionFacts&) override {
    auto* map = memory.New<http::HeaderMap>(memory);
    map->Add(http::KnownHeader::kMethod, "GET");
    map->Add(http::KnownHeader::kScheme, "http");
    map->Add(http::KnownHeader::kAuthority, "a.test");
    map->Add(http::KnownHeader::kPath, "/");
    sender.SendHeaders(*map, true);
  }
  void OnStreamFailed(const PoolFailure&) override { FAIL(); }
  http::StreamReceiver& receiver() override { return *this; }
};

void CountExchanges(bool http2) {
  World world;
  Server server;
  server.loop = world.loop;
  server.http2 = http2;
  auto socket = *net::ListenSocket::Bind(world.loop->engine(), *net::Address::ParseIp("127.0.0.1", 0), {}, 1);
  ASSERT_TRUE(socket->Listen().ok());
  net::TcpListener listener(*world.loop, socket, 0, 0, server);
  listener.Start();
  if (http2) world.config->settings.Edit().protocol = model::UpstreamProtocol::kHttp2;
  world.Start(SetOf({Record(socket->address(), 1)}));
  Client client;
  const auto run = [&](int n) {
    for (int i = 0; i < n; ++i) {
      client.memory.Reset();
      const int before = client.ends;
      const Picked picked = world.cluster().Pick({});
      world.cluster().Request(picked, client, {});
      while (client.ends == before) world.loop->RunOnce(milliseconds(100));
    }
  };
  run(200);
  g_allocations = 0;
  g_counting = true;
  run(1000);
  g_counting = false;
  EXPECT_EQ(g_allocations, 0u);
  EXPECT_EQ(world.stats().upstream_rq_total.value(), 1200u);
  listener.Stop();
  server.connection->Close(net::Connection::CloseMode::kNow);
  harness::Turns(*world.loop, 2);
}

TEST(PoolAllocationTest, AnHttp1RequestAllocatesNothingInTheSteadyState) { CountExchanges(false); }
TEST(PoolAllocationTest, AnHttp2RequestAllocatesNothingInTheSteadyState) { CountExchanges(true); }

}  // namespace
}  // namespace outrigger::upstream
