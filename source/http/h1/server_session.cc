#include "source/http/h1/server_session.h"

#include <cstring>
#include <string>

#include "source/http/disconnect.h"
#include "source/http/h1/limits.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/recycler.h"

namespace outrigger::http::h1 {
namespace {

using CloseMode = net::Connection::CloseMode;
constexpr const char* kPeerLeft = observe::details::kDownstreamRemoteDisconnect.data();

}  // namespace

ServerSession::ServerSession(net::Connection& connection, ServerSessionOwner& owner, const CodecOptions& options,
                             const Http1Options& http1, CodecCounters& counters)
    : connection_(connection), owner_(owner), counters_(counters), options_(options), http1_(http1) {}

ServerSession::~ServerSession() {
  if (stream_ != nullptr) Retire(stream_);
}

// --- Input ---

void ServerSession::OnData(Buffer& input, bool end) {
  if (end) peer_ended_ = true;
  bool more = true;
  for (uint32_t begun = 0; more && !closing_;) {
    if (state_ == State::kHead && ++begun > kRequestsPerTurn) break;
    more = Advance(input);
  }
  if (closing_) {
    input.Clear();
  } else if (!input.empty() && (more || (state_ == State::kBody && decoder_.stopped_short()))) {
    connection_.OfferAgain();
  } else if (peer_ended_) {
    OnPeerEnd(input);
  }
}

bool ServerSession::Advance(Buffer& input) {
  switch (state_) {
    case State::kHead:
      return BeginRequest(input);
    case State::kBody:
      return !input.empty() && ReadBody(input);
    case State::kWait:
      if (!input.empty()) Hold();
      return false;
    case State::kTunnel:
      DeliverTunnel(input);
      return false;
  }
  return false;
}

bool ServerSession::BeginRequest(Buffer& input) {
  if (input.empty()) return false;
  if (above_high_) {  // answers pile up: no more questions
    Hold();
    return false;
  }
  Head head;
  switch (decoder_.ReadHead(input, RequestFacts(), context(), head, WireScratch())) {
    case Decoder::Step::kHead:
      break;
    case Decoder::Step::kFailed:
      Refuse(decoder_.refusal(), input);
      return false;
    default:
      if (!head_begun_ && !input.empty()) {
        head_begun_ = true;
        owner_.OnHeadBegun();
      }
      return false;
  }
  head_begun_ = false;
  ServerStream* const stream = Recycler<ServerStream>::Take();
  stream->Start(*this, connection_, head);
  stream_ = stream;
  StreamReceiver& receiver = owner_.OnStream(*stream);
  if (stream_ != stream) return !closing_;
  stream->receiver_ = &receiver;
  HeaderMap* map = receiver.arena().New<HeaderMap>(receiver.arena());
  BuildRequestHeaders(head, wire_names(), connection_.transport().tls() != nullptr ? "https" : "http", *map);
  decoder_.TakeHead(input, head, head.framing, head.content_length);
  state_ = head.framing == Framing::kNone ? State::kWait : State::kBody;
  stream->request_done_ = head.framing == Framing::kNone && !stream->undecided_;
  receiver.OnHeaders(*map, stream->request_done_);
  return AfterDelivery(stream);
}

bool ServerSession::ReadBody(Buffer& input) {
  ServerStream* const stream = stream_;
  Buffer payload;
  Head trailers;
  const size_t before = input.size();
  const Decoder::Step step = decoder_.ReadBody(input, payload, context(), trailers, WireScratch());
  if (step == Decoder::Step::kFailed) {
    FailRequest(decoder_.refusal(), input);
    return false;
  }
  HeaderMap* map = nullptr;
  if (step == Decoder::Step::kTrailers) {
    // Before an upgrade was answered nobody knows whether the request ends here: its trailers would say that it does.
    if (stream->receiver_ != nullptr && !stream->undecided_) {
      Arena& arena = stream->receiver_->arena();
      map = arena.New<HeaderMap>(arena);
      BuildTrailers(trailers, wire_names(), *map);
      ++counters_.trailers;
    }
    decoder_.TakeTrailers(input, trailers);
  }
  stream->wire_received_ += before - input.size();
  stream->expect_pending_ = false;
  const bool done = step != Decoder::Step::kMore;
  if (done) state_ = State::kWait;
  if (stream->receiver_ == nullptr) {
    Discard(payload, done);
    return !closing_ && done;
  }
  const bool end = done && !stream->undecided_;
  if (end) stream->request_done_ = true;
  const bool body_end = end && map == nullptr;
  if (!payload.empty() || body_end) stream->receiver_->OnBody(payload, body_end);
  if (map != nullptr && stream_ == stream && stream->receiver_ != nullptr) stream->receiver_->OnTrailers(*map);
  return AfterDelivery(stream) && done;
}

// The rest of a request whose answer is complete already.
void ServerSession::Discard(Buffer& payload, bool done) {
  payload.Clear();
  if (!done) return;
  stream_->request_done_ = true;
  FinishStream();
}

bool ServerSession::rest_may_be_long() const {
  return state_ == State::kBody && (decoder_.framing() == Framing::kChunked || decoder_.missing() > kMaxDiscardBytes);
}

void ServerSession::DeliverTunnel(Buffer& input) {
  if (input.empty()) return;
  ServerStream* const stream = stream_;
  Buffer payload = std::move(input);
  stream->wire_received_ += payload.size();
  if (stream->receiver_ != nullptr) stream->receiver_->OnBody(payload, false);
}

bool ServerSession::AfterDelivery(const ServerStream* stream) {
  if (stream_ == stream && stream->complete()) FinishStream();
  return !closing_;
}

// The peer sends no more. It may still read: a complete request gets its answer.
void ServerSession::OnPeerEnd(Buffer& input) {
  switch (state_) {
    case State::kHead:
      if (!held_) Close(CloseMode::kFlush, {net::CloseReason::kPeer, 0, kPeerLeft});
      return;
    case State::kBody:
      if (AnswerLooksWhole()) CutLater(/*reset=*/true);
      closing_ = true;
      DropStream(ResetReason::kConnectionTermination, kPeerLeft);
      Close(CloseMode::kFlush, {net::CloseReason::kPeer, 0, kPeerLeft});
      return;
    case State::kWait:
      return;
    case State::kTunnel:
      if (input.empty()) DeliverEnd();
      return;
  }
}

void ServerSession::DeliverEnd() {
  ServerStream* const stream = stream_;
  if (stream == nullptr || stream->request_done_) return;
  stream->request_done_ = true;
  Buffer nothing;
  if (stream->receiver_ != nullptr) stream->receiver_->OnBody(nothing, true);
  AfterDelivery(stream);
}

// --- Errors and ends ---

void ServerSession::RefuseHead(uint32_t status, const char* detail) {
  if (state_ != State::kHead || closing_) return;
  Refuse({static_cast<uint16_t>(status), detail}, connection_.input());
}

void ServerSession::Refuse(const Refusal& refusal, Buffer& input) {
  ++counters_.protocol_errors;
  if (refusal.status == 400) ++counters_.rx_messaging_error;  // others are limits, and what we do not support
  closing_ = true;
  char method[5];
  const bool head = input.CopyOut(0, sizeof(method), method) == sizeof(method) && memcmp(method, "HEAD ", 5) == 0;
  input.Clear();
  owner_.OnCodecError(refusal.status, refusal.detail);
  WriteRefusal(refusal.status, head, connection_.output());
  connection_.WroteOutput();
  Close(CloseMode::kLinger, {net::CloseReason::kLocal, 0, refusal.detail});
}

void ServerSession::FailRequest(const Refusal& refusal, Buffer& input) {
  ++counters_.protocol_errors;
  if (refusal.status == 400) ++counters_.rx_messaging_error;  // others are limits, and what we do not support
  closing_ = true;
  input.Clear();
  const bool started = stream_->response_started_;
  const bool head = stream_->answer_.head;
  const bool looks_whole = AnswerLooksWhole();
  if (!started && stream_->receiver_ != nullptr) stream_->receiver_->OnRefused(refusal.status);
  DropStream(ResetReason::kProtocolError, refusal.detail);
  if (looks_whole) return CutLater(/*reset=*/true);
  if (!started) {
    WriteRefusal(refusal.status, head, connection_.output());
    connection_.WroteOutput();
  }
  Close(CloseMode::kLinger, {net::CloseReason::kLocal, 0, refusal.detail});
}

// An unfinished answer that ends with the connection: an orderly close would pass it off as whole.
bool ServerSession::AnswerLooksWhole() const {
  return stream_ != nullptr && stream_->response_started_ && !stream_->response_done_ &&
         stream_->plan_.framing == Framing::kUntilClose;
}

void ServerSession::OpenTunnel() {
  const bool body_missing = state_ == State::kBody;
  stream_->undecided_ = false;
  close_after_ = true;
  if (body_missing) {
    // The peer switches after the request's body, which it has not finished: nothing after it could be told apart.
    stream_->plan_.close = true;
    return CutLater(/*reset=*/false);
  }
  state_ = State::kTunnel;
  if (held_) {
    Release();
  } else if (peer_ended_) {
    end_pending_ = true;
    connection_.dispatcher().AtEndOfTurn(*this);
  }
}

void ServerSession::FinishStream() {
  ServerStream* const stream = stream_;
  const bool tunnel = state_ == State::kTunnel;
  stream_ = nullptr;
  state_ = State::kHead;
  end_pending_ = false;
  Retire(stream);
  if (tunnel) {
    Close(CloseMode::kFlush);
  } else if (close_after_) {
    Close(connection_.input().empty() ? CloseMode::kFlush : CloseMode::kLinger);
  } else if (peer_ended_ && connection_.input().empty()) {
    Close(CloseMode::kFlush, {net::CloseReason::kPeer, 0, ""});
  } else {
    Release();
  }
  owner_.OnSessionIdle();
}

// The stream is over: its sender ignores calls from now on and is reused from the next turn.
void ServerSession::Retire(ServerStream* stream) {
  for (; stream->pauses_ > 0; --stream->pauses_) connection_.ResumeReading();
  stream->session_ = nullptr;
  stream->receiver_ = nullptr;
  retired_.Add(stream);
  connection_.dispatcher().AtEndOfTurn(*this);
}

void ServerSession::DropStream(ResetReason reason, const char* detail) {
  ServerStream* const stream = stream_;
  if (stream == nullptr) return;
  StreamReceiver* const receiver = stream->receiver_;
  stream_ = nullptr;
  Retire(stream);
  ++counters_.rx_reset;
  if (receiver != nullptr) receiver->OnReset(reason, detail);
}

void ServerSession::OnEndOfTurn() {
  if (end_pending_ && !closing_) {
    end_pending_ = false;
    DeliverEnd();
  }
  retired_.Recycle();
  if (cut_pending_) {
    cut_pending_ = false;
    connection_.Close(cut_reset_ ? CloseMode::kReset : CloseMode::kNow,
                      {net::CloseReason::kLocalAbort, 0, "stream_reset"});
  }
}

void ServerSession::Hold() {
  if (held_) return;
  held_ = true;
  connection_.PauseReading();
}
void ServerSession::Release() {
  if (!held_) return;
  held_ = false;
  connection_.ResumeReading();
}

void ServerSession::Close(CloseMode mode, net::CloseInfo why) {
  closing_ = true;
  if (!cut_pending_) connection_.Close(mode, why);
}

void ServerSession::CutLater(bool reset) {
  closing_ = true;
  cut_pending_ = true;
  cut_reset_ = reset;
  connection_.output().Clear();
  connection_.dispatcher().AtEndOfTurn(*this);
}

// --- The owner, the connection ---

void ServerSession::StartDrain(Duration grace) {
  draining_ = true;
  if (grace <= Duration::zero() && stream_ != nullptr) close_after_ = true;
}

void ServerSession::CloseAll(ResetReason reason, net::CloseInfo why) {
  closing_ = true;
  cut_pending_ = false;
  DropStream(reason, why.detail);
  connection_.Close(CloseMode::kNow, why);
}

void ServerSession::OnAboveWriteHigh() {
  above_high_ = true;
  if (stream_ != nullptr && stream_->receiver_ != nullptr && !stream_->response_done_) {
    stream_->receiver_->OnAboveWriteHigh();
  }
}

void ServerSession::OnBelowWriteLow() {
  above_high_ = false;
  if (stream_ != nullptr && stream_->receiver_ != nullptr && !stream_->response_done_) {
    stream_->receiver_->OnBelowWriteLow();
  } else if (state_ == State::kHead) {
    Release();
  }
}

void ServerSession::OnClosed(const net::CloseInfo& why) {
  closing_ = true;
  cut_pending_ = false;
  DropStream(ResetReason::kConnectionTermination, DownstreamEndDetail(why));
  owner_.OnSessionClosed(why);
}

void ServerSession::Dump(DumpWriter& out) const {
  out.Field("http1_server_state", static_cast<int>(state_)).Field("active_streams", active_streams());
  out.Field("held", held_ ? 1 : 0).Field("draining", draining_ ? 1 : 0).Field("closing", closing_ ? 1 : 0);
}

}  // namespace outrigger::http::h1

namespace outrigger::http {

std::unique_ptr<Session> MakeHttp1Server(net::Connection& connection, ServerSessionOwner& owner,
                                         const CodecOptions& options, const Http1Options& http1,
                                         CodecCounters& counters) {
  return std::make_unique<h1::ServerSession>(connection, owner, options, http1, counters);
}

}  // namespace outrigger::http
