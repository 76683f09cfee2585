// Thread: worker
#pragma once

#include <memory>

#include "source/filters/network/http_connection_manager/hcm_config.h"
#include "source/http/codec.h"
#include "source/http/stream.h"
#include "source/model/listener.h"
#include "source/net/network_filter.h"
#include "source/overload/state.h"
#include "source/upstream/worker_context.h"

namespace outrigger::filters::hcm {

// The HTTP connection manager of one downstream connection: chooses the codec, makes a Stream for each request,
// prepares requests and responses, keeps the time limits, logs. Terminal network filter, owned by the connection's
// filter chain. Each request uses the configuration that its connection's slot has then (law 9), and pins it until it
// ends.
class ConnectionManager final : public net::NetworkFilter,
                                public net::ConnectionHandler,
                                public model::DownstreamContext::DrainHandler,
                                public http::ServerSessionOwner,
                                public http::StreamOwner {
 public:
  ConnectionManager(std::shared_ptr<const HcmConfig> accepted_config, model::DownstreamContext& context);
  ~ConnectionManager() override;

  // net::NetworkFilter
  Verdict OnNewConnection(net::FilterChainOnConnection& chain) override;
  net::ConnectionHandler* terminal() override { return this; }

  // net::ConnectionHandler: passed on to the session once the codec is known.
  void OnConnected() override;
  void OnData(Buffer& input, bool end) override;
  void OnAboveWriteHigh() override;
  void OnBelowWriteLow() override;
  void OnClosed(const net::CloseInfo& why) override;
  void OnDrain() override;
  void OnDrainIdle() override;
  void OnUnfollowed(const model::FilterChain& last, const model::Snapshot& its) override;
  void OnLimitsScaled() override;
  void FindHeavyStreams(uint64_t least, std::vector<model::DownstreamContext::HeavyStream>& out) override;
  void ResetHeavyStream(void* stream) override;
  void Dump(DumpWriter& out) const override;

  // http::ServerSessionOwner
  http::StreamReceiver& OnStream(http::StreamSender& sender) override;
  void OnHeadBegun() override;
  void OnCodecError(uint32_t status, const char* detail) override;
  void OnSessionIdle() override;
  void OnSessionClosed(const net::CloseInfo& why) override;

  // http::StreamOwner
  bool OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  void OnRequestComplete(http::Stream& stream) override;
  void AddRouteHeaders(http::Stream& stream, http::HeaderMap& headers) override;
  void OnLocalReply(http::Stream& stream, http::LocalReply& reply, http::HeaderMap& headers) override;
  void OnResponseHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  void OnDone(http::Stream& stream) override;
  void MatchRoute(http::Stream& stream) override;
  absl::string_view MissingHost(http::Stream& stream) override;
  bool OnRestart(http::Stream& stream) override;
  net::Connection* downstream() override { return &connection_; }
  int PerRouteConfigs(const http::Stream& stream, absl::string_view filter, const void* out[4]) override;
  bool FilterEnabled(const http::Stream& stream, const http::FilterSpec& filter) override;

 private:
  struct StreamState;  // what the manager keeps per stream, in its arena
  static StreamState& StateOf(const http::Stream& stream);

  void ChooseCodec(absl::string_view first_bytes, bool end);
  void MakeSession(http::Protocol protocol);
  const HcmConfig& CurrentConfig();
  const model::RouteTable* FindTable(const HcmConfig& config) const;
  const model::RouteTable* TableOf(http::Stream& stream);
  // overload.cc
  bool RefusedForOverload(http::Stream& stream);
  bool ShedsCodec();
  void ShedDispatch();
  bool Sheds(overload::Point point) { return overload_.Sheds(point, worker_.dispatcher().engine(), worker_.stats()); }
  void AnswerOverload(http::Stream& stream);

  void Refuse(http::Stream& stream, uint32_t status, absl::string_view details, absl::string_view location = "");
  void AnswerExpect(http::Stream& stream, http::HeaderMap& headers);
  void FoldCodecCounters();
  void CountBytes();
  bool ApplyRoute(http::Stream& stream, http::HeaderMap& headers);
  bool PrepareUpgrade(http::Stream& stream, http::HeaderMap& headers);
  void CountResponse(const http::Stream& stream);
  void Log(http::Stream& stream, http::LogEvent event);

  // Time limits of this connection and its streams, looked at when the earliest possible one fires (law 8).
  void WatchUntil(MonotonicTime when);
  void OnTimer();
  MonotonicTime CheckStream(http::Stream& stream, MonotonicTime now);
  void LimitHead(Duration limit);
  MonotonicTime CheckHead(MonotonicTime now);
  MonotonicTime CheckConnection(MonotonicTime now);
  MonotonicTime EndIdle(net::CloseReason reason, absl::string_view detail);
  void BeginDrain();
  void EndWithoutMore();
  void EndWhenIdle();

  std::shared_ptr<const HcmConfig> accepted_config_;  // codec settings; decided at connection time
  // What decides once no chain is followed any more: null before.
  std::shared_ptr<const HcmConfig> last_config_;
  std::shared_ptr<const model::RouteTable> last_routes_;
  model::DownstreamContext& context_;
  net::Connection& connection_;
  upstream::WorkerContext& worker_;
  const overload::State& overload_;
  observe::HttpConnectionStats* stats_;
  observe::HttpListenerStats* listener_stats_;
  http::CodecCounters codec_counters_;
  std::unique_ptr<http::Session> session_;
  IntrusiveList<http::Stream> streams_;
  event::Timer timer_;
  MonotonicTime opened_;
  MonotonicTime idle_since_;
  MonotonicTime idle_ends_ = MonotonicTime::max();        // draining: an idle connection closes then
  MonotonicTime first_byte_ends_ = MonotonicTime::max();  // nothing came yet; HTTP/2 says something at once
  MonotonicTime head_ends_ = MonotonicTime::max();  // a request's head must be there by then, and no stream exists yet
  uint64_t counted_read_ = 0, counted_written_ = 0;
  uint32_t requests_ = 0;
  bool drain_begun_ = false;
  bool head_begun_ = false;  // some of a request's head came, and no stream exists yet
  bool aborting_ = false;    // overload: what is being read now is not served
  bool closed_ = false;
  bool ssl_ = false;
};

}  // namespace outrigger::filters::hcm
