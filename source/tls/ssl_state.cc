#include "source/tls/ssl_state.h"

#include <algorithm>

#include "source/tls/certificate_reader.h"
#include "source/tls/failure.h"

namespace outrigger::tls {
namespace {

constexpr Duration kLongestSession = hours(2);

int StateIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool RsaKeyMayNotSign(const X509* leaf) {
  X509* certificate = const_cast<X509*>(leaf);
  return EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA &&
         (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0;
}

}  // namespace

void SetState(SSL* ssl, SslState* state) { SSL_set_ex_data(ssl, StateIndex(), state); }
SslState* StateOf(const SSL* ssl) { return static_cast<SslState*>(SSL_get_ex_data(ssl, StateIndex())); }

int VerifyPeer(X509_STORE_CTX* context, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  SslState* state = ssl != nullptr ? StateOf(ssl) : nullptr;
  if (state == nullptr || state->trust == nullptr) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
    return 0;
  }
  state->judged = true;
  state->verdict = state->trust->Verify(context, state->names, state->dispatcher->wall_now());
  if (state->verdict.accepted && state->enforce_rsa_key_usage && RsaKeyMayNotSign(X509_STORE_CTX_get0_cert(context))) {
    state->verdict = {false, false, code::kPurpose, X509_V_ERR_INVALID_PURPOSE,
                      "verify cert failed: the RSA certificate's key usage lacks digitalSignature"};
    X509_STORE_CTX_set_error(context, state->verdict.x509_error);
  }
  return state->verdict.accepted ? 1 : 0;
}

bool SessionStillValid(const SSL_SESSION* session, const SslState& state) {
  if (state.trust == nullptr || !state.trust->verifies()) return true;
  if (state.trust->allow_expired() || state.trust->accept_untrusted()) return true;
  const X509* peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  return peer == nullptr || state.dispatcher->wall_now() <= TimeOf(X509_get0_notAfter(peer));
}

// A session may be resumed until its ticket's lifetime or the server's certificate ends.
int KeepSession(SSL* ssl, SSL_SESSION* session) {
  SslState* state = StateOf(ssl);
  if (state == nullptr || state->sessions == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  const WallTime now = state->dispatcher->wall_now();
  const auto hint = static_cast<int64_t>(SSL_SESSION_get_ticket_lifetime_hint(session));
  WallTime expires = now + (hint > 0 ? std::min<Duration>(seconds(hint), kLongestSession) : kLongestSession);
  if (const X509* peer = SSL_SESSION_get0_peer(session); peer != nullptr && state->trust->verifies()) {
    if (!SessionStillValid(session, *state)) return 0;
    if (!state->trust->allow_expired() && !state->trust->accept_untrusted()) {
      expires = std::min(expires, TimeOf(X509_get0_notAfter(peer)));
    }
  }
  state->sessions->Put(state->session_key, session, expires, state->max_sessions);
  return 1;
}

}  // namespace outrigger::tls
