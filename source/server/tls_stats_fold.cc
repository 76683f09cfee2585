#include "absl/strings/str_cat.h"
#include "source/server/worker_listener.h"

namespace outrigger::server {

// TLS counts in a plain struct of its own (it must not know the registry); what is new since the last time is added to the block.
void WorkerListener::FoldTlsStats() {
  if (!config_->ssl_stats) return;
  observe::SslStats& block = worker_.stats().Get(config_->ssl_stats);
  tls::TlsStats& done = tls_folded_;
  const tls::TlsStats& now = tls_stats_;
  const auto fold = [](observe::Counter& counter, uint64_t total, uint64_t& folded) {
    if (total != folded) counter.Add(total - std::exchange(folded, total));
  };
  fold(block.handshake, now.handshake, done.handshake);
  fold(block.connection_error, now.connection_error, done.connection_error);
  fold(block.session_reused, now.session_reused, done.session_reused);
  fold(block.no_certificate, now.no_certificate, done.no_certificate);
  fold(block.fail_verify_no_cert, now.fail_verify_no_cert, done.fail_verify_no_cert);
  fold(block.fail_verify_san, now.fail_verify_san, done.fail_verify_san);
  fold(block.fail_verify_cert_hash, now.fail_verify_cert_hash, done.fail_verify_cert_hash);
  fold(block.fail_verify_error, now.fail_verify_error, done.fail_verify_error);
  fold(block.was_key_usage_invalid, now.was_key_usage_invalid, done.was_key_usage_invalid);
  const auto fold_table = [&](absl::string_view kind, absl::Span<const char* const> names, const auto& totals, auto& folded) {
    for (size_t i = 0; i < names.size() && i < totals.size(); ++i) {
      if (totals[i] == folded[i]) continue;
      worker_.stats().Dynamic(config_->ssl_stats, absl::StrCat(kind, ".", names[i])).Add(totals[i] - folded[i]);
      folded[i] = totals[i];
    }
  };
  fold_table("ciphers", tls::CipherNames(), now.ciphers, done.ciphers);
  fold_table("versions", tls::VersionNames(), now.versions, done.versions);
  fold_table("curves", tls::CurveNames(), now.curves, done.curves);
  fold_table("sigalgs", tls::SignatureNames(), now.sigalgs, done.sigalgs);
}

}  // namespace outrigger::server
