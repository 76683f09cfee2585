#include "source/tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/tls/certificate.h"
#include "source/tls/ssl_state.h"
#include "source/tls/trust.h"

namespace outrigger::tls {
namespace {

constexpr size_t kTicketKeySize = 80;  // 16 name, 32 HMAC-SHA256, 32 AES-256, as Envoy's session_ticket_keys
constexpr size_t kTicketNameSize = 16;
constexpr Duration kDefaultSessionTimeout = hours(2);
constexpr Duration kLongestSession = hours(24 * 7);  // RFC 8446 4.6.1

absl::Status At(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

}  // namespace

struct ServerContext::Parts {
  std::vector<Certificate> certificates;
  absl::flat_hash_map<std::string, std::vector<size_t>> exact;     // lower case
  absl::flat_hash_map<std::string, std::vector<size_t>> wildcard;  // "example.com" for "*.example.com"
  std::vector<Secret> ticket_keys;
  std::string alpn_wire;
  std::string alpn_wire_before_tls12;
  SslCtxPtr context;
};

// OpenSSL's callbacks of a server; `arg` is the context.
struct ServerCallbacks {
  static const ServerContext& Of(void* arg) { return *static_cast<const ServerContext*>(arg); }

  // Before the certificate is chosen, with the ClientHello read.
  static int ChooseCertificate(SSL* ssl, void* arg) {
    const ServerContext& context = Of(arg);
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const std::vector<size_t> chosen = context.CertificatesFor(name != nullptr ? name : "");
    SSL_certs_clear(ssl);
    for (const size_t index : chosen) {
      if (!context.parts_->certificates[index].Install(ssl)) return 0;
    }
    return 1;
  }

  static int NoteServerName(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

  // Our preference decides; no name in common: no ALPN, the codec is then detected (as Envoy).
  static int ChooseAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                        unsigned int in_length, void* arg) {
    const ServerContext::Parts& parts = *Of(arg).parts_;
    const std::string& ours = SSL_version(ssl) < TLS1_2_VERSION ? parts.alpn_wire_before_tls12 : parts.alpn_wire;
    if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned int>(ours.size()), in, in_length) != OPENSSL_NPN_NEGOTIATED) {
      return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  // A ticket is not taken when the client certificate that it vouches for has expired since.
  static SSL_TICKET_RETURN OpenedTicket(SSL* ssl, SSL_SESSION* session, const unsigned char*, size_t,
                                        SSL_TICKET_STATUS status, void*) {
    const SslState* state = StateOf(ssl);
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (state == nullptr || !SessionStillValid(session, *state)) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
  }

  // Configured ticket keys: the first seals, all open.
  static int TicketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                       int seal) {
    const auto* context = static_cast<const ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const std::vector<Secret>& keys = context->parts_->ticket_keys;
    size_t index = 0;
    if (seal == 1) {
      std::memcpy(name, keys[0].view().data(), kTicketNameSize);
      if (RAND_bytes(iv, 16) != 1) return -1;
    } else {
      while (index < keys.size() && std::memcmp(name, keys[index].view().data(), kTicketNameSize) != 0) ++index;
      if (index == keys.size()) return 0;
    }
    const auto* key = reinterpret_cast<const unsigned char*>(keys[index].view().data());
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key + kTicketNameSize), 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
    const unsigned char* aes = key + kTicketNameSize + 32;
    const int ok = seal == 1 ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, aes, iv)
                             : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, aes, iv);
    if (ok != 1) return -1;
    return seal == 0 && index > 0 ? 2 : 1;  // 2: an old key, give the client a new ticket
  }
};

ServerContext::ServerContext() : parts_(std::make_unique<Parts>()) {}
ServerContext::~ServerContext() = default;

absl::StatusOr<std::shared_ptr<const ServerContext>> ServerContext::Build(const ServerSpec& spec) {
  std::shared_ptr<ServerContext> context(new ServerContext);
  absl::StatusOr<std::shared_ptr<const Trust>> trust = Trust::Build(spec.validation);
  if (!trust.ok()) return At("validation_context", trust.status());
  context->trust_ = *std::move(trust);
  context->names_ = spec.validation.san_matchers;
  context->require_client_certificate_ = spec.require_client_certificate;
  context->full_scan_ = spec.full_scan_certs_on_sni_mismatch;
  context->alpn_ = spec.alpn;
  context->trust_fingerprint_ = TrustFingerprint(spec);
  context->settings_hash_ = SettingsHash(spec);
  if (absl::Status s = context->LoadCertificates(spec); !s.ok()) return s;
  if (absl::Status s = context->SetUp(spec); !s.ok()) return s;
  return std::shared_ptr<const ServerContext>(std::move(context));
}

absl::Status ServerContext::LoadCertificates(const ServerSpec& spec) {
  if (spec.certificates.empty()) return absl::InvalidArgumentError("tls_certificates: a server needs one");
  if (spec.certificates.size() > kMaxCertificates) {
    return absl::InvalidArgumentError(absl::StrCat("tls_certificates: more than ", kMaxCertificates));
  }
  for (size_t i = 0; i < spec.certificates.size(); ++i) {
    absl::StatusOr<Certificate> certificate = Certificate::Load(spec.certificates[i]);
    if (!certificate.ok()) return At(absl::StrCat("tls_certificates[", i, "]"), certificate.status());
    certificate_infos_.push_back(certificate->info);
    for (const std::string& dns : certificate->info.names.dns) {
      const std::string name = absl::AsciiStrToLower(dns);
      if (name.size() > 2 && name[0] == '*' && name[1] == '.') {
        parts_->wildcard[name.substr(2)].push_back(i);
      } else {
        parts_->exact[name].push_back(i);
      }
    }
    parts_->certificates.push_back(*std::move(certificate));
  }
  return absl::OkStatus();
}

