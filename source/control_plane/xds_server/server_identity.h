// Thread: any
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace outrigger::control_plane {

// What a TLS address shows, and whom it believes: replaced while it serves, and in use from the next handshake on.
class ServerIdentity {
 public:
  struct Pem {
    std::string certificate, key;
    std::string client_roots;  // empty: clients are not asked for a certificate
  };
  explicit ServerIdentity(Pem pem) : pem_(std::move(pem)) {}

  // The caller checked that key and certificate belong together. Whether clients are asked for a certificate at all
  // stays as it was.
  void Replace(Pem pem) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    pem_ = std::move(pem);
    ++generation_;
  }
  // False: nothing is newer than `generation`; otherwise that is brought up to date with `out`.
  bool GetNewer(uint64_t& generation, Pem& out) const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (generation == generation_) return false;
    generation = generation_;
    out = pem_;
    return true;
  }
  bool asks_clients() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return !pem_.client_roots.empty();
  }

 private:
  mutable absl::Mutex mutex_;
  Pem pem_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace outrigger::control_plane
