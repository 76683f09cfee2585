#include "test/integration/response_detail_rows.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::integration {
namespace {

using absl::StrCat;

const std::string kHost = "\r\nhost: a\r\n";
}  // namespace

std::string Get(const std::string& path, const std::string& more) {
  return StrCat("GET ", path, " HTTP/1.1", kHost, more, "\r\n");
}

std::string Http2(const std::string& frames) { return StrCat(http::h2::kPreface, http::h2::Settings(), frames); }

http::h2::Fields GetFields(const std::string& path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

namespace {

Row By(std::string (*scenario)(), const std::string& logged) { return {"", "", logged, false, scenario}; }
Row Elsewhere(const char* test) { return {"", "", "", false, nullptr, test}; }
[[maybe_unused]] Row Later(const char* feature) { return {"", "", "", false, nullptr, "", feature}; }
Row Never(const char* why) { return {"", "", "", false, nullptr, "", "", why}; }

std::string Chunked(const std::string& body) {
  return StrCat("POST /silent HTTP/1.1", kHost, "transfer-encoding: chunked\r\n\r\n", body);
}
std::string Many(int n, const std::string& text) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}
http::h2::Fields PostFields() {
  http::h2::Fields fields = GetFields();
  fields[0].second = "POST";
  return fields;
}

std::map<std::string, Row> Http1Rows() {
  const std::string long_text(70000, 'x');
  const char* const client = "test/http/h1/client_session_test.cc";
  return {
      {"low_version", {"plain", "GET / HTTP/1.0\r\nhost: a\r\n\r\n"}},
      {"missing_host_header", {"plain", "GET / HTTP/1.1\r\n\r\n"}},
      {"expectation_failed", {"plain", Get("/", "expect: a-miracle\r\n")}},
      {"invalid_max_forwards", {"plain", "OPTIONS / HTTP/1.1\r\nhost: a\r\nmax-forwards: -1\r\n\r\n"}},
      {"max_forwards_reached", {"plain", "TRACE / HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n"}},
      {"trace_with_content", {"plain", "TRACE / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx"}},
      {"http1.codec_error", {"plain", "\x01\r\n\r\n"}},
      {"http1.connection_header_rejected", {"plain", Get("/", "connection: host\r\n")}},
      {"http1.content_length_and_chunked_not_allowed",
       {"plain", Get("/", "content-length: 1\r\ntransfer-encoding: chunked\r\n")}},
      {"http1.content_length_not_allowed", {"plain", "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\ncontent-length: 1\r\n\r\n"}},
      {"http1.transfer_encoding_not_allowed",
       {"plain", "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\ntransfer-encoding: chunked\r\n\r\n"}},
      {"http1.forbidden_trailer", {"plain", Chunked("0\r\ncontent-length: 1\r\n\r\n")}},
      {"http1.headers_too_large", {"plain", Get("/", StrCat("x: ", long_text, "\r\n"))}},
      {"http1.uri_too_large", {"plain", Get("/" + long_text)}},
      {"http1.trailers_too_large", {"plain", Chunked(StrCat("0\r\nx: ", long_text, "\r\n\r\n"))}},
      {"http1.invalid_characters", {"plain", Get("/", "x: \x01\r\n")}},
      {"http1.invalid_chunk", {"plain", Chunked("zz\r\n")}},
      {"http1.chunk_line_too_large", {"plain", Chunked(StrCat("1;", std::string(2000, 'x')))}},
      {"http1.chunk_extensions_too_large",
       {"plain", Chunked(Many(20, StrCat("1;", std::string(1000, 'x'), "\r\nx\r\n")))}},
      {"http1.invalid_content_length", {"plain", Get("/", "content-length: x\r\n")}},
      {"http1.invalid_host", {"plain", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"}},
      {"http1.invalid_scheme", {"plain", Get("ftp://a/")}},
      {"http1.invalid_transfer_encoding", {"plain", Get("/", "transfer-encoding: gzip\r\n")}},
      {"http1.invalid_url", {"plain", Get("*")}},
      {"http1.unsupported_version", {"plain", "GET / HTTP/3.1\r\nhost: a\r\n\r\n"}},
      {"http1.too_many_headers", {"strict", Get("/", Many(10, "x: y\r\n"))}},
      {"http1.unexpected_underscore", {"strict", Get("/", "x_y: z\r\n")}},
      {"http1.content_length_mismatch", Elsewhere(client)},
      {"http1.invalid_request", Elsewhere(client)},
      {"http1.too_many_interim_responses", Elsewhere(client)},
      {"http1.unexpected_upgrade", Elsewhere(client)},
      {"http1.unexpected_response", Elsewhere(client)},
      {"http1.method_too_long", {"plain", StrCat(std::string(65, 'M'), " / HTTP/1.1", kHost, "\r\n")}},
  };
}

std::map<std::string, Row> Http2Rows() {
  using namespace http::h2;  // the frames
  const char* const flood = "test/http/h2/flood_test.cc";
  const char* const violation = "test/http/h2/violation_test.cc";
  const char* const conformance = "test/http/h2/conformance_test.cc";
  const std::string silent = Headers(1, GetFields(), true);
  Fields many = GetFields();
  for (int i = 0; i < 10; ++i) many.push_back({"x", "y"});
  Fields underscore = GetFields();
  underscore.push_back({"x_y", "z"});
  Fields field = GetFields();
  field.push_back({"x", "a\nb"});
  Fields bad_authority = GetFields();
  bad_authority[2].second = "a:8x";
  return {
      {"http2.bad_client_preface", {"h2", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"}},
      {"http2.drained", Elsewhere("test/http/h2/lifecycle_test.cc")},
      {"http2.goaway", Never("of upstream streams: said as remote_refused_stream_reset (router_drain_test)")},
      {"http2.extended_connect_not_allowed", Elsewhere("test/http/h2/exchange_test.cc")},
      {"http2.flow_control_error",
       {"plain", Http2(silent + Frame(8, 0, 1, Number(0x7fffffff, 4)) + Frame(8, 0, 0, Number(0x7fffffff, 4)))}},
      {"http2.frame_on_closed_stream", {"plain", Http2(silent + Data(1, "x", true))}},
      {"http2.frame_size_error", {"plain", Http2(silent + Frame(6, 0, 0, "123"))}},
      {"http2.header_compression_error",
       {"plain", Http2(Frame(1, kEndHeaders | kEndStream, 1, "\xff\xff\xff\xff\xff\xff"))}},
      {"http2.header_block_too_large", Elsewhere(flood)},
      {"http2.inbound_control_frames_flood", Elsewhere(flood)},
      {"http2.inbound_empty_frames_flood",
       {"plain", Http2(Headers(1, PostFields(), false) + Many(3, Data(1, "", false)))}},
      {"http2.inbound_priority_frames_flood",
       {"plain", Http2(silent + Many(300, Frame(2, 0, 1, Number(0, 4) + "\x10")))}},
      {"http2.inbound_resets_flood", Elsewhere(flood)},
      {"http2.inbound_window_update_frames_flood", {"plain", Http2(silent + Many(100, Frame(8, 0, 0, Number(1, 4))))}},
      {"http2.invalid.header.field", {"plain", Http2(Headers(1, field, true))}},
      {"http2.invalid_authority", {"plain", Http2(Headers(1, bad_authority, true))}},
      {"http2.invalid_scheme", Elsewhere(violation)},
      {"http2.invalid_path", {"plain", Http2(Headers(1, GetFields("/a#b"), true))}},
      {"http2.keepalive_timeout", Elsewhere("test/http/h2/lifecycle_test.cc")},
      {"http2.memory_limit", Elsewhere(flood)},
      {"http2.preface_timeout", Elsewhere(flood)},
      {"http2.stream_id_not_increasing", Elsewhere(conformance)},
      {"http2.no_stream_id_left", Never("needs two thousand million requests on one connection")},
      {"http2.outbound_control_frames_flood", Elsewhere(flood)},
      {"http2.outbound_frames_flood", Elsewhere(flood)},
      {"http2.protocol_error", {"plain", Http2(silent + Frame(0, 0, 0, "x"))}},
      {"http2.push_refused", Elsewhere(violation)},
      {"http2.remote_complete", Never("of upstream requests whose answer is whole: nothing failed")},
      {"http2.remote_refuse", {"plain", Http2(silent + Reset(1, ErrorCode::kRefusedStream))}},
      {"http2.remote_reset", {"plain", Http2(silent + Reset(1, ErrorCode::kCancel))}},
      {"http2.settings_expected", {"plain", StrCat(kPreface, silent)}},
      {"http2.too_many_continuations", Elsewhere(flood)},
      {"http2.too_many_interim_responses", Elsewhere(violation)},
      {"http2.too_many_headers", {"strict", Http2(Headers(1, many, true))}},
      {"http2.too_many_settings", {"plain", Http2(Settings(std::vector<std::pair<uint16_t, uint32_t>>(100, {9, 1})))}},
      {"http2.unexpected_underscore", {"strict", Http2(Headers(1, underscore, true))}},
      {"http2.violation.of.messaging.rule",
       {"plain", Http2(Headers(1, {{":method", "GET"}, {":scheme", "http"}}, true))}},
  };
}

std::map<std::string, Row> HopRows() {
  const auto before = [](const char* word) { return StrCat("upstream_reset_before_response_started{", word, "}"); };
  return {
      {"via_upstream", {"plain", Get("/fine")}},
      {"direct_response", {"plain", Get("/direct")}},
      {"absolute_path_rejected", Never("both codecs refuse such targets before")},
      {"missing_path_rejected", Never("both codecs refuse such requests before")},
      {"request_headers_failed_strict_check", {"strict", Get("/fine", "x-envoy-max-retries: many\r\n")}},
      {"path_normalization_failed", {"strict", Get("/a%2fb")}},
      {"path_normalization_redirect", {"redirect", Get("/a%2fb")}},
      {"upgrade_failed", {"plain", Get("/", "connection: upgrade\r\nupgrade: websocket\r\n")}},
      {"request_payload_too_large",
       {"strict", StrCat("POST / HTTP/1.1", kHost, "content-length: 100\r\n\r\n", std::string(100, 'x'))}},
      {"response_payload_too_large", Elsewhere("test/http/stream_test.cc")},
      {"route_not_found", {"plain", "GET / HTTP/1.1\r\nhost: b\r\n\r\n"}},
      {"cluster_not_found", {"plain", Get("/unknown")}},
      {"maintenance_mode", {"plain", Get("/maintained")}},
      {"no_healthy_upstream", {"plain", Get("/empty")}},
      {"max_duration_timeout", {"timed", Get("/lasting")}},
      {"request_header_timeout", {"timed", "GET / HTTP/1.1\r\n"}},
      {"request_overall_timeout", {"timed", StrCat("POST /silent HTTP/1.1", kHost, "content-length: 5\r\n\r\nx")}},
      {"stream_idle_timeout", {"timed", Get("/silent")}},
      {"response_timeout", {"plain", Get("/timeout")}},
      {"upstream_max_stream_duration_reached", {"plain", Get("/short")}},
      {"upstream_per_try_timeout", {"plain", Get("/try")}},
      {"upstream_per_try_idle_timeout", {"plain", Get("/idle")}},
      {"upstream_reset_before_response_started{", {"plain", Get("/cut"), before("connection_termination")}},
      {"upstream_reset_after_response_started{",
       {"plain", Get("/half"), "upstream_reset_after_response_started{connection_termination}"}},
      {"remote_connection_failure",
       {"plain", Get("/dead"), before("remote_connection_failure|delayed_connect_error:_Connection_refused")}},
      {"connection_timeout", By(ConnectsToAHostThatNeverAnswers, before("connection_timeout"))},
      {"reused_connection_without_answer", Elsewhere("test/integration/keepalive_race_test.cc")},
      {"connection_termination", {"plain", Get("/cut"), before("connection_termination")}},
      {"local_reset", By(ClusterRemovedBetweenTries, before("local_reset|cluster_removed"))},
      {"local_refused_stream_reset", Never("no upstream stream is given up before it begins")},
      {"overload", Elsewhere("test/integration/overload_test.cc")},
      {"overload_reset_high_memory_stream", Elsewhere("test/integration/overload_test.cc")},
      {"overflow", {"plain", Get("/full"), before("overflow")}},
      {"remote_reset", {"plain", Get("/reset2"), before("remote_reset")}},
      {"remote_refused_stream_reset", {"plain", Get("/refuse2"), before("remote_refused_stream_reset")}},
      {"protocol_error", {"plain", Get("/nonsense"), before("protocol_error")}},
      {"downstream_remote_disconnect", {"plain", Get("/silent"), "", true}},
      {"downstream_local_disconnect", By(CutAtTheEndOfTheDrain, "downstream_local_disconnect")},
      {"fault_filter_abort", {"plain", Get("/fine", "x-envoy-fault-abort-request: 418\r\n")}},
      {"rbac_access_denied_matched_policy[", {"plain", Get("/forbidden"), "rbac_access_denied_matched_policy[p]"}},
  };
}

// How a connection ended: inside the braces when an answer that had begun ends with its HTTP/2 connection.
std::map<std::string, Row> ConnectionRows() {
  const auto after = [](const char* word) { return StrCat("upstream_reset_after_response_started{", word, "}"); };
  return {
      {"remote_close", {"plain", Get("/close2"), after("remote_close")}},
      {"reset", {"plain", Get("/abort2"), after("reset")}},
      {"on_idle_timeout", Never("of connections without streams")},
      {"first_byte_timeout", Never("of connections without streams")},
      {"deferred_close_on_drained_connection", Never("of connections without streams")},
      {"max_connection_duration_reached", Never("of connections without streams")},
      {"tcp_session_idle_timeout", Never("of TCP connections: TcpProxyTest")},
      {"connect_failed", Never("said as remote_connection_failure and the system's reason")},
      {"connect_timeout", Never("said as connection_timeout")},
      {"handshake_timeout", Never("of connections that never had a stream")},
      {"handshake_limit", Never("of connections that never had a stream")},
      {"closed_during_handshake", Never("of connections that never had a stream")},
      {"no_terminal_filter", Never("of connections that never had a stream")},
      {"flush_timeout", Never("of connections whose streams are over")},
      {"stream_reset", Never("of a connection that ends for its stream: the stream has its own reason")},
      {"upstream_host_unhealthy", Never("said as connection_termination")},
      {"drain_time_over", Never("said as downstream_local_disconnect")},
  };
}

}  // namespace

std::map<std::string, Row> DetailRows() {
  std::map<std::string, Row> rows = HopRows();
  rows.merge(ConnectionRows());
  rows.merge(Http1Rows());
  rows.merge(Http2Rows());
  return rows;
}

}  // namespace outrigger::integration
