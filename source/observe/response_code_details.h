// Thread: any (constants)
#pragma once

#include "absl/strings/string_view.h"

// %RESPONSE_CODE_DETAILS%: why a stream ended as it did, in the published words. A stream holds a view: of one of these
// or of its arena (the ones that end in '{' are completed by the reason and "}").
namespace outrigger::observe::details {

// The ordinary end.
inline constexpr absl::string_view kViaUpstream = "via_upstream";
inline constexpr absl::string_view kDirectResponse = "direct_response";
inline constexpr absl::string_view kInternalRedirect = "internal_redirect";
inline constexpr absl::string_view kAdminFilterResponse = "admin_filter_response";

// The request was refused before routing.
inline constexpr absl::string_view kAbsolutePathRejected = "absolute_path_rejected";
inline constexpr absl::string_view kInvalidPath = "invalid_path";
inline constexpr absl::string_view kInvalidRequestHeaders = "request_headers_failed_strict_check";
inline constexpr absl::string_view kLowVersion = "low_version";
inline constexpr absl::string_view kMissingHost = "missing_host_header";
inline constexpr absl::string_view kMissingPath = "missing_path_rejected";
inline constexpr absl::string_view kPathNormalizationFailed = "path_normalization_failed";
inline constexpr absl::string_view kPathNormalizationRedirect = "path_normalization_redirect";
inline constexpr absl::string_view kOriginalIpDetectionFailed = "rejecting_because_detection_failed";
inline constexpr absl::string_view kUpgradeFailed = "upgrade_failed";
inline constexpr absl::string_view kOverload = "overload";
inline constexpr absl::string_view kRequestPayloadTooLarge = "request_payload_too_large";
inline constexpr absl::string_view kEarlyConnectData = "early_connect_data";

// Routing.
inline constexpr absl::string_view kRouteConfigurationNotFound = "route_configuration_not_found";
inline constexpr absl::string_view kRouteNotFound = "route_not_found";
inline constexpr absl::string_view kClusterNotFound = "cluster_not_found";
inline constexpr absl::string_view kMaintenanceMode = "maintenance_mode";
inline constexpr absl::string_view kNoHealthyUpstream = "no_healthy_upstream";
inline constexpr absl::string_view kDropOverload = "drop_overload";
inline constexpr absl::string_view kUnconditionalDropOverload = "unconditional_drop_overload";
inline constexpr absl::string_view kFilterChainNotFound = "filter_chain_not_found";
inline constexpr absl::string_view kFilterRemovedRequiredRequestHeaders = "filter_removed_required_request_headers";
inline constexpr absl::string_view kFilterRemovedRequiredResponseHeaders = "filter_removed_required_response_headers";
inline constexpr absl::string_view kFilterAddedInvalidRequestData = "filter_added_invalid_request_data";
inline constexpr absl::string_view kFilterAddedInvalidResponseData = "filter_added_invalid_response_data";

// Times.
inline constexpr absl::string_view kDownstreamHeaderTimeout = "downstream_header_timeout";
inline constexpr absl::string_view kDurationTimeout = "duration_timeout";
inline constexpr absl::string_view kMaxDurationTimeout = "max_duration_timeout";
inline constexpr absl::string_view kRequestHeaderTimeout = "request_header_timeout";
inline constexpr absl::string_view kRequestOverallTimeout = "request_overall_timeout";
inline constexpr absl::string_view kResponseTimeout = "response_timeout";  // the route's timeout
inline constexpr absl::string_view kStreamIdleTimeout = "stream_idle_timeout";
inline constexpr absl::string_view kUpstreamMaxStreamDurationReached = "upstream_max_stream_duration_reached";
inline constexpr absl::string_view kUpstreamPerTryIdleTimeout = "upstream_per_try_idle_timeout";
inline constexpr absl::string_view kUpstreamPerTryTimeout = "upstream_per_try_timeout";

// Upstream.
inline constexpr absl::string_view kUpstreamResetBeforeResponse = "upstream_reset_before_response_started{";
inline constexpr absl::string_view kUpstreamResetAfterResponse = "upstream_reset_after_response_started{";
inline constexpr absl::string_view kResponsePayloadTooLarge = "response_payload_too_large";
inline constexpr absl::string_view kRequestPayloadExceededRetryBuffer = "request_payload_exceeded_retry_buffer_limit";
inline constexpr absl::string_view kWebsocketHandshakeUnsuccessful = "websocket_handshake_unsuccessful";
// What stands inside the braces (spaces become '_'): the pool's or the stream's reset reason.
inline constexpr absl::string_view kResetConnectionFailure = "remote_connection_failure";
inline constexpr absl::string_view kResetLocalConnectionFailure = "local_connection_failure";
inline constexpr absl::string_view kResetConnectionTimeout = "connection_timeout";
inline constexpr absl::string_view kResetConnectionTermination = "connection_termination";
inline constexpr absl::string_view kResetLocal = "local_reset";
inline constexpr absl::string_view kResetLocalRefused = "local_refused_stream_reset";
inline constexpr absl::string_view kResetOverflow = "overflow";
inline constexpr absl::string_view kResetRemote = "remote_reset";
inline constexpr absl::string_view kResetRemoteRefused = "remote_refused_stream_reset";
inline constexpr absl::string_view kResetConnectError = "remote_error_with_CONNECT_request";
inline constexpr absl::string_view kResetOverloadManager = "overload_manager_reset";
inline constexpr absl::string_view kResetProtocolError = "protocol_error";
inline constexpr absl::string_view kResetHttp1PrematureResponse = "http1_premature_upstream_half_close";

// Downstream connection.
inline constexpr absl::string_view kDownstreamRemoteDisconnect = "downstream_remote_disconnect";
inline constexpr absl::string_view kDownstreamLocalDisconnect = "downstream_local_disconnect";  // + "(reason)"
inline constexpr absl::string_view kDownstreamRemoteReset = "downstream_remote_reset";

// Codecs.
inline constexpr absl::string_view kHttp1BodyDisallowed = "http1.body_disallowed";
inline constexpr absl::string_view kHttp1CodecError = "http1.codec_error";
inline constexpr absl::string_view kHttp1ConnectionHeaderRejected = "http1.connection_header_rejected";
inline constexpr absl::string_view kHttp1ContentLengthAndChunked = "http1.content_length_and_chunked_not_allowed";
inline constexpr absl::string_view kHttp1ContentLengthNotAllowed = "http1.content_length_not_allowed";
inline constexpr absl::string_view kHttp1HeadersTooLarge = "http1.headers_too_large";
inline constexpr absl::string_view kHttp1InvalidCharacters = "http1.invalid_characters";
inline constexpr absl::string_view kHttp1InvalidTransferEncoding = "http1.invalid_transfer_encoding";
inline constexpr absl::string_view kHttp1InvalidUrl = "http1.invalid_url";
inline constexpr absl::string_view kHttp1TooManyHeaders = "http1.too_many_headers";
inline constexpr absl::string_view kHttp1TransferEncodingNotAllowed = "http1.transfer_encoding_not_allowed";
inline constexpr absl::string_view kHttp1UnexpectedUnderscore = "http1.unexpected_underscore";
inline constexpr absl::string_view kHttp2EmptyFramesFlood = "http2.inbound_empty_frames_flood";
inline constexpr absl::string_view kHttp2InvalidHeaderField = "http2.invalid.header.field";
inline constexpr absl::string_view kHttp2OutboundFramesFlood = "http2.outbound_frames_flood";
inline constexpr absl::string_view kHttp2TooManyHeaders = "http2.too_many_headers";
inline constexpr absl::string_view kHttp2UnexpectedUnderscore = "http2.unexpected_underscore";
inline constexpr absl::string_view kHttp2UnknownError = "http2.unknown.nghttp2.error";
inline constexpr absl::string_view kHttp2MessagingViolation = "http2.violation.of.messaging.rule";
inline constexpr absl::string_view kHttp2RemoteReset = "http2.remote_reset";
inline constexpr absl::string_view kHttp2RemoteRefuse = "http2.remote_refuse";

// Filters.
inline constexpr absl::string_view kFaultAbort = "fault_filter_abort";
inline constexpr absl::string_view kFaultOverflow = "fault_filter_overflow";
inline constexpr absl::string_view kRbacDenied = "rbac_access_denied_matched_policy[";  // + policy (or "none") + "]"
inline constexpr absl::string_view kBufferTimeout = "request_buffer_timeout";

// Why the proxy closed a connection itself (%CONNECTION_TERMINATION_DETAILS%, and inside downstream_local_disconnect).
inline constexpr absl::string_view kCloseOnIdleTimeout = "on_idle_timeout";
inline constexpr absl::string_view kCloseDrained = "deferred_close_on_drained_connection";
inline constexpr absl::string_view kCloseHttp2PingTimeout = "http2_ping_timeout";
inline constexpr absl::string_view kCloseHttp2Violation = "http2_connection_protocol_violation";
inline constexpr absl::string_view kCloseTransportTimeout = "transport_socket_timeout";
inline constexpr absl::string_view kCloseDelayedTimeout = "triggered_delayed_close_timeout";
inline constexpr absl::string_view kCloseTcpIdleTimeout = "tcp_session_idle_timeout";
inline constexpr absl::string_view kCloseMaxConnectionDuration = "max_connection_duration_reached";

}  // namespace outrigger::observe::details
