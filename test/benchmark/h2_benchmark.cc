// CPU of the HTTP/2 codec alone: a client and a server session joined by memory, no sockets.
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "source/http/codec.h"
#include "test/http/h2/memory_transport.h"

namespace outrigger::http::h2 {
namespace {

struct Receiver final : StreamReceiver {
  Arena memory;
  StreamSender* sender = nullptr;
  bool server = false;
  bool done = false;
  size_t answer = 0;
  std::vector<Receiver*>* spare = nullptr;

  Arena& arena() override { return memory; }
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap&, bool end) override { End(end); }
  void OnBody(Buffer& body, bool end) override {
    body.Clear();
    End(end);
  }
  void OnTrailers(HeaderMap&) override { End(true); }
  void OnReset(ResetReason, const char*) override { done = true; }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}
  void End(bool end) {
    if (!end) return;
    done = true;
    if (!server) return;
    HeaderMap headers(memory);
    headers.SetStatus(200);
    headers.Add(KnownHeader::kServer, "outrigger");
    headers.Add(KnownHeader::kContentType, "text/plain");
    headers.AddNumber(KnownHeader::kContentLength, answer);
    sender->SendHeaders(headers, false);
    Buffer body;
    while (body.size() < answer) {
      Block* block = AcquireBlock(kMediumBlock);
      body.AppendSlice(block, 0, static_cast<uint32_t>(std::min<size_t>(answer - body.size(), kMediumBlock)));
      ReleaseBlock(block);
    }
    sender->SendBody(body, true);
  }
};

struct Ends final : ServerSessionOwner, ClientSessionOwner {
  std::vector<std::unique_ptr<Receiver>> all;
  std::vector<Receiver*> spare;
  std::vector<Receiver*> used;
  size_t answer = 0;
  Receiver& Take() {
    if (spare.empty()) {
      all.push_back(std::make_unique<Receiver>());
      spare.push_back(all.back().get());
    }
    Receiver* taken = spare.back();
    spare.pop_back();
    used.push_back(taken);
    taken->memory.Reset();
    taken->done = false;
    taken->answer = answer;
    return *taken;
  }
  StreamReceiver& OnStream(StreamSender& sender) override {
    Receiver& taken = Take();
    taken.server = true;
    taken.sender = &sender;
    return taken;
  }
  void OnCodecError(uint32_t, const char*) override { std::abort(); }
  void OnSessionIdle() override {}
  void OnSessionReady() override {}
  void OnStreamClosed() override {}
  void OnGoAway() override {}
  void OnSessionClosed(const net::CloseInfo&) override {}
};

// state.range(0): streams at once; state.range(1): bytes of each answer.
void Exchanges(benchmark::State& state) {
  event::Dispatcher loop(event::MakeEpollEngine());
  Buffer to_server, to_client;
  net::Connection client_connection(loop, -1, std::make_unique<MemoryTransport>(&to_server));
  net::Connection server_connection(loop, -1, std::make_unique<MemoryTransport>(&to_client));
  Ends clients, servers;
  servers.answer = static_cast<size_t>(state.range(1));
  CodecCounters counters;
  auto server = MakeHttp2Server(server_connection, servers, {}, {}, counters);
  auto client = MakeHttp2Client(client_connection, clients, {}, {}, counters);
  server_connection.SetHandler(server.get());
  client_connection.SetHandler(client.get());
  client->OnConnected();
  const auto turn = [&] {
    loop.RunOnce(Duration(0));
    if (!to_server.empty()) server->OnData(to_server, false);
    if (!to_client.empty()) client->OnData(to_client, false);
  };
  for (int i = 0; i < 4; ++i) turn();
  const int streams = static_cast<int>(state.range(0));
  for (auto _ : state) {
    for (int i = 0; i < streams; ++i) {
      Receiver& request = clients.Take();
      request.server = false;
      request.sender = client->NewStream(request);
      HeaderMap headers(request.memory);
      headers.Add(KnownHeader::kMethod, "GET");
      headers.Add(KnownHeader::kScheme, "http");
      headers.Add(KnownHeader::kAuthority, "service.test");
      headers.Add(KnownHeader::kPath, "/a/usual/path?with=query");
      headers.Add(KnownHeader::kUserAgent, "benchmark/1.0");
      headers.Add(KnownHeader::kAccept, "*/*");
      request.sender->SendHeaders(headers, true);
    }
    while (client->active_streams() > 0 || server->active_streams() > 0) turn();
    for (Ends* ends : {&clients, &servers}) {
      ends->spare.insert(ends->spare.end(), ends->used.begin(), ends->used.end());
      ends->used.clear();
    }
  }
  state.SetItemsProcessed(state.iterations() * streams);
  state.SetBytesProcessed(state.iterations() * streams * state.range(1));
  client_connection.Close(net::Connection::CloseMode::kNow);
  server_connection.Close(net::Connection::CloseMode::kNow);
  loop.RunOnce(Duration(0));
}
BENCHMARK(Exchanges)->Args({1, 100})->Args({100, 100})->Args({1, 1 << 20})->Args({10, 1 << 20});

}  // namespace
}  // namespace outrigger::http::h2
