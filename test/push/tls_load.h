// Thread: any
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "test/push/tally.h"

namespace outrigger::push {

// HTTP/1.1 over TLS with OpenSSL's own client: by the clock one request on a connection made for it (whose certificate
// serial is noted), and one on a connection that is kept as long as the other side allows. Has a thread of its own.
class TlsLoad {
 public:
  struct Options {
    uint32_t port = 0;
    std::string authority_file;  // who must have signed
    double per_second = 20;      // both kinds together
    uint32_t limit_seconds = 10;
  };
  TlsLoad(const Options& options, Tally& tally) : options_(options), tally_(tally), thread_([this] { Run(); }) {}
  ~TlsLoad() {
    Stop();
    Join();
  }
  void Stop() { running_ = false; }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run();

  const Options options_;
  Tally& tally_;
  std::atomic<bool> running_{true};
  std::thread thread_;
};

}  // namespace outrigger::push
