// Thread: worker
#pragma once

#include <array>
#include <memory>
#include <string>

#include "source/net/transport.h"
#include "source/tls/certificate_info.h"
#include "source/tls/openssl_ptr.h"

namespace outrigger::tls {

// What is known about an established TLS connection. Owned by its transport; texts are made when first asked for.
class SslFacts final : public net::TlsInfo {
 public:
  SslFacts(SSL* ssl, bool validated) : ssl_(ssl), validated_(validated) {}

  bool peer_presented() const override { return PeerCertificate() != nullptr; }
  bool peer_validated() const override { return validated_ && peer_presented(); }
  absl::string_view version() const override { return SSL_get_version(ssl_); }
  absl::string_view cipher() const override;
  absl::string_view alpn() const override;
  absl::string_view server_name() const override;
  absl::string_view session_id() const override;
  bool resumed() const override { return SSL_session_reused(ssl_) == 1; }
  absl::string_view Peer(Fact fact) const override;
  absl::string_view Local(Fact fact) const override;
  size_t PeerSanCount(Fact kind) const override { return PeerNames(kind).size(); }
  absl::string_view PeerSan(Fact kind, size_t index) const override;

 private:
  static constexpr size_t kFacts = static_cast<size_t>(Fact::kCount);
  struct Side {
    AlternativeNameLists names;
    bool names_read = false;
    std::array<std::unique_ptr<std::string>, kFacts> texts;
  };
  X509* PeerCertificate() const { return SSL_get0_peer_certificate(ssl_); }
  const std::vector<std::string>& PeerNames(Fact kind) const;
  const std::vector<std::string>& Names(Side& side, X509* certificate, Fact kind) const;
  absl::string_view Text(std::unique_ptr<Side>& side, X509* certificate, bool peer, Fact fact) const;
  std::string Make(Side& side, X509* certificate, bool peer, Fact fact) const;
  std::string ChainPem(X509* certificate, bool peer) const;

  SSL* ssl_;
  bool validated_;
  mutable std::unique_ptr<Side> peer_;
  mutable std::unique_ptr<Side> local_;
  mutable std::unique_ptr<std::string> session_id_;
};

}  // namespace outrigger::tls
