#include "source/http/upstream_tls.h"

namespace outrigger::http {

const UpstreamTls* UpstreamTls::Copy(const net::TlsInfo& tls, Wish wish, Arena& arena) {
  auto* copy = arena.New<UpstreamTls>();
  if ((wish & kConnection) != 0) {
    copy->version = arena.Copy(tls.version());
    copy->cipher = arena.Copy(tls.cipher());
    copy->session_id = arena.Copy(tls.session_id());
    copy->server_name = arena.Copy(tls.server_name());
  }
  for (uint32_t i = 0; i < static_cast<uint32_t>(Fact::kCount); ++i) {
    const Fact fact = static_cast<Fact>(i);
    if ((wish & PeerFact(fact)) != 0) copy->peer[i] = arena.Copy(tls.Peer(fact));
    if ((wish & LocalFact(fact)) != 0) copy->local[i] = arena.Copy(tls.Local(fact));
  }
  return copy;
}

}  // namespace outrigger::http
