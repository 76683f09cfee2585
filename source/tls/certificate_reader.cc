#include "source/tls/certificate_reader.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace outrigger::tls {
namespace {

void AddText(const ASN1_STRING* value, std::vector<std::string>* out) {
  const char* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
  const absl::string_view text(data, static_cast<size_t>(ASN1_STRING_length(value)));
  // "good.example\0.evil" must not be read as "good.example".
  if (text.find('\0') == absl::string_view::npos) out->emplace_back(text);
}

void AddIp(const ASN1_OCTET_STRING* value, std::vector<std::string>* out) {
  char text[INET6_ADDRSTRLEN];
  const int length = ASN1_STRING_length(value);
  const int family = length == 4 ? AF_INET : length == 16 ? AF_INET6 : 0;
  if (family != 0 && inet_ntop(family, ASN1_STRING_get0_data(value), text, sizeof(text)) != nullptr) {
    out->emplace_back(text);
  }
}

}  // namespace

AlternativeNameLists ReadAlternativeNames(const GENERAL_NAMES* names) {
  AlternativeNameLists out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    switch (name->type) {
      case GEN_DNS:
        AddText(name->d.dNSName, &out.dns);
        break;
      case GEN_URI:
        AddText(name->d.uniformResourceIdentifier, &out.uri);
        break;
      case GEN_EMAIL:
        AddText(name->d.rfc822Name, &out.email);
        break;
      case GEN_IPADD:
        AddIp(name->d.iPAddress, &out.ip);
        break;
      default:
        break;
    }
  }
  return out;
}

AlternativeNameLists ReadAlternativeNames(const X509* certificate) {
  GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) {
    ERR_clear_error();
    return {};
  }
  return ReadAlternativeNames(names.get());
}

std::string NameEntry(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return "";
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  std::string out = length > 0 ? std::string(reinterpret_cast<char*>(utf8), static_cast<size_t>(length)) : "";
  OPENSSL_free(utf8);
  return out;
}

std::string NameText(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  return TakeBio(out.get());
}

std::string SerialHex(const X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* hex = number != nullptr ? BN_bn2hex(number) : nullptr;
  std::string out = hex != nullptr ? absl::AsciiStrToLower(hex) : "";
  OPENSSL_free(hex);
  BN_free(number);
  return out;
}

std::string FingerprintHex(const X509* certificate, const EVP_MD* digest) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (X509_digest(certificate, digest, bytes, &length) != 1) return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(bytes), length));
}

std::string DigestOfDer(const X509* certificate) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (X509_digest(certificate, EVP_sha256(), bytes, &length) != 1) return "";
  return std::string(reinterpret_cast<char*>(bytes), length);
}

std::string DigestOfSpki(const X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length <= 0) return "";
  std::string out = Sha256(absl::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(length)));
  OPENSSL_free(der);
  return out;
}

std::string PemOf(X509* certificate) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return TakeBio(out.get());
}

std::string UrlEncodePem(absl::string_view pem) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(pem.size() + pem.size() / 8);
  for (const char c : pem) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '~') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  return out;
}

WallTime TimeOf(const ASN1_TIME* time) {
  ASN1_TIME* epoch = ASN1_TIME_set(nullptr, 0);
  int days = 0;
  int rest = 0;
  const bool ok = ASN1_TIME_diff(&days, &rest, epoch, time) == 1;
  ASN1_STRING_free(epoch);
  if (!ok) return WallTime{};
  // "No well-defined expiration" is 9999-12-31 (RFC 5280 4.1.2.5), which a count of nanoseconds cannot hold.
  constexpr int kMaxDays = 100'000;
  if (days > kMaxDays) days = kMaxDays;
  return WallTime{hours(24) * days + seconds(rest)};
}

CertificateInfo ReadInfo(const X509* certificate, absl::string_view path) {
  CertificateInfo info;
  info.path = std::string(path);
  info.subject = NameText(X509_get_subject_name(certificate));
  info.issuer = NameText(X509_get_issuer_name(certificate));
  info.serial = SerialHex(certificate);
  info.sha256 = FingerprintHex(certificate, EVP_sha256());
  info.names = ReadAlternativeNames(certificate);
  info.not_before = TimeOf(X509_get0_notBefore(certificate));
  info.not_after = TimeOf(X509_get0_notAfter(certificate));
  return info;
}

absl::StatusOr<std::vector<X509Ptr>> ReadPemCertificates(absl::string_view pem) {
  if (pem.empty()) return absl::InvalidArgumentError("is empty");
  if (pem.size() > kMaxPemBytes) return absl::InvalidArgumentError(absl::StrCat("is larger than ", kMaxPemBytes));
  BioPtr in = ReadBio(pem);
  std::vector<X509Ptr> out;
  ERR_clear_error();
  while (out.size() < kMaxPemObjects) {
    X509Ptr certificate(PEM_read_bio_X509_AUX(
        in.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
    if (certificate != nullptr) {
      out.push_back(std::move(certificate));
      continue;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      if (out.empty()) return absl::InvalidArgumentError("has no PEM block \"CERTIFICATE\"");
      return out;
    }
    return absl::InvalidArgumentError(absl::StrCat("certificate ", out.size() + 1, " is broken: ", TakeOpensslError()));
  }
  return absl::InvalidArgumentError(absl::StrCat("has more than ", kMaxPemObjects, " certificates"));
}

}  // namespace outrigger::tls
