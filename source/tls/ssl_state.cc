#include "source/tls/ssl_state.h"

#include "source/tls/certificate_reader.h"
#include "source/tls/failure.h"

namespace outrigger::tls {
namespace {

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
  const auto* ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  SslState* state = ssl != nullptr ? StateOf(ssl) : nullptr;
  if (state == nullptr || state->trust == nullptr) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
    return 0;
  }
  state->judged = true;
  state->verdict = state->trust->Verify(context, state->names, state->dispatcher->wall_now());
  if (state->verdict.accepted && state->enforce_rsa_key_usage &&
      RsaKeyMayNotSign(X509_STORE_CTX_get0_cert(context))) {
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

}  // namespace outrigger::tls
