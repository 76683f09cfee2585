#include "source/tls/issue.h"

#include <openssl/pem.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/openssl_ptr.h"

namespace outrigger::tls {
namespace {

constexpr size_t kMaxRequestBytes = 64 * 1024;
constexpr int kMaxRequestNames = 100;

absl::Status Failed(absl::string_view what) {
  const std::string reason = TakeOpensslError();
  return absl::InvalidArgumentError(reason.empty() ? std::string(what) : absl::StrCat(what, ": ", reason));
}

time_t Seconds(WallTime t) {
  return static_cast<time_t>(std::chrono::duration_cast<seconds>(t.time_since_epoch()).count());
}

PkeyPtr NewKey(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcdsaP256:
      return PkeyPtr(EVP_EC_gen("P-256"));
    case KeyKind::kEcdsaP384:
      return PkeyPtr(EVP_EC_gen("P-384"));
    case KeyKind::kRsa2048:
      return PkeyPtr(EVP_RSA_gen(2048));
    case KeyKind::kRsa1024:
      return PkeyPtr(EVP_RSA_gen(1024));
  }
  return nullptr;
}

std::string KeyPem(EVP_PKEY* key) {
  BioPtr out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return "";
  return TakeBio(out.get());
}

PkeyPtr ReadKey(absl::string_view pem) {
  BioPtr in = ReadBio(pem);
  return PkeyPtr(PEM_read_bio_PrivateKey(
      in.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
}

X509Ptr ReadCertificate(absl::string_view pem) {
  BioPtr in = ReadBio(pem);
  return X509Ptr(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
}

X509ReqPtr ReadRequest(absl::string_view pem) {
  BioPtr in = ReadBio(pem);
  return X509ReqPtr(PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr));
}

std::string CertificatePem(X509* certificate) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return TakeBio(out.get());
}

bool AddText(GENERAL_NAMES* names, int type, absl::string_view text) {
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME_set0_value(name, type, value);
  return sk_GENERAL_NAME_push(names, name) > 0;
}

absl::StatusOr<GeneralNamesPtr> AlternativeNames(const SubjectNames& names) {
  GeneralNamesPtr out(sk_GENERAL_NAME_new_null());
  for (const auto& dns : names.dns) AddText(out.get(), GEN_DNS, dns);
  for (const auto& uri : names.uri) AddText(out.get(), GEN_URI, uri);
  for (const auto& email : names.email) AddText(out.get(), GEN_EMAIL, email);
  for (const auto& ip : names.ip) {
    ASN1_OCTET_STRING* value = a2i_IPADDRESS(ip.c_str());
    if (value == nullptr) return Failed(absl::StrCat("\"", ip, "\" is not an IP address"));
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, value);
    sk_GENERAL_NAME_push(out.get(), name);
  }
  return out;
}

bool AddEntry(X509_NAME* name, const char* field, const std::string& value) {
  return value.empty() ||
         X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

absl::Status FillSubject(X509_NAME* name, const SubjectNames& names) {
  if (!AddEntry(name, "O", names.organization) || !AddEntry(name, "CN", names.common_name)) {
    return Failed("subject name");
  }
  return absl::OkStatus();
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

absl::Status AddExtensions(X509* certificate, X509* issuer, const IssueOptions& options) {
  bool ok = true;
  if (options.authority) {
    const std::string depth = options.path_length < 0 ? "" : absl::StrCat(",pathlen:", options.path_length);
    ok = AddExtension(certificate, issuer, NID_basic_constraints, absl::StrCat("critical,CA:TRUE", depth)) &&
         AddExtension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    const std::string usage =
        absl::StrCat(options.server_auth ? "serverAuth" : "", options.server_auth && options.client_auth ? "," : "",
                     options.client_auth ? "clientAuth" : "");
    ok = AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
         AddExtension(certificate, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
         (usage.empty() || AddExtension(certificate, issuer, NID_ext_key_usage, usage));
  }
  ok = ok && AddExtension(certificate, issuer, NID_subject_key_identifier, "hash") &&
       AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  if (!ok) return Failed("certificate extensions");
  if (options.names.empty_san()) return absl::OkStatus();
  absl::StatusOr<GeneralNamesPtr> names = AlternativeNames(options.names);
  if (!names.ok()) return names.status();
  // RFC 5280 4.2.1.6: critical when the subject is empty.
  const int critical = options.names.common_name.empty() && options.names.organization.empty() ? 1 : 0;
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names->get(), critical, X509V3_ADD_DEFAULT) != 1) {
    return Failed("subject alternative names");
  }
  return absl::OkStatus();
}

absl::Status SetSerial(X509* certificate, std::string serial) {
  if (serial.empty() || serial.size() > 20) return absl::InvalidArgumentError("serial must have 1 to 20 bytes");
  serial[0] = static_cast<char>(serial[0] & 0x7f);
  BIGNUM* number =
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr);
  const bool ok = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return ok ? absl::OkStatus() : Failed("serial");
}

// issuer == nullptr: self-signed.
absl::StatusOr<std::string> Sign(EVP_PKEY* public_key, X509* issuer, EVP_PKEY* issuer_key,
                                 const IssueOptions& options) {
  if (options.not_after <= options.not_before) return absl::InvalidArgumentError("not_after is not after not_before");
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  if (absl::Status s = SetSerial(certificate.get(), options.serial); !s.ok()) return s;
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), Seconds(options.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), Seconds(options.not_after));
  if (absl::Status s = FillSubject(X509_get_subject_name(certificate.get()), options.names); !s.ok()) return s;
  X509* parent = issuer != nullptr ? issuer : certificate.get();
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(parent)) != 1 ||
      X509_set_pubkey(certificate.get(), public_key) != 1) {
    return Failed("certificate");
  }
  if (absl::Status s = AddExtensions(certificate.get(), parent, options); !s.ok()) return s;
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) return Failed("signing");
  return CertificatePem(certificate.get());
}

