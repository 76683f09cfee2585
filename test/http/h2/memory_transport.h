// Thread: test
#pragma once

#include <utility>

#include "source/net/connection.h"
#include "source/net/transport.h"

namespace outrigger::http::h2 {

// A transport without a socket: what a session writes is moved to `written`. The connection is given descriptor -1 and is not
// started; input is handed to the session's OnData.
class MemoryTransport final : public net::Transport {
 public:
  explicit MemoryTransport(Buffer* written) : written_(written) {}
  void Attach(net::Connection&) override {}
  void OnConnected() override {}
  net::IoOutcome Read(Buffer&, size_t) override { return {net::IoStatus::kMore, 0}; }
  net::IoOutcome Write(Buffer& from, bool) override {
    const size_t n = from.size();
    if (written_ == nullptr) {
      from.Clear();
    } else {
      written_->MoveFrom(from, n);
    }
    return {net::IoStatus::kMore, n};
  }
  bool handshake_done() const override { return true; }
  const net::TransportFailure& failure() const override { return failure_; }
  void Dump(DumpWriter&) const override {}

 private:
  Buffer* written_;
  net::TransportFailure failure_;
};

}  // namespace outrigger::http::h2
