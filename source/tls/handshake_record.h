// Thread: worker
#pragma once

#include "source/tls/openssl_ptr.h"
#include "source/tls/stats.h"

namespace outrigger::tls {

// Counts a completed handshake with its parameters.
void RecordHandshake(const SSL* ssl, TlsStats& stats);
// Counts a failed one. `refused`: we refused the peer's certificate for the reason `code` (see failure.h).
void RecordFailure(const char* code, bool refused, TlsStats& stats);

}  // namespace outrigger::tls
