// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/time.h"
#include "source/http/codec_options.h"

namespace outrigger::http::h2 {

// So many at once, and so many a second. Counted in thousandths.
class TokenBucket {
 public:
  bool Take(MonotonicTime now, uint32_t cost, uint32_t burst, uint32_t per_second);
  void GiveBack(uint32_t burst);  // one

 private:
  int64_t tokens_ = -1;  // -1: not used yet
  MonotonicTime refilled_;
};

// Counts what a peer makes us do without giving us work worth it, above the framer's own limits. Each check says null,
// or the static detail of the limit that was passed; the session then ends with ENHANCE_YOUR_CALM. Limits:
// Http2Options.
class FloodGuard {
 public:
  FloodGuard(const Http2Options& options, CodecCounters& counters) : options_(options), counters_(counters) {}

  // Inbound.
  void OnStreamOpened() { ++streams_opened_; }
  void OnMessageFrame() { control_.GiveBack(options_.control_frames_burst); }  // HEADERS or DATA, either way
  const char* OnFrameWithPayload(bool empty) {
    if (!empty) {
      consecutive_empty_ = 0;
      return nullptr;
    }
    if (++consecutive_empty_ <= options_.max_consecutive_inbound_frames_with_empty_payload) return nullptr;
    ++counters_.inbound_empty_frames_flood;
    return "http2.inbound_empty_frames_flood";
  }
  const char* OnPriority();
  const char* OnWindowUpdate();
  // A stream that ended early because of the peer: it reset it (rapid reset), or broke rules so that we had to.
  const char* OnReset(MonotonicTime now);
  // SETTINGS, PING, GOAWAY: each makes us work, however well the peer reads what we answer.
  static constexpr uint32_t kSettingsCost = 10;  // it may touch every stream
  const char* OnControl(MonotonicTime now, uint32_t cost);

  // Outbound: frames that wait in the connection's output because the peer does not read. `appended` and `waiting` are
  // bytes: all we ever appended to the output, and what of it is still there. DATA is not counted: the connection's
  // write mark bounds it, and a producer of many small pieces with a slow reader is no attack.
  const char* OnFrameSent(bool control, bool data, uint64_t appended);
  void OnOutput(uint64_t appended, uint64_t waiting);  // forgets the frames that left
  uint32_t waiting_frames() const { return waiting_frames_; }
  uint32_t waiting_control_frames() const { return waiting_control_; }

 private:
  // Frames whose last byte is at or before `end`, newest mark last. Full: the newest mark absorbs (counts then stay a
  // little longer than their bytes, never shorter).
  struct Mark {
    uint64_t begin;
    uint64_t end;
    uint32_t frames;
    uint32_t control;
  };
  static constexpr uint32_t kMarks = 16;
  static constexpr uint64_t kMarkBytes = 8 * 1024;

  const Http2Options& options_;
  CodecCounters& counters_;
  uint64_t streams_opened_ = 0;
  uint64_t priority_frames_ = 0;
  uint64_t window_updates_ = 0;
  uint64_t data_frames_sent_ = 0;
  uint32_t consecutive_empty_ = 0;
  uint32_t waiting_frames_ = 0;
  uint32_t waiting_control_ = 0;
  uint32_t first_mark_ = 0;
  uint32_t mark_count_ = 0;
  Mark marks_[kMarks];
  TokenBucket resets_;
  TokenBucket control_;
};

}  // namespace outrigger::http::h2
