#include "source/http/h2/flood_guard.h"

#include <algorithm>

namespace outrigger::http::h2 {

const char* FloodGuard::OnPriority() {
  if (++priority_frames_ <= uint64_t{options_.max_inbound_priority_frames_per_stream} * (1 + streams_opened_))
    return nullptr;
  ++counters_.inbound_priority_frames_flood;
  return "http2.inbound_priority_frames_flood";
}

const char* FloodGuard::OnWindowUpdate() {
  const uint64_t limit =
      5 + 2 * (streams_opened_ +
               uint64_t{options_.max_inbound_window_update_frames_per_data_frame_sent} * data_frames_sent_);
  if (++window_updates_ <= limit) return nullptr;
  ++counters_.inbound_window_update_flood;
  return "http2.inbound_window_update_frames_flood";
}

bool TokenBucket::Take(MonotonicTime now, uint32_t cost, uint32_t burst, uint32_t per_second) {
  const int64_t full = int64_t{burst} * 1000;
  if (tokens_ < 0) {
    tokens_ = full;
    refilled_ = now;
  }
  const int64_t elapsed_ms = std::min<int64_t>(ToMillis(now - refilled_), 3'600'000);
  if (elapsed_ms > 0) {
    tokens_ = std::min(full, tokens_ + elapsed_ms * int64_t{per_second});
    refilled_ += milliseconds(elapsed_ms);
  }
  const int64_t wanted = int64_t{cost} * 1000;
  if (tokens_ < wanted) return false;
  tokens_ -= wanted;
  return true;
}

void TokenBucket::GiveBack(uint32_t burst) {
  if (tokens_ >= 0) tokens_ = std::min(int64_t{burst} * 1000, tokens_ + 1000);
}

const char* FloodGuard::OnReset(MonotonicTime now) {
  if (resets_.Take(now, 1, options_.resets_burst, options_.resets_per_second)) return nullptr;
  ++counters_.inbound_resets_flood;
  return "http2.inbound_resets_flood";
}

const char* FloodGuard::OnControl(MonotonicTime now, uint32_t cost) {
  if (control_.Take(now, cost, options_.control_frames_burst, options_.control_frames_per_second)) return nullptr;
  ++counters_.inbound_control_flood;
  return "http2.inbound_control_frames_flood";
}

const char* FloodGuard::OnFrameSent(bool control, bool data, uint64_t appended) {
  if (data) {
    ++data_frames_sent_;
    return nullptr;
  }
  ++waiting_frames_;
  waiting_control_ += control ? 1 : 0;
  Mark* last = mark_count_ == 0 ? nullptr : &marks_[(first_mark_ + mark_count_ - 1) % kMarks];
  if (last == nullptr || (appended - last->begin > kMarkBytes && mark_count_ < kMarks)) {
    last = &marks_[(first_mark_ + mark_count_++) % kMarks];
    *last = {appended, appended, 0, 0};
  }
  last->end = appended;
  ++last->frames;
  last->control += control ? 1 : 0;
  if (waiting_frames_ > options_.max_outbound_frames) {
    ++counters_.outbound_flood;
    return "http2.outbound_frames_flood";
  }
  if (waiting_control_ > options_.max_outbound_control_frames) {
    ++counters_.outbound_control_flood;
    return "http2.outbound_control_frames_flood";
  }
  return nullptr;
}

void FloodGuard::OnOutput(uint64_t appended, uint64_t waiting) {
  const uint64_t gone = appended - waiting;
  while (mark_count_ > 0 && marks_[first_mark_].end <= gone) {
    waiting_frames_ -= marks_[first_mark_].frames;
    waiting_control_ -= marks_[first_mark_].control;
    first_mark_ = (first_mark_ + 1) % kMarks;
    --mark_count_;
  }
}

}  // namespace outrigger::http::h2
