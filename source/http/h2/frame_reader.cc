// From the connection's bytes to frames, and what DATA is made of.
#include <algorithm>
#include <cstring>

#include "source/http/h2/framer.h"
#include "source/http/h2/stream.h"

namespace outrigger::http::h2 {
namespace {

constexpr char kPrefaceText[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr uint8_t kPrefaceSize = sizeof(kPrefaceText) - 1;
constexpr uint8_t kFlagEnd = 1, kFlagPadded = 8;
constexpr char kMessaging[] = "http2.violation.of.messaging.rule";

uint32_t Number(const char* at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

}  // namespace

bool Framer::Receive(absl::string_view bytes, size_t* taken, const char** detail) {
  *detail = "http2.protocol_error";
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  // A frame without payload is whole when its head is.
  while ((at != end || (left_ == 0 && reading_ != Reading::kHead && reading_ != Reading::kPreface)) && !broken_) {
    bool go_on = true;
    if (reading_ == Reading::kHead && head_have_ == 0 && at != bytes.data() && !events_.MayGoOn()) break;
    switch (reading_) {
      case Reading::kPreface:
        go_on = ReadPreface(&at, end, detail);
        break;
      case Reading::kHead:
        go_on = ReadHead(&at, end);
        break;
      case Reading::kPayload:
        go_on = ReadPayload(&at, end);
        break;
      case Reading::kData:
        go_on = ReadData(&at, end);
        break;
      case Reading::kSkipped: {
        const uint32_t n = static_cast<uint32_t>(std::min<size_t>(left_, static_cast<size_t>(end - at)));
        at += n;
        left_ -= n;
        if (left_ == 0) reading_ = Reading::kHead;
        break;
      }
    }
    if (go_on) continue;
    if (fatal_ != nullptr) *detail = fatal_;
    *taken = bytes.size();
    return broken_;  // what broke it is queued; anything else ends the connection here
  }
  *taken = broken_ ? bytes.size() : static_cast<size_t>(at - bytes.data());
  return true;
}

bool Framer::Break(ErrorCode code, const char* detail) {
  if (broken_) return false;
  events_.OnFramingError(nullptr, detail);
  SubmitGoAwayFrame(last_processed_, code);
  broken_ = true;
  return false;
}

// The message of a stream breaks a rule: the stream ends, or the connection.
bool Framer::Invalid(Stream& stream, const char* detail) {
  if (!events_.OnInvalidMessage(&stream, detail)) return false;
  SubmitReset(stream, ErrorCode::kProtocolError);
  return true;
}

bool Framer::ReadPreface(const char** at, const char* end, const char** detail) {
  const size_t n = std::min<size_t>(kPrefaceSize - head_have_, static_cast<size_t>(end - *at));
  if (memcmp(*at, kPrefaceText + head_have_, n) != 0) {
    *detail = "http2.bad_client_preface";
    return false;
  }
  *at += n;
  head_have_ = static_cast<uint8_t>(head_have_ + n);
  if (head_have_ < kPrefaceSize) return true;
  head_have_ = 0;
  reading_ = Reading::kHead;
  return true;
}

bool Framer::ReadHead(const char** at, const char* end) {
  const char* from = *at;
  if (head_have_ == 0 && end - from >= static_cast<ptrdiff_t>(kFrameHead)) [[likely]] {
    *at += kFrameHead;
  } else {
    const size_t n = std::min<size_t>(kFrameHead - head_have_, static_cast<size_t>(end - from));
    memcpy(head_bytes_ + head_have_, from, n);
    *at += n;
    head_have_ = static_cast<uint8_t>(head_have_ + n);
    if (head_have_ < kFrameHead) return true;
    from = head_bytes_;
  }
  head_have_ = 0;
  const FrameType type = static_cast<FrameType>(static_cast<uint8_t>(from[3]));
  head_ = {type, static_cast<uint8_t>(from[4]), Number(from, 3), Number(from + 5, 4) & 0x7fffffff};
  left_ = head_.length;
  return BeginFrame();
}

bool Framer::BeginFrame() {
  if (!first_settings_ && (head_.type != FrameType::kSettings || (head_.flags & 1) != 0)) {
    return Break(ErrorCode::kProtocolError, "http2.settings_expected");
  }
  if (block_stream_ != 0 && (head_.type != FrameType::kContinuation || head_.stream_id != block_stream_)) {
    return Break(ErrorCode::kProtocolError, "http2.protocol_error");
  }
  if (head_.length > kLargestFrame) return Break(ErrorCode::kFrameSizeError, "http2.frame_size_error");
  if (!events_.OnFrameBegin(head_)) return false;
  reading_ = Reading::kPayload;
  switch (head_.type) {
    case FrameType::kData:
      return BeginData();
    case FrameType::kHeaders:
      return BeginHeaders();
    case FrameType::kContinuation:
      if (block_stream_ == 0) return Break(ErrorCode::kProtocolError, "http2.protocol_error");
      if (++continuations_ > std::max<uint32_t>(8, limits_.max_header_bytes / kLargestFrame + 4)) {
        fatal_ = "http2.too_many_continuations";
        return false;
      }
      return true;
    case FrameType::kPriority:
    case FrameType::kRstStream:
    case FrameType::kSettings:
    case FrameType::kPing:
    case FrameType::kGoAway:
    case FrameType::kWindowUpdate:
      return true;
    default:
      reading_ = Reading::kSkipped;  // RFC 9113 5.5
      return true;
  }
}

bool Framer::ReadPayload(const char** at, const char* end) {
  const size_t there = static_cast<size_t>(end - *at);
  if (in_.empty() && there >= left_) {
    const absl::string_view payload(*at, left_);
    *at += left_;
    left_ = 0;
    reading_ = Reading::kHead;
    return OnPayload(payload);
  }
  const size_t n = std::min<size_t>(there, left_);
  in_.Append({*at, n});
  *at += n;
  left_ -= static_cast<uint32_t>(n);
  if (left_ > 0) return true;
  reading_ = Reading::kHead;
  const bool go_on = OnPayload(in_.view());
  in_.Free();
  return go_on;
}

// ---- DATA

bool Framer::BeginData() {
  const uint32_t id = head_.stream_id;
  if (id == 0 || IsIdle(id)) return Break(ErrorCode::kProtocolError, "http2.protocol_error");
  padding_due_ = (head_.flags & kFlagPadded) != 0;
  padding_ = 0;
  if (padding_due_ && head_.length == 0) return Break(ErrorCode::kFrameSizeError, "http2.frame_size_error");
  const uint32_t window = std::clamp<uint32_t>(limits_.connection_window, 65535, kLargestWindow);
  if (unreturned_ + head_.length > window) return Break(ErrorCode::kFlowControlError, "http2.flow_control_error");
  unreturned_ += head_.length;
  reading_ = Reading::kData;
  data_stream_ = streams_.Find(id);
  if (data_stream_ == nullptr) return true;
  Stream& stream = *data_stream_;
  if (stream.resetting) {
    data_stream_ = nullptr;
    return true;
  }
  if (stream.remote_ended) return Break(ErrorCode::kStreamClosed, "http2.frame_on_closed_stream");
  // Before it acknowledged our SETTINGS the peer may go by the standard's window.
  const uint32_t most = acknowledged_ ? limits_.stream_window : std::max<uint32_t>(limits_.stream_window, 65535);
  if (stream.unreturned + head_.length > most) {
    data_stream_ = nullptr;
    SubmitReset(stream, ErrorCode::kFlowControlError);
    events_.OnFramingError(&stream, "http2.flow_control_error");
    return true;
  }
  stream.unreturned += head_.length;
  return true;
}

bool Framer::ReadData(const char** at, const char* end) {
  if (padding_due_) {
    padding_due_ = false;
    padding_ = static_cast<uint8_t>(**at);
    ++*at;
    --left_;
    if (padding_ > left_) return Break(ErrorCode::kProtocolError, "http2.protocol_error");
    const uint32_t own = padding_ + 1u;
    if (data_stream_ != nullptr) {
      Consume(*data_stream_, own);
    } else {
      ConsumeConnection(own);
    }
  }
  if (left_ > padding_) {
    const uint32_t n = static_cast<uint32_t>(std::min<size_t>(left_ - padding_, static_cast<size_t>(end - *at)));
    const char* chunk = *at;
    *at += n;
    left_ -= n;
    if (n > 0 && data_stream_ == nullptr) {
      ConsumeConnection(n);
    } else if (n > 0 && !data_stream_->rules.AllowsData(n)) {
      ConsumeConnection(n);
      if (!Invalid(*data_stream_, kMessaging)) return false;
      data_stream_ = nullptr;
    } else if (n > 0) {
      events_.OnDataChunk(*data_stream_, chunk, n);
    }
  }
  if (left_ <= padding_) {
    const uint32_t n = static_cast<uint32_t>(std::min<size_t>(left_, static_cast<size_t>(end - *at)));
    *at += n;
    left_ -= n;
  }
  if (left_ > 0) return true;
  reading_ = Reading::kHead;
  return EndData();
}

bool Framer::EndData() {
  const bool padded = (head_.flags & kFlagPadded) != 0;
  const bool empty = head_.length == (padded ? padding_ + 1u : 0u);
  if (data_stream_ == nullptr) return events_.OnDataWithoutStream(empty);
  Stream& stream = *data_stream_;
  data_stream_ = nullptr;
  const bool ends = (head_.flags & kFlagEnd) != 0;
  if ((ends && !stream.rules.AllowsEnd()) || !stream.rules.has_final_headers()) return Invalid(stream, kMessaging);
  if (!events_.OnDataFrame(stream, ends, empty)) return false;
  return !ends || OnRemoteEnd(stream);
}

}  // namespace outrigger::http::h2
