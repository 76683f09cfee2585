#include "source/http/h2/session.h"

#include <algorithm>

#include "source/base/bug.h"
#include "source/http/disconnect.h"

namespace outrigger::http::h2 {
namespace {

constexpr Duration kLongestFarewell = seconds(1);  // for a peer to answer the PING behind our last GOAWAY

Framer::Limits LimitsOf(const CodecOptions& options, const Http2Options& http2, uint32_t hash_seed) {
  return {http2.hpack_table_size,
          http2.max_concurrent_streams,
          http2.initial_stream_window_size,
          http2.initial_connection_window_size,
          options.max_header_bytes,
          std::max<uint32_t>(http2.max_outbound_control_frames, 1),
          http2.allow_connect,
          hash_seed};
}

}  // namespace

Http2Session::Http2Session(net::Connection& connection, ServerSessionOwner* server_owner,
                           ClientSessionOwner* client_owner, const CodecOptions& options, const Http2Options& http2,
                           CodecCounters& counters)
    : connection_(connection),
      server_owner_(server_owner),
      client_owner_(client_owner),
      options_(options),
      http2_(http2),
      counters_(counters),
      floods_(http2_, counters),
      share_(connection.dispatcher()),
      framer_(
          server_owner != nullptr,
          LimitsOf(options, http2,
                   server_owner != nullptr ? static_cast<uint32_t>(connection.dispatcher().engine().RandomBits()) : 0),
          *this) {}

Http2Session::~Http2Session() {
  while (!streams_.empty()) delete &streams_.PopFront();
}

// ---- life of the connection

void Http2Session::OnConnected() {
  if (ready_ || closed_) return;
  ready_ = true;
  StartKeepalive();
  if (server_owner_ != nullptr && http2_.preface_timeout > Duration(0)) {
    preface_timer_ = std::make_unique<event::Timer>([this] { OnPrefaceTimer(); });
    connection_.dispatcher().Arm(*preface_timer_, http2_.preface_timeout);
  }
  ScheduleFlush();
  if (client_owner_ != nullptr) client_owner_->OnSessionReady();
}

void Http2Session::OnData(Buffer& input, bool end) {
  if (closed_ || fail_detail_ != nullptr) {
    input.Clear();
    return;
  }
  OnConnected();
  if (client_owner_ != nullptr && flush_wanted_ && ready_) WriteWaiting();
  if (closed_ || fail_detail_ != nullptr) return;
  input_ended_ |= end;
  if (!share_.Begin(input.size())) return connection_.OfferAgain();
  Buffer bytes(std::move(input));  // a callback may close the connection, and with it its input
  Receive(bytes);
  if (closed_) return;
  if (fail_detail_ != nullptr) return FinishFailure();
  DeliverPending();
  if (closed_) return;
  ScheduleFlush();
  if (!bytes.empty()) {  // others have their turn first
    input.Append(std::move(bytes));
    share_.Owe();
    return connection_.OfferAgain();
  }
  if (input_ended_) connection_.Close(net::Connection::CloseMode::kNow, {net::CloseReason::kPeer, 0, "remote_close"});
}

// Leaves what is beyond this turn's share.
void Http2Session::Receive(Buffer& bytes) {
  receiving_ = true;
  const char* detail = nullptr;
  while (!bytes.empty() && !closed_ && fail_detail_ == nullptr) {
    const Buffer::Slice& slice = bytes.slice(0);
    const size_t size = slice.view().size();
    size_t taken = size;
    reading_ = slice.block;
    if (!framer_.Receive(slice.view(), &taken, &detail) && fail_detail_ == nullptr) {
      const bool flood = detail == absl::string_view("http2.outbound_control_frames_flood");
      if (flood) ++counters_.outbound_control_flood;
      Fail(flood ? ErrorCode::kEnhanceYourCalm : ErrorCode::kProtocolError, detail, flood);
    }
    CheckMemory();
    bytes.Drain(taken);
    if (taken < size || (!bytes.empty() && share_.over())) break;
  }
  reading_ = nullptr;
  receiving_ = false;
}

// From here on nothing happens but the connection's own end: streams are over, input is ignored, nothing more is
// written.
void Http2Session::EndSession(ResetReason reason, const char* detail) {
  if (closed_) return;
  closed_ = true;
  if (drain_timer_ != nullptr) drain_timer_->Disarm();
  if (keepalive_timer_ != nullptr) keepalive_timer_->Disarm();
  for (event::Timer* timer : {flush_timer_.get(), preface_timer_.get(), early_timer_.get(), rest_timer_.get()}) {
    if (timer != nullptr) timer->Disarm();
  }
  ListHook<event::EndOfTurnTag>::Unlink();
  streams_.ForEach([](Stream& stream) { stream.closed_ = true; });
  // Streams stay in the list until the session is destroyed, so receivers may reset others meanwhile.
  streams_.ForEach([&](Stream& stream) {
    if (stream.receiver_ == nullptr) return;
    const bool unsent = reason == ResetReason::kConnectionTermination && client_owner_ != nullptr && stream.unsent();
    EndReceiver(stream, unsent ? ResetReason::kNotSent : reason, detail);
  });
  active_ = 0;
  NoteGauges(true);
}

void Http2Session::OnClosed(const net::CloseInfo& why) {
  EndSession(ResetReason::kConnectionTermination, server_owner_ != nullptr ? DownstreamEndDetail(why) : why.detail);
  if (server_owner_ != nullptr) server_owner_->OnSessionClosed(why);
  if (client_owner_ != nullptr) client_owner_->OnSessionClosed(why);
}

void Http2Session::CloseAll(ResetReason reason, net::CloseInfo why) {
  if (closed_) return;
  SendFinalGoAway();
  EndSession(reason, why.detail);
  connection_.Close(net::Connection::CloseMode::kFlush, why);
}

void Http2Session::Fail(ErrorCode code, const char* detail, bool flood) {
  if (fail_detail_ != nullptr || closed_) return;
  fail_detail_ = detail;
  fail_code_ = code;
  if (!flood) ++counters_.protocol_errors;
}

void Http2Session::FinishFailure() {
  if (closed_) return;
  SendFinalGoAway();
  if (server_owner_ != nullptr) server_owner_->OnCodecError(400, fail_detail_);
  if (closed_) return;
  EndSession(ResetReason::kProtocolError, fail_detail_);
  connection_.Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kLocal, 0, fail_detail_});
}

