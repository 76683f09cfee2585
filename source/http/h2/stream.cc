#include "source/http/h2/stream.h"

#include <utility>

#include "source/base/bug.h"
#include "source/http/h2/memory.h"
#include "source/http/h2/message_rules.h"
#include "source/http/h2/session.h"

namespace outrigger::http::h2 {

// Trailers wait for the body's flow control; the caller's map does not, so they are copied.
struct Stream::SavedTrailers {
  Arena arena;
  HeaderMap headers{arena};
  static void* operator new(size_t size) { return Memory::Allocate(size); }
  static void operator delete(void* memory) { Memory::Free(memory); }
};

void* Stream::operator new(size_t size) { return Memory::Allocate(size); }
void Stream::operator delete(void* memory) { Memory::Free(memory); }

Stream::~Stream() { delete trailers_; }

net::Connection& Stream::connection() { return session_.connection_; }

void Stream::SendInterim(const HeaderMap& headers) {
  if (closed_ || receiver_ == nullptr || headers_sent_ || session_.server_owner_ == nullptr) return;
  session_.framer_.SubmitInterim(headers, *this);
  session_.ScheduleFlush();
}

void Stream::SendHeaders(const HeaderMap& headers, bool end) {
  if (closed_ || receiver_ == nullptr || headers_sent_) return;
  headers_sent_ = true;
  if (session_.server_owner_ != nullptr) {
    SendServerHeaders(headers, end);
  } else {
    SendClientHeaders(headers, end);
  }
  session_.ScheduleFlush();
  if (end && id_ != 0) OwnerEnded();
}

// Nothing is left that the receiver could want to hear or do: it may be destroyed now, however long the peer takes.
void Stream::OwnerEnded() {
  owner_ended_ = true;
  if (end_delivered_) session_.Forget(*this);
}

void Stream::SendServerHeaders(const HeaderMap& headers, bool end) {
  const uint32_t status = headers.status();
  if (head_request_ || status == 204 || status == 304) body_forbidden_ = true;
  if (status >= 300) connect_ = false;
  if (end || body_forbidden_) end_queued_ = true;
  if (status == 101 || (status == 204 && headers.Has(KnownHeader::kContentLength))) {
    // An accepted upgrade is 200 here (RFC 8441 section 5); 204 has no length (RFC 9110 8.6).
    HeaderMap changed(receiver_->arena());
    changed.CopyFrom(headers);
    if (status == 101) changed.SetStatus(200);
    changed.Remove(KnownHeader::kContentLength);
    session_.framer_.SubmitResponse(changed, end_queued_, *this);
  } else {
    session_.framer_.SubmitResponse(headers, end_queued_, *this);
  }
}

void Stream::SendClientHeaders(const HeaderMap& headers, bool end) {
  end_queued_ = end;
  connect_ = headers.method() == "CONNECT";
  if (IsUpgradeRequest(headers)) {
    connect_ = true;
    end_queued_ = false;
    if (session_.framer_.peer_settings_seen()) return SendExtendedConnect(headers);
    auto* kept = receiver_->arena().New<HeaderMap>(receiver_->arena());
    kept->CopyFrom(headers);
    unsent_ = kept;
    return;
  }
  NoteStart();
  id_ = session_.framer_.SubmitRequest(headers, end, *this);
  if (id_ != 0) return session_.closed_streams_.OnOpened(id_);
  detail_ = "http2.no_stream_id_left";
  if (!ListHook<StreamsToDeliver>::linked()) session_.to_deliver_.PushBack(*this);
}

void Stream::OnPeerSettings() {
  const HeaderMap* headers = std::exchange(unsent_, nullptr);
  if (headers != nullptr && receiver_ != nullptr && !closed_) SendExtendedConnect(*headers);
}

// RFC 8441 3: only to a peer whose SETTINGS allow it.
void Stream::SendExtendedConnect(const HeaderMap& headers) {
  if (!session_.framer_.peer_allows_extended_connect()) {
    detail_ = "http2.extended_connect_not_allowed";
    session_.stream_ended_ = true;
  } else {
    HeaderMap changed(receiver_->arena());
    changed.CopyFrom(headers);
    upgrade_ = receiver_->arena().Copy(headers.Get(KnownHeader::kUpgrade));
    changed.Set(KnownHeader::kMethod, "CONNECT");
    changed.Add(KnownHeader::kProtocol, upgrade_);
    NoteStart();
    id_ = session_.framer_.SubmitRequest(changed, false, *this);
    if (id_ != 0) return session_.closed_streams_.OnOpened(id_);
    detail_ = "http2.no_stream_id_left";
  }
  // Tells the receiver at the end of the turn.
  if (!ListHook<StreamsToDeliver>::linked()) session_.to_deliver_.PushBack(*this);
}

void Stream::SendBody(Buffer& body, bool end) {
  if (closed_ || receiver_ == nullptr || !headers_sent_ || end_queued_) {
    body.Clear();
    if (end && body_forbidden_ && receiver_ != nullptr) OwnerEnded();
    return;
  }
  session_.queued_ += body.size();
  out_.MoveFrom(body, body.size());
  end_queued_ = end;
  WakeData();
  NoteMarks();
  if (end) OwnerEnded();
}

void Stream::SendTrailers(const HeaderMap& trailers) {
  if (connect_) {
    Buffer none;
    return SendBody(none, true);
  }
  if (body_forbidden_ && receiver_ != nullptr) OwnerEnded();
  if (closed_ || receiver_ == nullptr || !headers_sent_ || end_queued_) return;
  end_queued_ = true;
  trailers_ = new SavedTrailers;
  trailers_->headers.CopyFrom(trailers);
  trailers_->headers.Remove(KnownHeader::kStatus);  // no pseudo-header stands in trailers (RFC 9113 8.1)
  WakeData();
  OwnerEnded();
}

void Stream::SubmitTrailers() {
  session_.framer_.SubmitTrailers(trailers_->headers, *this);
  delete trailers_;
  trailers_ = nullptr;
}

void Stream::WakeData() {
  if (data_idle_) {
    data_idle_ = false;
    session_.framer_.ResumeData(*this);
  }
  session_.ScheduleFlush();
}

void Stream::NoteMarks() {
  if (above_high_ || end_queued_ || out_.empty()) return;
  const uint64_t limit = session_.options_.stream_buffer_limit;
  if (out_.size() <= limit && session_.queued_ <= Http2Session::kMostQueued * limit &&
      !session_.connection_.above_write_high()) {
    return;
  }
  above_high_ = true;
  session_.above_high_.PushBack(*this);
  if (receiver_ != nullptr) receiver_->OnAboveWriteHigh();
}

void Stream::NoteStart() {
  unsent_until_ = session_.connection_.stats().bytes_written + session_.connection_.output().size();
}

// Client: no byte of the request was written, so the peer cannot have processed it. TLS keeps what it sealed.
bool Stream::unsent() const {
  net::Connection& connection = session_.connection_;
  return id_ == 0 || (connection.stats().bytes_written <= unsent_until_ && !connection.transport().wants_write());
}

void Stream::DropUnsent() {
  session_.queued_ -= out_.size();
  out_.Clear();
}

void Stream::Reset(ResetReason reason) {
  if (receiver_ == nullptr) return;
  receiver_ = nullptr;
  ListHook<StreamsAboveHigh>::Unlink();
  session_.DropReceived(*this);
  if (!closed_ && id_ != 0) {
    const bool finish = reason == ResetReason::kNone && end_queued_;
    if (finish) {
      reset_after_end_ = true;
      if (end_sent_ && !end_received_) session_.AwaitRequestEnd(*this);
      session_.Leave(*this);
    } else {
      DropUnsent();
      ++session_.counters_.tx_reset;
      session_.framer_.SubmitReset(*this, CodeFor(reason, session_.server_owner_ != nullptr));
    }
    reset_by_us_ = true;
  }
  session_.FinishIfDone(*this);
  session_.ScheduleFlush();
}

void Stream::PauseReading() { ++pauses_; }

void Stream::ResumeReading() {
  if (OUTRIGGER_BUG(pauses_ == 0)) return;
  if (--pauses_ > 0) return;
  session_.ReturnCredit(*this);
  if (!in_.empty() || trailers_ready_ || (end_received_ && !end_delivered_)) {
    if (!ListHook<StreamsToDeliver>::linked()) session_.to_deliver_.PushBack(*this);
  }
  session_.ScheduleFlush();
}

void Stream::Dump(DumpWriter& out) const {
  out.Open("stream");
  out.Field("id", id_);
  out.Field("received_waiting", in_.size());
  out.Field("to_send", out_.size());
  out.Field("pauses", pauses_);
  out.Field("end_received", end_received_ ? 1 : 0);
  out.Field("end_sent", end_sent_ ? 1 : 0);
  out.Field("closed", closed_ ? 1 : 0);
  out.Field("has_receiver", receiver_ != nullptr ? 1 : 0);
  out.Close();
}

}  // namespace outrigger::http::h2
