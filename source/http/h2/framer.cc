#include "source/http/h2/framer.h"

#include <algorithm>
#include <cstring>

#include "source/http/h2/stream.h"

namespace outrigger::http::h2 {
namespace {

constexpr uint8_t kFlagEnd = 1, kFlagEndHeaders = 4;
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

char* PutNumber(uint32_t value, int bytes, char* to) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift);
  return to;
}
char* PutHead(const FrameHead& head, char* to) {
  to = PutNumber(head.length, 3, to);
  *to++ = static_cast<char>(head.type);
  *to++ = static_cast<char>(head.flags);
  return PutNumber(head.stream_id, 4, to);
}
char* PutSetting(uint16_t id, uint32_t value, char* to) { return PutNumber(value, 4, PutNumber(id, 2, to)); }

}  // namespace

Framer::Framer(bool server, const Limits& limits, FrameEvents& events)
    : events_(events),
      limits_(limits),
      server_(server),
      reading_(server ? Reading::kPreface : Reading::kHead),
      encoder_(limits.hpack_table_size),
      streams_(limits.hash_seed),
      next_id_(server ? 2 : 1) {
  SubmitFirstFrames();
}

void Framer::SubmitFirstFrames() {
  if (!server_) out_.Append({kPreface, sizeof(kPreface) - 1});
  char settings[6 * 8];
  char* to = PutSetting(1, limits_.hpack_table_size, settings);
  to = PutSetting(4, std::min<uint32_t>(limits_.stream_window, kLargestWindow), to);
  to = PutSetting(6, limits_.max_header_bytes, to);
  to = PutSetting(9, 1, to);  // no priorities (RFC 9218)
  if (server_) {
    to = PutSetting(3, limits_.max_concurrent_streams, to);
    if (limits_.extended_connect) to = PutSetting(8, 1, to);
  } else {
    to = PutSetting(2, 0, to);  // no push
  }
  const size_t size = static_cast<size_t>(to - settings);
  memcpy(BeginFrameOut(FrameType::kSettings, 0, 0, static_cast<uint32_t>(size)), settings, size);
  const uint32_t window = std::min(limits_.connection_window, kLargestWindow);
  if (window > 65535) SubmitWindowUpdate(0, window - 65535);
}

// Room for the payload of a frame, behind its head.
char* Framer::BeginFrameOut(FrameType type, uint8_t flags, uint32_t stream_id, uint32_t length, ErrorCode code) {
  const FrameHead head{type, flags, length, stream_id};
  char* to = PutHead(head, out_.Room(kFrameHead + length));
  out_.Commit(kFrameHead + length);
  NoteSent(head, code);
  return to;
}

void Framer::NoteSent(const FrameHead& head, ErrorCode code) {
  const Sent sent{head, code};
  sent_.Append({reinterpret_cast<const char*>(&sent), sizeof(sent)});
}

// ---- output

absl::string_view Framer::NextOutput() {
  writing_.Free();
  OnSent();
  if (!broken_) SendData();
  writing_.Swap(out_);
  told_.Swap(sent_);
  starts_queued_ = false;
  waiting_acks_ = 0;
  return writing_.view();
}

// The bytes of these frames are in the connection's output.
void Framer::OnSent() {
  while (!never_started_.empty()) events_.OnRequestNotSent(static_cast<Stream&>(never_started_.PopFront()));
  if (told_.empty()) return;
  Bytes told;
  told.Swap(told_);
  for (size_t at = 0; at < told.size(); at += sizeof(Sent)) {
    Sent sent;
    memcpy(&sent, told.data() + at, sizeof(sent));
    Stream* stream = streams_.Find(sent.head.stream_id);
    events_.OnFrameSent(sent.head, stream, sent.code);
    if (stream == nullptr || !stream->open) continue;
    if (sent.head.type == FrameType::kRstStream) {
      Close(*stream, sent.code);
    } else if (sent.head.type == FrameType::kHeaders && (sent.head.flags & kFlagEnd) != 0) {
      stream->local_ended = true;
      CloseIfBothEnded(*stream);
    }
  }
}

// Each stream in turn, a frame at a time, until the windows are used up. What is queued meanwhile may follow them, new
// streams' HEADERS excepted.
void Framer::SendData() {
  while (!with_data_.empty() && !starts_queued_) {
    Stream& stream = static_cast<Stream&>(with_data_.front());
    if (!SendDataOf(stream)) return;
  }
}