struct Authority {
  X509Ptr certificate;
  PkeyPtr key;
};

absl::StatusOr<Authority> ReadAuthority(const KeyAndCertificate& pem) {
  Authority authority{ReadCertificate(pem.certificate_pem), ReadKey(pem.key_pem)};
  if (authority.certificate == nullptr) return Failed("authority certificate");
  if (authority.key == nullptr) return Failed("authority key");
  if (X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1) {
    return Failed("authority key does not belong to its certificate");
  }
  return authority;
}

}  // namespace

absl::StatusOr<std::string> MakeKey(KeyKind kind) {
  PkeyPtr key = NewKey(kind);
  if (key == nullptr) return Failed("key generation");
  return KeyPem(key.get());
}

absl::StatusOr<std::string> SelfSign(absl::string_view key_pem, const IssueOptions& options) {
  PkeyPtr key = ReadKey(key_pem);
  if (key == nullptr) return Failed("key");
  return Sign(key.get(), nullptr, key.get(), options);
}

absl::StatusOr<KeyAndCertificate> MakeSelfSigned(KeyKind kind, const IssueOptions& options) {
  absl::StatusOr<std::string> key = MakeKey(kind);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> certificate = SelfSign(*key, options);
  if (!certificate.ok()) return certificate.status();
  return KeyAndCertificate{*std::move(key), *std::move(certificate)};
}

absl::StatusOr<KeyAndCertificate> Issue(const KeyAndCertificate& authority_pem, KeyKind kind,
                                        const IssueOptions& options) {
  absl::StatusOr<Authority> authority = ReadAuthority(authority_pem);
  if (!authority.ok()) return authority.status();
  PkeyPtr key = NewKey(kind);
  if (key == nullptr) return Failed("key generation");
  absl::StatusOr<std::string> certificate =
      Sign(key.get(), authority->certificate.get(), authority->key.get(), options);
  if (!certificate.ok()) return certificate.status();
  return KeyAndCertificate{KeyPem(key.get()), *std::move(certificate)};
}

