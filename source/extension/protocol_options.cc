#include "source/extension/protocol_options.h"

#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "source/extension/fault.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::extension {

namespace core = envoy::config::core::v3;

void SetCodecOptions(const core::HttpProtocolOptions& from, http::CodecOptions* to) {
  if (from.has_max_headers_count()) to->max_header_count = from.max_headers_count().value();
  switch (from.headers_with_underscores_action()) {
    case core::HttpProtocolOptions::REJECT_REQUEST:
      to->headers_with_underscores = http::CodecOptions::Underscores::kReject;
      break;
    case core::HttpProtocolOptions::DROP_HEADER:
      to->headers_with_underscores = http::CodecOptions::Underscores::kDropHeader;
      break;
    default:
      to->headers_with_underscores = http::CodecOptions::Underscores::kAllow;
      break;
  }
}

absl::Status SetHttp1Options(const core::Http1ProtocolOptions& from, http::Http1Options* to) {
  if (from.override_stream_error_on_invalid_http_message().value()) {
    return Fault("override_stream_error_on_invalid_http_message",
                 "is not supported: after a broken message the connection is closed");
  }
  to->accept_http_10 = from.accept_http_10();
  to->enable_trailers = from.enable_trailers();
  if (from.has_allow_absolute_url()) to->allow_absolute_url = from.allow_absolute_url().value();
  to->allow_chunked_length = from.allow_chunked_length();
  to->send_fully_qualified_url = from.send_fully_qualified_url();
  const auto& format = from.header_key_format();
  to->proper_case = format.has_proper_case_words();
  if (format.has_stateful_formatter()) {
    envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig unused;
    OUTRIGGER_TRY("header_key_format.stateful_formatter.typed_config",
                  schema::UnpackInto(format.stateful_formatter().typed_config(), unused));
    to->preserve_case = true;
  }
  return absl::OkStatus();
}

void SetHttp2Options(const core::Http2ProtocolOptions& from, http::Http2Options* to) {
  const auto set = [](bool given, uint32_t value, uint32_t* field) {
    if (given) *field = value;
  };
  set(from.has_hpack_table_size(), from.hpack_table_size().value(), &to->hpack_table_size);
  set(from.has_max_concurrent_streams(), from.max_concurrent_streams().value(), &to->max_concurrent_streams);
  set(from.has_initial_stream_window_size(), from.initial_stream_window_size().value(),
      &to->initial_stream_window_size);
  set(from.has_initial_connection_window_size(), from.initial_connection_window_size().value(),
      &to->initial_connection_window_size);
  to->allow_connect = from.allow_connect();
  set(from.has_max_outbound_frames(), from.max_outbound_frames().value(), &to->max_outbound_frames);
  set(from.has_max_outbound_control_frames(), from.max_outbound_control_frames().value(),
      &to->max_outbound_control_frames);
  set(from.has_max_consecutive_inbound_frames_with_empty_payload(),
      from.max_consecutive_inbound_frames_with_empty_payload().value(),
      &to->max_consecutive_inbound_frames_with_empty_payload);
  set(from.has_max_inbound_priority_frames_per_stream(), from.max_inbound_priority_frames_per_stream().value(),
      &to->max_inbound_priority_frames_per_stream);
  set(from.has_max_inbound_window_update_frames_per_data_frame_sent(),
      from.max_inbound_window_update_frames_per_data_frame_sent().value(),
      &to->max_inbound_window_update_frames_per_data_frame_sent);
  to->stream_error_on_invalid_http_message = from.has_override_stream_error_on_invalid_http_message()
                                                 ? from.override_stream_error_on_invalid_http_message().value()
                                                 : from.stream_error_on_invalid_http_messaging();
  if (!from.has_connection_keepalive()) return;
  const auto& keepalive = from.connection_keepalive();
  to->keepalive_interval = DurationOf(keepalive.interval());
  to->keepalive_timeout = DurationOf(keepalive.timeout());
  if (keepalive.has_interval_jitter()) {
    to->keepalive_jitter_percent = static_cast<uint32_t>(keepalive.interval_jitter().value());
  }
  to->connection_idle_interval = DurationOf(keepalive.connection_idle_interval());
}

}  // namespace outrigger::extension
