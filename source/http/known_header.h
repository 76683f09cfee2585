// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::http {

// Names that the proxy itself reads or writes, interned at parse time. Add a line here and it is known everywhere.
// X(enumerator, "lower-case name")
#define OUTRIGGER_KNOWN_HEADERS(X)                                                            \
  X(kMethod, ":method")                                                                       \
  X(kScheme, ":scheme")                                                                       \
  X(kAuthority, ":authority")                                                                 \
  X(kPath, ":path")                                                                           \
  X(kProtocol, ":protocol")                                                                   \
  X(kStatus, ":status")                                                                       \
  X(kHost, "host")                                                                            \
  X(kConnection, "connection")                                                                \
  X(kKeepAlive, "keep-alive")                                                                 \
  X(kProxyConnection, "proxy-connection")                                                     \
  X(kProxyAuthenticate, "proxy-authenticate")                                                 \
  X(kProxyAuthorization, "proxy-authorization")                                               \
  X(kTransferEncoding, "transfer-encoding")                                                   \
  X(kContentLength, "content-length")                                                         \
  X(kContentType, "content-type")                                                             \
  X(kContentEncoding, "content-encoding")                                                     \
  X(kTe, "te")                                                                                \
  X(kTrailer, "trailer")                                                                      \
  X(kUpgrade, "upgrade")                                                                      \
  X(kHttp2Settings, "http2-settings")                                                         \
  X(kExpect, "expect")                                                                        \
  X(kVia, "via")                                                                              \
  X(kDate, "date")                                                                            \
  X(kServer, "server")                                                                        \
  X(kUserAgent, "user-agent")                                                                 \
  X(kAccept, "accept")                                                                        \
  X(kAcceptEncoding, "accept-encoding")                                                       \
  X(kAcceptLanguage, "accept-language")                                                       \
  X(kAuthorization, "authorization")                                                          \
  X(kCookie, "cookie")                                                                        \
  X(kSetCookie, "set-cookie")                                                                 \
  X(kReferer, "referer")                                                                      \
  X(kOrigin, "origin")                                                                        \
  X(kLocation, "location")                                                                    \
  X(kRange, "range")                                                                          \
  X(kCacheControl, "cache-control")                                                           \
  X(kEtag, "etag")                                                                            \
  X(kLastModified, "last-modified")                                                           \
  X(kRetryAfter, "retry-after")                                                               \
  X(kForwarded, "forwarded")                                                                  \
  X(kXForwardedFor, "x-forwarded-for")                                                        \
  X(kXForwardedProto, "x-forwarded-proto")                                                    \
  X(kXForwardedHost, "x-forwarded-host")                                                      \
  X(kXForwardedPort, "x-forwarded-port")                                                      \
  X(kXForwardedClientCert, "x-forwarded-client-cert")                                         \
  X(kXRequestId, "x-request-id")                                                              \
  X(kXClientTraceId, "x-client-trace-id")                                                     \
  X(kTraceparent, "traceparent")                                                              \
  X(kTracestate, "tracestate")                                                                \
  X(kGrpcStatus, "grpc-status")                                                               \
  X(kGrpcMessage, "grpc-message")                                                             \
  X(kGrpcTimeout, "grpc-timeout")                                                             \
  X(kGrpcEncoding, "grpc-encoding")                                                           \
  X(kGrpcAcceptEncoding, "grpc-accept-encoding")                                              \
  X(kXEnvoyInternal, "x-envoy-internal")                                                      \
  X(kXEnvoyExternalAddress, "x-envoy-external-address")                                       \
  X(kXEnvoyForceTrace, "x-envoy-force-trace")                                                 \
  X(kXEnvoyDownstreamServiceCluster, "x-envoy-downstream-service-cluster")                    \
  X(kXEnvoyDownstreamServiceNode, "x-envoy-downstream-service-node")                          \
  X(kXEnvoyMaxRetries, "x-envoy-max-retries")                                                 \
  X(kXEnvoyRetryOn, "x-envoy-retry-on")                                                       \
  X(kXEnvoyRetryGrpcOn, "x-envoy-retry-grpc-on")                                              \
  X(kXEnvoyRetriableStatusCodes, "x-envoy-retriable-status-codes")                            \
  X(kXEnvoyRetriableHeaderNames, "x-envoy-retriable-header-names")                            \
  X(kXEnvoyUpstreamAltStatName, "x-envoy-upstream-alt-stat-name")                             \
  X(kXEnvoyUpstreamCanary, "x-envoy-upstream-canary")                                         \
  X(kXEnvoyUpstreamRqTimeoutMs, "x-envoy-upstream-rq-timeout-ms")                             \
  X(kXEnvoyUpstreamRqPerTryTimeoutMs, "x-envoy-upstream-rq-per-try-timeout-ms")               \
  X(kXEnvoyUpstreamRqTimeoutAltResponse, "x-envoy-upstream-rq-timeout-alt-response")          \
  X(kXEnvoyUpstreamStreamDurationMs, "x-envoy-upstream-stream-duration-ms")                   \
  X(kXEnvoyUpstreamServiceTime, "x-envoy-upstream-service-time")                              \
  X(kXEnvoyUpstreamHealthcheckedCluster, "x-envoy-upstream-healthchecked-cluster")            \
  X(kXEnvoyExpectedRqTimeoutMs, "x-envoy-expected-rq-timeout-ms")                             \
  X(kXEnvoyAttemptCount, "x-envoy-attempt-count")                                             \
  X(kXEnvoyOriginalHost, "x-envoy-original-host")                                             \
  X(kXEnvoyOriginalPath, "x-envoy-original-path")                                             \
  X(kXEnvoyOriginalMethod, "x-envoy-original-method")                                         \
  X(kXEnvoyOriginalDstHost, "x-envoy-original-dst-host")                                      \
  X(kXEnvoyHedgeOnPerTryTimeout, "x-envoy-hedge-on-per-try-timeout")                          \
  X(kXEnvoyDecoratorOperation, "x-envoy-decorator-operation")                                 \
  X(kXEnvoyOverloaded, "x-envoy-overloaded")                                                  \
  X(kXEnvoyLocalOverloaded, "x-envoy-local-overloaded")                                       \
  X(kXEnvoyDegraded, "x-envoy-degraded")                                                      \
  X(kXEnvoyRatelimited, "x-envoy-ratelimited")                                                \
  X(kXEnvoyImmediateHealthCheckFail, "x-envoy-immediate-health-check-fail")                   \
  X(kXEnvoyFaultAbortRequest, "x-envoy-fault-abort-request")                                  \
  X(kXEnvoyFaultAbortGrpcRequest, "x-envoy-fault-abort-grpc-request")                         \
  X(kXEnvoyFaultDelayRequest, "x-envoy-fault-delay-request")                                  \
  X(kXEnvoyFaultThroughputResponse, "x-envoy-fault-throughput-response")                      \
  X(kXEnvoyFaultAbortRequestPercentage, "x-envoy-fault-abort-request-percentage")             \
  X(kXEnvoyFaultDelayRequestPercentage, "x-envoy-fault-delay-request-percentage")             \
  X(kXEnvoyFaultThroughputResponsePercentage, "x-envoy-fault-throughput-response-percentage") \
  X(kXEnvoyIpTags, "x-envoy-ip-tags")

enum class KnownHeader : uint8_t {
#define X(id, text) id,
  OUTRIGGER_KNOWN_HEADERS(X)
#undef X
      kOther
};
inline constexpr int kKnownHeaderCount = static_cast<int>(KnownHeader::kOther);

extern const absl::string_view kKnownHeaderNames[kKnownHeaderCount + 1];
inline absl::string_view KnownHeaderName(KnownHeader known) {  // "" for kOther
  return kKnownHeaderNames[static_cast<int>(known)];
}
// `lower` is the whole name in lower case. O(1): one hash, one comparison.
KnownHeader LookupKnownHeader(absl::string_view lower);

}  // namespace outrigger::http
