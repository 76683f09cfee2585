#include "source/http/h1/client_session.h"

namespace outrigger::http::h1 {

void ClientStream::Start(ClientSession& session, net::Connection& connection, StreamReceiver& receiver) {
  session_ = &session;
  connection_ = &connection;
  receiver_ = &receiver;
  next_retired_ = nullptr;
  facts_ = RequestFacts();
  plan_ = WritePlan();
  wire_sent_ = wire_received_ = 0;
  unsent_until_ = connection.stats().bytes_written + connection.output().size();
  head_waiting_ = 0;
  pauses_ = interim_count_ = 0;
  request_started_ = request_done_ = response_started_ = response_done_ = false;
  tunnel_open_ = end_early_ = early_high_ = false;
}

bool ClientStream::supports_trailers() const {
  return session_ != nullptr && session_->http1_.enable_trailers &&
         (!request_started_ || plan_.framing == Framing::kChunked);
}

void ClientStream::Wrote(size_t bytes) {
  wire_sent_ += bytes;
  connection_->WroteOutput();
}

void ClientStream::SendHeaders(const HeaderMap& headers, bool end) {
  if (session_ == nullptr || request_started_) return;
  plan_ = PlanRequest(headers, end);
  const size_t bytes = plan_.broken ? 0 : WriteRequestHead(headers, plan_, session_->http1_, connection_->output());
  if (bytes == 0) {  // nothing was written: the connection stays good
    request_done_ = true;
    return session_->FailLater("http1.invalid_request", /*cut=*/false);
  }
  request_started_ = true;
  const absl::string_view method = headers.method();
  facts_.head = method == "HEAD";
  facts_.connect = method == "CONNECT";
  if (plan_.upgrade) facts_.upgrade = receiver_->arena().Copy(headers.GetJoined(KnownHeader::kUpgrade));
  if (plan_.close) session_->close_after_ = true;
  if (end) request_done_ = true;
  Wrote(bytes);
}

void ClientStream::SendBody(Buffer& body, bool end) {
  if (session_ == nullptr || !request_started_ || request_done_) return body.Clear();
  if (plan_.framing == Framing::kNone && waits_for_switch()) return HoldBody(body, end);
  size_t bytes = body.size();
  if (tunnel_open_) {
    connection_->output().Append(std::move(body));
  } else if (plan_.framing == Framing::kChunked) {
    bytes = WriteChunk(body, connection_->output());
    if (end) bytes += WriteLastChunk(connection_->output());
  } else if (plan_.framing == Framing::kLength) {
    if (bytes > plan_.length || (end && bytes < plan_.length && !waits_for_switch())) {
      body.Clear();
      request_done_ = true;
      return session_->FailLater("http1.content_length_mismatch", /*cut=*/true);
    }
    plan_.length -= bytes;
    connection_->output().Append(std::move(body));
    // The request of an upgrade ends with its length; the stream goes on.
    if (plan_.length == 0 && !facts_.upgrade.empty()) plan_.framing = Framing::kNone;
  } else {
    bytes = 0;
  }
  body.Clear();
  Wrote(bytes);
  if (session_ == nullptr || !end) return;
  if (waits_for_switch()) {
    end_early_ = true;
  } else {
    EndRequest();
  }
}

// For a tunnel that is not open yet. What waits here is bounded by the owner, who is told to stop.
void ClientStream::HoldBody(Buffer& body, bool end) {
  early_.Append(std::move(body));
  if (end) end_early_ = true;
  if (!early_high_ && early_.size() > session_->options_.stream_buffer_limit) {
    early_high_ = true;
    if (!connection_->above_write_high()) receiver_->OnAboveWriteHigh();
  }
}

void ClientStream::SendTrailers(const HeaderMap& trailers) {
  if (session_ == nullptr || !request_started_ || request_done_) return;
  if (plan_.framing == Framing::kChunked && session_->http1_.enable_trailers) {
    Wrote(WriteTrailers(trailers, session_->http1_, connection_->output()));
    if (session_ != nullptr) EndRequest();
    return;
  }
  Buffer nothing;
  SendBody(nothing, true);
}

void ClientStream::EndRequest() {
  request_done_ = true;
  if (tunnel_open_) connection_->EndWrite();
  if (response_done_) session_->FinishStream();
}

// An exchange cannot be given up without its connection, but for one of which nothing was sent: requests that come and
// are cancelled in the same turn do not each cost a connection. Nothing that was not sent yet is sent.
void ClientStream::Reset(ResetReason) {
  if (session_ == nullptr) return;
  ClientSession* const session = session_;
  ++session->counters_.tx_reset;
  const bool untouched = session->fail_detail_ == nullptr && (!request_started_ || OnlyWaits());
  session->stream_ = nullptr;
  session->state_ = ClientSession::State::kIdle;
  session->Retire(this);
  if (!untouched) {
    session->CutLater();
  } else if (request_started_) {
    connection_->output().Clear();
  }
  session->owner_.OnStreamClosed();
}

void ClientStream::PauseReading() {
  if (session_ == nullptr || response_done_) return;
  ++pauses_;
  connection_->PauseReading();
}

void ClientStream::ResumeReading() {
  if (session_ == nullptr || pauses_ == 0) return;
  --pauses_;
  connection_->ResumeReading();
}

size_t ClientStream::held_bytes() const {
  return session_ == nullptr ? 0 : connection_->input().charged() + connection_->output().charged() + early_.charged();
}

}  // namespace outrigger::http::h1
