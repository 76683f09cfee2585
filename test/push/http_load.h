// Thread: its loop
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/codec_options.h"
#include "source/net/address.h"
#include "test/push/tally.h"

namespace outrigger::push {

class HttpConnection;

// Open-loop load over one protocol: requests go out by the clock, whether or not earlier ones were answered; for
// HTTP/1.1 each takes an idle connection or opens one. Every answer is compared with what was sent. Nothing is sent
// twice.
class HttpLoad final {
 public:
  struct Options {
    std::string kind;  // in the report: "h1", "h2"
    bool http2 = false;
    net::Address target;
    double per_second = 100;
    uint32_t streams = 4;          // under way at any time
    uint32_t stream_seconds = 30;  // length of each
    Duration limit = seconds(10);  // for an answer (streams: beyond their length)
  };
  HttpLoad(event::Dispatcher& dispatcher, Options options, Tally& tally);
  ~HttpLoad();

  void Start();
  void Stop();  // no new requests; those under way go on
  bool idle() const { return calls_ == 0; }

 private:
  friend class HttpConnection;
  friend class Call;
  void Fire();
  void Begin(bool stream);
  void FillStreams();
  HttpConnection* Ready();
  void Forget(HttpConnection* connection);

  event::Dispatcher& dispatcher_;
  const Options options_;
  Tally& tally_;
  http::CodecCounters counters_;
  std::vector<std::unique_ptr<HttpConnection>> connections_;
  event::Timer next_;
  MonotonicTime due_{};
  uint64_t number_ = 0;
  uint32_t calls_ = 0;
  uint32_t streaming_ = 0;
  bool running_ = false;
};

}  // namespace outrigger::push
