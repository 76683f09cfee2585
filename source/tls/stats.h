// Thread: worker (plain counters; the owner makes one per worker and per listener or cluster)
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace outrigger::tls {

// What "ssl." counters say, under Envoy's names. Ciphers, versions, curves and signature algorithms count in small
// tables whose last entry is "other".
struct TlsStats {
  uint64_t handshake = 0;
  uint64_t connection_error = 0;
  uint64_t session_reused = 0;
  uint64_t no_certificate = 0;  // completed without a client certificate
  uint64_t fail_verify_no_cert = 0;
  uint64_t fail_verify_san = 0;
  uint64_t fail_verify_cert_hash = 0;
  uint64_t fail_verify_error = 0;
  uint64_t ocsp_staple_failed = 0;  // always zero, as the three below: there is no stapling yet
  uint64_t ocsp_staple_omitted = 0;
  uint64_t ocsp_staple_responses = 0;
  uint64_t ocsp_staple_requests = 0;
  uint64_t was_key_usage_invalid = 0;
  static constexpr size_t kTable = 16;
  std::array<uint64_t, kTable> ciphers{};
  std::array<uint64_t, kTable> versions{};
  std::array<uint64_t, kTable> curves{};
  std::array<uint64_t, kTable> sigalgs{};
};

// The names of the table entries, in order; the last is "other". Each has at most TlsStats::kTable entries.
absl::Span<const char* const> CipherNames();
absl::Span<const char* const> VersionNames();
absl::Span<const char* const> CurveNames();
absl::Span<const char* const> SignatureNames();
size_t IndexOf(absl::Span<const char* const> names, absl::string_view name);

}  // namespace outrigger::tls
