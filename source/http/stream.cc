#include "source/http/stream.h"

#include <utility>

#include "source/base/bug.h"

namespace outrigger::http {

Stream::Stream(StreamOwner& owner, event::Dispatcher& dispatcher, upstream::WorkerContext& worker, StreamSender& sender,
               uint32_t buffer_limit)
    : owner_(owner), dispatcher_(dispatcher), worker_(worker), sender_(&sender), buffer_limit_(buffer_limit) {
  info_.start = dispatcher.now();
  info_.protocol = sender.protocol();
  last_activity_ = info_.start;
}

Stream::~Stream() = default;

namespace {
// Memory of streams that ended, kept by this thread: the steady state does not call malloc.
struct StreamMemory {
  static constexpr size_t kKeep = 1024;
  struct Free {
    Free* next;
  };
  Free* first = nullptr;
  size_t count = 0;
  ~StreamMemory() {
    while (first != nullptr) ::operator delete(std::exchange(first, first->next));
  }
};
thread_local StreamMemory t_memory;
}  // namespace

void* Stream::operator new(size_t size) {
  if (t_memory.first == nullptr) return ::operator new(size);
  --t_memory.count;
  return std::exchange(t_memory.first, t_memory.first->next);
}

void Stream::operator delete(void* memory) {
  if (t_memory.count >= StreamMemory::kKeep) return ::operator delete(memory);
  auto* free = static_cast<StreamMemory::Free*>(memory);
  free->next = t_memory.first;
  t_memory.first = free;
  ++t_memory.count;
}

void Stream::BuildFilters() {
  if (chain_ == nullptr || filters_ != nullptr) return;
  const auto& specs = chain_->filters();
  filters_ = static_cast<Filter**>(arena_.Allocate(sizeof(Filter*) * (specs.size() + 1), alignof(Filter*)));
  for (size_t i = 0; i < specs.size(); ++i) {
    const FilterSpec& spec = specs[i];
    filters_[i] = nullptr;
    if (chain_->switchable() && !owner_.FilterEnabled(*this, spec)) continue;
    filters_[i] = spec.construct(arena_.Allocate(spec.size, spec.align), spec.config.get(), *this);
    arena_.AddCleanup(filters_[i], [](void* filter) { static_cast<Filter*>(filter)->~Filter(); });
    active_ |= uint64_t{1} << i;
  }
}

int Stream::IndexOf(const Filter& filter) const {
  for (int i = 0; i < FilterCount(); ++i) {
    if (filters_[i] == &filter) return i;
  }
  return -1;
}

const void* Stream::PerRouteConfig(const Filter& filter) const {
  const void* all[4];
  const int n = PerRouteConfigs(filter, all);
  return n == 0 ? nullptr : all[n - 1];
}

int Stream::PerRouteConfigs(const Filter& filter, const void* out[4]) const {
  if (route_ == nullptr || filters_ == nullptr) return 0;
  const int index = IndexOf(filter);
  return index < 0 ? 0 : owner_.PerRouteConfigs(*this, chain_->filters()[index].name, out);
}

void Stream::Touch() { last_activity_ = dispatcher_.now(); }

// --- from the codec ---------------------------------------------------------------------------------------------------------

void Stream::OnHeaders(HeaderMap& headers, bool end) {
  if (done_) return;
  request_headers_ = &headers;
  info_.request_header_bytes = headers.byte_size();
  request_end_seen_ = end;
  if (end) info_.request_complete = dispatcher_.now();
  Touch();
  if (!owner_.OnRequestHeaders(*this, headers, end) || done_ || answered_) return;
  BuildFilters();
  if (end) owner_.OnRequestComplete(*this);
  if (!done_) RunRequestHeaders(0, end);
}

void Stream::OnBody(Buffer& body, bool end) {
  if (done_) {
    body.Clear();
    return;
  }
  info_.bytes_received += body.size();
  Touch();
  if (end) {
    request_end_seen_ = true;
    info_.request_complete = dispatcher_.now();
    owner_.OnRequestComplete(*this);
  }
  if (answered_ || done_ || filters_ == nullptr) {
    body.Clear();
    return;
  }
  RunRequestBody(0, body, end);
}

void Stream::OnTrailers(HeaderMap& trailers) {
  if (done_) return;
  request_trailers_ = &trailers;
  request_end_seen_ = true;
  info_.request_complete = dispatcher_.now();
  Touch();
  owner_.OnRequestComplete(*this);
  if (!answered_ && !done_ && filters_ != nullptr) RunRequestTrailers(0);
}

void Stream::OnReset(ResetReason reason, const char* detail) {
  if (done_) return;
  sender_ = nullptr;
  info_.reset_by_downstream = true;
  const bool protocol_error = reason == ResetReason::kProtocolError;
  info_.flags.Set(protocol_error ? observe::ResponseFlag::kDownstreamProtocolError
                                 : observe::ResponseFlag::kDownstreamConnectionTermination);
  if (info_.details.data() == nullptr || info_.details.empty() || response_head_sent_) {
    info_.details = detail != nullptr && *detail != '\0' ? detail : "downstream_remote_disconnect";
  }
  Finish();
}

void Stream::OnAboveWriteHigh() {
  downstream_above_high_ = true;
  if (done_ || filters_ == nullptr) return;
  for (int i = FilterCount() - 1; i >= 0 && !done_; --i) {
    if (Hooked(i, kHookWatermarks)) filters_[i]->OnDownstreamAboveHigh(*this);
  }
}

void Stream::OnBelowWriteLow() {
  downstream_above_high_ = false;
  Touch();
  if (done_ || filters_ == nullptr) return;
  for (int i = FilterCount() - 1; i >= 0 && !done_; --i) {
    if (Hooked(i, kHookWatermarks)) filters_[i]->OnDownstreamBelowLow(*this);
  }
}

// --- request direction ------------------------------------------------------------------------------------------------------

void Stream::RequestEndPassed() {
  request_.ended = true;
  if (tunnel_ && response_.ended) Finish();
}

void Stream::RunRequestHeaders(int from, bool end) {
  uint64_t todo = active_ & chain_->mask(kHookRequestHeaders) & (~uint64_t{0} << from);
  while (todo != 0) {
    const int i = __builtin_ctzll(todo);
    todo &= todo - 1;
    const FilterStatus status = filters_[i]->OnRequestHeaders(*this, *request_headers_, end);
    if (done_ || answered_) return;
    if (status == FilterStatus::kContinue) continue;
    request_.paused_at = i;
    request_.headers_held = true;
    request_.headers_end = end;
    request_.buffering = status == FilterStatus::kBuffer;
    return;
  }
  if (end) RequestEndPassed();
}

bool Stream::HoldRequest(int index, FilterStatus status, Buffer& body, bool end) {
  Direction& d = request_;
  d.paused_at = index;
  d.buffering = status == FilterStatus::kBuffer;
  d.held.Append(std::move(body));
  d.end_held = d.end_held || end;
  if (d.held.size() <= buffer_limit_) return true;
  if (d.buffering) {
    SendLocalReply({.status = 413, .body = "Payload Too Large", .details = "request_payload_too_large"});
    return false;
  }
  if (!d.source_paused) {
    d.source_paused = true;
    PauseRequestSource();
  }
  return true;
}

void Stream::RunRequestBody(int from, Buffer& body, bool end) {
  for (int i = from; i < FilterCount(); ++i) {
    const bool paused_here = request_.paused_at == i;
    FilterStatus status = paused_here ? (request_.buffering ? FilterStatus::kBuffer : FilterStatus::kPause) : FilterStatus::kContinue;
    if (Hooked(i, kHookRequestBody)) {
      status = filters_[i]->OnRequestBody(*this, body, end);
      if (done_ || answered_) return;
    } else if (!paused_here) {
      continue;
    }
    if (status != FilterStatus::kContinue) {
      HoldRequest(i, status, body, end);
      return;
    }
    if (request_.paused_at == i) {  // it was waiting, and lets everything go
      request_.held.Append(std::move(body));
      request_.end_held = request_.end_held || end;
      ReleaseRequest(i);
      return;
    }
  }
  if (end) RequestEndPassed();
}

void Stream::RunRequestTrailers(int from) {
  for (int i = from; i < FilterCount(); ++i) {
    const bool paused_here = request_.paused_at == i;
    FilterStatus status = paused_here ? FilterStatus::kPause : FilterStatus::kContinue;
    if (Hooked(i, kHookRequestTrailers)) {
      status = filters_[i]->OnRequestTrailers(*this, *request_trailers_);
      if (done_ || answered_) return;
    } else if (!paused_here) {
      continue;
    }
    if (status != FilterStatus::kContinue) {
      request_.paused_at = i;
      request_.trailers_held = true;
      return;
    }
    if (request_.paused_at == i) {
      request_.trailers_held = true;
      ReleaseRequest(i);
      return;
    }
  }
  RequestEndPassed();
}

void Stream::ReleaseRequest(int index) {
  Direction& d = request_;
  const bool headers = std::exchange(d.headers_held, false);
  const bool headers_end = std::exchange(d.headers_end, false);
  const bool trailers = std::exchange(d.trailers_held, false);
  const bool end = std::exchange(d.end_held, false);
  Buffer body = std::move(d.held);
  d.paused_at = -1;
  d.buffering = false;
  if (std::exchange(d.source_paused, false)) ResumeRequestSource();
  if (headers) {
    RunRequestHeaders(index + 1, headers_end && body.empty() && !trailers);
    if (done_ || answered_) return;
  }
  if (!body.empty() || (end && !(headers && headers_end))) {
    RunRequestBody(index + 1, body, end && !trailers);
    if (done_ || answered_) return;
  }
  if (trailers) RunRequestTrailers(index + 1);
}

void Stream::ResumeRequest(Filter& filter) {
  if (done_ || answered_) return;
  const int index = IndexOf(filter);
  if (index >= 0 && request_.paused_at == index) ReleaseRequest(index);
}

void Stream::PauseRequestSource() {
  if (request_source_pauses_++ == 0 && sender_ != nullptr) sender_->PauseReading();
}

void Stream::ResumeRequestSource() {
  if (request_source_pauses_ == 0 || --request_source_pauses_ > 0) return;
  if (sender_ != nullptr) sender_->ResumeReading();
}

// --- response direction -----------------------------------------------------------------------------------------------------

void Stream::SendResponseInterim(HeaderMap& headers) {
  if (done_ || response_head_sent_) return;
  for (int i = FilterCount() - 1; i >= 0; --i) {
    if (!Hooked(i, kHookResponseInterim)) continue;
    if (filters_[i]->OnResponseInterim(*this, headers) != FilterStatus::kContinue || done_) return;
  }
  if (sender_ != nullptr) sender_->SendInterim(headers);
}

void Stream::SendResponseHeaders(HeaderMap& headers, bool end) {
  if (done_) return;
  response_headers_ = &headers;
  RunResponseHeaders(FilterCount() - 1, end);
}

void Stream::SendResponseBody(Buffer& body, bool end) {
  if (done_) {
    body.Clear();
    return;
  }
  RunResponseBody(FilterCount() - 1, body, end);
}

void Stream::SendResponseTrailers(HeaderMap& trailers) {
  if (done_) return;
  response_trailers_ = &trailers;
  RunResponseTrailers(FilterCount() - 1);
}

void Stream::RunResponseHeaders(int from, bool end) {
  for (int i = from; i >= 0; --i) {
    if (!Hooked(i, kHookResponseHeaders)) continue;
    const FilterStatus status = filters_[i]->OnResponseHeaders(*this, *response_headers_, end);
    if (done_) return;
    if (status == FilterStatus::kContinue) continue;
    if (status == FilterStatus::kAnswered) return;
    response_.paused_at = i;
    response_.headers_held = true;
    response_.headers_end = end;
    response_.buffering = status == FilterStatus::kBuffer;
    return;
  }
  owner_.OnResponseHeaders(*this, *response_headers_, end);
  if (done_) return;
  info_.response_code = response_headers_->status();
  info_.response_header_bytes = response_headers_->byte_size();
  info_.first_response_byte = dispatcher_.now();
  Touch();
  response_head_sent_ = true;
  if (sender_ != nullptr) sender_->SendHeaders(*response_headers_, end);
  if (end && !done_) ResponseEndSent();
}

bool Stream::HoldResponse(int index, FilterStatus status, Buffer& body, bool end) {
  Direction& d = response_;
  d.paused_at = index;
  d.buffering = status == FilterStatus::kBuffer;
  d.held.Append(std::move(body));
  d.end_held = d.end_held || end;
  if (d.held.size() <= buffer_limit_) return true;
  if (d.buffering) {
    SendLocalReply({.status = 500, .body = "Internal Server Error", .details = "response_payload_too_large"});
    return false;
  }
  PauseResponseSource();
  return true;
}

void Stream::RunResponseBody(int from, Buffer& body, bool end) {
  for (int i = from; i >= 0; --i) {
    const bool paused_here = response_.paused_at == i;
    FilterStatus status = paused_here ? (response_.buffering ? FilterStatus::kBuffer : FilterStatus::kPause) : FilterStatus::kContinue;
    if (Hooked(i, kHookResponseBody)) {
      status = filters_[i]->OnResponseBody(*this, body, end);
      if (done_) return;
    } else if (!paused_here) {
      continue;
    }
    if (status == FilterStatus::kAnswered) return;
    if (status != FilterStatus::kContinue) {
      HoldResponse(i, status, body, end);
      return;
    }
    if (response_.paused_at == i) {
      response_.held.Append(std::move(body));
      response_.end_held = response_.end_held || end;
      ReleaseResponse(i);
      return;
    }
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
  for (int i = from; i >= 0; --i) {
    const bool paused_here = response_.paused_at == i;
    FilterStatus status = paused_here ? FilterStatus::kPause : FilterStatus::kContinue;
    if (Hooked(i, kHookResponseTrailers)) {
      status = filters_[i]->OnResponseTrailers(*this, *response_trailers_);
      if (done_ || status == FilterStatus::kAnswered) return;
    } else if (!paused_here) {
      continue;
    }
    if (status != FilterStatus::kContinue) {
      response_.paused_at = i;
      response_.trailers_held = true;
      return;
    }
    if (response_.paused_at == i) {
      response_.trailers_held = true;
      ReleaseResponse(i);
      return;
    }
  }
  if (sender_ != nullptr) sender_->SendTrailers(*response_trailers_);
  if (!done_) ResponseEndSent();
}

void Stream::ReleaseResponse(int index) {
  Direction& d = response_;
  const bool headers = std::exchange(d.headers_held, false);
  const bool headers_end = std::exchange(d.headers_end, false);
  const bool trailers = std::exchange(d.trailers_held, false);
  const bool end = std::exchange(d.end_held, false);
  Buffer body = std::move(d.held);
  d.paused_at = -1;
  d.buffering = false;
  ResumeResponseSource();
  if (headers) {
    RunResponseHeaders(index - 1, headers_end && body.empty() && !trailers);
    if (done_) return;
  }
  if (!body.empty() || (end && !(headers && headers_end))) {
    RunResponseBody(index - 1, body, end && !trailers);
    if (done_) return;
  }
  if (trailers) RunResponseTrailers(index - 1);
}

void Stream::ResumeResponse(Filter& filter) {
  if (done_) return;
  const int index = IndexOf(filter);
  if (index >= 0 && response_.paused_at == index) ReleaseResponse(index);
}

// A filter that holds the response is to its producer what a slow client is.
void Stream::PauseResponseSource() {
  if (std::exchange(response_.source_paused, true)) return;
  const bool above = downstream_above_high_;
  if (!above) {
    OnAboveWriteHigh();
    downstream_above_high_ = false;
  }
}

void Stream::ResumeResponseSource() {
  if (!std::exchange(response_.source_paused, false)) return;
  if (!downstream_above_high_) OnBelowWriteLow();
}

void Stream::ResponseEndSent() {
  response_.ended = true;
  info_.last_response_byte = dispatcher_.now();
  if (tunnel_ && !request_end_seen_ && sender_ != nullptr) return;  // bytes may still go up
  Finish();
}

void Stream::Reset(ResetReason reason, observe::ResponseFlag flag, absl::string_view details) {
  if (done_) return;
  info_.flags.Set(flag);
  info_.details = details;
  answered_ = true;
  info_.reset_by_us = true;
  if (sender_ != nullptr) {
    info_.wire_bytes_received = sender_->wire_bytes_received();
    info_.wire_bytes_sent = sender_->wire_bytes_sent();
    std::exchange(sender_, nullptr)->Reset(reason);
  }
  Finish();
}

void Stream::Finish() {
  if (std::exchange(done_, true)) return;
  info_.done = dispatcher_.now();
  if (sender_ != nullptr) {
    info_.wire_bytes_received = sender_->wire_bytes_received();
    info_.wire_bytes_sent = sender_->wire_bytes_sent();
    // An early complete answer: what was sent still goes out, the rest of the request is refused.
    if (response_.ended && !request_end_seen_) sender_->Reset(ResetReason::kNone);
  }
  sender_ = nullptr;
  if (filters_ != nullptr) {
    for (int i = 0; i < FilterCount(); ++i) {
      if (Hooked(i, kHookDone)) filters_[i]->OnDone(*this);
    }
  }
  owner_.OnDone(*this);
}

void Stream::Dump(DumpWriter& out) const {
  out.Field("protocol", ProtocolName(info_.protocol));
  if (request_headers_ != nullptr) {
    out.Field("method", request_headers_->method());
    out.Field("path", request_headers_->path());
  }
  out.Field("request_paused_at", request_.paused_at);
  out.Field("request_held", request_.held.size());
  out.Field("response_paused_at", response_.paused_at);
  out.Field("response_held", response_.held.size());
  out.Field("request_end_seen", request_end_seen_);
  out.Field("response_head_sent", response_head_sent_);
}

}  // namespace outrigger::http
