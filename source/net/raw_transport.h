// Thread: worker
#pragma once

#include "source/net/transport.h"

namespace outrigger::net {

// Plain bytes: one readv into the thread's read block, one writev of up to kSlices slices.
class RawTransport final : public Transport {
 public:
  static constexpr int kSlices = 64;

  void Attach(Connection& connection) override { connection_ = &connection; }
  void OnConnected() override {}
  IoOutcome Read(Buffer& into, size_t most) override;
  IoOutcome Write(Buffer& from, bool end) override;
  bool handshake_done() const override { return true; }
  const TransportFailure& failure() const override;
  void Dump(DumpWriter& out) const override { out.Field("transport", "raw_buffer"); }

 private:
  Connection* connection_ = nullptr;
};

}  // namespace outrigger::net
