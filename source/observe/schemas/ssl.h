// Thread: any (constant tables)
#pragma once

#include "source/observe/stats_block.h"

// Statistics of TLS. Prefixes: "listener.<address>.ssl.", "cluster.<name>.ssl.". By run-time name
// (WorkerStats::Dynamic): "ciphers.<cipher>", "curves.<curve>", "sigalgs.<algorithm>", "versions.<version>".
#define OUTRIGGER_SSL_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(connection_error)                                         \
  COUNTER(fail_verify_cert_hash)                                    \
  COUNTER(fail_verify_error)                                        \
  COUNTER(fail_verify_no_cert)                                      \
  COUNTER(fail_verify_san)                                          \
  COUNTER(handshake)                                                \
  COUNTER(no_certificate)                                           \
  COUNTER(ocsp_staple_failed)                                       \
  COUNTER(ocsp_staple_omitted)                                      \
  COUNTER(ocsp_staple_requests)                                     \
  COUNTER(ocsp_staple_responses)                                    \
  COUNTER(session_reused)                                           \
  COUNTER(was_key_usage_invalid)

// "listener.<address>.server_ssl_socket_factory.", "cluster.<name>.client_ssl_socket_factory.": waiting for secrets.
#define OUTRIGGER_SSL_SOCKET_FACTORY_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) \
  COUNTER(downstream_context_secrets_not_ready)                                    \
  COUNTER(ssl_context_update_by_sds)                                               \
  COUNTER(upstream_context_secrets_not_ready)

// "<scope>.ssl.certificate.<name>.": a certificate's end.
#define OUTRIGGER_CERTIFICATE_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) GAUGE(expiration_unix_time_seconds)

// "sds.<secret name>.": one secret's subscription (see also SubscriptionStats);
// "cluster.<c>.client_ssl_socket_factory".
#define OUTRIGGER_SDS_STATS(COUNTER, GAUGE, HISTOGRAM, CODES, TEXT) COUNTER(key_rotation_failed)

namespace outrigger::observe {
OUTRIGGER_STATS_BLOCK(SslStats, OUTRIGGER_SSL_STATS)
OUTRIGGER_STATS_BLOCK(SslSocketFactoryStats, OUTRIGGER_SSL_SOCKET_FACTORY_STATS)
OUTRIGGER_STATS_BLOCK(CertificateStats, OUTRIGGER_CERTIFICATE_STATS)
OUTRIGGER_STATS_BLOCK(SdsStats, OUTRIGGER_SDS_STATS)
}  // namespace outrigger::observe
