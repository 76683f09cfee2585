#include "source/tls/certificate.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "source/tls/certificate_reader.h"

namespace outrigger::tls {
namespace {

constexpr int kMinRsaBits = 2048;

int GivePassword(char* out, int room, int, void* arg) {
  const auto* password = static_cast<const Secret*>(arg);
  if (password->empty() || password->view().size() > static_cast<size_t>(room)) return 0;
  std::memcpy(out, password->view().data(), password->view().size());
  return static_cast<int>(password->view().size());
}

absl::StatusOr<PkeyPtr> LoadKey(const CertificateSpec& spec) {
  if (spec.key_pem.empty()) return absl::InvalidArgumentError("private_key: is empty");
  if (spec.key_pem.view().size() > kMaxPemBytes) return absl::InvalidArgumentError("private_key: is too large");
  BioPtr in = ReadBio(spec.key_pem.view());
  ERR_clear_error();
  PkeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, &GivePassword, const_cast<Secret*>(&spec.password)));
  if (key != nullptr) return key;
  if (spec.key_pem.view().find("ENCRYPTED") != absl::string_view::npos) {
    ERR_clear_error();
    return absl::InvalidArgumentError(spec.password.empty() ? "private_key: is encrypted and there is no password"
                                                            : "private_key: the password is wrong");
  }
  const std::string reason = TakeOpensslError();
  return absl::InvalidArgumentError(
      absl::StrCat("private_key: is not a PEM private key", reason.empty() ? "" : ": ", reason));
}

absl::Status CheckKey(EVP_PKEY* key, bool* ecdsa) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      *ecdsa = false;
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kMinRsaBits) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("certificate_chain: an RSA key of ", bits, " bits is too weak (at least ", kMinRsaBits, ")"));
    }
    case EVP_PKEY_EC: {
      *ecdsa = true;
      char curve[64] = "";
      size_t length = 0;
      EVP_PKEY_get_group_name(key, curve, sizeof(curve), &length);
      const int nid = OBJ_sn2nid(curve);
      if (nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("certificate_chain: ECDSA on curve ", curve, " is not supported (P-256, P-384, P-521)"));
    }
    default:
      return absl::InvalidArgumentError("certificate_chain: the key is neither RSA nor ECDSA");
  }
}

// Envoy's defaults: forward secrecy and authenticated encryption only, ECDSA and AES-128 first.
constexpr char kDefaultCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr char kTls13Ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kDefaultCurves[] = "X25519:P-256";

int VersionNumber(ProtocolVersion version, int automatic) {
  switch (version) {
    case ProtocolVersion::kAuto:
      return automatic;
    case ProtocolVersion::kTls10:
      return TLS1_VERSION;
    case ProtocolVersion::kTls11:
      return TLS1_1_VERSION;
    case ProtocolVersion::kTls12:
      return TLS1_2_VERSION;
    case ProtocolVersion::kTls13:
      return TLS1_3_VERSION;
  }
  return automatic;
}

// BoringSSL's list syntax: groups of equal preference in brackets become their members in order.
absl::StatusOr<std::string> CipherList(const std::vector<std::string>& suites) {
  if (suites.empty()) return std::string(kDefaultCiphers);
  std::string list;
  for (const std::string& entry : suites) {
    std::string flat = entry;
    std::replace(flat.begin(), flat.end(), '|', ':');
    flat.erase(std::remove_if(flat.begin(), flat.end(), [](char c) { return c == '[' || c == ']'; }), flat.end());
    absl::StrAppend(&list, list.empty() ? "" : ":", flat);
  }
  return list;
}

// OpenSSL skips names that it does not know as long as one is left; a typing error must not widen or narrow a policy.
absl::Status CheckCipherNames(absl::string_view list) {
  SslCtxPtr probe(SSL_CTX_new(TLS_method()));
  while (!list.empty()) {
    const size_t colon = std::min(list.find(':'), list.size());
    absl::string_view name = list.substr(0, colon);
    list.remove_prefix(std::min(colon + 1, list.size()));
    if (name.empty() || name.front() == '@') continue;
    const absl::string_view whole = name;
    if (name.front() == '-' || name.front() == '!' || name.front() == '+') name.remove_prefix(1);
    if (SSL_CTX_set_cipher_list(probe.get(), std::string(name).c_str()) != 1 || name.substr(0, 4) == "TLS_") {
      ERR_clear_error();
      return absl::InvalidArgumentError(absl::StrCat("cipher_suites: \"", whole, "\" is not known for TLS 1.2"));
    }
  }
  return absl::OkStatus();
}

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) absl::StrAppend(&out, out.empty() ? "" : ":", name);
  return out;
}

