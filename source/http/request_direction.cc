#include <utility>

#include "source/http/stream.h"
#include "source/observe/response_code_details.h"

// The request's way through the chain: from filter 0 up to the terminal one.
namespace outrigger::http {

void Stream::RequestEndPassed() {
  request_.ended = true;
  if (tunnel_ && response_.ended) Finish();
}

void Stream::RunRequestHeaders(int from, bool end) {
  for (int i = NextUp(kHookRequestHeaders, 0, from); i >= 0; i = NextUp(kHookRequestHeaders, 0, i + 1)) {
    const FilterStatus status = filters_[i]->OnRequestHeaders(*this, *request_headers_, end);
    if (RequestOver()) return;
    if (status == FilterStatus::kContinue) continue;
    Hold& hold = MakeHold(request_, i);
    hold.headers = true;
    hold.headers_end = end;
    hold.buffering = status == FilterStatus::kBuffer;
    return;
  }
  if (end) RequestEndPassed();
}

void Stream::HoldRequest(int index, FilterStatus status, Buffer& body, bool end) {
  Hold& hold = MakeHold(request_, index);
  hold.buffering = status == FilterStatus::kBuffer;
  hold.body.Append(std::move(body));
  hold.end = hold.end || end;
  if (hold.body.size() <= buffer_limit_) return;
  if (hold.buffering) {
    SendLocalReply({.status = 413, .body = "Payload Too Large", .details = observe::details::kRequestPayloadTooLarge});
  } else if (!std::exchange(hold.source_paused, true)) {
    PauseRequestSource();
  }
}

void Stream::RunRequestBody(int from, Buffer& body, bool end) {
  for (int i = NextUp(kHookRequestBody, request_.held, from); i >= 0;
       i = NextUp(kHookRequestBody, request_.held, i + 1)) {
    Hold* hold = FindHold(request_, i);
    FilterStatus status = hold != nullptr && hold->buffering ? FilterStatus::kBuffer : FilterStatus::kPause;
    if (Hooked(i, kHookRequestBody)) {
      status = filters_[i]->OnRequestBody(*this, body, end);
      if (RequestOver()) return body.Clear();
      hold = FindHold(request_, i);  // the filter may have resumed from inside the call
    }
    if (status != FilterStatus::kContinue) return HoldRequest(i, status, body, end);
    if (hold == nullptr) continue;
    hold->body.Append(std::move(body));  // it was waiting, and lets everything go
    hold->end = hold->end || end;
    return ReleaseRequest(i);
  }
  if (end) RequestEndPassed();
}

void Stream::RunRequestTrailers(int from) {
  for (int i = NextUp(kHookRequestTrailers, request_.held, from); i >= 0;
       i = NextUp(kHookRequestTrailers, request_.held, i + 1)) {
    FilterStatus status = FilterStatus::kPause;
    if (Hooked(i, kHookRequestTrailers)) {
      status = filters_[i]->OnRequestTrailers(*this, *request_trailers_);
      if (RequestOver()) return;
    }
    if (status == FilterStatus::kContinue && FindHold(request_, i) == nullptr) continue;
    MakeHold(request_, i).trailers = true;
    if (status == FilterStatus::kContinue) ReleaseRequest(i);
    return;
  }
  RequestEndPassed();
}

void Stream::ReleaseRequest(int index) {
  Hold& hold = TakeHold(request_, index);
  Buffer body = std::move(hold.body);
  const bool headers = hold.headers, trailers = hold.trailers, paused = hold.source_paused;
  const bool ends = (hold.end || hold.headers_end) && !trailers;
  Recycle(request_, hold);
  if (paused) ResumeRequestSource();
  if (headers) {
    const bool only_headers = ends && body.empty();
    RunRequestHeaders(index + 1, only_headers);
    if (only_headers || RequestOver()) return;
  }
  if (!body.empty() || ends) {
    RunRequestBody(index + 1, body, ends);
    if (RequestOver()) return;
  }
  if (trailers) RunRequestTrailers(index + 1);
}

void Stream::ResumeRequest(Filter& filter) {
  if (RequestOver()) return;
  const int index = IndexOf(filter);
  if (index >= 0 && FindHold(request_, index) != nullptr) ReleaseRequest(index);
}

void Stream::Restart(Filter& filter) {
  if (RequestOver()) return;
  const int index = IndexOf(filter);
  if (index < 0 || FindHold(request_, index) == nullptr || !FindHold(request_, index)->headers) return;
  Buffer body;
  bool ends = false, trailers = false;
  // What the filters after in the chain hold came first.
  while (request_.held != 0) {
    Hold& hold = TakeHold(request_, 63 - __builtin_clzll(request_.held));
    body.Append(std::move(hold.body));
    ends = ends || hold.end || hold.headers_end;
    trailers = trailers || hold.trailers;
    const bool paused = hold.source_paused;
    Recycle(request_, hold);
    if (paused) ResumeRequestSource();
  }
  ends = ends && !trailers;
  filters_ = nullptr;
  active_ = 0;
  if (!owner_.OnRestart(*this) || RequestOver()) return;
  BuildFilters();
  const bool only_headers = ends && body.empty();
  RunRequestHeaders(0, only_headers);
  if (only_headers || RequestOver()) return;
  if (!body.empty() || ends) {
    RunRequestBody(0, body, ends);
    if (RequestOver()) return;
  }
  if (trailers) RunRequestTrailers(0);
}

Buffer* Stream::HeldRequest(const Filter& filter) {
  Hold* hold = FindHold(request_, IndexOf(filter));
  return hold == nullptr ? nullptr : &hold->body;
}

void Stream::InjectRequestBody(const Filter& filter, Buffer& body) {
  const int index = IndexOf(filter);
  if (RequestOver() || index < 0) return body.Clear();
  RunRequestBody(index + 1, body, false);
}

void Stream::PauseRequestSource() {
  if (request_source_pauses_++ == 0 && sender_ != nullptr) sender_->PauseReading();
}

void Stream::ResumeRequestSource() {
  if (request_source_pauses_ == 0 || --request_source_pauses_ > 0) return;
  if (sender_ != nullptr) sender_->ResumeReading();
}

}  // namespace outrigger::http
