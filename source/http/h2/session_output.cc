// What streams send: one write per connection and turn, in rounds of a quantum per stream.
#include <algorithm>

#include "source/http/h2/session.h"

namespace outrigger::http::h2 {

void Http2Session::ScheduleFlush() {
  flush_wanted_ = true;
  if (!flushing_ && !closed_) connection_.dispatcher().AtEndOfTurn(*this);
}

void Http2Session::OnEndOfTurn() {
  if (closed_ || connection_.closed()) return;
  if (!ready_) return;  // OnConnected asks again
  DeliverPending();
  if (!closed_) Flush();
  if (!closed_) NoteGauges(false);
  if (!closed_ && leaving_ > 0 && (flush_timer_ == nullptr || !flush_timer_->armed())) OnFlushTimer();
  if (!closed_) NotifyOwner();
  if (!closed_) CloseIfDone();
}

void Http2Session::Flush() {
  flushing_ = true;
  floods_.OnOutput(appended_, connection_.output().size());
  do {
    flush_wanted_ = false;
    FlushOnce();
  } while (flush_wanted_ && !closed_ && fail_detail_ == nullptr);
  if (!closed_ && unannounced_ > 0) {
    unannounced_ = 0;
    connection_.WroteOutput();
  }
  flushing_ = false;
  if (!closed_) CheckMemory();
  if (!closed_ && fail_detail_ != nullptr) FinishFailure();
}

// Streams made earlier in this turn count as sent before what is read now: a GOAWAY in it must not refuse them here,
// the peer may still take them. Announced at the end of the turn with the rest.
void Http2Session::WriteWaiting() {
  flushing_ = true;
  FlushOnce();
  flushing_ = false;
}

void Http2Session::FlushOnce() {
  // One round: who used up the quantum in the last one, or was held back by a full connection, may send again.
  if (!connection_.above_write_high()) {
    while (!to_resume_.empty()) {
      Stream& stream = to_resume_.PopFront();
      stream.round_sent_ = 0;
      if (!stream.closed_ && stream.data_idle_) {
        stream.data_idle_ = false;
        framer_.ResumeData(stream);
      }
    }
  }
  for (;;) {
    const absl::string_view piece = framer_.NextOutput();
    if (piece.empty() || closed_) break;
    PushOutput(piece);
    if (fail_detail_ != nullptr) return;
  }
  if (closed_) return;
  FireLowMarks();
  if (!to_resume_.empty() && !connection_.above_write_high()) flush_wanted_ = true;
}

void Http2Session::PushOutput(absl::string_view bytes) {
  if (bytes.empty()) return;
  settings_sent_ = true;
  connection_.output().Append(bytes);
  appended_ += bytes.size();
  unannounced_ += bytes.size();
}

int64_t Http2Session::OnDataWanted(Stream& stream, size_t most, bool* end, bool* more_follows) {
  const bool nothing = stream.out_.empty() && !stream.end_queued_;
  if (nothing || closed_ || (stream.reset_by_us_ && !stream.reset_after_end_)) {
    stream.data_idle_ = true;
    return -1;
  }
  const bool held_back = stream.round_sent_ >= Stream::kQuantum || connection_.above_write_high();
  if (held_back && !stream.out_.empty()) {
    stream.data_idle_ = true;
    if (!stream.ListHook<StreamsToResume>::linked()) to_resume_.PushBack(stream);
    return -1;
  }
  const size_t n = std::min(most, stream.out_.size());
  if (n == stream.out_.size() && stream.end_queued_) {
    *end = true;
    if (stream.trailers_ != nullptr) {
      *more_follows = true;
      stream.SubmitTrailers();
    }
  }
  return static_cast<int64_t>(n);
}

void Http2Session::OnDataFrameReady(Stream& stream, absl::string_view frame_head, size_t length) {
  PushOutput(frame_head);
  const size_t n = std::min(length, stream.out_.size());
  connection_.output().MoveFrom(stream.out_, n);
  queued_ -= n;
  appended_ += length;
  unannounced_ += length;
  stream.round_sent_ += static_cast<uint32_t>(length);
  if (stream.leaving_) stream.flush_progress_ = connection_.dispatcher().now();
  if (unannounced_ >= kAnnounceEvery) {  // the connection flushes early when there is much, and its marks stay true
    unannounced_ = 0;
    connection_.WroteOutput();
    floods_.OnOutput(appended_, connection_.output().size());
  }
}

void Http2Session::OnFrameSent(const FrameHead& head, Stream* stream, ErrorCode code) {
  const bool data = head.type == FrameType::kData;
  const bool control =
      head.type == FrameType::kRstStream || head.type == FrameType::kSettings || head.type == FrameType::kPing;
  if (const char* flood = floods_.OnFrameSent(control, data, appended_)) Fail(ErrorCode::kEnhanceYourCalm, flood, true);
  if (data || head.type == FrameType::kHeaders) floods_.OnMessageFrame();
  if (stream != nullptr) {
    stream->sent_ += 9 + head.length;
    const bool ends = (data || head.type == FrameType::kHeaders) && (head.flags & 1) != 0;
    if (ends) {
      stream->end_sent_ = true;
      Left(*stream);
      if (stream->reset_after_end_ && !stream->end_received_) AwaitRequestEnd(*stream);
    }
  }
  if (head.type == FrameType::kRstStream && (stream == nullptr || !stream->end_received_)) {
    closed_streams_.OnReset(head.stream_id);
  }
  if (head.type == FrameType::kGoAway) ++counters_.goaway_sent;
  if (head.type == FrameType::kRstStream && server_owner_ != nullptr && code != ErrorCode::kRefusedStream &&
      stream != nullptr && !stream->reset_by_us_) {
    // The peer made us reset it ("MadeYouReset"): costs it as much as a reset of its own.
    if (const char* flood = floods_.OnReset(connection_.dispatcher().now()))
      Fail(ErrorCode::kEnhanceYourCalm, flood, true);
  }
  if (head.type == FrameType::kGoAway && code != ErrorCode::kNoError && fail_detail_ == nullptr) {
    // The framer found a connection error and says so itself; CloseIfDone closes after it.
    fail_code_ = code;
    framing_failed_ = true;
    if (framing_detail_ == nullptr) framing_detail_ = ViolationOf(code);
    ++counters_.protocol_errors;
  }
}

// The whole answer was sent before its request ended. RFC 9113 8.1 lets us ask for the rest to be left out, by
// RST_STREAM with NO_ERROR, which clients that are busy sending take for a failure of the exchange: so they first get
// some time to end it, or to give it up themselves. Meanwhile what comes is dropped, and the stream's window stays
// closed.
void Http2Session::AwaitRequestEnd(Stream& stream) {
  if (server_owner_ == nullptr || http2_.early_answer_grace <= Duration(0)) {
    return framer_.SubmitReset(stream, ErrorCode::kNoError);
  }
  if (stream.ListHook<AnsweredEarly>::linked()) return;
  stream.farewell_ = connection_.dispatcher().now() + http2_.early_answer_grace;
  answered_early_.PushBack(stream);
  if (early_timer_ == nullptr) early_timer_ = std::make_unique<event::Timer>([this] { OnEarlyTimer(); });
  if (!early_timer_->armed()) connection_.dispatcher().Arm(*early_timer_, http2_.early_answer_grace);
}

void Http2Session::OnEarlyTimer() {
  if (closed_) return;
  const MonotonicTime now = connection_.dispatcher().now();
  while (!answered_early_.empty()) {
    Stream& stream = answered_early_.front();
    if (stream.farewell_ > now) return connection_.dispatcher().Arm(*early_timer_, stream.farewell_ - now);
    stream.ListHook<AnsweredEarly>::Unlink();
    framer_.SubmitReset(stream, ErrorCode::kNoError);
    ScheduleFlush();
  }
}

// What is left of these streams waits for the peer's window alone: without a limit it could keep them, and what they
// hold, for ever.
void Http2Session::Leave(Stream& stream) {
  if (stream.leaving_ || stream.closed_ || stream.end_sent_ || http2_.stream_flush_timeout <= Duration(0)) return;
  stream.leaving_ = true;
  stream.flush_progress_ = connection_.dispatcher().now();
  ++leaving_;
}

void Http2Session::Left(Stream& stream) {
  if (!stream.leaving_) return;
  stream.leaving_ = false;
  --leaving_;
}

void Http2Session::OnFlushTimer() {
  if (closed_ || leaving_ == 0) return;
  const MonotonicTime now = connection_.dispatcher().now();
  MonotonicTime first = MonotonicTime::max();
  streams_.ForEach([&](Stream& stream) {
    if (!stream.leaving_) return;
    if (now - stream.flush_progress_ < http2_.stream_flush_timeout) {
      first = std::min(first, stream.flush_progress_);
      return;
    }
    Left(stream);
    stream.DropUnsent();
    stream.reset_by_us_ = true;
    stream.reset_after_end_ = false;
    ++counters_.tx_flush_timeout;
    ++counters_.tx_reset;
    framer_.SubmitReset(stream, ErrorCode::kInternalError);
    ScheduleFlush();
  });
  if (leaving_ == 0) return;
  if (flush_timer_ == nullptr) flush_timer_ = std::make_unique<event::Timer>([this] { OnFlushTimer(); });
  connection_.dispatcher().Arm(*flush_timer_, http2_.stream_flush_timeout - (now - first));
}

void Http2Session::FireLowMarks() {
  if (above_high_.empty() || connection_.above_write_high()) return;
  // A receiver may reset other streams, so the list can change under each call.
  for (size_t n = above_high_.CountSlow(); n > 0 && !above_high_.empty() && !closed_; --n) {
    Stream& stream = above_high_.PopFront();
    const bool crowded = queued_ > kMostQueued * options_.stream_buffer_limit / 2;
    if (stream.out_.size() > options_.stream_buffer_limit / 2 || (crowded && !stream.out_.empty())) {
      above_high_.PushBack(stream);
      continue;
    }
    stream.above_high_ = false;
    if (stream.receiver_ != nullptr) stream.receiver_->OnBelowWriteLow();
  }
}

void Http2Session::NotifyOwner() {
  if (stream_ended_) {
    stream_ended_ = false;
    if (client_owner_ != nullptr) client_owner_->OnStreamClosed();
  }
  if (went_idle_ && !closed_) {
    went_idle_ = false;
    if (active_ == 0 && server_owner_ != nullptr) server_owner_->OnSessionIdle();
  }
}

}  // namespace outrigger::http::h2