bool Framer::SendDataOf(Stream& stream) {
  const int64_t window = std::min(send_window_, stream.send_window);
  const size_t most = static_cast<size_t>(std::clamp<int64_t>(window, 0, std::min<int64_t>(peer_frame_, kLargestSent)));
  bool end = false;
  bool more_follows = false;
  const int64_t n = events_.OnDataWanted(stream, most, &end, &more_follows);
  if (n < 0 || (n == 0 && !end)) {
    stream.ListHook<StreamsWithData>::Unlink();
    if (n < 0) return true;
    if (stream.send_window <= 0) {
      stream.starved = true;
      return true;
    }
    with_data_.PushFront(stream);  // the connection's window is used up: its turn stays
    return false;
  }
  if (end) stream.ListHook<StreamsWithData>::Unlink();
  if (n > 0 || !more_follows) {
    const FrameHead head{FrameType::kData, static_cast<uint8_t>(end && !more_follows ? kFlagEnd : 0),
                         static_cast<uint32_t>(n), stream.id_};
    char bytes[kFrameHead];
    PutHead(head, bytes);
    events_.OnDataFrameReady(stream, {bytes, kFrameHead}, static_cast<size_t>(n));
    send_window_ -= n;
    stream.send_window -= n;
    events_.OnFrameSent(head, &stream, ErrorCode::kNoError);
  }
  if (!end) {
    if (!stream.ListHook<StreamsWithData>::linked()) return true;  // reset meanwhile
    stream.ListHook<StreamsWithData>::Unlink();                    // PushBack asks for that of the last one
    with_data_.PushBack(stream);
  } else if (!more_follows && stream.open) {
    stream.local_ended = true;
    CloseIfBothEnded(stream);
  }
  return true;
}

bool Framer::done() const {
  if (!out_.empty() || !sent_.empty() || !told_.empty()) return false;
  return broken_ || (streams_.size() == 0 && (goaway_sent_ || goaway_received_));
}

uint64_t Framer::memory_held() const {
  uint64_t held = decoder_.memory_held() + encoder_.memory_held() + streams_.memory_held();
  for (const Bytes* bytes : {&in_, &block_, &out_, &writing_, &sent_, &told_}) held += bytes->capacity();
  return held;
}

// ---- streams

void Framer::Open(Stream& stream, uint32_t id) {
  stream.open = true;
  stream.send_window = peer_window_;
  streams_.Insert(id, stream);
  if (IsPeers(id)) ++incoming_;
}

void Framer::Close(Stream& stream, ErrorCode code) {
  const uint32_t id = stream.id_;
  streams_.Remove(id);
  stream.open = false;
  stream.ListHook<StreamsWithData>::Unlink();
  if (IsPeers(id)) --incoming_;
  if (header_stream_ == &stream) header_stream_ = nullptr;
  if (data_stream_ == &stream) data_stream_ = nullptr;
  events_.OnStreamClosed(stream, code);
}

void Framer::CloseIfBothEnded(Stream& stream) {
  if (stream.open && stream.remote_ended && stream.local_ended) Close(stream, ErrorCode::kNoError);
}

void Framer::WakeStarved(Stream& stream) {
  stream.starved = false;
  if (!stream.ListHook<StreamsWithData>::linked()) with_data_.PushBack(stream);
}

// ---- submissions

void Framer::SubmitHeaders(const HeaderMap& headers, bool request, bool end, Stream& stream) {
  const size_t at = out_.size();
  out_.Room(kFrameHead);
  out_.Commit(kFrameHead);
  encoder_.Encode(headers, request, out_);
  uint32_t length = static_cast<uint32_t>(out_.size() - at - kFrameHead);
  const uint8_t end_flag = end ? kFlagEnd : 0;
  FrameHead head{FrameType::kHeaders, static_cast<uint8_t>(end_flag | kFlagEndHeaders), length, stream.id_};
  if (length <= peer_frame_) [[likely]] {
    PutHead(head, out_.data() + at);
  } else {  // HEADERS and CONTINUATION
    Bytes block;
    block.Append(out_.view().substr(at + kFrameHead));
    out_.Commit(-(out_.size() - at));
    FrameHead piece = head;
    for (uint32_t from = 0; from < length; from += piece.length) {
      piece.length = std::min(length - from, peer_frame_);
      piece.type = from == 0 ? FrameType::kHeaders : FrameType::kContinuation;
      piece.flags =
          static_cast<uint8_t>((from == 0 ? end_flag : 0) | (from + piece.length == length ? kFlagEndHeaders : 0));
      PutHead(piece, out_.Room(kFrameHead));
      out_.Commit(kFrameHead);
      out_.Append(block.view().substr(from, piece.length));
    }
    head.length = static_cast<uint32_t>(out_.size() - at - kFrameHead);
  }
  NoteSent(head, ErrorCode::kNoError);
}

