// Thread: SharedLimit any; SharedLimit::Lease worker
#pragma once

#include <atomic>
#include <cstdint>

namespace outrigger {

// A process-wide limit that workers share without touching shared memory per request (law 1). Each worker holds a
// Lease: a few units taken from the shared pool at once. A lease refills and returns in batches; near the limit batches
// shrink to one and what a worker does not use goes back at once, so the limit is never exceeded, and limit 1 means 1
// with any number of workers. Also limits that are not per request (connections) go through it: same rules.
//
// A worker that is idle cannot be asked for its reserve, so a reserve is at most limit/256 (0 below 512; kLargestBatch
// at most): by that much per idle worker a limit may refuse early, never late.
class SharedLimit {
 public:
  static constexpr uint64_t kLargestBatch = 16;

  explicit SharedLimit(uint64_t limit) : limit_(limit) {}
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // Lowering below what is in use refuses new acquisitions until enough was released. Any thread.
  void SetLimit(uint64_t limit);
  // Units handed out to leases (used, or held in reserve by one). An upper bound of what is in use.
  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }

  // One per worker and limit. Must not outlive the SharedLimit; its destructor returns everything it holds.
  class Lease {
   public:
    explicit Lease(SharedLimit& limit) : shared_(&limit) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    bool TryAcquire() {
      if (spare_ > 0 && !shared_->tight()) {
        --spare_;
        ++used_;
        return true;
      }
      return AcquireSlow();
    }
    void Release() {
      --used_;
      ++spare_;
      if (spare_ > keep_ || shared_->tight()) Return();
    }
    // Gives the reserve back: for a worker that will not need this limit soon (an idle cluster).
    void ReturnSpare();
    uint64_t used() const { return used_; }
    uint64_t spare() const { return spare_; }

   private:
    bool AcquireSlow();  // takes a batch (at least one) or fails; adapts keep_ to how much room the limit has
    void Return();
    SharedLimit* shared_;
    uint64_t used_ = 0;
    uint64_t spare_ = 0;
    uint64_t keep_ = 0;
  };

 private:
  friend class Lease;
  // Near the limit: nobody keeps a reserve. Written rarely, so reading it costs nothing.
  bool tight() const { return tight_.load(std::memory_order_relaxed); }
  void UpdateTight(uint64_t taken);

  std::atomic<uint64_t> limit_;
  std::atomic<bool> tight_{false};
  alignas(64) std::atomic<uint64_t> taken_{0};
};

}  // namespace outrigger