std::vector<size_t> ServerContext::CertificatesFor(absl::string_view server_name) const {
  const std::string name = absl::AsciiStrToLower(server_name);
  const std::vector<size_t>* candidates = nullptr;
  if (auto found = parts_->exact.find(name); found != parts_->exact.end()) candidates = &found->second;
  if (const size_t dot = name.find('.'); candidates == nullptr && dot != std::string::npos) {
    auto found = parts_->wildcard.find(absl::string_view(name).substr(dot + 1));
    if (found != parts_->wildcard.end()) candidates = &found->second;
  }
  if (candidates == nullptr && !name.empty() && !full_scan_) return {0};
  std::vector<size_t> chosen;
  for (const bool ecdsa : {true, false}) {
    const size_t count = candidates != nullptr ? candidates->size() : parts_->certificates.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t index = candidates != nullptr ? (*candidates)[i] : i;
      if (parts_->certificates[index].ecdsa != ecdsa) continue;
      chosen.push_back(index);
      break;
    }
  }
  return chosen;
}

absl::Status ServerContext::SetUp(const ServerSpec& spec) {
  parts_->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = parts_->context.get();
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a TLS context");
  SSL_CTX_set_app_data(context, this);
  if (absl::Status s = ApplyParams(context, spec.params); !s.ok()) return At("tls_params", s);
  if (!spec.prefer_client_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  absl::StatusOr<std::string> alpn = AlpnWire(spec.alpn);
  if (!alpn.ok()) return alpn.status();
  parts_->alpn_wire = *std::move(alpn);
  std::vector<std::string> old = spec.alpn;  // HTTP/2 takes TLS 1.2 or later (RFC 9113 9.2)
  old.erase(std::remove(old.begin(), old.end(), "h2"), old.end());
  parts_->alpn_wire_before_tls12 = AlpnWire(old).value_or("");
  if (!parts_->alpn_wire.empty()) SSL_CTX_set_alpn_select_cb(context, &ServerCallbacks::ChooseAlpn, this);
  // One certificate is the same for every name; with several the callback chooses.
  if (!parts_->certificates[0].Install(context)) {
    return absl::InvalidArgumentError(absl::StrCat("tls_certificates[0]: ", TakeOpensslError()));
  }
  if (parts_->certificates.size() > 1) SSL_CTX_set_cert_cb(context, &ServerCallbacks::ChooseCertificate, this);
  SSL_CTX_set_tlsext_servername_callback(context, &ServerCallbacks::NoteServerName);
  const bool ask = trust_->verifies() || spec.require_client_certificate;
  const int mode = !ask ? SSL_VERIFY_NONE
                        : SSL_VERIFY_PEER | (spec.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_CTX_set_verify(context, mode, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &VerifyPeer, nullptr);
  trust_->UseIn(context);
  for (const X509Ptr& authority : trust_->authorities()) SSL_CTX_add_client_CA(context, authority.get());
  for (const Secret& key : spec.ticket_keys) {
    if (key.view().size() != kTicketKeySize) {
      return absl::InvalidArgumentError(absl::StrCat("session_ticket_keys: each has ", kTicketKeySize, " bytes"));
    }
  }
  SetUpResumption(spec);
  return absl::OkStatus();
}

void ServerContext::SetUpResumption(const ServerSpec& spec) {
  SSL_CTX* context = parts_->context.get();
  std::string scope = trust_fingerprint_;
  for (const std::string& name : spec.alpn) absl::StrAppend(&scope, name.size(), ":", name);
  const std::string id = Sha256(scope);
  static_assert(SSL_MAX_SID_CTX_LENGTH == 32, "a SHA-256");
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned int>(id.size()));
  const Duration timeout = spec.session_timeout.count() > 0 ? spec.session_timeout : kDefaultSessionTimeout;
  SSL_CTX_set_timeout(context,
                      std::chrono::duration_cast<seconds>(std::min<Duration>(timeout, kLongestSession)).count());
  SSL_CTX_set_session_cache_mode(context,
                                 spec.disable_stateful_resumption ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, kMaxCachedSessions);
  SSL_CTX_set_num_tickets(context, spec.disable_stateless_resumption && spec.disable_stateful_resumption ? 0 : 1);
  if (spec.disable_stateless_resumption) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return;
  }
  SSL_CTX_set_session_ticket_cb(context, nullptr, &ServerCallbacks::OpenedTicket, this);
  parts_->ticket_keys = spec.ticket_keys;
  if (!parts_->ticket_keys.empty()) SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &ServerCallbacks::TicketKey);
}

ssl_st* ServerContext::NewSsl() const { return SSL_new(parts_->context.get()); }

const std::vector<CertificateInfo>& ServerContext::authorities() const { return trust_->authority_infos(); }

std::vector<std::string> ServerContext::Warnings(WallTime now) const {
  std::vector<std::string> out = ExpiryWarnings(certificate_infos_, now);
  for (std::string& text : ExpiryWarnings(authorities(), now)) out.push_back(std::move(text));
  return out;
}

std::vector<std::string> ExpiryWarnings(const std::vector<CertificateInfo>& infos, WallTime now) {
  std::vector<std::string> out;
  for (const CertificateInfo& info : infos) {
    const char* what = info.ExpiredAt(now) ? "has expired" : now < info.not_before ? "is not valid yet" : nullptr;
    if (what != nullptr) out.push_back(absl::StrCat("certificate ", info.subject, " (", info.path, ") ", what));
  }
  return out;
}

}  // namespace outrigger::tls
