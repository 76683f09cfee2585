// Thread: any (plain values)
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/time.h"

namespace outrigger::http {

// Limits and switches common to both codecs; names follow Envoy's options. 0 or defaults as said.
struct CodecOptions {
  uint32_t max_header_bytes = 60 * 1024;  // max_request_headers_kb; also for responses
  uint32_t max_header_count = 100;        // common_http_protocol_options.max_headers_count
  enum class Underscores : uint8_t { kAllow, kReject, kDropHeader } headers_with_underscores = Underscores::kAllow;
  uint32_t stream_buffer_limit = 1024 * 1024;  // above: OnAboveWriteHigh / PauseReading by the layer above
  friend bool operator==(const CodecOptions& a, const CodecOptions& b) = default;
};
struct Http1Options {
  bool accept_http_10 = false;
  absl::string_view default_host_for_http_10;
  bool enable_trailers = false;
  bool allow_absolute_url = true;
  bool allow_chunked_length = false;  // TE + CL together: still refused unless set, then CL is dropped
  bool preserve_case = false;         // header_key_format: stateful preserve_case formatter
  bool proper_case = false;           // header_key_format: proper_case_words
  bool send_fully_qualified_url = false;
  friend bool operator==(const Http1Options& a, const Http1Options& b) = default;
};
struct Http2Options {
  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 1024;
  uint32_t initial_stream_window_size = 16 * 1024 * 1024;
  uint32_t initial_connection_window_size = 24 * 1024 * 1024;
  bool allow_connect = false;  // RFC 8441
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  bool stream_error_on_invalid_http_message = false;
  Duration keepalive_interval{0};
  Duration keepalive_timeout{0};
  uint32_t keepalive_jitter_percent = 15;
  Duration stream_flush_timeout{0};  // what the owner ended, but the peer's window lets nothing of through; 0: for ever
  Duration connection_idle_interval{0};
  uint32_t resets_burst = 200;  // received RST_STREAM budget (rapid reset) and its refill per second
  uint32_t resets_per_second = 33;
  // SETTINGS (each counts as 10), PING and GOAWAY received, beyond one for each frame of a message.
  uint32_t control_frames_burst = 2000;
  uint32_t control_frames_per_second = 200;
  uint32_t max_session_memory = 16 * 1024 * 1024;  // what the framer of a connection may hold: tables, queues, blocks
  Duration preface_timeout = seconds(10);          // server: from connect to the client's first SETTINGS; 0: none
  Duration early_answer_grace = seconds(1);        // server: for the rest of a request that was answered before its end
  friend bool operator==(const Http2Options& a, const Http2Options& b) = default;
};

// Counters the codecs move; owned by the session's owner, one per worker and stats scope (see observe/).
struct CodecCounters {
  uint64_t rx_reset = 0, tx_reset = 0, header_overflow = 0, header_underscore_rejected = 0,
           header_underscore_dropped = 0;
  uint64_t metadata_rejected = 0, trailers = 0, rx_messaging_error = 0, tx_flush_timeout = 0, protocol_errors = 0;
  uint64_t inbound_empty_frames_flood = 0, inbound_priority_frames_flood = 0, inbound_window_update_flood = 0,
           outbound_flood = 0, outbound_control_flood = 0, inbound_resets_flood = 0, keepalive_timeout = 0,
           dropped_chunk_extensions = 0;
  // h1: trailer fields that no peer may send there, too many bytes of chunk extensions, too many 1xx answers, and
  // answers to nothing.
  uint64_t dropped_trailers = 0, chunk_extensions_overflow = 0, interim_responses_overflow = 0,
           unexpected_responses = 0;
  uint64_t close_notified = 0;  // client: the peer said that it will close (connection: close, GOAWAY)
  uint64_t goaway_sent = 0, stream_refused_errors = 0, headers_cb_no_stream = 0, inbound_control_flood = 0,
           memory_overflow = 0, preface_timeout = 0;
  // Gauges: by how much they moved since the last fold; a session that ended takes back what it added.
  int64_t streams_active = 0, deferred_stream_close = 0, outbound_frames_active = 0, outbound_control_frames_active = 0,
          pending_send_bytes = 0;
};

}  // namespace outrigger::http
