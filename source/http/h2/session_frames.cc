// What frames of the peer do to streams.
#include "source/base/bug.h"
#include "source/http/h2/message_rules.h"
#include "source/http/h2/session.h"

namespace outrigger::http::h2 {

bool Http2Session::OnFrameBegin(const FrameHead& head) {
  if (closed_ || fail_detail_ != nullptr) return false;
  share_.Charge(head);
  const char* flood = nullptr;
  switch (head.type) {
    case FrameType::kHeaders:
      block_wire_ = 9 + head.length;
      [[fallthrough]];
    case FrameType::kData:
      floods_.OnMessageFrame();
      if (!JudgeLateFrame(head)) return false;
      break;
    case FrameType::kContinuation:
      block_wire_ += 9 + head.length;
      break;
    case FrameType::kPriority:
      flood = floods_.OnPriority();
      break;
    case FrameType::kWindowUpdate:
      flood = floods_.OnWindowUpdate();
      break;
    case FrameType::kRstStream:
      ++counters_.rx_reset;
      if (server_owner_ != nullptr) flood = floods_.OnReset(connection_.dispatcher().now());
      break;
    case FrameType::kPushPromise:
      break;
    case FrameType::kSettings:
      flood = floods_.OnControl(connection_.dispatcher().now(), (head.flags & 1) != 0 ? 1 : FloodGuard::kSettingsCost);
      break;
    default:
      flood = floods_.OnControl(connection_.dispatcher().now(), 1);
      break;
  }
  if (head.type == FrameType::kPushPromise) {  // switched off in our first frame, so no peer can mean it
    Fail(ErrorCode::kProtocolError, "http2.push_refused", false);
    return false;
  }
  if (flood == nullptr) return true;
  Fail(ErrorCode::kEnhanceYourCalm, flood, true);
  return false;
}

// RFC 9113 5.1, 5.1.1, 6.1: a message goes on only on a stream that its sender has not ended, and ids only grow. The
// framer has forgotten how a closed stream ended.
bool Http2Session::JudgeLateFrame(const FrameHead& head) {
  const uint32_t id = head.stream_id;
  if (id > closed_streams_.last() || id % 2 == 0 || final_goaway_ || peer_goaway_ || framer_.Knows(id)) return true;
  switch (closed_streams_.OnLateFrame(id)) {
    case ClosedStreams::Verdict::kTolerated:
      return true;
    case ClosedStreams::Verdict::kClosed:
      Fail(ErrorCode::kStreamClosed, "http2.frame_on_closed_stream", false);
      return false;
    case ClosedStreams::Verdict::kNeverOpened:
      Fail(ErrorCode::kProtocolError, "http2.stream_id_not_increasing", false);
      return false;
  }
  return true;
}

void Http2Session::OnStreamRefused(uint32_t stream_id) {
  ++counters_.stream_refused_errors;
  closed_streams_.OnOpened(stream_id);
  closed_streams_.OnReset(stream_id);
}

// Decoded in vain. A small one after a request that was cancelled costs no more than HEADERS give back; a client's that
// were refused, and large ones, do.
bool Http2Session::OnHeaderBlockWithoutStream() {
  ++counters_.headers_cb_no_stream;
  const uint32_t cost = (server_owner_ != nullptr ? 2 : 1) + block_wire_ / 1024;
  const char* flood = floods_.OnControl(connection_.dispatcher().now(), cost);
  if (flood == nullptr) return true;
  if (server_owner_ != nullptr) {
    Rest();
    return true;
  }
  Fail(ErrorCode::kEnhanceYourCalm, flood, true);
  return false;
}

// A client that sends more requests than it may is read slowly. Ending its connection would cost more: all its requests
// would be cancelled, and their upstream connections with them, and it would come again with as many.
void Http2Session::Rest() {
  share_.Stop();
  if (resting_) return;
  resting_ = true;
  connection_.PauseReading();
  if (rest_timer_ == nullptr) {
    rest_timer_ = std::make_unique<event::Timer>([this] {
      if (closed_) return;
      resting_ = false;
      connection_.ResumeReading();
    });
  }
  connection_.dispatcher().Arm(*rest_timer_, kRest);
}

Stream* Http2Session::OnRequestBegin(uint32_t stream_id) {
  if (closed_ || fail_detail_ != nullptr || final_goaway_) return nullptr;
  floods_.OnStreamOpened();
  closed_streams_.OnOpened(stream_id);
  Stream* stream = new Stream(*this, stream_id);
  streams_.PushBack(*stream);
  ++active_;
  stream->receiver_ = &server_owner_->OnStream(*stream);
  return stream;
}

bool Http2Session::OnHeaderBlockBegin(Stream& stream) {
  stream.header_count_ = 0;
  stream.header_bytes_ = 0;
  stream.block_bad_ = false;
  if (stream.receiver_ == nullptr) {  // reset by us: the block is read for HPACK's sake only
    stream.block_bad_ = true;
    return true;
  }
  Arena& arena = stream.receiver_->arena();
  stream.headers_ = arena.New<HeaderMap>(arena);
  return true;
}

// Resets the stream; true: skip the rest of the block.
bool Http2Session::RefuseBlock(Stream& stream, ErrorCode code, const char* detail) {
  stream.block_bad_ = true;
  stream.detail_ = detail;
  framer_.SubmitReset(stream, code);
  ++counters_.tx_reset;
  EndReceiver(stream, ResetReason::kProtocolError, detail);
  return false;
}

bool Http2Session::OnHeader(Stream& stream, const HpackDecoder::Field& field) {
  if (stream.block_bad_ || stream.receiver_ == nullptr) return false;
  stream.header_bytes_ += static_cast<uint32_t>(field.name.size() + field.value.size());
  if (++stream.header_count_ > options_.max_header_count || stream.header_bytes_ > options_.max_header_bytes) {
    ++counters_.header_overflow;
    return RefuseBlock(stream, ErrorCode::kEnhanceYourCalm, "http2.too_many_headers");
  }
  const KnownHeader known = field.known;
  if (known == KnownHeader::kOther && options_.headers_with_underscores != CodecOptions::Underscores::kAllow &&
      field.name.find('_') != absl::string_view::npos) {
    if (options_.headers_with_underscores == CodecOptions::Underscores::kDropHeader) {
      ++counters_.header_underscore_dropped;
      return true;
    }
    ++counters_.header_underscore_rejected;
    return RefuseBlock(stream, ErrorCode::kProtocolError, "http2.unexpected_underscore");
  }
  HeaderMap& headers = *stream.headers_;
  const absl::string_view kept_name = known != KnownHeader::kOther ? KnownHeaderName(known)
                                      : field.static_name          ? field.name
                                                                   : headers.arena().Copy(field.name);
  headers.AddWire(known, kept_name, field.static_value ? field.value : headers.arena().Copy(field.value), "",
                  field.never_indexed);
  return true;
}

bool Http2Session::OnHeaderBlockEnd(Stream& stream, bool end) {
  if (end) stream.end_received_ = true;
  stream.received_ += block_wire_;
  if (stream.block_bad_ || stream.receiver_ == nullptr) return true;
  if (stream.headers_done_) return OnTrailers(stream, end);
  return server_owner_ != nullptr ? OnRequestHeaders(stream, end) : OnResponseHeaders(stream, end);
}

bool Http2Session::OnRequestHeaders(Stream& stream, bool end) {
  HeaderMap& headers = *stream.headers_;
  if (const char* broken = CheckRequest(headers, http2_.allow_connect)) return OnInvalidMessage(&stream, broken);
  stream.head_request_ = headers.method() == "HEAD";
  stream.connect_ = headers.method() == "CONNECT";
  if (headers.Has(KnownHeader::kProtocol)) ShowUpgradeRequest(headers);
  stream.headers_done_ = true;
  stream.headers_ = nullptr;
  if (end) stream.end_delivered_ = true;
  stream.receiver_->OnHeaders(headers, end);
  if (end && stream.owner_ended_) Forget(stream);
  return !closed_;
}

bool Http2Session::OnResponseHeaders(Stream& stream, bool end) {
  HeaderMap& headers = *stream.headers_;
  if (const char* broken = CheckResponse(headers)) return OnInvalidMessage(&stream, broken);
  stream.headers_ = nullptr;
  const uint32_t status = headers.status();
  if (status < 200) {
    if (end) return OnInvalidMessage(&stream, "http2.violation.of.messaging.rule");  // RFC 9113 8.1
    if (++stream.interim_count_ > kMostInterims) {  // each takes memory of the stream until it ends
      RefuseBlock(stream, ErrorCode::kEnhanceYourCalm, "http2.too_many_interim_responses");
      return !closed_;
    }
    stream.receiver_->OnInterim(headers);
    return !closed_;
  }
  if (stream.upgrade_.data() != nullptr && status < 300) ShowUpgradeResponse(headers, stream.upgrade_);
  if (status >= 300) stream.connect_ = false;
  stream.headers_done_ = true;
  if (end) stream.end_delivered_ = true;
  stream.receiver_->OnHeaders(headers, end);
  if (end && stream.owner_ended_) Forget(stream);
  return !closed_;
}

bool Http2Session::OnTrailers(Stream& stream, bool end) {
  if (stream.connect_) {
    RefuseBlock(stream, ErrorCode::kProtocolError, "http2.violation.of.messaging.rule");
    return !closed_;
  }
  if (!end) return OnInvalidMessage(&stream, "http2.violation.of.messaging.rule");  // RFC 9113 8.1
  if (const char* broken = CheckTrailers(*stream.headers_, &counters_.dropped_trailers)) {
    return OnInvalidMessage(&stream, broken);
  }
  ++counters_.trailers;
  stream.trailers_ready_ = true;
  Deliver(stream);
  return !closed_;
}

void Http2Session::OnDataChunk(Stream& stream, const char* bytes, size_t n) {
  if (stream.receiver_ == nullptr) {
    // After the whole answer what is still to come is bounded by the stream's window.
    return stream.ListHook<AnsweredEarly>::linked() ? framer_.ConsumeConnection(n) : framer_.Consume(stream, n);
  }
  stream.received_ += n;
  const bool inside =
      reading_ != nullptr && bytes >= reading_->data() && bytes + n <= reading_->data() + reading_->capacity;
  if (n >= kShareAtLeast && inside) {
    const uint32_t begin = static_cast<uint32_t>(bytes - reading_->data());
    stream.in_.AppendSlice(reading_, begin, begin + static_cast<uint32_t>(n));
  } else {
    stream.in_.Append(absl::string_view(bytes, n));
  }
  if (!stream.ListHook<StreamsToDeliver>::linked()) to_deliver_.PushBack(stream);
}

bool Http2Session::OnDataFrame(Stream& stream, bool end, bool empty) {
  if (const char* flood = floods_.OnFrameWithPayload(empty && !end)) {
    Fail(ErrorCode::kEnhanceYourCalm, flood, true);
    return false;
  }
  stream.received_ += 9;
  if (!end) return true;
  stream.end_received_ = true;
  if (stream.receiver_ != nullptr) Deliver(stream);
  return !closed_;
}

bool Http2Session::OnDataWithoutStream(bool empty) {
  const char* flood = floods_.OnFrameWithPayload(empty);
  if (flood != nullptr) Fail(ErrorCode::kEnhanceYourCalm, flood, true);
  return flood == nullptr;
}

void Http2Session::OnResetFrame(Stream& stream) { stream.reset_by_peer_ = true; }

bool Http2Session::OnInvalidMessage(Stream* stream, const char* detail) {
  if (stream != nullptr && stream->block_bad_) return !closed_ && fail_detail_ == nullptr;  // said already
  ++counters_.rx_messaging_error;
  if (stream != nullptr) stream->detail_ = detail;
  if (!http2_.stream_error_on_invalid_http_message) {
    Fail(ErrorCode::kProtocolError, detail, false);
    return false;
  }
  if (stream != nullptr) {
    stream->block_bad_ = true;
    framer_.SubmitReset(*stream, ErrorCode::kProtocolError);
    ++counters_.tx_reset;
    EndReceiver(*stream, ResetReason::kProtocolError, detail);
  }
  return !closed_;
}

// Whoever works for the stream hears of it now: perhaps before anything of its request was sent on.
void Http2Session::OnFramingError(Stream* stream, const char* detail) {
  (stream != nullptr ? stream->detail_ : framing_detail_) = detail;
  if (stream != nullptr && stream->receiver_ != nullptr) EndReceiver(*stream, ResetReason::kProtocolError, detail);
}

// ---- delivery

void Http2Session::Deliver(Stream& stream) {
  if (stream.receiver_ == nullptr || stream.pauses_ > 0 || !stream.headers_done_) return;
  stream.ListHook<StreamsToDeliver>::Unlink();
  const bool end = stream.end_received_ && !stream.trailers_ready_;
  if (!stream.end_delivered_ && (!stream.in_.empty() || end)) {
    stream.owed_credit_ += static_cast<uint32_t>(stream.in_.size());
    if (end) stream.end_delivered_ = true;
    Buffer body(std::move(stream.in_));
    stream.receiver_->OnBody(body, end);
    if (end && stream.owner_ended_) Forget(stream);
    if (closed_) return;
    if (stream.pauses_ == 0 || stream.receiver_ == nullptr) ReturnCredit(stream);
  }
  if (stream.trailers_ready_ && !stream.end_delivered_ && stream.receiver_ != nullptr && stream.pauses_ == 0) {
    stream.end_delivered_ = true;
    HeaderMap* trailers = stream.headers_;
    stream.headers_ = nullptr;
    stream.receiver_->OnTrailers(*trailers);
    if (stream.owner_ended_) Forget(stream);
    if (closed_) return;
  }
  FinishIfDone(stream);
}

void Http2Session::DeliverPending() {
  while (!to_deliver_.empty() && !closed_) {
    Stream& stream = to_deliver_.PopFront();
    if (stream.id_ == 0 && stream.detail_ != nullptr) {  // a request that could not be sent at all
      EndReceiver(stream, ResetReason::kProtocolError, stream.detail_);
      FinishIfDone(stream);
      continue;
    }
    Deliver(stream);
  }
}

// Credit goes back when the receiver has taken the bytes and wants more; ResumeReading comes here for what is owed.
void Http2Session::ReturnCredit(Stream& stream) {
  if (stream.owed_credit_ == 0 || closed_) return;
  framer_.Consume(stream, stream.owed_credit_);
  stream.owed_credit_ = 0;
  ScheduleFlush();
}

// Nobody will take these bytes: their credit goes back to the connection, or the other streams would starve.
void Http2Session::DropReceived(Stream& stream) {
  const size_t n = stream.owed_credit_ + stream.in_.size();
  stream.in_.Clear();
  stream.owed_credit_ = 0;
  stream.trailers_ready_ = false;
  stream.headers_ = nullptr;
  stream.ListHook<StreamsToDeliver>::Unlink();
  if (n > 0 && !closed_) framer_.ConsumeConnection(n);
}

// Both sides said and heard everything: what is left to be written needs no receiver.
void Http2Session::Forget(Stream& stream) {
  if (stream.receiver_ == nullptr) return;
  stream.receiver_ = nullptr;
  stream.ListHook<StreamsAboveHigh>::Unlink();
  DropReceived(stream);
  Leave(stream);
}

void Http2Session::EndReceiver(Stream& stream, ResetReason reason, const char* detail) {
  StreamReceiver* receiver = stream.receiver_;
  stream.receiver_ = nullptr;
  stream.ListHook<StreamsAboveHigh>::Unlink();
  stream.DropUnsent();
  DropReceived(stream);
  if (receiver != nullptr) receiver->OnReset(reason, detail == nullptr ? "" : detail);
}

void Http2Session::OnStreamClosed(Stream& stream, ErrorCode code) {
  stream.closed_ = true;
  Left(stream);
  stream.ListHook<StreamsToResume>::Unlink();
  stream.ListHook<AnsweredEarly>::Unlink();
  if (stream.receiver_ == nullptr) return FinishIfDone(stream);
  const bool complete = stream.end_received_ && stream.headers_done_;
  // Nothing to tell but what waits for a paused receiver: both ends are there, or the server wants no more of our
  // request.
  const bool enough = client_owner_ != nullptr && stream.reset_by_peer_ && code == ErrorCode::kNoError;
  if (complete && (stream.end_sent_ || enough)) {
    FinishIfDone(stream);
    if (stream.released_ || closed_) return;
    stream.closing_ = true;
    ++closing_;
    return;
  }
  const bool refused = code == ErrorCode::kRefusedStream && stream.detail_ == nullptr;
  if (refused && !stream.reset_by_peer_ && peer_goaway_) {
    EndReceiver(stream, ResetReason::kRemoteGoneAway, "http2.goaway");
  } else if (stream.reset_by_peer_ || refused) {
    EndReceiver(stream, ReasonOf(code), DetailOf(code));
  } else {
    EndReceiver(stream, ResetReason::kProtocolError,
                stream.detail_ != nullptr ? stream.detail_ : "http2.violation.of.messaging.rule");
  }
  if (!closed_) FinishIfDone(stream);
}

void Http2Session::OnRequestNotSent(Stream& stream) {
  if (stream.closed_) return;
  stream.closed_ = true;
  if (stream.receiver_ != nullptr) EndReceiver(stream, ResetReason::kRemoteGoneAway, "http2.goaway");
  FinishIfDone(stream);
}

void Http2Session::FinishIfDone(Stream& stream) {
  if (stream.released_ || closed_) return;
  if (!stream.closed_ && stream.id_ != 0) return;
  if (stream.receiver_ != nullptr) {
    if (!stream.end_delivered_) return;
    if (!stream.end_sent_) EndReceiver(stream, ResetReason::kNone, "http2.remote_complete");
    if (stream.released_ || closed_) return;
  }
  Release(stream);
}

void Http2Session::Release(Stream& stream) {
  if (stream.released_) return;
  stream.released_ = true;
  Left(stream);
  if (stream.closing_) --closing_;
  stream.DropUnsent();
  stream.receiver_ = nullptr;
  stream.ListHook<AllStreams>::Unlink();
  stream.ListHook<AnsweredEarly>::Unlink();
  stream.ListHook<StreamsToDeliver>::Unlink();
  stream.ListHook<StreamsToResume>::Unlink();
  stream.ListHook<StreamsAboveHigh>::Unlink();
  --active_;
  stream_ended_ = true;
  if (active_ == 0) went_idle_ = true;
  ScheduleFlush();
  connection_.dispatcher().DestroyLater(std::unique_ptr<event::Deferred>(&stream));
}

}  // namespace outrigger::http::h2
