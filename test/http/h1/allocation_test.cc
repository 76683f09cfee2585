#include <gtest/gtest.h>

#include <cstdlib>

#include "source/http/h1/client_session.h"
#include "source/http/h1/server_session.h"
#include "source/net/raw_transport.h"
#include "test/harness/recorder.h"

namespace {
bool g_counting = false;
uint64_t g_allocations = 0;
}  // namespace

// Sees every malloc of the process, operator new's and the block pool's alike; the sanitizers have allocators of their own.
#ifndef OUTRIGGER_SANITIZED
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  if (g_counting) ++g_allocations;
  return __libc_malloc(size);
}
#endif

namespace outrigger::http::h1 {
namespace {

// One exchange at a time with memory of its own that is reset in between.
struct Echo final : StreamReceiver, ServerSessionOwner, ClientSessionOwner {
  Arena memory;
  StreamSender* sender = nullptr;
  bool server = false;
  int ends = 0;

  Arena& arena() override { return memory; }
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap&, bool end) override { Ended(end); }
  void OnBody(Buffer& body, bool end) override {
    body.Clear();
    Ended(end);
  }
  void OnTrailers(HeaderMap&) override {}
  void OnReset(ResetReason, const char*) override {}
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}
  StreamReceiver& OnStream(StreamSender& made) override {
    memory.Reset();
    sender = &made;
    return *this;
  }
  void OnCodecError(uint32_t, const char*) override {}
  void OnSessionIdle() override {}
  void OnSessionClosed(const net::CloseInfo&) override {}
  void OnSessionReady() override {}
  void OnStreamClosed() override {}
  void OnGoAway() override {}

  void Ended(bool end) {
    if (!end) return;
    ++ends;
    if (!server) return;
    HeaderMap* map = memory.New<HeaderMap>(memory);
    map->SetStatus(200);
    map->Add(KnownHeader::kContentType, "text/plain");
    sender->SendHeaders(*map, false);
    Buffer body("hello, world");
    sender->SendBody(body, true);
  }
};

TEST(AllocationTest, AnExchangeAllocatesNothingInTheSteadyState) {
  event::Dispatcher loop(event::MakeEpollEngine());
  const auto [left, right] = harness::TcpPair(loop);
  net::Connection client_connection(loop, left, std::make_unique<net::RawTransport>());
  net::Connection server_connection(loop, right, std::make_unique<net::RawTransport>());
  Echo client_app, server_app;
  server_app.server = true;
  CodecCounters counters;
  auto server = MakeHttp1Server(server_connection, server_app, CodecOptions(), Http1Options(), counters);
  auto client = MakeHttp1Client(client_connection, client_app, CodecOptions(), Http1Options(), counters);
  server_connection.SetHandler(server.get());
  client_connection.SetHandler(client.get());
  server_connection.Start();
  client_connection.Start();
  harness::Turns(loop);
  const auto exchange = [&] {
    client_app.memory.Reset();
    const int before = client_app.ends;
    StreamSender* sender = client->NewStream(client_app);
    ASSERT_NE(sender, nullptr);
    HeaderMap* map = client_app.memory.New<HeaderMap>(client_app.memory);
    map->Add(KnownHeader::kMethod, "POST");
    map->Add(KnownHeader::kScheme, "http");
    map->Add(KnownHeader::kAuthority, "a.test");
    map->Add(KnownHeader::kPath, "/some/path?and=query");
    map->Add(KnownHeader::kUserAgent, "allocation_test");
    sender->SendHeaders(*map, false);
    Buffer body("a small body");
    sender->SendBody(body, true);
    for (int i = 0; i < 100 && client_app.ends == before; ++i) loop.RunOnce(milliseconds(20));
  };
#ifndef OUTRIGGER_SANITIZED
  g_counting = true;
  delete new int;
  EXPECT_GT(g_allocations, 0u) << "the count works";
  g_counting = false;
  g_allocations = 0;
#endif
  for (int i = 0; i < 50; ++i) exchange();
  const int before = client_app.ends;
  g_counting = true;
  for (int i = 0; i < 1000; ++i) exchange();
  g_counting = false;
  EXPECT_EQ(client_app.ends - before, 1000);
  EXPECT_EQ(g_allocations, 0u);
  EXPECT_EQ(server_connection.input().charged() + client_connection.input().charged(), 0u) << "idle holds no buffer";
  client_connection.Close(net::Connection::CloseMode::kNow);
  server_connection.Close(net::Connection::CloseMode::kNow);
}

}  // namespace
}  // namespace outrigger::http::h1