// Written by hand: the framer may be in a state where it writes nothing any more.
void Http2Session::SendFinalGoAway() {
  if (!settings_sent_) PushOutput(framer_.NextOutput());  // the preface comes first (RFC 9113 3.4)
  const uint32_t last = framer_.is_server() ? framer_.last_processed_stream() : 0;
  const uint32_t code = static_cast<uint32_t>(fail_code_);
  const auto byte = [](uint32_t value, int shift) { return static_cast<char>(static_cast<uint8_t>(value >> shift)); };
  const char frame[17] = {0,
                          0,
                          8,
                          7,
                          0,
                          0,
                          0,
                          0,
                          0,
                          byte(last, 24),
                          byte(last, 16),
                          byte(last, 8),
                          byte(last, 0),
                          byte(code, 24),
                          byte(code, 16),
                          byte(code, 8),
                          byte(code, 0)};
  PushOutput(absl::string_view(frame, sizeof(frame)));
  ++counters_.goaway_sent;
  connection_.WroteOutput();
}

// Who connects and does not say what it must say first holds a connection for nothing.
void Http2Session::OnPrefaceTimer() {
  if (closed_ || preface_done_) return;
  ++counters_.preface_timeout;
  fail_code_ = ErrorCode::kSettingsTimeout;
  fail_detail_ = "http2.preface_timeout";
  SendFinalGoAway();
  EndSession(ResetReason::kConnectionTermination, fail_detail_);
  connection_.Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kIdleTimeout, 0, fail_detail_});
}

void Http2Session::CheckMemory() {
  if (framer_.memory_held() <= http2_.max_session_memory || closed_ || fail_detail_ != nullptr) return;
  ++counters_.memory_overflow;
  Fail(ErrorCode::kEnhanceYourCalm, "http2.memory_limit", true);
}

