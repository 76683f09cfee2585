#include "source/base/shared_limit.h"

#include <algorithm>

namespace outrigger {

void SharedLimit::SetLimit(uint64_t limit) {
  limit_.store(limit, std::memory_order_relaxed);
  UpdateTight(taken());
}

// Tight from 3/4 of the limit up, loose again below 1/2: in between it stays, so that the flag rarely changes.
void SharedLimit::UpdateTight(uint64_t taken) {
  const uint64_t most = limit();
  const bool now = tight();
  const bool want = now ? taken >= most / 2 : taken >= most - most / 4;
  if (want != now) tight_.store(want, std::memory_order_relaxed);
}

SharedLimit::Lease::~Lease() {
  if (used_ + spare_ > 0) shared_->taken_.fetch_sub(used_ + spare_, std::memory_order_acq_rel);
}

bool SharedLimit::Lease::AcquireSlow() {
  uint64_t taken = shared_->taken_.load(std::memory_order_acquire);
  if (spare_ > 0) {
    if (taken <= shared_->limit()) {  // what this lease holds in reserve is counted already
      --spare_;
      ++used_;
      return true;
    }
    ReturnSpare();  // the limit was lowered below what is taken: a reserve must not outlive that
    taken = shared_->taken_.load(std::memory_order_acquire);
  }
  for (;;) {
    const uint64_t limit = shared_->limit();
    if (taken >= limit) {
      shared_->UpdateTight(taken);
      keep_ = 0;
      return false;
    }
    // By the room that is left as well as by the limit: batches are one long before the limit is reached.
    const uint64_t batch =
        shared_->tight() ? 1 : std::clamp<uint64_t>((limit - taken) / 256, 1, SharedLimit::kLargestBatch);
    if (shared_->taken_.compare_exchange_weak(taken, taken + batch, std::memory_order_acq_rel,
                                              std::memory_order_acquire)) {
      keep_ = batch > 1 ? batch : 0;
      spare_ = batch - 1;
      ++used_;
      shared_->UpdateTight(taken + batch);
      return true;
    }
  }
}

void SharedLimit::Lease::Return() {
  if (shared_->tight()) keep_ = 0;
  const uint64_t back = spare_ - keep_ / 2;
  if (back == 0) return;
  spare_ -= back;
  const uint64_t before = shared_->taken_.fetch_sub(back, std::memory_order_acq_rel);
  shared_->UpdateTight(before - back);
}

void SharedLimit::Lease::ReturnSpare() {
  keep_ = 0;
  Return();
}

}  // namespace outrigger
