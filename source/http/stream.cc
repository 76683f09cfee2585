#include "source/http/stream.h"

#include <utility>

#include "source/base/bug.h"
#include "source/observe/response_code_details.h"

namespace outrigger::http {

Stream::Stream(StreamOwner& owner, event::Dispatcher& dispatcher, upstream::WorkerContext& worker, StreamSender& sender,
               uint32_t buffer_limit)
    : owner_(owner), dispatcher_(dispatcher), worker_(worker), sender_(&sender), buffer_limit_(buffer_limit) {
  if (buffer_limit == 0) buffer_limit_ = UINT32_MAX;  // per_connection_buffer_limit_bytes: 0
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

// --- from the codec
// ---------------------------------------------------------------------------------------------------------

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

namespace {

observe::ResponseFlag DownstreamEndFlag(ResetReason reason) {
  switch (reason) {
    case ResetReason::kProtocolError:
      return observe::ResponseFlag::kDownstreamProtocolError;
    case ResetReason::kRemoteReset:  // this stream alone: its connection lives
    case ResetReason::kRemoteRefused:
    case ResetReason::kRemoteGoneAway:
    case ResetReason::kHttp11Required:
      return observe::ResponseFlag::kDownstreamRemoteReset;
    default:
      return observe::ResponseFlag::kDownstreamConnectionTermination;
  }
}

}  // namespace

void Stream::OnReset(ResetReason reason, const char* detail) {
  if (done_) return;
  NoteWireBytes();
  sender_ = nullptr;
  info_.reset_by_downstream = true;
  info_.flags.Set(DownstreamEndFlag(reason));
  if (info_.details.data() == nullptr || info_.details.empty() || response_head_sent_) {
    info_.details = detail != nullptr && *detail != '\0' ? absl::string_view(detail)
                                                         : observe::details::kDownstreamRemoteDisconnect;
  }
  Finish();
}

void Stream::OnAboveWriteHigh() {
  if (!std::exchange(codec_above_high_, true)) PauseResponseSource();
}

void Stream::OnBelowWriteLow() {
  Touch();
  if (std::exchange(codec_above_high_, false)) ResumeResponseSource();
}

// --- what filters hold
// ------------------------------------------------------------------------------------------------------

Stream::Hold* Stream::FindHold(Direction& direction, int index) {
  for (Hold* hold = direction.holds; hold != nullptr; hold = hold->next) {
    if (hold->at == index) return hold;
  }
  return nullptr;
}

Stream::Hold& Stream::MakeHold(Direction& direction, int index) {
  if (Hold* hold = FindHold(direction, index); hold != nullptr) return *hold;
  Hold* hold = direction.spare;
  if (hold != nullptr) {
    direction.spare = hold->next;
    *hold = Hold();
  } else {
    hold = arena_.New<Hold>();
  }
  hold->at = index;
  hold->next = direction.holds;
  direction.holds = hold;
  direction.held |= uint64_t{1} << index;
  return *hold;
}

Stream::Hold& Stream::TakeHold(Direction& direction, int index) {
  Hold** at = &direction.holds;
  while ((*at)->at != index) at = &(*at)->next;
  Hold& hold = **at;
  *at = hold.next;
  direction.held &= ~(uint64_t{1} << index);
  return hold;
}

void Stream::Recycle(Direction& direction, Hold& hold) {
  hold.body.Clear();
  hold.next = direction.spare;
  direction.spare = &hold;
}

// A local reply takes the place of everything that was on its way.
void Stream::DropHolds() {
  while (request_.holds != nullptr) {
    Hold& hold = TakeHold(request_, request_.holds->at);
    const bool paused = hold.source_paused;
    Recycle(request_, hold);
    if (paused) ResumeRequestSource();
  }
  while (response_.holds != nullptr) {
    Hold& hold = TakeHold(response_, response_.holds->at);
    const bool paused = hold.source_paused;
    Recycle(response_, hold);
    if (paused) ResumeResponseSource();
  }
}

int Stream::NextUp(Hook hook, uint64_t held, int from) const {
  if (chain_ == nullptr) return -1;
  const uint64_t todo = ((active_ & chain_->mask(hook)) | held) & (~uint64_t{0} << from);
  return todo == 0 ? -1 : __builtin_ctzll(todo);
}

int Stream::NextDown(Hook hook, uint64_t held, int from) const {
  if (chain_ == nullptr || from < 0) return -1;
  const uint64_t todo = ((active_ & chain_->mask(hook)) | held) & ((uint64_t{2} << from) - 1);
  return todo == 0 ? -1 : 63 - __builtin_clzll(todo);
}

// --- the end
// ----------------------------------------------------------------------------------------------------------------

void Stream::NoteWireBytes() {
  if (sender_ == nullptr) return;
  info_.wire_bytes_received = sender_->wire_bytes_received();
  info_.wire_bytes_sent = sender_->wire_bytes_sent();
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
    NoteWireBytes();
    std::exchange(sender_, nullptr)->Reset(reason);
  }
  Finish();
}

void Stream::Finish() {
  if (std::exchange(done_, true)) return;
  info_.done = dispatcher_.now();
  if (sender_ != nullptr) {
    NoteWireBytes();
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

size_t Stream::HeldBytes() const {
  size_t held = arena_.charged();
  for (const Direction* direction : {&request_, &response_}) {
    for (const Hold* hold = direction->holds; hold != nullptr; hold = hold->next) held += hold->body.charged();
  }
  if (sender_ != nullptr) held += sender_->held_bytes();
  for (int i = 0; filters_ != nullptr && i < FilterCount(); ++i) {
    if ((active_ >> i & 1) != 0) held += filters_[i]->HeldBytes();
  }
  return held;
}

void Stream::Dump(DumpWriter& out) const {
  out.Field("protocol", ProtocolName(info_.protocol));
  if (request_headers_ != nullptr) {
    out.Field("method", request_headers_->method());
    out.Field("path", request_headers_->path());
  }
  for (const Hold* hold = request_.holds; hold != nullptr; hold = hold->next) {
    out.Field("request_paused_at", hold->at).Field("request_held", hold->body.size());
  }
  for (const Hold* hold = response_.holds; hold != nullptr; hold = hold->next) {
    out.Field("response_paused_at", hold->at).Field("response_held", hold->body.size());
  }
  out.Field("request_end_seen", request_end_seen_);
  out.Field("response_head_sent", response_head_sent_);
}

}  // namespace outrigger::http
