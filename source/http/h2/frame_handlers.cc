// What whole frames of the peer mean.
#include <algorithm>

#include "source/http/h2/framer.h"
#include "source/http/h2/stream.h"

namespace outrigger::http::h2 {
namespace {

constexpr uint8_t kFlagEnd = 1, kFlagAck = 1, kFlagEndHeaders = 4, kFlagPadded = 8, kFlagPriority = 32;
constexpr char kProtocol[] = "http2.protocol_error";
constexpr char kSize[] = "http2.frame_size_error";
constexpr char kFlow[] = "http2.flow_control_error";
constexpr char kMessaging[] = "http2.violation.of.messaging.rule";
constexpr char kField[] = "http2.invalid.header.field";

enum SettingId : uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kEnableConnectProtocol = 8,
  kNoPriorities = 9,
};

uint32_t Number(absl::string_view text, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + static_cast<size_t>(i)]);
  return value;
}

}  // namespace

bool Framer::IsIdle(uint32_t id) const { return IsPeers(id) ? id > last_received_ : id >= next_id_; }

bool Framer::OnPayload(absl::string_view payload) {
  switch (head_.type) {
    case FrameType::kHeaders:
      return OnHeadersPayload(payload);
    case FrameType::kContinuation:
      return OnContinuation(payload);
    case FrameType::kPriority:  // says nothing to us (RFC 9113 5.3.2)
      if (head_.stream_id == 0) return Break(ErrorCode::kProtocolError, kProtocol);
      return payload.size() == 5 || Break(ErrorCode::kFrameSizeError, kSize);
    case FrameType::kRstStream:
      return OnRstStream(payload);
    case FrameType::kSettings:
      return OnSettingsPayload(payload);
    case FrameType::kPing:
      return OnPing(payload);
    case FrameType::kGoAway:
      return OnGoAwayPayload(payload);
    default:
      return OnWindowUpdate(payload);
  }
}

// ---- header blocks

// The stream is made when its frame begins: its owner's timeouts then bound how long the block may take.
bool Framer::BeginHeaders() {
  const uint32_t id = head_.stream_id;
  header_stream_ = nullptr;
  block_ends_ = (head_.flags & kFlagEnd) != 0;
  continuations_ = 0;
  if (id == 0 || (!IsPeers(id) && (server_ || IsIdle(id)))) return Break(ErrorCode::kProtocolError, kProtocol);
  if (!server_ && IsPeers(id)) return Break(ErrorCode::kProtocolError, kProtocol);
  if (Stream* stream = streams_.Find(id)) {
    if (stream->resetting) return true;
    if (stream->remote_ended) return Break(ErrorCode::kStreamClosed, "http2.frame_on_closed_stream");
    header_stream_ = stream;
    return true;
  }
  if (!server_ || id <= last_received_) return true;  // closed: perhaps by us, and the peer did not know
  last_received_ = id;
  if (id > last_taken_) return true;  // after our GOAWAY
  if (incoming_ >= limits_.max_concurrent_streams) {
    if (acknowledged_) return Break(ErrorCode::kProtocolError, kProtocol);
    events_.OnStreamRefused(id);
    SubmitRefusal(id);  // it may not know the limit yet
    return true;
  }
  Stream* stream = events_.OnRequestBegin(id);
  if (stream == nullptr) {
    SubmitRefusal(id);
    return true;
  }
  last_processed_ = id;
  Open(*stream, id);
  header_stream_ = stream;
  return true;
}

bool Framer::OnHeadersPayload(absl::string_view payload) {
  size_t padding = 0;
  if ((head_.flags & kFlagPadded) != 0) {
    if (payload.empty()) return Break(ErrorCode::kFrameSizeError, kSize);
    padding = static_cast<uint8_t>(payload[0]);
    payload.remove_prefix(1);
  }
  if ((head_.flags & kFlagPriority) != 0) {
    if (payload.size() < 5) return Break(ErrorCode::kFrameSizeError, kSize);
    payload.remove_prefix(5);
  }
  if (padding > payload.size()) return Break(ErrorCode::kProtocolError, kProtocol);
  payload.remove_suffix(padding);
  if ((head_.flags & kFlagEndHeaders) != 0) return OnBlock(payload);
  block_stream_ = head_.stream_id;
  block_.Append(payload);
  return true;
}

bool Framer::OnContinuation(absl::string_view payload) {
  block_.Append(payload);
  if ((head_.flags & kFlagEndHeaders) == 0) return true;
  block_stream_ = 0;
  const bool go_on = OnBlock(block_.view());
  block_.Free();
  return go_on;
}