uint32_t Framer::SubmitRequest(const HeaderMap& headers, bool end, Stream& stream) {
  if (next_id_ > kLargestWindow) return 0;
  const uint32_t id = next_id_;
  next_id_ += 2;
  stream.id_ = id;
  if (goaway_received_ || broken_) {
    never_started_.PushBack(stream);
    return id;
  }
  Open(stream, id);
  stream.rules.OnRequestSent(headers.method());
  SubmitHeaders(headers, true, end, stream);
  starts_queued_ = true;
  stream.has_body = !end;
  if (!end) with_data_.PushBack(stream);
  return id;
}

void Framer::SubmitResponse(const HeaderMap& headers, bool end, Stream& stream) {
  if (!stream.open || stream.resetting || broken_) return;
  SubmitHeaders(headers, false, end, stream);
  starts_queued_ = true;
  stream.has_body = !end;
  if (!end) with_data_.PushBack(stream);
}

void Framer::SubmitInterim(const HeaderMap& headers, Stream& stream) {
  if (stream.open && !stream.resetting && !broken_) SubmitHeaders(headers, false, false, stream);
}

void Framer::SubmitTrailers(const HeaderMap& trailers, Stream& stream) {
  if (stream.open && !stream.resetting && !broken_) SubmitHeaders(trailers, false, true, stream);
}

void Framer::SubmitReset(Stream& stream, ErrorCode code) {
  stream.ListHook<StreamsNeverStarted>::Unlink();
  if (!stream.open || stream.resetting || broken_) return;
  stream.resetting = true;
  stream.ListHook<StreamsWithData>::Unlink();
  PutNumber(static_cast<uint32_t>(code), 4, BeginFrameOut(FrameType::kRstStream, 0, stream.id_, 4, code));
}

void Framer::SubmitRefusal(uint32_t id) {
  const ErrorCode code = ErrorCode::kRefusedStream;
  PutNumber(static_cast<uint32_t>(code), 4, BeginFrameOut(FrameType::kRstStream, 0, id, 4, code));
}

void Framer::SubmitPing() {
  if (!broken_) memset(BeginFrameOut(FrameType::kPing, 0, 0, 8), 0, 8);
}

void Framer::SubmitGoAwayFrame(uint32_t last, ErrorCode code) {
  PutNumber(static_cast<uint32_t>(code), 4, PutNumber(last, 4, BeginFrameOut(FrameType::kGoAway, 0, 0, 8, code)));
}

void Framer::SubmitShutdownNotice() {
  if (!broken_) SubmitGoAwayFrame(kLargestWindow, ErrorCode::kNoError);
}

void Framer::SubmitGoAway(ErrorCode code) {
  if (broken_) return;
  goaway_sent_ = true;
  last_taken_ = last_processed_;
  SubmitGoAwayFrame(last_processed_, code);
}

void Framer::ResumeData(Stream& stream) {
  if (stream.open && stream.has_body && !stream.local_ended && !stream.resetting && !stream.starved &&
      !stream.ListHook<StreamsWithData>::linked()) {
    with_data_.PushBack(stream);
  }
}

void Framer::SubmitWindowUpdate(uint32_t stream_id, uint32_t increment) {
  PutNumber(increment, 4, BeginFrameOut(FrameType::kWindowUpdate, 0, stream_id, 4));
}

// Credit goes back when half of a window waits for it.
void Framer::Consume(Stream& stream, size_t n) {
  ConsumeConnection(n);
  if (!stream.open || stream.resetting || broken_) return;
  stream.consumed += static_cast<uint32_t>(n);
  if (stream.remote_ended || stream.consumed < std::max<uint32_t>(limits_.stream_window / 2, 1)) return;
  SubmitWindowUpdate(stream.id_, stream.consumed);
  stream.unreturned -= stream.consumed;
  stream.consumed = 0;
}

void Framer::ConsumeConnection(size_t n) {
  consumed_ += static_cast<uint32_t>(n);
  const uint32_t window = std::clamp<uint32_t>(limits_.connection_window, 65535, kLargestWindow);
  if (consumed_ < window / 2 || broken_) return;
  SubmitWindowUpdate(0, consumed_);
  unreturned_ -= consumed_;
  consumed_ = 0;
}

}  // namespace outrigger::http::h2