absl::Status ApplyVersions(SSL_CTX* context, const ParamsSpec& params) {
  const int min_version = VersionNumber(params.min_version, TLS1_2_VERSION);
  const int max_version = VersionNumber(params.max_version, TLS1_3_VERSION);
  if (min_version > max_version) {
    return absl::InvalidArgumentError("tls_minimum_protocol_version is above tls_maximum_protocol_version");
  }
  if (SSL_CTX_set_min_proto_version(context, min_version) != 1 ||
      SSL_CTX_set_max_proto_version(context, max_version) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("protocol version: ", TakeOpensslError()));
  }
  // Level 2: RSA of 2048 bits or more, SHA-256 signatures. TLS 1.0 and 1.1 sign with MD5 and SHA-1.
  SSL_CTX_set_security_level(context, min_version < TLS1_2_VERSION ? 0 : 2);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Certificate> Certificate::Load(const CertificateSpec& spec) {
  absl::StatusOr<std::vector<X509Ptr>> chain = ReadPemCertificates(spec.chain_pem);
  if (!chain.ok()) return absl::InvalidArgumentError(absl::StrCat("certificate_chain: ", chain.status().message()));
  Certificate out;
  out.leaf = std::move(chain->front());
  for (size_t i = 1; i < chain->size(); ++i) out.intermediates.push_back(std::move((*chain)[i]));
  EVP_PKEY* public_key = X509_get0_pubkey(out.leaf.get());
  if (public_key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("certificate_chain: public key: ", TakeOpensslError()));
  }
  if (absl::Status s = CheckKey(public_key, &out.ecdsa); !s.ok()) return s;
  absl::StatusOr<PkeyPtr> key = LoadKey(spec);
  if (!key.ok()) return key.status();
  out.key = *std::move(key);
  if (X509_check_private_key(out.leaf.get(), out.key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("private_key: does not belong to the certificate of ",
                                                   NameText(X509_get_subject_name(out.leaf.get()))));
  }
  out.info = ReadInfo(out.leaf.get(), spec.origin);
  return out;
}

bool Certificate::Install(SSL_CTX* context) const {
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (const X509Ptr& certificate : intermediates) sk_X509_push(chain, certificate.get());
  const bool ok = SSL_CTX_use_cert_and_key(context, leaf.get(), key.get(), chain, 1) == 1;
  sk_X509_free(chain);
  return ok;
}

bool Certificate::Install(SSL* ssl) const {
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (const X509Ptr& certificate : intermediates) sk_X509_push(chain, certificate.get());
  const bool ok = SSL_use_cert_and_key(ssl, leaf.get(), key.get(), chain, 1) == 1;
  sk_X509_free(chain);
  return ok;
}

absl::Status ApplyParams(SSL_CTX* context, const ParamsSpec& params) {
  ERR_clear_error();
  if (absl::Status s = ApplyVersions(context, params); !s.ok()) return s;
  absl::StatusOr<std::string> ciphers = CipherList(params.cipher_suites);
  if (!ciphers.ok()) return ciphers.status();
  if (absl::Status s = CheckCipherNames(*ciphers); !s.ok()) return s;
  if (SSL_CTX_set_cipher_list(context, ciphers->c_str()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("cipher_suites: ", TakeOpensslError()));
  }
  SSL_CTX_set_ciphersuites(context, kTls13Ciphers);
  const std::string curves = params.ecdh_curves.empty() ? kDefaultCurves : Joined(params.ecdh_curves);
  if (SSL_CTX_set1_groups_list(context, curves.c_str()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("ecdh_curves: \"", curves, "\" has a curve that is not known"));
  }
  if (!params.signature_algorithms.empty()) {
    const std::string algorithms = Joined(params.signature_algorithms);
    if (SSL_CTX_set1_sigalgs_list(context, algorithms.c_str()) != 1 ||
        SSL_CTX_set1_client_sigalgs_list(context, algorithms.c_str()) != 1) {
      ERR_clear_error();
      return absl::InvalidArgumentError(
          absl::StrCat("signature_algorithms: \"", algorithms, "\" has one that is not known"));
    }
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return absl::OkStatus();
}

absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255)
      return absl::InvalidArgumentError("alpn_protocols: a name has 1 to 255 bytes");
    wire.push_back(static_cast<char>(name.size()));
    wire += name;
  }
  if (wire.size() > 65535) return absl::InvalidArgumentError("alpn_protocols: too long");
  return wire;
}

}  // namespace outrigger::tls