void Http2Session::NoteGauges(bool ended) {
  Shown now{};
  if (!ended) {
    now = {server_owner_ != nullptr ? active_ : 0, closing_, floods_.waiting_frames(), floods_.waiting_control_frames(),
           static_cast<int64_t>(queued_)};
  }
  counters_.streams_active += now.streams - shown_.streams;
  counters_.deferred_stream_close += now.closing - shown_.closing;
  counters_.outbound_frames_active += now.frames - shown_.frames;
  counters_.outbound_control_frames_active += now.control_frames - shown_.control_frames;
  counters_.pending_send_bytes += now.bytes - shown_.bytes;
  shown_ = now;
}

// ---- drain

void Http2Session::StartDrain(Duration grace) {
  if (closed_) return;
  const bool at_once = server_owner_ != nullptr && grace <= Duration::zero();
  if (draining_ && (!at_once || final_goaway_)) return;
  draining_ = true;
  if (drain_timer_ == nullptr && server_owner_ != nullptr)
    drain_timer_ = std::make_unique<event::Timer>([this] { OnDrainTimer(); });
  if (at_once) {  // perhaps in the middle of a gentler one
    final_goaway_ = true;
    framer_.SubmitGoAway(ErrorCode::kNoError);
    // What crosses the GOAWAY is refused by it, if the peer reads it: a connection closed now could reach it as a
    // reset.
    framer_.SubmitPing();
    drain_ping_ = true;
    connection_.dispatcher().Arm(*drain_timer_, kLongestFarewell);
  } else if (server_owner_ == nullptr) {
    final_goaway_ = true;
    framer_.SubmitGoAway(ErrorCode::kNoError);
    client_owner_->OnGoAway();
  } else {
    // RFC 9113 6.8: first a notice with the highest id; streams that were under way when it arrived still count.
    framer_.SubmitShutdownNotice();
    framer_.SubmitPing();
    drain_ping_ = true;
    connection_.dispatcher().Arm(*drain_timer_, grace);
  }
  ScheduleFlush();
}

// The peer has answered, or has had its time.
void Http2Session::OnDrainTimer() {
  if (closed_) return;
  drain_ping_ = false;
  drain_timer_->Disarm();
  if (!final_goaway_) framer_.SubmitGoAway(ErrorCode::kNoError);
  final_goaway_ = true;
  ScheduleFlush();
}

void Http2Session::OnGoAway(uint32_t, ErrorCode) {
  if (peer_goaway_) return;
  peer_goaway_ = true;
  ++counters_.close_notified;
  if (client_owner_ != nullptr && !draining_) client_owner_->OnGoAway();
}

void Http2Session::CloseIfDone() {
  if (closed_) return;
  const char* detail = draining_ ? "http2.drained" : "http2.goaway";
  if (framing_failed_ && framer_.done()) {
    detail = fail_detail_ = framing_detail_;
    if (server_owner_ != nullptr) server_owner_->OnCodecError(400, detail);
  } else if (!streams_.empty() || (final_goaway_ ? drain_ping_ : !framer_.done())) {
    return;  // also streams that the framer is done with, but whose receiver has not taken everything
  }
  EndSession(ResetReason::kProtocolError, detail);
  connection_.Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kLocal, 0, detail});
}

// ---- keepalive: one timer that looks at timestamps when it fires

Duration Http2Session::Jittered(Duration interval) {
  const uint32_t percent = std::min<uint32_t>(http2_.keepalive_jitter_percent, 100);
  const uint64_t most = static_cast<uint64_t>(interval.count()) / 100 * percent;
  if (most == 0) return interval;
  return interval + Duration(static_cast<int64_t>(connection_.dispatcher().engine().RandomBits() % (most + 1)));
}

void Http2Session::StartKeepalive() {
  if (http2_.keepalive_interval <= Duration(0) && http2_.connection_idle_interval <= Duration(0)) return;
  keepalive_timer_ = std::make_unique<event::Timer>([this] { OnKeepaliveTimer(); });
  if (http2_.keepalive_interval > Duration(0))
    connection_.dispatcher().Arm(*keepalive_timer_, Jittered(http2_.keepalive_interval));
}

