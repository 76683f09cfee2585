// Thread: worker
#pragma once

#include <cstdint>
#include <memory>

#include "source/base/arena.h"
#include "source/base/buffer.h"
#include "source/base/dump.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/filter.h"
#include "source/http/filter_state.h"
#include "source/http/stream_info.h"
#include "source/http/stream_owner.h"

namespace outrigger::model {
struct Route;  // http/ only carries the pointers; model/ defines them
struct WeightedClusterEntry;
}  // namespace outrigger::model
namespace outrigger::upstream {
class WorkerContext;
}

namespace outrigger::http {

// One exchange: drives the filter chain between a codec's stream and the terminal filter. Owned by its StreamOwner; all
// its memory is one arena. Request events enter through StreamReceiver; the terminal filter answers with SendResponse*;
// both run through the filters that want them. The owner destroys it after OnDone, at the end of the turn.
class Stream final : public StreamReceiver, public event::Deferred, public ListHook<> {
 public:
  Stream(StreamOwner& owner, event::Dispatcher& dispatcher, upstream::WorkerContext& worker, StreamSender& sender,
         uint32_t buffer_limit);
  ~Stream() override;
  static void* operator new(size_t size);  // recycled per thread
  static void operator delete(void* memory);

  // Chooses the chain; before OnHeaders is passed on. The spec outlives the stream (it is in the pinned Snapshot).
  void SetChain(const FilterChainSpec& chain) { chain_ = &chain; }
  // --- for filters
  Arena& arena() override { return arena_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  upstream::WorkerContext& worker() { return worker_; }
  net::Connection* downstream() { return owner_.downstream(); }
  StreamInfo& info() { return info_; }
  HeaderMap& request_headers() { return *request_headers_; }
  bool has_request_headers() const { return request_headers_ != nullptr; }
  HeaderMap* request_trailers() { return request_trailers_; }
  HeaderMap* response_headers() { return response_headers_; }  // null before there are any
  HeaderMap* response_trailers() { return response_trailers_; }
  bool request_complete() const { return request_end_seen_; }
  FilterState& filter_state() { return filter_state_; }
  DynamicMetadata& metadata() { return metadata_; }

  // The matched route; null if none matched. ClearRoute: headers that matching reads were changed.
  const model::Route* route() const { return route_; }
  const model::WeightedClusterEntry* weighted_cluster() const { return weighted_; }
  void SetRoute(const model::Route* route, const model::WeightedClusterEntry* weighted) {
    route_ = route;
    weighted_ = weighted;
  }
  // The stream's own random draw: fractions and weights decide the same at each evaluation.
  uint64_t random() {
    if (random_ == 0) random_ = dispatcher_.engine().RandomBits();
    return random_;
  }
  void ClearRoute() { owner_.MatchRoute(*this); }
  absl::string_view MissingHost() { return owner_.MissingHost(*this); }
  // The most specific per-route configuration for the filter that asks (route, virtual host, table), or null.
  const void* PerRouteConfig(const Filter& filter) const;
  // All of them, least specific first, for filters that merge. Returns how many were written.
  int PerRouteConfigs(const Filter& filter, const void* out[4]) const;

  // Goes on after the filter that paused; nothing if it did not (the hook that pauses has not returned).
  void ResumeRequest(Filter& filter);
  // Instead of ResumeRequest, for a filter that had its route fetched: the route is matched by the newest
  // configuration, and the request begins anew at the first filter, with new filter objects, as if it had come now:
  // what the route says of any filter holds for it. Only while the filter pauses the headers. The old objects hear
  // nothing more.
  void Restart(Filter& filter);
  void ResumeResponse(Filter& filter);
  // Body that a filter holds with kPause/kBuffer so far (and may change before it resumes); null if it does not.
  Buffer* HeldRequest(const Filter& filter);
  Buffer* HeldResponse(const Filter& filter);
  // Body that goes on behind a filter that holds the rest back itself.
  void InjectRequestBody(const Filter& filter, Buffer& body);
  void InjectResponseBody(const Filter& filter, Buffer& body);
  void SetBufferLimit(uint32_t limit) { buffer_limit_ = limit; }
  uint32_t buffer_limit() const { return buffer_limit_; }

  // Answers from here: runs the response filters of the whole chain, ends the request side; drops what the terminal
  // filter sends afterwards. Once the response has begun it resets.
  void SendLocalReply(const LocalReply& reply);
  void Reset(ResetReason reason, observe::ResponseFlag flag, absl::string_view details);

  // Backpressure towards the downstream's request body, counted.
  void PauseRequestSource();
  void ResumeRequestSource();
  void PauseResponseSource();  // the same towards the response's producer, by OnDownstreamAboveHigh and -BelowLow
  void ResumeResponseSource();

  // --- for the terminal filter
  void SendResponseInterim(HeaderMap& headers);
  void SendResponseHeaders(HeaderMap& headers, bool end);
  void SendResponseBody(Buffer& body, bool end);
  void SendResponseTrailers(HeaderMap& trailers);
  bool response_started() const { return response_headers_ != nullptr; }
  bool response_ended() const { return response_.ended; }
  bool downstream_above_high() const { return response_source_pauses_ > 0; }
  // An accepted upgrade or CONNECT: bytes both ways until both ends are done; the request's end is not the response's.
  void SetTunnel() { tunnel_ = true; }
  bool tunnel() const { return tunnel_; }

  // --- for the owner -----------------------
  StreamSender* sender() { return sender_; }  // null after the downstream side ended or was reset
  // Which facts of upstream certificates somebody will ask for (they are copied when the stream gets its connection).
  void SetUpstreamTlsWish(UpstreamTls::Wish wish) { upstream_tls_wish_ = wish; }
  UpstreamTls::Wish upstream_tls_wish() const { return upstream_tls_wish_; }
  // Pins whatever configuration the stream uses, until it is destroyed, or a tunnel that needs none of it says
  // SetPin({}).
  void SetPin(LocalRef<LocallyCounted> pin) { pin_ = std::move(pin); }
  const LocalRef<LocallyCounted>& pin() const { return pin_; }
  bool done() const { return done_; }
  bool answered() const { return answered_; }
  MonotonicTime last_activity() const { return last_activity_; }
  // What it keeps in memory: its arena, what filters and codecs hold of bodies, both sides.
  size_t HeldBytes() const;
  void* owner_data = nullptr;  // the owner's own state of this stream, in the arena
  void Dump(DumpWriter& out) const;

  // --- StreamReceiver: the codec
  void OnInterim(HeaderMap&) override {}
  void OnHeaders(HeaderMap& headers, bool end) override;
  void OnBody(Buffer& body, bool end) override;
  void OnTrailers(HeaderMap& trailers) override;
  void OnRefused(uint32_t status) override { info_.response_code = status; }
  void OnReset(ResetReason reason, const char* detail) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;

 private:
  struct Hold {  // what one filter holds back; in the arena, used again
    Hold* next = nullptr;
    int at = 0;
    bool headers = false;      // paused at headers: the filters behind have not seen them
    bool headers_end = false;  // and they end the message
    bool buffering = false;    // by kBuffer: over the limit is an error, not back-pressure
    bool source_paused = false;
    bool end = false;  // the end (in body form) was seen
    bool trailers = false;
    Buffer body;
  };
  struct Direction {  // positions are filter indices; the response runs from high to low
    Hold *holds = nullptr, *spare = nullptr;
    uint64_t held = 0;   // bit i: filter i holds something
    bool ended = false;  // the end passed the last filter
  };
  void BuildFilters();
  int IndexOf(const Filter& filter) const;
  bool Hooked(int index, Hook hook) const { return (active_ & chain_->mask(hook)) >> index & 1; }
  int FilterCount() const { return chain_ == nullptr ? 0 : static_cast<int>(chain_->filters().size()); }
  // The nearest filter from `from` on, upwards or downwards, that has the hook or holds something; -1.
  int NextUp(Hook hook, uint64_t held, int from) const;
  int NextDown(Hook hook, uint64_t held, int from) const;
  static Hold* FindHold(Direction& direction, int index);
  Hold& MakeHold(Direction& direction, int index);
  static Hold& TakeHold(Direction& direction, int index);  // out of the list; the caller passes on what was in it
  static void Recycle(Direction& direction, Hold& hold);
  void DropHolds();

  void RunRequestHeaders(int from, bool end);
  void RunRequestBody(int from, Buffer& body, bool end);
  void RunRequestTrailers(int from);
  void ReleaseRequest(int index);  // what was held goes on after filter `index`
  void HoldRequest(int index, FilterStatus status, Buffer& body, bool end);
  void RunResponseHeaders(int from, bool end);
  void RunResponseBody(int from, Buffer& body, bool end);
  void RunResponseTrailers(int from);
  void ReleaseResponse(int index);
  void HoldResponse(int index, FilterStatus status, Buffer& body, bool end);
  bool RequestOver() const { return done_ || answered_; }
  void RequestEndPassed();
  void ResponseEndSent();
  void NoteWireBytes();
  void Touch();
  void Finish();

  StreamOwner& owner_;
  event::Dispatcher& dispatcher_;
  upstream::WorkerContext& worker_;
  StreamSender* sender_;
  const FilterChainSpec* chain_ = nullptr;
  Filter** filters_ = nullptr;
  uint64_t active_ = 0;  // bit i: filter i exists for this stream
  const model::Route* route_ = nullptr;
  const model::WeightedClusterEntry* weighted_ = nullptr;
  uint64_t random_ = 0;
  HeaderMap* request_headers_ = nullptr;
  HeaderMap* request_trailers_ = nullptr;
  HeaderMap* response_headers_ = nullptr;
  HeaderMap* response_trailers_ = nullptr;
  Direction request_, response_;
  uint32_t buffer_limit_;
  uint32_t request_source_pauses_ = 0, response_source_pauses_ = 0;
  static constexpr uint8_t kMostLocalReplies = 2;
  uint8_t local_replies_ = 0;
  bool request_end_seen_ = false;  // the codec gave the end
  bool codec_above_high_ = false;
  bool response_head_sent_ = false;  // the codec has the response headers
  bool answered_ = false;            // a local reply was made: the request side is over
  bool tunnel_ = false;
  bool done_ = false;
  UpstreamTls::Wish upstream_tls_wish_ = 0;
  MonotonicTime last_activity_;
  StreamInfo info_;
  FilterState filter_state_;
  DynamicMetadata metadata_;
  LocalRef<LocallyCounted> pin_;
  Arena arena_;  // destroyed first of all members: filters may use what is above
};

}  // namespace outrigger::http
