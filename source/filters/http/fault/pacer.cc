#include <algorithm>
#include <utility>

#include "source/filters/http/fault/fault.h"

namespace outrigger::filters {

namespace {
constexpr uint64_t kMostKibPerSecond = uint64_t{1} << 40;  // beyond any network; keeps the arithmetic whole
}

Pacer::Pacer(http::Stream& stream, http::Filter& filter, uint64_t kib_per_second)
    : stream_(stream),
      filter_(filter),
      timer_([this] { OnTimer(); }),
      step_bytes_(std::min(kib_per_second, kMostKibPerSecond) * 1024 / kSteps),
      tokens_(step_bytes_),
      filled_(stream.dispatcher().now()) {}

bool Pacer::Add(Buffer& body) {
  waiting_.Append(std::move(body));
  if (!timer_.armed()) Pump();
  return waiting_.empty();
}

// Spends what has accumulated since the last time, at most a second's worth.
void Pacer::Pump() {
  event::Dispatcher& dispatcher = stream_.dispatcher();
  const int64_t steps = (dispatcher.now() - filled_) / kStep;
  filled_ += steps * kStep;
  const uint64_t earned = static_cast<uint64_t>(std::min<int64_t>(steps, kSteps)) * step_bytes_;
  tokens_ = std::min(tokens_ + earned, kSteps * step_bytes_);
  const size_t n = std::min<uint64_t>(tokens_, waiting_.size());
  if (n > 0) {
    tokens_ -= n;
    Buffer piece;
    piece.MoveFrom(waiting_, n);
    stream_.InjectResponseBody(filter_, piece);
    if (stream_.done()) return;
  }
  const size_t limit = stream_.buffer_limit();
  if (!source_paused_ && waiting_.size() > limit) {
    source_paused_ = true;
    stream_.PauseResponseSource();
  } else if (source_paused_ && waiting_.size() <= limit / 2) {
    source_paused_ = false;
    stream_.ResumeResponseSource();
  }
  if (!stream_.done() && !waiting_.empty()) dispatcher.Arm(timer_, filled_ + kStep - dispatcher.now());
}

void Pacer::OnTimer() {
  Pump();
  if (finishing_ && waiting_.empty() && !stream_.done()) stream_.ResumeResponse(filter_);
}

}  // namespace outrigger::filters
