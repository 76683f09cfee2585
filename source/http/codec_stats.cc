#include "source/http/codec_stats.h"

namespace outrigger::http {
namespace {

void Add(uint64_t n, observe::Counter& to) {
  if (n > 0) to.Add(n);
}

void Move(int64_t by, observe::Gauge& gauge) {
  if (by != 0) gauge.Add(by);
}

}  // namespace

void AddTo(const CodecCounters& counted, observe::Http1Stats& to) {
  Add(counted.chunk_extensions_overflow, to.chunk_extensions_overflow);
  Add(counted.dropped_chunk_extensions, to.dropped_chunk_extensions);
  Add(counted.dropped_trailers, to.dropped_trailers);
  Add(counted.header_overflow, to.header_overflow);
  Add(counted.header_underscore_dropped, to.dropped_headers_with_underscores);
  Add(counted.interim_responses_overflow, to.interim_responses_overflow);
  Add(counted.rx_messaging_error, to.rx_messaging_error);
  Add(counted.unexpected_responses, to.unexpected_responses);
  Add(counted.header_underscore_rejected, to.requests_rejected_with_underscores_in_headers);
}

void AddTo(const CodecCounters& counted, observe::Http2Stats& to) {
  Add(counted.header_underscore_dropped, to.dropped_headers_with_underscores);
  Add(counted.header_underscore_rejected, to.requests_rejected_with_underscores_in_headers);
  Add(counted.header_overflow, to.header_overflow);
  Add(counted.inbound_empty_frames_flood, to.inbound_empty_frames_flood);
  Add(counted.inbound_priority_frames_flood, to.inbound_priority_frames_flood);
  Add(counted.inbound_window_update_flood, to.inbound_window_update_frames_flood);
  Add(counted.outbound_flood, to.outbound_flood);
  Add(counted.outbound_control_flood, to.outbound_control_flood);
  Add(counted.keepalive_timeout, to.keepalive_timeout);
  Add(counted.rx_messaging_error, to.rx_messaging_error);
  Add(counted.rx_reset, to.rx_reset);
  Add(counted.tx_reset, to.tx_reset);
  Add(counted.trailers, to.trailers);
  Add(counted.tx_flush_timeout, to.tx_flush_timeout);
  Add(counted.dropped_trailers, to.dropped_trailers);
  Add(counted.goaway_sent, to.goaway_sent);
  Add(counted.stream_refused_errors, to.stream_refused_errors);
  Add(counted.headers_cb_no_stream, to.headers_cb_no_stream);
  Add(counted.inbound_control_flood, to.inbound_control_frames_flood);
  Add(counted.memory_overflow, to.memory_overflow);
  Add(counted.preface_timeout, to.preface_timeout);
  Move(counted.streams_active, to.streams_active);
  Move(counted.deferred_stream_close, to.deferred_stream_close);
  Move(counted.outbound_frames_active, to.outbound_frames_active);
  Move(counted.outbound_control_frames_active, to.outbound_control_frames_active);
  Move(counted.pending_send_bytes, to.pending_send_bytes);
}

}  // namespace outrigger::http
