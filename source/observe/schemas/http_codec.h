// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of the HTTP codecs. Prefixes: "http1." and "http2." for all downstream connections of the process (as
// published), "cluster.<name>.http1." and "cluster.<name>.http2." for a cluster's. Each limit has its counter; our own
// are, of http1, chunk_extensions_*, dropped_* (but headers_with_underscores), header_overflow,
// interim_responses_overflow, rx_messaging_error and unexpected_responses; of http2, dropped_trailers,
// inbound_control_frames_flood, memory_overflow and preface_timeout.
#define OUTRIGGER_HTTP1_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(chunk_extensions_overflow)                                  \
  COUNTER(dropped_chunk_extensions)                                   \
  COUNTER(dropped_headers_with_underscores)                           \
  COUNTER(dropped_trailers)                                           \
  COUNTER(header_overflow)                                            \
  COUNTER(interim_responses_overflow)                                 \
  COUNTER(metadata_not_supported_error)                               \
  COUNTER(requests_rejected_with_underscores_in_headers)              \
  COUNTER(response_flood)                                             \
  COUNTER(rx_messaging_error)                                         \
  COUNTER(unexpected_responses)

#define OUTRIGGER_HTTP2_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(dropped_headers_with_underscores)                           \
  COUNTER(dropped_trailers)                                           \
  COUNTER(goaway_sent)                                                \
  COUNTER(header_overflow)                                            \
  COUNTER(headers_cb_no_stream)                                       \
  COUNTER(inbound_control_frames_flood)                               \
  COUNTER(inbound_empty_frames_flood)                                 \
  COUNTER(inbound_priority_frames_flood)                              \
  COUNTER(inbound_window_update_frames_flood)                         \
  COUNTER(keepalive_timeout)                                          \
  COUNTER(memory_overflow)                                            \
  COUNTER(metadata_empty_frames)                                      \
  COUNTER(outbound_control_flood)                                     \
  COUNTER(outbound_flood)                                             \
  COUNTER(preface_timeout)                                            \
  COUNTER(requests_rejected_with_underscores_in_headers)              \
  COUNTER(rx_messaging_error)                                         \
  COUNTER(rx_reset)                                                   \
  COUNTER(stream_refused_errors)                                      \
  COUNTER(trailers)                                                   \
  COUNTER(tx_flush_timeout)                                           \
  COUNTER(tx_reset)                                                   \
  GAUGE(deferred_stream_close)                                        \
  GAUGE(outbound_control_frames_active)                               \
  GAUGE(outbound_frames_active)                                       \
  GAUGE(pending_send_bytes)                                           \
  GAUGE(streams_active)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(Http1Stats, OUTRIGGER_HTTP1_STATS)
OUTRIGGER_STATS_BLOCK(Http2Stats, OUTRIGGER_HTTP2_STATS)
}  // namespace outrigger::observe
