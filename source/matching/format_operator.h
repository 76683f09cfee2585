// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::matching {

// Every documented command operator: X(enumerator, "NAME", parameters, whether ":length" is allowed).
// Parameters: None, Optional, Required. Add a line and it can be configured; its value comes from the FormatSource,
// unless format_value.cc says otherwise.
#define OUTRIGGER_FORMAT_OPERATORS(X)                                                                            \
  X(kStartTime, "START_TIME", Optional, false)                                                                   \
  X(kStartTimeLocal, "START_TIME_LOCAL", Optional, false)                                                        \
  X(kEmitTime, "EMIT_TIME", Optional, false)                                                                     \
  X(kEmitTimeLocal, "EMIT_TIME_LOCAL", Optional, false)                                                          \
  X(kRequestHeadersBytes, "REQUEST_HEADERS_BYTES", None, false)                                                  \
  X(kBytesReceived, "BYTES_RECEIVED", None, false)                                                               \
  X(kBytesRetransmitted, "BYTES_RETRANSMITTED", None, false)                                                     \
  X(kPacketsRetransmitted, "PACKETS_RETRANSMITTED", None, false)                                                 \
  X(kProtocol, "PROTOCOL", None, false)                                                                          \
  X(kUpstreamProtocol, "UPSTREAM_PROTOCOL", None, false)                                                         \
  X(kResponseCode, "RESPONSE_CODE", None, false)                                                                 \
  X(kResponseCodeDetails, "RESPONSE_CODE_DETAILS", Optional, false)                                              \
  X(kConnectionTerminationDetails, "CONNECTION_TERMINATION_DETAILS", None, false)                                \
  X(kResponseHeadersBytes, "RESPONSE_HEADERS_BYTES", None, false)                                                \
  X(kResponseTrailersBytes, "RESPONSE_TRAILERS_BYTES", None, false)                                              \
  X(kBytesSent, "BYTES_SENT", None, false)                                                                       \
  X(kUpstreamRequestAttemptCount, "UPSTREAM_REQUEST_ATTEMPT_COUNT", None, false)                                 \
  X(kUpstreamWireBytesSent, "UPSTREAM_WIRE_BYTES_SENT", None, false)                                             \
  X(kUpstreamWireBytesReceived, "UPSTREAM_WIRE_BYTES_RECEIVED", None, false)                                     \
  X(kUpstreamHeaderBytesSent, "UPSTREAM_HEADER_BYTES_SENT", None, false)                                         \
  X(kUpstreamHeaderBytesReceived, "UPSTREAM_HEADER_BYTES_RECEIVED", None, false)                                 \
  X(kUpstreamDecompressedHeaderBytesSent, "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", None, false)                \
  X(kUpstreamDecompressedHeaderBytesReceived, "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", None, false)        \
  X(kDownstreamWireBytesSent, "DOWNSTREAM_WIRE_BYTES_SENT", None, false)                                         \
  X(kDownstreamWireBytesReceived, "DOWNSTREAM_WIRE_BYTES_RECEIVED", None, false)                                 \
  X(kDownstreamHeaderBytesSent, "DOWNSTREAM_HEADER_BYTES_SENT", None, false)                                     \
  X(kDownstreamHeaderBytesReceived, "DOWNSTREAM_HEADER_BYTES_RECEIVED", None, false)                             \
  X(kDownstreamDecompressedHeaderBytesSent, "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", None, false)            \
  X(kDownstreamDecompressedHeaderBytesReceived, "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", None, false)    \
  X(kDuration, "DURATION", None, false)                                                                          \
  X(kCommonDuration, "COMMON_DURATION", Required, false)                                                         \
  X(kRequestDuration, "REQUEST_DURATION", None, false)                                                           \
  X(kRequestTxDuration, "REQUEST_TX_DURATION", None, false)                                                      \
  X(kResponseDuration, "RESPONSE_DURATION", None, false)                                                         \
  X(kRoundtripDuration, "ROUNDTRIP_DURATION", None, false)                                                       \
  X(kResponseTxDuration, "RESPONSE_TX_DURATION", None, false)                                                    \
  X(kDownstreamHandshakeDuration, "DOWNSTREAM_HANDSHAKE_DURATION", None, false)                                  \
  X(kUpstreamConnectionPoolReadyDuration, "UPSTREAM_CONNECTION_POOL_READY_DURATION", None, false)                \
  X(kResponseFlags, "RESPONSE_FLAGS", None, false)                                                               \
  X(kResponseFlagsLong, "RESPONSE_FLAGS_LONG", None, false)                                                      \
  X(kRouteName, "ROUTE_NAME", None, false)                                                                       \
  X(kOrigin, "ORIGIN", Required, false)                                                                          \
  X(kVirtualClusterName, "VIRTUAL_CLUSTER_NAME", None, false)                                                    \
  X(kUpstreamHost, "UPSTREAM_HOST", None, false)                                                                 \
  X(kUpstreamHostName, "UPSTREAM_HOST_NAME", None, false)                                                        \
  X(kUpstreamHostNameWithoutPort, "UPSTREAM_HOST_NAME_WITHOUT_PORT", None, false)                                \
  X(kUpstreamHostsAttempted, "UPSTREAM_HOSTS_ATTEMPTED", None, false)                                            \
  X(kUpstreamHostsAttemptedWithoutPort, "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", None, false)                    \
  X(kUpstreamHostNamesAttempted, "UPSTREAM_HOST_NAMES_ATTEMPTED", None, false)                                   \
  X(kUpstreamHostNamesAttemptedWithoutPort, "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", None, false)           \
  X(kUpstreamCluster, "UPSTREAM_CLUSTER", None, false)                                                           \
  X(kUpstreamClusterRaw, "UPSTREAM_CLUSTER_RAW", None, false)                                                    \
  X(kUpstreamLocalAddress, "UPSTREAM_LOCAL_ADDRESS", None, false)                                                \
  X(kUpstreamLocalAddressWithoutPort, "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Optional, false)                    \
  X(kUpstreamLocalPort, "UPSTREAM_LOCAL_PORT", None, false)                                                      \
  X(kUpstreamRemoteAddress, "UPSTREAM_REMOTE_ADDRESS", None, false)                                              \
  X(kUpstreamRemoteAddressWithoutPort, "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Optional, false)                  \
  X(kUpstreamRemotePort, "UPSTREAM_REMOTE_PORT", None, false)                                                    \
  X(kUpstreamRemoteAddressEndpointId, "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", None, false)                        \
  X(kUpstreamTransportFailureReason, "UPSTREAM_TRANSPORT_FAILURE_REASON", None, false)                           \
  X(kUpstreamDetectedCloseType, "UPSTREAM_DETECTED_CLOSE_TYPE", None, false)                                     \
  X(kUpstreamLocalCloseReason, "UPSTREAM_LOCAL_CLOSE_REASON", None, false)                                       \
  X(kDownstreamTransportFailureReason, "DOWNSTREAM_TRANSPORT_FAILURE_REASON", None, false)                       \
  X(kDownstreamLocalCloseReason, "DOWNSTREAM_LOCAL_CLOSE_REASON", None, false)                                   \
  X(kDownstreamDetectedCloseType, "DOWNSTREAM_DETECTED_CLOSE_TYPE", None, false)                                 \
  X(kDownstreamRemoteAddress, "DOWNSTREAM_REMOTE_ADDRESS", None, false)                                          \
  X(kDownstreamRemoteAddressWithoutPort, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Optional, false)              \
  X(kDownstreamRemotePort, "DOWNSTREAM_REMOTE_PORT", None, false)                                                \
  X(kDownstreamDirectRemoteAddress, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", None, false)                             \
  X(kDownstreamDirectRemoteAddressWithoutPort, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Optional, false) \
  X(kDownstreamDirectRemotePort, "DOWNSTREAM_DIRECT_REMOTE_PORT", None, false)                                   \
  X(kDownstreamLocalAddress, "DOWNSTREAM_LOCAL_ADDRESS", None, false)                                            \
  X(kDownstreamLocalAddressWithoutPort, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Optional, false)                \
  X(kDownstreamLocalPort, "DOWNSTREAM_LOCAL_PORT", None, false)                                                  \
  X(kDownstreamDirectLocalAddress, "DOWNSTREAM_DIRECT_LOCAL_ADDRESS", None, false)                               \
  X(kDownstreamDirectLocalAddressWithoutPort, "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", Optional, false)   \
  X(kDownstreamDirectLocalPort, "DOWNSTREAM_DIRECT_LOCAL_PORT", None, false)                                     \
  X(kDownstreamLocalAddressEndpointId, "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", None, false)                      \
  X(kDownstreamDirectLocalAddressEndpointId, "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", None, false)         \
  X(kConnectionId, "CONNECTION_ID", None, false)                                                                 \
  X(kUpstreamConnectionId, "UPSTREAM_CONNECTION_ID", None, false)                                                \
  X(kUpstreamConnectionIdsAttempted, "UPSTREAM_CONNECTION_IDS_ATTEMPTED", None, false)                           \
  X(kStreamId, "STREAM_ID", None, false)                                                                         \
  X(kGrpcStatus, "GRPC_STATUS", Optional, false)                                                                 \
  X(kGrpcStatusNumber, "GRPC_STATUS_NUMBER", None, false)                                                        \
  X(kRequestHeader, "REQ", Required, true)                                                                       \
  X(kResponseHeader, "RESP", Required, true)                                                                     \
  X(kTrailer, "TRAILER", Required, true)                                                                         \
  X(kRequestHeaderLong, "REQUEST_HEADER", Required, true)                                                        \
  X(kResponseHeaderLong, "RESPONSE_HEADER", Required, true)                                                      \
  X(kTrailerLong, "RESPONSE_TRAILER", Required, true)                                                            \
  X(kRequestHeaderWithoutQuery, "REQ_WITHOUT_QUERY", Required, true)                                             \
  X(kDynamicMetadata, "DYNAMIC_METADATA", Required, true)                                                        \
  X(kClusterMetadata, "CLUSTER_METADATA", Required, true)                                                        \
  X(kUpstreamMetadata, "UPSTREAM_METADATA", Required, true)                                                      \
  X(kMetadata, "METADATA", Required, true)                                                                       \
  X(kFilterState, "FILTER_STATE", Required, true)                                                                \
  X(kUpstreamFilterState, "UPSTREAM_FILTER_STATE", Required, true)                                               \
  X(kPerRequestState, "PER_REQUEST_STATE", Required, true)                                                       \
  X(kRequestedServerName, "REQUESTED_SERVER_NAME", Optional, false)                                              \
  X(kDownstreamLocalIpSan, "DOWNSTREAM_LOCAL_IP_SAN", None, false)                                               \
  X(kDownstreamPeerIpSan, "DOWNSTREAM_PEER_IP_SAN", None, false)                                                 \
  X(kDownstreamLocalDnsSan, "DOWNSTREAM_LOCAL_DNS_SAN", None, false)                                             \
  X(kDownstreamPeerDnsSan, "DOWNSTREAM_PEER_DNS_SAN", None, false)                                               \
  X(kDownstreamLocalUriSan, "DOWNSTREAM_LOCAL_URI_SAN", None, false)                                             \
  X(kDownstreamPeerUriSan, "DOWNSTREAM_PEER_URI_SAN", None, false)                                               \
  X(kDownstreamLocalEmailSan, "DOWNSTREAM_LOCAL_EMAIL_SAN", None, false)                                         \
  X(kDownstreamPeerEmailSan, "DOWNSTREAM_PEER_EMAIL_SAN", None, false)                                           \
  X(kDownstreamLocalOthernameSan, "DOWNSTREAM_LOCAL_OTHERNAME_SAN", None, false)                                 \
  X(kDownstreamPeerOthernameSan, "DOWNSTREAM_PEER_OTHERNAME_SAN", None, false)                                   \
  X(kDownstreamLocalSubject, "DOWNSTREAM_LOCAL_SUBJECT", None, false)                                            \
  X(kDownstreamPeerSubject, "DOWNSTREAM_PEER_SUBJECT", None, false)                                              \
  X(kDownstreamPeerIssuer, "DOWNSTREAM_PEER_ISSUER", None, false)                                                \
  X(kDownstreamTlsSessionId, "DOWNSTREAM_TLS_SESSION_ID", None, false)                                           \
  X(kDownstreamTlsCipher, "DOWNSTREAM_TLS_CIPHER", None, false)                                                  \
  X(kDownstreamTlsGroup, "DOWNSTREAM_TLS_GROUP", None, false)                                                    \
  X(kDownstreamTlsVersion, "DOWNSTREAM_TLS_VERSION", None, false)                                                \
  X(kDownstreamPeerFingerprint256, "DOWNSTREAM_PEER_FINGERPRINT_256", None, false)                               \
  X(kDownstreamPeerFingerprint1, "DOWNSTREAM_PEER_FINGERPRINT_1", None, false)                                   \
  X(kDownstreamPeerSerial, "DOWNSTREAM_PEER_SERIAL", None, false)                                                \
  X(kDownstreamPeerChainFingerprints256, "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", None, false)                  \
  X(kDownstreamPeerChainFingerprints1, "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", None, false)                      \
  X(kDownstreamPeerChainSerials, "DOWNSTREAM_PEER_CHAIN_SERIALS", None, false)                                   \
  X(kDownstreamPeerIssuerFingerprint256, "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", None, false)                  \
  X(kDownstreamPeerIssuerSerial, "DOWNSTREAM_PEER_ISSUER_SERIAL", None, false)                                   \
  X(kDownstreamPeerCert, "DOWNSTREAM_PEER_CERT", None, false)                                                    \
  X(kDownstreamPeerCertVStart, "DOWNSTREAM_PEER_CERT_V_START", Optional, false)                                  \
  X(kDownstreamPeerCertVEnd, "DOWNSTREAM_PEER_CERT_V_END", Optional, false)                                      \
  X(kTlsJa3Fingerprint, "TLS_JA3_FINGERPRINT", None, false)                                                      \
  X(kTlsJa4Fingerprint, "TLS_JA4_FINGERPRINT", None, false)                                                      \
  X(kUpstreamPeerSubject, "UPSTREAM_PEER_SUBJECT", None, false)                                                  \
  X(kUpstreamPeerIssuer, "UPSTREAM_PEER_ISSUER", None, false)                                                    \
  X(kUpstreamTlsSessionId, "UPSTREAM_TLS_SESSION_ID", None, false)                                               \
  X(kUpstreamTlsCipher, "UPSTREAM_TLS_CIPHER", None, false)                                                      \
  X(kUpstreamTlsGroup, "UPSTREAM_TLS_GROUP", None, false)                                                        \
  X(kUpstreamTlsVersion, "UPSTREAM_TLS_VERSION", None, false)                                                    \
  X(kUpstreamServerName, "UPSTREAM_SERVER_NAME", None, false)                                                    \
  X(kUpstreamPeerCert, "UPSTREAM_PEER_CERT", None, false)                                                        \
  X(kUpstreamPeerCertVStart, "UPSTREAM_PEER_CERT_V_START", Optional, false)                                      \
  X(kUpstreamPeerCertVEnd, "UPSTREAM_PEER_CERT_V_END", Optional, false)                                          \
  X(kUpstreamPeerUriSan, "UPSTREAM_PEER_URI_SAN", None, false)                                                   \
  X(kUpstreamPeerDnsSan, "UPSTREAM_PEER_DNS_SAN", None, false)                                                   \
  X(kUpstreamPeerIpSan, "UPSTREAM_PEER_IP_SAN", None, false)                                                     \
  X(kUpstreamLocalUriSan, "UPSTREAM_LOCAL_URI_SAN", None, false)                                                 \
  X(kUpstreamLocalDnsSan, "UPSTREAM_LOCAL_DNS_SAN", None, false)                                                 \
  X(kUpstreamLocalIpSan, "UPSTREAM_LOCAL_IP_SAN", None, false)                                                   \
  X(kHostname, "HOSTNAME", None, false)                                                                          \
  X(kLocalReplyBody, "LOCAL_REPLY_BODY", None, false)                                                            \
  X(kFilterChainName, "FILTER_CHAIN_NAME", None, false)                                                          \
  X(kAccessLogType, "ACCESS_LOG_TYPE", None, false)                                                              \
  X(kUniqueId, "UNIQUE_ID", None, false)                                                                         \
  X(kEnvironment, "ENVIRONMENT", Required, true)                                                                 \
  X(kTraceId, "TRACE_ID", None, false)                                                                           \
  X(kSpanId, "SPAN_ID", None, false)                                                                             \
  X(kQueryParam, "QUERY_PARAM", Required, true)                                                                  \
  X(kQueryParams, "QUERY_PARAMS", Optional, true)                                                                \
  X(kPath, "PATH", Optional, true)                                                                               \
  X(kCustomFlags, "CUSTOM_FLAGS", None, false)                                                                   \
  X(kCoalesce, "COALESCE", Required, true)

enum class Operator : uint8_t {
#define X(id, name, parameters, length) id,
  OUTRIGGER_FORMAT_OPERATORS(X)
#undef X
};

absl::string_view OperatorName(Operator op);

}  // namespace outrigger::matching
