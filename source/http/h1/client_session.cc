#include "source/http/h1/client_session.h"

#include <string>

#include "source/http/h1/limits.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/recycler.h"

namespace outrigger::http::h1 {
namespace {

using CloseMode = net::Connection::CloseMode;

}  // namespace

ClientSession::ClientSession(net::Connection& connection, ClientSessionOwner& owner, const CodecOptions& options,
                             const Http1Options& http1, CodecCounters& counters)
    : connection_(connection), owner_(owner), counters_(counters), options_(options), http1_(http1) {
  connection_.ReadBeforeWriting();
}

ClientSession::~ClientSession() {
  if (stream_ != nullptr) Retire(stream_);
}

void ClientSession::OnConnected() {
  if (ready_ || closing_) return;
  ready_ = true;
  owner_.OnSessionReady();
}

StreamSender* ClientSession::NewStream(StreamReceiver& receiver) {
  if (!accepts_streams()) return nullptr;
  stream_ = Recycler<ClientStream>::Take();
  stream_->Start(*this, connection_, receiver);
  state_ = State::kHead;
  return stream_;
}

// --- Input ---

void ClientSession::OnData(Buffer& input, bool end) {
  if (end) peer_ended_ = true;
  while (!closing_ && Advance(input)) {
  }
  if (closing_) {
    input.Clear();
  } else if (!input.empty() && state_ == State::kBody && decoder_.stopped_short()) {
    connection_.OfferAgain();
  } else if (peer_ended_) {
    OnPeerEnd(input);
  }
}

bool ClientSession::Advance(Buffer& input) {
  if (input.empty()) return false;
  switch (state_) {
    case State::kIdle:  // nobody asked: also the "408" of a server that is tired of waiting
      ++counters_.unexpected_responses;
      Fail(ResetReason::kProtocolError, "http1.unexpected_response", input);
      return false;
    case State::kHead:
      return ReadHead(input);
    case State::kBody:
      return ReadBody(input);
    case State::kRest:  // more than one answer: the connection is not used again
      close_after_ = true;
      if (!held_) {
        ++counters_.unexpected_responses;
        held_ = true;
        connection_.PauseReading();
      }
      return false;
    case State::kTunnel:
      DeliverTunnel(input);
      return false;
  }
  return false;
}

bool ClientSession::ReadHead(Buffer& input) {
  ClientStream* const stream = stream_;
  // Before the request: also the "408" of a server that is tired of waiting. It must not become this request's answer.
  if (stream->unsent()) {
    ++counters_.unexpected_responses;
    Fail(ResetReason::kNotSent, "http1.unexpected_response", input);
    return false;
  }
  Head head;
  switch (decoder_.ReadHead(input, stream->facts_, context(), head, WireScratch())) {
    case Decoder::Step::kHead:
      break;
    case Decoder::Step::kFailed:
      Fail(ResetReason::kProtocolError, decoder_.refusal().detail, input);
      return false;
    default:
      stream->head_waiting_ = input.size();
      return false;
  }
  stream->head_waiting_ = 0;
  Arena& arena = stream->receiver_->arena();
  HeaderMap* map = arena.New<HeaderMap>(arena);
  BuildResponseHeaders(head, wire_names(), *map);
  stream->wire_received_ += head.size;
  decoder_.TakeHead(input, head, head.framing, head.content_length);
  if (head.status < 200 && head.status != 101) {
    if (++stream->interim_count_ > kMaxInterimResponses) {
      ++counters_.interim_responses_overflow;
      Fail(ResetReason::kProtocolError, "http1.too_many_interim_responses", input);
      return false;
    }
    stream->receiver_->OnInterim(*map);
    return !closing_;
  }
  DeliverHead(*map, head);
  return AfterDelivery(stream);
}

void ClientSession::DeliverHead(HeaderMap& headers, const Head& head) {
  ClientStream* const stream = stream_;
  stream->response_started_ = true;
  const bool tunnel = head.status == 101 || (stream->facts_.connect && head.status < 300);
  if (tunnel) {
    state_ = State::kTunnel;
    GoAway();
    if (stream_ == stream) stream->receiver_->OnHeaders(headers, false);
    if (stream_ == stream) OpenTunnel();
    return;
  }
  if (stream->waits_for_switch()) {  // refused: what was meant for the tunnel is void
    stream->early_.Clear();
    const bool body_under_way = stream->plan_.framing != Framing::kNone && !stream->request_done_;
    if (!body_under_way) stream->request_done_ = true;
    stream->facts_ = RequestFacts{stream->facts_.head};
  }
  if (head.idle_seconds != idle_seconds_ && head.idle_seconds != Head::kNoIdleTimeout)
    NoteIdleTimeout(head.idle_seconds);
  if (head.close || head.idle_seconds == 0) {
    close_after_ = true;
    ++counters_.close_notified;
  }
  if (close_after_) GoAway();
  if (stream_ != stream) return;
  const bool end = head.framing == Framing::kNone;
  state_ = end ? State::kRest : State::kBody;
  if (end) stream->response_done_ = true;
  stream->receiver_->OnHeaders(headers, end);
}

void ClientSession::NoteIdleTimeout(uint32_t timeout) {
  idle_seconds_ = timeout;
  owner_.OnPeerIdleTimeout(seconds(timeout));
}

bool ClientSession::ReadBody(Buffer& input) {
  ClientStream* const stream = stream_;
  Buffer payload;
  Head trailers;
  const size_t before = input.size();
  const Decoder::Step step = decoder_.ReadBody(input, payload, context(), trailers, WireScratch());
  if (step == Decoder::Step::kFailed) {
    Fail(ResetReason::kProtocolError, decoder_.refusal().detail, input);
    return false;
  }
  HeaderMap* map = nullptr;
  if (step == Decoder::Step::kTrailers) {
    Arena& arena = stream->receiver_->arena();
    map = arena.New<HeaderMap>(arena);
    BuildTrailers(trailers, wire_names(), *map);
    ++counters_.trailers;
    decoder_.TakeTrailers(input, trailers);
  }
  stream->wire_received_ += before - input.size();
  const bool done = step != Decoder::Step::kMore;
  if (done) {
    state_ = State::kRest;
    stream->response_done_ = true;
  }
  const bool body_end = done && map == nullptr;
  if (!payload.empty() || body_end) stream->receiver_->OnBody(payload, body_end);
  if (map != nullptr && stream_ == stream) stream->receiver_->OnTrailers(*map);
  return AfterDelivery(stream) && done;
}

void ClientSession::DeliverTunnel(Buffer& input) {
  Buffer payload = std::move(input);
  stream_->wire_received_ += payload.size();
  stream_->receiver_->OnBody(payload, false);
}

void ClientSession::OpenTunnel() {
  ClientStream* const stream = stream_;
  stream->tunnel_open_ = true;
  stream->plan_.tunnel = true;
  if (!stream->early_.empty()) {
    const size_t bytes = stream->early_.size();
    connection_.output().Append(std::move(stream->early_));
    stream->Wrote(bytes);
    if (stream_ != stream) return;
  }
  if (stream->early_high_) {
    stream->early_high_ = false;
    if (!connection_.above_write_high()) stream->receiver_->OnBelowWriteLow();
    if (stream_ != stream) return;
  }
  if (stream->end_early_) stream->EndRequest();
}

// Tells of a response that is complete; ends the stream if the request is, too, or can no longer matter.
bool ClientSession::AfterDelivery(const ClientStream* stream) {
  if (stream_ != stream || closing_ || !stream->response_done_) return !closing_;
  if (stream->request_done_) {
    FinishStream();
  } else if (close_after_ || peer_ended_) {
    closing_ = true;
    DropStream(ResetReason::kNone, "");
    CutLater();
    owner_.OnStreamClosed();
  }
  return !closing_;
}

void ClientSession::OnPeerEnd(Buffer& input) {
  switch (state_) {
    case State::kIdle:
      GoAway();
      Close(CloseMode::kFlush, {net::CloseReason::kPeer, 0, ""});
      return;
    case State::kBody:
      if (decoder_.body_needs_close()) return DeliverEnd();
      return Fail(ResetReason::kConnectionTermination, "", input);
    case State::kHead:
      return Fail(stream_->unsent() ? ResetReason::kNotSent : ResetReason::kConnectionTermination, "", input);
    case State::kRest:
      AfterDelivery(stream_);
      return;
    case State::kTunnel:
      DeliverEnd();
      return;
  }
}

void ClientSession::DeliverEnd() {
  ClientStream* const stream = stream_;
  if (stream->response_done_) return;
  stream->response_done_ = true;
  if (state_ != State::kTunnel) state_ = State::kRest;
  Buffer nothing;
  stream->receiver_->OnBody(nothing, true);
  if (state_ != State::kTunnel) {
    AfterDelivery(stream);
  } else if (stream_ == stream && stream->complete()) {
    FinishStream();
  }
}

// --- Errors and ends ---

void ClientSession::Fail(ResetReason reason, const char* detail, Buffer& input) {
  if (reason == ResetReason::kProtocolError) {
    ++counters_.protocol_errors;
    ++counters_.rx_messaging_error;
  }
  closing_ = true;
  input.Clear();
  GoAway();
  DropStream(reason, detail);
  CutLater();
}

// Something that the owner sent cannot go out. `cut`: part of the request did.
void ClientSession::FailLater(const char* detail, bool cut) {
  fail_detail_ = detail;
  if (cut) {
    closing_ = true;
    cut_pending_ = true;
    connection_.output().Clear();
  }
  connection_.dispatcher().AtEndOfTurn(*this);
}

void ClientSession::FinishStream() {
  ClientStream* const stream = stream_;
  const bool tunnel = state_ == State::kTunnel;
  stream_ = nullptr;
  state_ = State::kIdle;
  Retire(stream);
  if (tunnel || close_after_ || draining_ || peer_ended_) {
    GoAway();
    Close(CloseMode::kFlush, {peer_ended_ ? net::CloseReason::kPeer : net::CloseReason::kLocal, 0, ""});
  }
  owner_.OnStreamClosed();
}

void ClientSession::Retire(ClientStream* stream) {
  for (; stream->pauses_ > 0; --stream->pauses_) connection_.ResumeReading();
  stream->early_.Clear();
  stream->session_ = nullptr;
  stream->receiver_ = nullptr;
  retired_.Add(stream);
  fail_detail_ = nullptr;
  connection_.dispatcher().AtEndOfTurn(*this);
}

void ClientSession::DropStream(ResetReason reason, const char* detail) {
  ClientStream* const stream = stream_;
  if (stream == nullptr) return;
  StreamReceiver* const receiver = stream->receiver_;
  stream_ = nullptr;
  state_ = State::kIdle;
  Retire(stream);
  if (reason != ResetReason::kNone) ++counters_.rx_reset;
  receiver->OnReset(reason, detail);
}

void ClientSession::GoAway() {
  if (going_away_) return;
  going_away_ = true;
  owner_.OnGoAway();
}

void ClientSession::OnEndOfTurn() {
  if (fail_detail_ != nullptr) {
    const char* detail = fail_detail_;
    DropStream(ResetReason::kProtocolError, detail);
    if (!cut_pending_) owner_.OnStreamClosed();
  }
  retired_.Recycle();
  if (cut_pending_) {
    cut_pending_ = false;
    connection_.Close(CloseMode::kNow, {net::CloseReason::kLocalAbort, 0, "stream_reset"});
  }
}

void ClientSession::Close(CloseMode mode, net::CloseInfo why) {
  closing_ = true;
  if (!cut_pending_) connection_.Close(mode, why);
}

void ClientSession::CutLater() {
  closing_ = true;
  cut_pending_ = true;
  connection_.output().Clear();
  connection_.dispatcher().AtEndOfTurn(*this);
}

// --- The owner, the connection ---

void ClientSession::StartDrain(Duration) {
  if (draining_) return;
  draining_ = true;
  GoAway();
  if (stream_ == nullptr && !closing_) Close(CloseMode::kFlush);
}

void ClientSession::CloseAll(ResetReason reason, net::CloseInfo why) {
  closing_ = true;
  cut_pending_ = false;
  DropStream(reason, why.detail);
  connection_.Close(CloseMode::kNow, why);
}

void ClientSession::OnAboveWriteHigh() {
  if (stream_ != nullptr && !stream_->request_done_ && !stream_->early_high_) stream_->receiver_->OnAboveWriteHigh();
}

void ClientSession::OnBelowWriteLow() {
  if (stream_ != nullptr && !stream_->request_done_ && !stream_->early_high_) stream_->receiver_->OnBelowWriteLow();
}

void ClientSession::OnClosed(const net::CloseInfo& why) {
  closing_ = true;
  cut_pending_ = false;
  const bool unsent = stream_ != nullptr && stream_->unsent();
  DropStream(unsent ? ResetReason::kNotSent : ResetReason::kConnectionTermination, why.detail);
  owner_.OnSessionClosed(why);
}

void ClientSession::Dump(DumpWriter& out) const {
  out.Field("http1_client_state", static_cast<int>(state_)).Field("active_streams", active_streams());
  out.Field("draining", draining_ ? 1 : 0).Field("closing", closing_ ? 1 : 0);
}

}  // namespace outrigger::http::h1

namespace outrigger::http {

std::unique_ptr<ClientSession> MakeHttp1Client(net::Connection& connection, ClientSessionOwner& owner,
                                               const CodecOptions& options, const Http1Options& http1,
                                               CodecCounters& counters) {
  return std::make_unique<h1::ClientSession>(connection, owner, options, http1, counters);
}

}  // namespace outrigger::http
