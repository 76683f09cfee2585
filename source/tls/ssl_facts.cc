#include "source/tls/ssl_facts.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "source/tls/certificate_reader.h"

namespace outrigger::tls {
namespace {

std::string TimeText(const ASN1_TIME* time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(TimeOf(time)), absl::UTCTimeZone());
}

const std::vector<std::string>& NoNames() {
  static const auto& none = *new std::vector<std::string>;
  return none;
}

}  // namespace

absl::string_view SslFacts::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
  return cipher != nullptr ? SSL_CIPHER_get_name(cipher) : "";
}

absl::string_view SslFacts::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_, &name, &length);
  return absl::string_view(reinterpret_cast<const char*>(name), length);
}

absl::string_view SslFacts::server_name() const {
  const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

absl::string_view SslFacts::session_id() const {
  if (session_id_ == nullptr) {
    session_id_ = std::make_unique<std::string>();
    if (const SSL_SESSION* session = SSL_get_session(ssl_); session != nullptr) {
      unsigned int length = 0;
      const unsigned char* id = SSL_SESSION_get_id(session, &length);
      *session_id_ = absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(id), length));
    }
  }
  return *session_id_;
}

absl::string_view SslFacts::Peer(Fact fact) const { return Text(peer_, PeerCertificate(), true, fact); }
absl::string_view SslFacts::Local(Fact fact) const { return Text(local_, SSL_get_certificate(ssl_), false, fact); }

absl::string_view SslFacts::PeerSan(Fact kind, size_t index) const {
  const std::vector<std::string>& names = PeerNames(kind);
  return index < names.size() ? absl::string_view(names[index]) : absl::string_view();
}

const std::vector<std::string>& SslFacts::PeerNames(Fact kind) const {
  X509* certificate = PeerCertificate();
  if (certificate == nullptr) return NoNames();
  if (peer_ == nullptr) peer_ = std::make_unique<Side>();
  return Names(*peer_, certificate, kind);
}

const std::vector<std::string>& SslFacts::Names(Side& side, X509* certificate, Fact kind) const {
  if (!side.names_read) {
    side.names_read = true;
    side.names = ReadAlternativeNames(certificate);
  }
  switch (kind) {
    case Fact::kUriSans:
      return side.names.uri;
    case Fact::kDnsSans:
      return side.names.dns;
    case Fact::kIpSans:
      return side.names.ip;
    case Fact::kEmailSans:
      return side.names.email;
    default:
      return NoNames();
  }
}

absl::string_view SslFacts::Text(std::unique_ptr<Side>& side, X509* certificate, bool peer, Fact fact) const {
  const auto index = static_cast<size_t>(fact);
  if (certificate == nullptr || index >= kFacts) return "";
  if (side == nullptr) side = std::make_unique<Side>();
  std::unique_ptr<std::string>& text = side->texts[index];
  if (text == nullptr) text = std::make_unique<std::string>(Make(*side, certificate, peer, fact));
  return *text;
}

std::string SslFacts::Make(Side& side, X509* certificate, bool peer, Fact fact) const {
  switch (fact) {
    case Fact::kUriSans:
    case Fact::kDnsSans:
    case Fact::kIpSans:
    case Fact::kEmailSans:
      return absl::StrJoin(Names(side, certificate, fact), ",");
    case Fact::kSubject:
      return NameText(X509_get_subject_name(certificate));
    case Fact::kIssuer:
      return NameText(X509_get_issuer_name(certificate));
    case Fact::kSerial:
      return SerialHex(certificate);
    case Fact::kSha256:
      return FingerprintHex(certificate, EVP_sha256());
    case Fact::kSha1:
      return FingerprintHex(certificate, EVP_sha1());
    case Fact::kPemEncoded:
      return UrlEncodePem(PemOf(certificate));
    case Fact::kPemChainEncoded:
      return UrlEncodePem(ChainPem(certificate, peer));
    case Fact::kNotBefore:
      return TimeText(X509_get0_notBefore(certificate));
    case Fact::kNotAfter:
      return TimeText(X509_get0_notAfter(certificate));
    case Fact::kCount:
      break;
  }
  return "";
}

// The leaf and what was sent with it. A resumed session remembers the leaf only.
std::string SslFacts::ChainPem(X509* certificate, bool peer) const {
  std::string out = PemOf(certificate);
  STACK_OF(X509)* chain = nullptr;
  if (peer) {
    chain = SSL_get_peer_cert_chain(ssl_);
  } else {
    SSL_get0_chain_certs(ssl_, &chain);
  }
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* next = sk_X509_value(chain, i);
    // A client's chain begins with the leaf, a server's does not (SSL_get_peer_cert_chain(3)).
    if (i == 0 && X509_cmp(next, certificate) == 0) continue;
    absl::StrAppend(&out, PemOf(next));
  }
  return out;
}

}  // namespace outrigger::tls
