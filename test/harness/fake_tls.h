// Thread: test
#pragma once

#include <map>
#include <string>
#include <vector>

#include "source/net/transport.h"

namespace outrigger::harness {

// A transport that carries nothing and says who the peer is.
class FakeTls final : public net::Transport, public net::TlsInfo {
 public:
  bool presented = true, validated = true;
  std::string sni;
  std::map<Fact, std::vector<std::string>> peer_facts;

  void Attach(net::Connection&) override {}
  void OnConnected() override {}
  net::IoOutcome Read(Buffer&, size_t) override { return {net::IoStatus::kMore, 0}; }
  net::IoOutcome Write(Buffer&, bool) override { return {net::IoStatus::kMore, 0}; }
  bool handshake_done() const override { return true; }
  const net::TlsInfo* tls() const override { return this; }
  const net::TransportFailure& failure() const override { return failure_; }
  void Dump(DumpWriter&) const override {}

  bool peer_presented() const override { return presented; }
  bool peer_validated() const override { return presented && validated; }
  absl::string_view version() const override { return "TLSv1.3"; }
  absl::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  absl::string_view alpn() const override { return ""; }
  absl::string_view server_name() const override { return sni; }
  absl::string_view session_id() const override { return ""; }
  bool resumed() const override { return false; }
  absl::string_view Peer(Fact fact) const override {
    return PeerSanCount(fact) == 0 ? absl::string_view("") : PeerSan(fact, 0);
  }
  absl::string_view Local(Fact) const override { return ""; }
  size_t PeerSanCount(Fact kind) const override {
    const auto at = peer_facts.find(kind);
    return at == peer_facts.end() ? 0 : at->second.size();
  }
  absl::string_view PeerSan(Fact kind, size_t index) const override { return peer_facts.find(kind)->second[index]; }

 private:
  net::TransportFailure failure_;
};

}  // namespace outrigger::harness
