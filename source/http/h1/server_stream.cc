#include "source/base/bug.h"
#include "source/http/h1/server_session.h"

namespace outrigger::http::h1 {

using CloseMode = net::Connection::CloseMode;

void ServerStream::Start(ServerSession& session, net::Connection& connection, const Head& head) {
  session_ = &session;
  connection_ = &connection;
  receiver_ = nullptr;
  next_retired_ = nullptr;
  answer_ = AnswerTo{head.method == "HEAD", head.connect, head.upgrade, head.http10, !head.close};
  plan_ = WritePlan();
  wire_sent_ = 0;
  wire_received_ = head.size;
  pauses_ = 0;
  request_done_ = response_started_ = response_done_ = false;
  undecided_ = head.connect || head.upgrade;
  expect_pending_ = head.expect_continue;
}

bool ServerStream::supports_trailers() const {
  if (session_ == nullptr || !session_->http1_.enable_trailers || answer_.peer_http10) return false;
  return !response_started_ || plan_.framing == Framing::kChunked;
}

void ServerStream::Wrote(size_t bytes) {
  wire_sent_ += bytes;
  connection_->WroteOutput();
}

void ServerStream::SendInterim(const HeaderMap& headers) {
  const uint32_t status = headers.status();
  if (session_ == nullptr || response_started_ || answer_.peer_http10) return;
  if (status < 100 || status > 199 || status == 101) return;
  if (status == 100) expect_pending_ = false;
  Wrote(WriteInterim(headers, session_->http1_, connection_->output()));
}

void ServerStream::SendHeaders(const HeaderMap& headers, bool end) {
  if (session_ == nullptr || response_started_) return;
  if (OUTRIGGER_BUG(headers.status() == 101 && !answer_.upgrade)) return Reset(ResetReason::kLocalReset);
  response_started_ = true;
  // A client that waits for 100 and gets a final answer may or may not send its body: nobody could tell what follows.
  if (session_->draining_ || session_->peer_ended_ || (expect_pending_ && !request_done_)) answer_.keep_alive = false;
  // What a head promises is kept: the connection stays only if the rest of the request is known to be short.
  if (session_->rest_may_be_long()) answer_.keep_alive = false;
  plan_ = PlanResponse(headers, end, answer_);
  if (plan_.close) session_->close_after_ = true;
  Wrote(WriteResponseHead(headers, plan_, session_->http1_, connection_->output()));
  if (session_ == nullptr) return;  // ended by whoever heard of the full output
  if (plan_.tunnel) {
    session_->OpenTunnel();
  } else if (undecided_) {
    undecided_ = false;  // not accepted: the request was complete with its body
    if (session_->state_ == ServerSession::State::kWait) {
      session_->end_pending_ = true;
      connection_->dispatcher().AtEndOfTurn(*session_);
    }
  }
  if (plan_.broken) return CutResponse();  // a length was promised and nothing can come
  if (end) EndResponse();
}

void ServerStream::SendBody(Buffer& body, bool end) {
  if (session_ == nullptr || !response_started_ || response_done_) return body.Clear();
  size_t bytes = body.size();
  bool mismatch = false;
  if (plan_.tunnel || plan_.framing == Framing::kUntilClose) {
    connection_->output().Append(std::move(body));
  } else if (plan_.framing == Framing::kChunked) {
    bytes = WriteChunk(body, connection_->output());
    if (end) bytes += WriteLastChunk(connection_->output());
  } else if (plan_.framing == Framing::kLength) {
    mismatch = bytes > plan_.length || (end && bytes < plan_.length);
    if (bytes > plan_.length) {
      connection_->output().MoveFrom(body, plan_.length);
      bytes = plan_.length;
    } else {
      connection_->output().Append(std::move(body));
    }
    plan_.length -= bytes;
  } else {
    bytes = 0;  // an answer to HEAD, 204, 304
  }
  body.Clear();
  Wrote(bytes);
  if (session_ == nullptr) return;
  if (mismatch) return CutResponse();
  if (end) EndResponse();
}

void ServerStream::SendTrailers(const HeaderMap& trailers) {
  if (session_ == nullptr || !response_started_ || response_done_) return;
  if (plan_.framing == Framing::kChunked && session_->http1_.enable_trailers) {
    Wrote(WriteTrailers(trailers, session_->http1_, connection_->output()));
    if (session_ != nullptr) EndResponse();
    return;
  }
  Buffer nothing;
  SendBody(nothing, true);
}

void ServerStream::EndResponse() {
  response_done_ = true;
  if (plan_.tunnel) connection_->EndWrite();
  if (request_done_) return session_->FinishStream();
}

// The body does not add up to what its head said: the peer must see that it was cut. No callback from here.
void ServerStream::CutResponse() {
  response_done_ = true;
  session_->close_after_ = true;
  if (request_done_) return session_->FinishStream();
  session_->Close(CloseMode::kFlush, {net::CloseReason::kLocal, 0, "http1.content_length_mismatch"});
}

void ServerStream::Reset(ResetReason reason) {
  if (session_ == nullptr) return;
  ServerSession* const session = session_;
  ++session->counters_.tx_reset;
  const bool whole = response_done_ && reason == ResetReason::kNone;
  if (whole && session->end_pending_) {  // the request is complete, only its end was not told yet
    request_done_ = true;
    return session->FinishStream();
  }
  if (whole && !plan_.tunnel && !session->close_after_) {
    for (; pauses_ > 0; --pauses_) connection_->ResumeReading();
    receiver_ = nullptr;  // the rest of the request is read and thrown away, to keep the connection
    return;
  }
  session->stream_ = nullptr;
  const bool looks_whole = response_started_ && !response_done_ && plan_.framing == Framing::kUntilClose;
  // What the framing shows to be cut may still go out: the client has all that came before the end.
  const bool partial = response_started_ && !response_done_ && !plan_.tunnel && !looks_whole;
  session->Retire(this);
  if (whole) {
    session->Close(CloseMode::kLinger);
  } else if (partial && !connection_->above_write_high()) {
    session->Close(CloseMode::kFlush, {net::CloseReason::kLocalAbort, 0, "stream_reset"});
  } else {
    session->CutLater(looks_whole);
  }
}

void ServerStream::PauseReading() {
  if (session_ == nullptr || request_done_) return;
  ++pauses_;
  connection_->PauseReading();
}

void ServerStream::ResumeReading() {
  if (session_ == nullptr || pauses_ == 0) return;
  --pauses_;
  connection_->ResumeReading();
}

size_t ServerStream::held_bytes() const {
  return session_ == nullptr ? 0 : connection_->input().charged() + connection_->output().charged();
}

}  // namespace outrigger::http::h1
