// Thread: any
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "test/push/tally.h"

namespace outrigger::push {

// Open-loop gRPC load by libgrpc, its retries off: unary calls by the clock, and server streams. Has threads of its
// own.
class GrpcLoad {
 public:
  struct Options {
    std::string target;
    double per_second = 100;
    uint32_t streams = 4;
    uint32_t stream_seconds = 30;
    uint32_t limit_seconds = 10;
  };
  static std::unique_ptr<GrpcLoad> Start(const Options& options, Tally& tally);
  virtual ~GrpcLoad() = default;
  virtual void Stop() = 0;  // begins nothing more
  virtual void Join() = 0;  // waits for what is under way
};

}  // namespace outrigger::push
