// What the manager does less of when the process is short of something.
#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/filters/network/http_connection_manager/stream_state.h"
#include "source/observe/response_code_details.h"

namespace outrigger::filters::hcm {

using observe::ResponseFlag;
using overload::Point;
namespace details = observe::details;

void ConnectionManager::AnswerOverload(http::Stream& stream) {
  stats_->downstream_rq_overload_close.Inc();
  stream.info().flags.Set(ResponseFlag::kOverloadManager);
  stream.SendLocalReply({.status = 503, .body = "envoy overloaded", .details = details::kOverload});
}

// As soon as the headers are there, before anything is done for them.
bool ConnectionManager::RefusedForOverload(http::Stream& stream) {
  if (!aborting_ && !overload_.Asks(Point::kRejectRequest, worker_.dispatcher().engine()) &&
      !Sheds(Point::kShedHeaders)) {
    return false;
  }
  AnswerOverload(stream);
  return true;
}

// Before the connection has a codec: it is closed without a word.
bool ConnectionManager::ShedsCodec() {
  if (!Sheds(Point::kShedCodec)) return false;
  stats_->downstream_rq_overload_close.Inc();
  connection_.Close(net::Connection::CloseMode::kNow, {net::CloseReason::kLocal, 0, details::kOverload.data()});
  return true;
}

// Bytes came for a codec. HTTP/1: what runs is answered, and so is what these bytes begin; the connection ends with
// it. HTTP/2: GOAWAY, or the end at once.
void ConnectionManager::ShedDispatch() {
  if (session_->protocol() == http::Protocol::kHttp2) {
    if (Sheds(Point::kShedHttp2Close)) {
      stats_->downstream_rq_overload_close.Inc();
      BeginDrain();
      return session_->CloseAll(http::ResetReason::kLocalRefused,
                                {net::CloseReason::kLocal, 0, details::kOverload.data()});
    }
    if (!drain_begun_ && Sheds(Point::kShedHttp2)) BeginDrain();
    return;
  }
  if (!Sheds(Point::kShedHttp1)) return;
  aborting_ = true;
  BeginDrain();
  streams_.ForEach([this](http::Stream& stream) {
    if (!stream.response_started() && !stream.answered() && stream.has_request_headers()) AnswerOverload(stream);
  });
}

void ConnectionManager::OnLimitsScaled() {
  if (!closed_) OnTimer();
}

void ConnectionManager::FindHeavyStreams(uint64_t least, std::vector<model::DownstreamContext::HeavyStream>& out) {
  if (&overload_ == &overload::State::Inert()) return;
  streams_.ForEach([&](http::Stream& stream) {
    const uint64_t held = stream.HeldBytes();
    if (held >= least) out.push_back({held, this, &stream});
  });
}

void ConnectionManager::ResetHeavyStream(void* stream) {
  http::Stream* found = nullptr;
  streams_.ForEach([&](http::Stream& one) {
    if (&one == stream && !one.done()) found = &one;
  });
  if (found == nullptr) return;  // it went with another one of its connection
  found->Reset(http::ResetReason::kLocalReset, ResponseFlag::kOverloadManager, details::kOverloadReset);
}

}  // namespace outrigger::filters::hcm