bool Framer::OnBlock(absl::string_view block) {
  bool wanted = header_stream_ != nullptr;
  if (!wanted) {
    if (!events_.OnHeaderBlockWithoutStream()) return false;
  } else {
    const bool first = !header_stream_->rules.has_final_headers();
    header_stream_->rules.BeginBlock(!first    ? MessageRules::Kind::kTrailers
                                     : server_ ? MessageRules::Kind::kRequest
                                               : MessageRules::Kind::kResponse);
    wanted = events_.OnHeaderBlockBegin(*header_stream_);
  }
  if (!DecodeBlock(block, &wanted)) return false;
  Stream* stream = header_stream_;
  header_stream_ = nullptr;
  if (stream == nullptr || stream->resetting) return true;
  if (!stream->rules.is_trailers()) stream->rules.EndBlock();
  if (block_ends_ && !stream->rules.AllowsEnd() && wanted) return Invalid(*stream, kMessaging);
  if (!events_.OnHeaderBlockEnd(*stream, block_ends_)) return false;
  return !block_ends_ || OnRemoteEnd(*stream);
}

// The whole block is decoded whatever becomes of its stream: the table must stay the peer's.
bool Framer::DecodeBlock(absl::string_view block, bool* wanted) {
  decoder_.Begin(block);
  HpackDecoder::Field field;
  HpackDecoder::Outcome outcome;
  uint64_t in_vain = 0;
  while ((outcome = decoder_.Next(&field)) == HpackDecoder::Outcome::kField) {
    if (!*wanted || header_stream_ == nullptr) {
      // Few bytes can name long entries: what nobody wants must not cost without end.
      in_vain += field.name.size() + field.value.size();
      if (in_vain > uint64_t{kMostInVain} * limits_.max_header_bytes) {
        return Break(ErrorCode::kEnhanceYourCalm, "http2.header_block_too_large");
      }
      decoder_.SkipIndexed();
      continue;
    }
    Stream& stream = *header_stream_;
    if (!stream.rules.Allows(field.known, field.name, field.value, field.sound)) {
      *wanted = false;
      if (!Invalid(stream, kField)) return false;
    } else if (!events_.OnHeader(stream, field)) {
      *wanted = false;
    }
  }
  decoder_.Finish();
  return outcome == HpackDecoder::Outcome::kEnd ||
         Break(ErrorCode::kCompressionError, "http2.header_compression_error");
}

bool Framer::OnRemoteEnd(Stream& stream) {
  if (!stream.open || stream.resetting) return true;
  stream.remote_ended = true;
  CloseIfBothEnded(stream);
  return true;
}

// ---- the others

bool Framer::OnRstStream(absl::string_view payload) {
  if (head_.stream_id == 0 || IsIdle(head_.stream_id)) return Break(ErrorCode::kProtocolError, kProtocol);
  if (payload.size() != 4) return Break(ErrorCode::kFrameSizeError, kSize);
  Stream* stream = streams_.Find(head_.stream_id);
  if (stream == nullptr) return true;
  events_.OnResetFrame(*stream);
  if (stream->open) Close(*stream, static_cast<ErrorCode>(Number(payload, 0, 4)));
  return true;
}

bool Framer::OnSettingsPayload(absl::string_view payload) {
  if (head_.stream_id != 0) return Break(ErrorCode::kProtocolError, kProtocol);
  if ((head_.flags & kFlagAck) != 0) {
    return payload.empty() ? OnSettingsAck() : Break(ErrorCode::kFrameSizeError, kSize);
  }
  if (payload.size() % 6 != 0) return Break(ErrorCode::kFrameSizeError, kSize);
  if (payload.size() / 6 > kMostSettings) return Break(ErrorCode::kEnhanceYourCalm, "http2.too_many_settings");
  first_settings_ = true;
  const uint32_t window_before = peer_window_;
  for (size_t at = 0; at < payload.size(); at += 6) {
    if (!OnSetting(static_cast<uint16_t>(Number(payload, at, 2)), Number(payload, at + 2, 4))) return false;
  }
  if (peer_window_ != window_before && !OnPeerWindow(int64_t{peer_window_} - int64_t{window_before})) return false;
  if (++waiting_acks_ > limits_.max_control_frames) {
    fatal_ = "http2.outbound_control_frames_flood";
    return false;
  }
  BeginFrameOut(FrameType::kSettings, kFlagAck, 0, 0);
  events_.OnSettings(false);
  return true;
}