void Http2Session::OnKeepaliveTimer() {
  if (closed_) return;
  event::Dispatcher& dispatcher = connection_.dispatcher();
  if (ping_outstanding_) {
    const MonotonicTime alive = std::max(ping_sent_, connection_.last_activity());
    if (connection_.last_activity() > ping_sent_ && dispatcher.now() - alive < http2_.keepalive_timeout) {
      // Not the answer, but bytes: the peer lives. What is late is judged from the last of them.
      return dispatcher.Arm(*keepalive_timer_, http2_.keepalive_timeout - (dispatcher.now() - alive));
    }
    ++counters_.keepalive_timeout;
    fail_detail_ = "http2.keepalive_timeout";
    SendFinalGoAway();
    EndSession(ResetReason::kConnectionTermination, fail_detail_);
    return connection_.Close(net::Connection::CloseMode::kFlush, {net::CloseReason::kIdleTimeout, 0, fail_detail_});
  }
  ping_outstanding_ = true;
  ping_sent_ = dispatcher.now();
  framer_.SubmitPing();
  ScheduleFlush();
  dispatcher.Arm(*keepalive_timer_, std::max<Duration>(http2_.keepalive_timeout, milliseconds(1)));
}

// connection_idle_interval: a connection that was quiet for long is asked for a sign of life together with its next
// request.
void Http2Session::CheckIdleBeforeUse() {
  if (http2_.connection_idle_interval <= Duration(0) || keepalive_timer_ == nullptr || ping_outstanding_) return;
  event::Dispatcher& dispatcher = connection_.dispatcher();
  if (dispatcher.now() - connection_.last_activity() < http2_.connection_idle_interval) return;
  OnKeepaliveTimer();
}

void Http2Session::OnPingAck() {
  if (drain_ping_) OnDrainTimer();
  if (!ping_outstanding_) return;
  ping_outstanding_ = false;
  keepalive_timer_->Disarm();
  if (http2_.keepalive_interval > Duration(0))
    connection_.dispatcher().Arm(*keepalive_timer_, Jittered(http2_.keepalive_interval));
}

// ---- client

uint32_t Http2Session::stream_limit() const {
  return std::min(http2_.max_concurrent_streams, framer_.peer_stream_limit());
}

bool Http2Session::accepts_streams() const {
  return client_owner_ != nullptr && ready_ && !closed_ && !draining_ && !peer_goaway_ && fail_detail_ == nullptr &&
         active_ < stream_limit();
}

StreamSender* Http2Session::NewStream(StreamReceiver& receiver) {
  if (!accepts_streams()) return nullptr;
  CheckIdleBeforeUse();
  if (closed_) return nullptr;
  Stream* stream = new Stream(*this, 0);
  stream->receiver_ = &receiver;
  streams_.PushBack(*stream);
  ++active_;
  floods_.OnStreamOpened();
  return stream;
}

void Http2Session::OnSettings(bool ack) {
  if (ack) return;
  preface_done_ = true;
  preface_timer_.reset();
  if (client_owner_ == nullptr) return;
  streams_.ForEach([](Stream& stream) { stream.OnPeerSettings(); });
  client_owner_->OnStreamLimitChanged();
}

void Http2Session::Dump(DumpWriter& out) const {
  out.Open("http2_session");
  out.Field("side", server_owner_ != nullptr ? "server" : "client");
  out.Field("active_streams", active_);
  out.Field("draining", draining_ ? 1 : 0);
  out.Field("peer_goaway", peer_goaway_ ? 1 : 0);
  out.Field("framer_bytes", framer_.memory_held());
  out.Field("queued_bytes", queued_);
  out.Field("waiting_frames", floods_.waiting_frames());
  out.Field("waiting_control_frames", floods_.waiting_control_frames());
  const_cast<Http2Session*>(this)->streams_.ForEach([&](Stream& stream) { stream.Dump(out); });
  out.Close();
}

}  // namespace outrigger::http::h2

namespace outrigger::http {

std::unique_ptr<Session> MakeHttp2Server(net::Connection& connection, ServerSessionOwner& owner,
                                         const CodecOptions& options, const Http2Options& http2,
                                         CodecCounters& counters) {
  return std::make_unique<h2::Http2Session>(connection, &owner, nullptr, options, http2, counters);
}

std::unique_ptr<ClientSession> MakeHttp2Client(net::Connection& connection, ClientSessionOwner& owner,
                                               const CodecOptions& options, const Http2Options& http2,
                                               CodecCounters& counters) {
  return std::make_unique<h2::Http2Session>(connection, nullptr, &owner, options, http2, counters);
}

}  // namespace outrigger::http
