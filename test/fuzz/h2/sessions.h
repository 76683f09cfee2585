// Thread: test
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/http/codec.h"
#include "test/http/h2/memory_transport.h"

namespace outrigger::http::h2 {

// An application that uses what it is given in ways the input chooses: answers, pauses, resets.
struct FuzzExchange final : StreamReceiver {
  Arena memory;
  StreamSender* sender = nullptr;
  uint8_t mood = 0;
  bool ended = false;
  bool end_seen = false;
  bool server = false;

  Arena& arena() override { return memory; }
  void OnInterim(HeaderMap& map) override { Touch(map); }
  void OnHeaders(HeaderMap& map, bool end) override {
    Touch(map);
    end_seen |= end;
    if ((mood & 1) != 0) sender->PauseReading();
    if (server && ((mood & 2) != 0 || end)) Answer();
    if ((mood & 12) == 12) Reset(ResetReason::kLocalReset);
  }
  void OnBody(Buffer& bytes, bool end) override {
    end_seen |= end;
    if (sender != nullptr && server && (mood & 4) != 0) sender->SendBody(bytes, end);
    bytes.Clear();
    if (end && server) Answer();
  }
  void OnTrailers(HeaderMap& map) override {
    Touch(map);
    end_seen = true;
  }
  void OnReset(ResetReason, const char*) override { sender = nullptr; }
  void OnAboveWriteHigh() override {}
  void OnBelowWriteLow() override {}

  void Answer() {
    if (sender == nullptr || ended) return;
    ended = true;
    HeaderMap map(memory);
    map.SetStatus((mood & 16) != 0 ? 204 : 200);
    sender->SendHeaders(map, false);
    Buffer body(absl::string_view("body of the answer"));
    sender->SendBody(body, (mood & 32) == 0);
    HeaderMap trailers(memory);
    trailers.Add(KnownHeader::kGrpcStatus, "0");
    sender->SendTrailers(trailers);
    if ((mood & 64) != 0) Reset(ResetReason::kNone);
  }
  void Reset(ResetReason reason) {
    if (sender != nullptr) sender->Reset(reason);
    sender = nullptr;
  }
  static void Touch(const HeaderMap& map) {
    size_t n = 0;
    map.ForEach([&](const HeaderMap::Entry& entry) { n += entry.name.size() + entry.value.size(); });
    if (n != map.byte_size()) __builtin_trap();
  }
};

inline event::Dispatcher& FuzzLoop() {
  static event::Dispatcher* loop = new event::Dispatcher(event::MakeEpollEngine());
  return *loop;
}

// Feeds `bytes` to the session in pieces of changing size, one turn after each.
inline void Feed(Session& session, net::Connection& connection, const std::string& bytes, uint8_t piece) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t n = std::min<size_t>(bytes.size() - at, piece == 0 ? bytes.size() : piece * 3u);
    if (connection.handler() == nullptr) return;
    Buffer input(absl::string_view(bytes.data() + at, n));
    session.OnData(input, false);
    if (!input.empty()) __builtin_trap();
    FuzzLoop().RunOnce(Duration(0));
    at += n;
  }
}

}  // namespace outrigger::http::h2