absl::Status CheckPair(const KeyAndCertificate& pair) {
  const auto chain = ReadPemCertificates(pair.certificate_pem);
  if (!chain.ok()) return chain.status();
  const PkeyPtr key = ReadKey(pair.key_pem);
  if (key == nullptr) return absl::InvalidArgumentError("the private key cannot be read");
  if (X509_check_private_key(chain->front().get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the private key is not the certificate's");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakeRequest(absl::string_view key_pem, const SubjectNames& names) {
  PkeyPtr key = ReadKey(key_pem);
  if (key == nullptr) return Failed("key");
  X509ReqPtr request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  if (absl::Status s = FillSubject(X509_REQ_get_subject_name(request.get()), names); !s.ok()) return s;
  if (!names.empty_san()) {
    absl::StatusOr<GeneralNamesPtr> alternative = AlternativeNames(names);
    if (!alternative.ok()) return alternative.status();
    STACK_OF(X509_EXTENSION)* extensions = nullptr;
    const bool ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, alternative->get(), 0, 0) == 1 &&
                    X509_REQ_add_extensions(request.get(), extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (!ok) return Failed("subject alternative names");
  }
  if (X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return Failed("signing the request");
  }
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request.get());
  return TakeBio(out.get());
}

absl::StatusOr<SubjectNames> ParseRequest(absl::string_view request_pem) {
  if (request_pem.size() > kMaxRequestBytes) return absl::InvalidArgumentError("signing request is too large");
  X509ReqPtr request = ReadRequest(request_pem);
  if (request == nullptr) return Failed("signing request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) return Failed("the request's signature is wrong");
  SubjectNames names;
  names.common_name = NameEntry(X509_REQ_get_subject_name(request.get()), NID_commonName);
  names.organization = NameEntry(X509_REQ_get_subject_name(request.get()), NID_organizationName);
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request.get());
  GeneralNamesPtr alternative(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  if (alternative == nullptr) return names;
  if (sk_GENERAL_NAME_num(alternative.get()) > kMaxRequestNames) return absl::InvalidArgumentError("too many names");
  AlternativeNameLists lists = ReadAlternativeNames(alternative.get());
  names.dns = std::move(lists.dns);
  names.uri = std::move(lists.uri);
  names.ip = std::move(lists.ip);
  names.email = std::move(lists.email);
  return names;
}

absl::StatusOr<std::string> SignRequest(const KeyAndCertificate& authority_pem, absl::string_view request_pem,
                                        const IssueOptions& options) {
  if (absl::StatusOr<SubjectNames> checked = ParseRequest(request_pem); !checked.ok()) return checked.status();
  absl::StatusOr<Authority> authority = ReadAuthority(authority_pem);
  if (!authority.ok()) return authority.status();
  X509ReqPtr request = ReadRequest(request_pem);
  return Sign(X509_REQ_get0_pubkey(request.get()), authority->certificate.get(), authority->key.get(), options);
}

absl::StatusOr<std::string> MakeRevocationList(const KeyAndCertificate& authority_pem,
                                               const std::vector<std::string>& revoked_certificates_pem,
                                               WallTime this_update, WallTime next_update) {
  absl::StatusOr<Authority> authority = ReadAuthority(authority_pem);
  if (!authority.ok()) return authority.status();
  X509CrlPtr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(authority->certificate.get()));
  ASN1_TIME* time = ASN1_TIME_new();
  ASN1_TIME_set(time, Seconds(this_update));
  X509_CRL_set1_lastUpdate(crl.get(), time);
  for (const std::string& pem : revoked_certificates_pem) {
    X509Ptr certificate = ReadCertificate(pem);
    if (certificate == nullptr) return Failed("revoked certificate");
    X509_REVOKED* revoked = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(revoked, time);
    X509_CRL_add0_revoked(crl.get(), revoked);
  }
  ASN1_TIME_set(time, Seconds(next_update));
  X509_CRL_set1_nextUpdate(crl.get(), time);
  ASN1_TIME_free(time);
  X509_CRL_sort(crl.get());
  if (X509_CRL_sign(crl.get(), authority->key.get(), EVP_sha256()) == 0) return Failed("signing the revocation list");
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_CRL(out.get(), crl.get());
  return TakeBio(out.get());
}

}  // namespace outrigger::tls
