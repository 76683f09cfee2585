#include <utility>

#include "source/http/stream.h"
#include "source/observe/response_code_details.h"

// The response's way through the chain: from the terminal filter down to filter 0, then to the owner and the codec. A
// filter may answer locally from any hook: then another response is on its way, and the loop that called the hook is
// over (local_replies_ tells).
namespace outrigger::http {

void Stream::SendResponseInterim(HeaderMap& headers) {
  if (RequestOver() || response_head_sent_) return;
  for (int i = NextDown(kHookResponseInterim, 0, FilterCount() - 1); i >= 0;
       i = NextDown(kHookResponseInterim, 0, i - 1)) {
    if (filters_[i]->OnResponseInterim(*this, headers) != FilterStatus::kContinue || RequestOver()) return;
  }
  if (sender_ != nullptr) sender_->SendInterim(headers);
}

void Stream::SendResponseHeaders(HeaderMap& headers, bool end) {
  if (RequestOver()) return;
  response_headers_ = &headers;
  RunResponseHeaders(FilterCount() - 1, end);
}

void Stream::SendResponseBody(Buffer& body, bool end) {
  if (RequestOver()) return body.Clear();
  RunResponseBody(FilterCount() - 1, body, end);
}

void Stream::SendResponseTrailers(HeaderMap& trailers) {
  if (RequestOver()) return;
  response_trailers_ = &trailers;
  RunResponseTrailers(FilterCount() - 1);
}

void Stream::RunResponseHeaders(int from, bool end) {
  const uint8_t reply = local_replies_;
  for (int i = NextDown(kHookResponseHeaders, 0, from); i >= 0; i = NextDown(kHookResponseHeaders, 0, i - 1)) {
    const FilterStatus status = filters_[i]->OnResponseHeaders(*this, *response_headers_, end);
    if (done_ || local_replies_ != reply) return;
    if (status == FilterStatus::kContinue) continue;
    Hold& hold = MakeHold(response_, i);
    hold.headers = true;
    hold.headers_end = end;
    hold.buffering = status == FilterStatus::kBuffer;
    return;
  }
  info_.response_code = response_headers_->status();
  owner_.OnResponseHeaders(*this, *response_headers_, end);
  if (done_ || local_replies_ != reply) return;
  info_.response_header_bytes = response_headers_->byte_size();
  info_.first_response_byte = dispatcher_.now();
  Touch();
  response_head_sent_ = true;
  if (sender_ != nullptr) sender_->SendHeaders(*response_headers_, end);
  if (end && !done_) ResponseEndSent();
}

void Stream::HoldResponse(int index, FilterStatus status, Buffer& body, bool end) {
  Hold& hold = MakeHold(response_, index);
  hold.buffering = status == FilterStatus::kBuffer;
  hold.body.Append(std::move(body));
  hold.end = hold.end || end;
  if (hold.body.size() <= buffer_limit_) return;
  if (hold.buffering) {
    SendLocalReply(
        {.status = 500, .body = "Internal Server Error", .details = observe::details::kResponsePayloadTooLarge});
  } else if (!std::exchange(hold.source_paused, true)) {
    PauseResponseSource();
  }
}

void Stream::RunResponseBody(int from, Buffer& body, bool end) {
  const uint8_t reply = local_replies_;
  for (int i = NextDown(kHookResponseBody, response_.held, from); i >= 0;
       i = NextDown(kHookResponseBody, response_.held, i - 1)) {
    Hold* hold = FindHold(response_, i);
    FilterStatus status = hold != nullptr && hold->buffering ? FilterStatus::kBuffer : FilterStatus::kPause;
    if (Hooked(i, kHookResponseBody)) {
      status = filters_[i]->OnResponseBody(*this, body, end);
      if (done_ || local_replies_ != reply) return body.Clear();
      hold = FindHold(response_, i);
    }
    if (status != FilterStatus::kContinue) return HoldResponse(i, status, body, end);
    if (hold == nullptr) continue;
    hold->body.Append(std::move(body));
    hold->end = hold->end || end;
    return ReleaseResponse(i);
  }
  info_.bytes_sent += body.size();
  Touch();
  if (sender_ != nullptr) {
    sender_->SendBody(body, end);
  } else {
    body.Clear();
  }
  if (end && !done_) ResponseEndSent();
}

void Stream::RunResponseTrailers(int from) {
  const uint8_t reply = local_replies_;
  for (int i = NextDown(kHookResponseTrailers, response_.held, from); i >= 0;
       i = NextDown(kHookResponseTrailers, response_.held, i - 1)) {
    FilterStatus status = FilterStatus::kPause;
    if (Hooked(i, kHookResponseTrailers)) {
      status = filters_[i]->OnResponseTrailers(*this, *response_trailers_);
      if (done_ || local_replies_ != reply) return;
    }
    if (status == FilterStatus::kContinue && FindHold(response_, i) == nullptr) continue;
    MakeHold(response_, i).trailers = true;
    if (status == FilterStatus::kContinue) ReleaseResponse(i);
    return;
  }
  if (sender_ != nullptr) sender_->SendTrailers(*response_trailers_);
  if (!done_) ResponseEndSent();
}

void Stream::ReleaseResponse(int index) {
  Hold& hold = TakeHold(response_, index);
  Buffer body = std::move(hold.body);
  const bool headers = hold.headers, trailers = hold.trailers, paused = hold.source_paused;
  const bool ends = (hold.end || hold.headers_end) && !trailers;
  Recycle(response_, hold);
  const uint8_t reply = local_replies_;
  if (paused) ResumeResponseSource();
  if (done_ || local_replies_ != reply) return;
  if (headers) {
    const bool only_headers = ends && body.empty();
    RunResponseHeaders(index - 1, only_headers);
    if (only_headers || done_ || local_replies_ != reply) return;
  }
  if (!body.empty() || ends) {
    RunResponseBody(index - 1, body, ends);
    if (done_ || local_replies_ != reply) return;
  }
  if (trailers) RunResponseTrailers(index - 1);
}

void Stream::ResumeResponse(Filter& filter) {
  if (done_) return;
  const int index = IndexOf(filter);
  if (index >= 0 && FindHold(response_, index) != nullptr) ReleaseResponse(index);
}

Buffer* Stream::HeldResponse(const Filter& filter) {
  Hold* hold = FindHold(response_, IndexOf(filter));
  return hold == nullptr ? nullptr : &hold->body;
}

void Stream::InjectResponseBody(const Filter& filter, Buffer& body) {
  const int index = IndexOf(filter);
  if (done_ || index < 0) return body.Clear();
  RunResponseBody(index - 1, body, false);
}

// A filter that holds the response is to its producer what a slow client is.
void Stream::PauseResponseSource() {
  if (response_source_pauses_++ > 0 || filters_ == nullptr) return;
  for (int i = NextDown(kHookWatermarks, 0, FilterCount() - 1); i >= 0 && !done_;
       i = NextDown(kHookWatermarks, 0, i - 1)) {
    filters_[i]->OnDownstreamAboveHigh(*this);
  }
}

void Stream::ResumeResponseSource() {
  if (response_source_pauses_ == 0 || --response_source_pauses_ > 0 || filters_ == nullptr) return;
  for (int i = NextDown(kHookWatermarks, 0, FilterCount() - 1); i >= 0 && !done_;
       i = NextDown(kHookWatermarks, 0, i - 1)) {
    filters_[i]->OnDownstreamBelowLow(*this);
  }
}

}  // namespace outrigger::http
