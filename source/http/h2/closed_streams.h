// Thread: worker
#pragma once

#include <algorithm>
#include <cstdint>

namespace outrigger::http::h2 {

// Which frames may still come for streams that are closed (RFC 9113 5.1, 5.1.1). Those that we ended by RST_STREAM may
// get anything that was on its way; HEADERS or DATA for any other closed stream is an error of the peer. Remembers the
// last resets; what is older than those is not judged.
class ClosedStreams {
 public:
  void OnReset(uint32_t stream_id) {
    uint32_t& place = reset_[next_++ % kRemembered];
    not_judged_ = std::max(not_judged_, place);
    place = stream_id;
  }
  // Server: a stream of the peer was opened; ids between this and the one before it never will be.
  void OnOpened(uint32_t stream_id) {
    if (stream_id > last_ + 2) {
      skipped_from_ = last_ == 0 ? 1 : last_ + 2;
      skipped_to_ = stream_id - 2;
    }
    last_ = std::max(last_, stream_id);
  }
  uint32_t last() const { return last_; }

  enum class Verdict : uint8_t { kTolerated, kClosed, kNeverOpened };
  Verdict OnLateFrame(uint32_t stream_id) const {  // there is no such stream now, and stream_id <= last()
    if (stream_id <= not_judged_) return Verdict::kTolerated;
    for (const uint32_t id : reset_) {
      if (id == stream_id) return Verdict::kTolerated;
    }
    return stream_id >= skipped_from_ && stream_id <= skipped_to_ ? Verdict::kNeverOpened : Verdict::kClosed;
  }

 private:
  static constexpr uint32_t kRemembered = 32;
  uint32_t reset_[kRemembered] = {};
  uint32_t next_ = 0;
  uint32_t not_judged_ = 0;  // this id and those below it
  uint32_t last_ = 0;
  uint32_t skipped_from_ = 1, skipped_to_ = 0;  // of the last jump
};

}  // namespace outrigger::http::h2
