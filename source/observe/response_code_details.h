// Thread: any (constants)
#pragma once

#include "absl/strings/string_view.h"

// %RESPONSE_CODE_DETAILS%: why a stream ended as it did, in the published words. A stream holds a view: of one of these
// or of its arena (the ones that end in '{' are completed by the reason and "}").
namespace outrigger::observe::details {

// The ordinary end.
inline constexpr absl::string_view kViaUpstream = "via_upstream";
inline constexpr absl::string_view kDirectResponse = "direct_response";

// The request was refused before routing.
inline constexpr absl::string_view kAbsolutePathRejected = "absolute_path_rejected";
inline constexpr absl::string_view kExpectationFailed = "expectation_failed";
inline constexpr absl::string_view kInvalidMaxForwards = "invalid_max_forwards";
inline constexpr absl::string_view kInvalidRequestHeaders = "request_headers_failed_strict_check";
inline constexpr absl::string_view kMaxForwardsReached = "max_forwards_reached";
inline constexpr absl::string_view kMissingHost = "missing_host_header";
inline constexpr absl::string_view kMissingPath = "missing_path_rejected";
inline constexpr absl::string_view kPathNormalizationFailed = "path_normalization_failed";
inline constexpr absl::string_view kPathNormalizationRedirect = "path_normalization_redirect";
inline constexpr absl::string_view kTraceWithContent = "trace_with_content";
inline constexpr absl::string_view kUpgradeFailed = "upgrade_failed";
inline constexpr absl::string_view kOverload = "overload";  // the overload manager
inline constexpr absl::string_view kRequestPayloadTooLarge = "request_payload_too_large";

// Routing.
inline constexpr absl::string_view kRouteNotFound = "route_not_found";
inline constexpr absl::string_view kClusterNotFound = "cluster_not_found";
inline constexpr absl::string_view kMaintenanceMode = "maintenance_mode";
inline constexpr absl::string_view kNoHealthyUpstream = "no_healthy_upstream";

// Ended by the overload manager.
inline constexpr absl::string_view kOverloadReset = "overload_reset_high_memory_stream";

// Times.
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
// What stands inside the braces (spaces become '_'): the pool's or the stream's reset reason.
inline constexpr absl::string_view kResetConnectionFailure = "remote_connection_failure";
inline constexpr absl::string_view kResetConnectionTimeout = "connection_timeout";
inline constexpr absl::string_view kResetConnectionTermination = "connection_termination";
// After "connection_termination|": the connection had carried requests before, and no byte of an answer came. A request
// that is not idempotent is not sent again then: it may have been processed.
inline constexpr absl::string_view kUnansweredOnReused = "reused_connection_without_answer";
inline constexpr absl::string_view kResetLocal = "local_reset";
inline constexpr absl::string_view kResetLocalRefused = "local_refused_stream_reset";
inline constexpr absl::string_view kResetOverflow = "overflow";
inline constexpr absl::string_view kResetRemote = "remote_reset";
inline constexpr absl::string_view kResetRemoteRefused = "remote_refused_stream_reset";
inline constexpr absl::string_view kResetProtocolError = "protocol_error";

// Downstream connection.
inline constexpr absl::string_view kDownstreamRemoteDisconnect = "downstream_remote_disconnect";
inline constexpr absl::string_view kDownstreamLocalDisconnect = "downstream_local_disconnect";  // + "(reason)"

// Filters.
inline constexpr absl::string_view kFaultAbort = "fault_filter_abort";
inline constexpr absl::string_view kRbacDenied = "rbac_access_denied_matched_policy[";  // + policy (or "none") + "]"

// Why the proxy closed a connection itself (%CONNECTION_TERMINATION_DETAILS%, and inside downstream_local_disconnect).
inline constexpr absl::string_view kCloseOnIdleTimeout = "on_idle_timeout";
inline constexpr absl::string_view kCloseFirstByteTimeout = "first_byte_timeout";
inline constexpr absl::string_view kCloseDrained = "deferred_close_on_drained_connection";
inline constexpr absl::string_view kCloseTcpIdleTimeout = "tcp_session_idle_timeout";
inline constexpr absl::string_view kCloseMaxConnectionDuration = "max_connection_duration_reached";

}  // namespace outrigger::observe::details
