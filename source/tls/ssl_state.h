// Thread: worker
#pragma once

#include <string>

#include "source/event/dispatcher.h"
#include "source/tls/openssl_ptr.h"
#include "source/tls/session_cache.h"
#include "source/tls/trust.h"

namespace outrigger::tls {

// What OpenSSL's callbacks find behind an SSL. A member of the transport, which outlives its SSL.
struct SslState {
  const Trust* trust = nullptr;
  NameExpectation names;
  event::Dispatcher* dispatcher = nullptr;
  bool enforce_rsa_key_usage = false;
  // Filled by callbacks:
  bool judged = false;  // the verify callback ran: the peer presented a certificate in this handshake
  Trust::Verdict verdict;
  // Clients: where new sessions go.
  SessionCache* sessions = nullptr;
  uint32_t max_sessions = 0;
  std::string session_key;
};

void SetState(SSL* ssl, SslState* state);
SslState* StateOf(const SSL* ssl);
// SSL_CTX_set_cert_verify_callback.
int VerifyPeer(X509_STORE_CTX* context, void*);
// Whether the certificate in a session is still within its time (or there is none, or nobody cares).
bool SessionStillValid(const SSL_SESSION* session, const SslState& state);

// SSL_CTX_sess_set_new_cb of clients. 1: the reference to `session` was taken.
int KeepSession(SSL* ssl, SSL_SESSION* session);

}  // namespace outrigger::tls