// Once per frame, whatever it says how often: each time costs a look at all streams.
bool Framer::OnPeerWindow(int64_t more) {
  bool fits = true;
  streams_.ForEachId([&](uint32_t, Stream& stream) {
    stream.send_window += more;
    fits &= stream.send_window <= int64_t{kLargestWindow};
    if (stream.starved && stream.send_window > 0) WakeStarved(stream);
  });
  return fits || Break(ErrorCode::kFlowControlError, kFlow);
}

bool Framer::OnSettingsAck() {
  if (acknowledged_) return Break(ErrorCode::kProtocolError, kProtocol);  // we say ours once
  acknowledged_ = true;
  decoder_.SetLimit(limits_.hpack_table_size);
  events_.OnSettings(true);
  return true;
}

bool Framer::OnSetting(uint16_t id, uint32_t value) {
  switch (id) {
    case kHeaderTableSize:
      encoder_.OnPeerTableSize(value);
      return true;
    case kEnablePush:
      return value == 0 || (server_ && value == 1) || Break(ErrorCode::kProtocolError, kProtocol);
    case kMaxConcurrentStreams:
      peer_stream_limit_ = value;
      return true;
    case kInitialWindowSize:
      if (value > kLargestWindow) return Break(ErrorCode::kFlowControlError, kFlow);
      peer_window_ = value;
      return true;
    case kMaxFrameSize:
      if (value < 16384 || value > 0xffffff) return Break(ErrorCode::kProtocolError, kProtocol);
      peer_frame_ = value;
      return true;
    case kEnableConnectProtocol:
      if (value > 1 || (value == 0 && peer_extended_connect_)) return Break(ErrorCode::kProtocolError, kProtocol);
      if (!server_) peer_extended_connect_ = value == 1;
      return true;
    case kNoPriorities:
      if (value > 1 || (peer_no_priorities_ >= 0 && static_cast<uint32_t>(peer_no_priorities_) != value)) {
        return Break(ErrorCode::kProtocolError, kProtocol);
      }
      peer_no_priorities_ = static_cast<int8_t>(value);
      return true;
    default:
      return true;
  }
}

bool Framer::OnPing(absl::string_view payload) {
  if (head_.stream_id != 0) return Break(ErrorCode::kProtocolError, kProtocol);
  if (payload.size() != 8) return Break(ErrorCode::kFrameSizeError, kSize);
  if ((head_.flags & kFlagAck) != 0) {
    events_.OnPingAck();
    return true;
  }
  if (++waiting_acks_ > limits_.max_control_frames) {
    fatal_ = "http2.outbound_control_frames_flood";
    return false;
  }
  payload.copy(BeginFrameOut(FrameType::kPing, kFlagAck, 0, 8), 8);
  return true;
}

bool Framer::OnGoAwayPayload(absl::string_view payload) {
  if (head_.stream_id != 0) return Break(ErrorCode::kProtocolError, kProtocol);
  if (payload.size() < 8) return Break(ErrorCode::kFrameSizeError, kSize);
  const uint32_t last = Number(payload, 0, 4) & kLargestWindow;
  if ((last != 0 && last != kLargestWindow && IsPeers(last)) || last > peer_goaway_last_) {
    return Break(ErrorCode::kProtocolError, kProtocol);
  }
  goaway_received_ = true;
  peer_goaway_last_ = last;
  events_.OnGoAway(last, static_cast<ErrorCode>(Number(payload, 4, 4)));
  streams_.ForEachId([&](uint32_t id, Stream& stream) {
    if (!IsPeers(id) && id > last) Close(stream, ErrorCode::kRefusedStream);
  });
  return true;
}

bool Framer::OnWindowUpdate(absl::string_view payload) {
  const uint32_t id = head_.stream_id;
  if (id != 0 && IsIdle(id)) return Break(ErrorCode::kProtocolError, kProtocol);
  if (payload.size() != 4) return Break(ErrorCode::kFrameSizeError, kSize);
  const uint32_t more = Number(payload, 0, 4) & kLargestWindow;
  if (id == 0) {
    if (more == 0) return Break(ErrorCode::kProtocolError, kProtocol);
    send_window_ += more;
    return send_window_ <= int64_t{kLargestWindow} || Break(ErrorCode::kFlowControlError, kFlow);
  }
  Stream* stream = streams_.Find(id);
  if (stream == nullptr || stream->resetting) return true;
  stream->send_window += more;
  if (more == 0 || stream->send_window > int64_t{kLargestWindow}) {
    SubmitReset(*stream, more == 0 ? ErrorCode::kProtocolError : ErrorCode::kFlowControlError);
    events_.OnFramingError(stream, more == 0 ? kProtocol : kFlow);
    return true;
  }
  if (stream->starved && stream->send_window > 0) WakeStarved(*stream);
  return true;
}

}  // namespace outrigger::http::h2
