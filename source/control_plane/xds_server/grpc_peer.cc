#include "source/control_plane/xds_server/grpc_peer.h"

#include <grpcpp/grpcpp.h>

#include "absl/strings/match.h"

namespace outrigger::control_plane {

PeerFacts PeerOf(const grpc::ServerContextBase& context, const std::string& bound_node) {
  PeerFacts facts;
  facts.address = context.peer();
  facts.bound_node = bound_node;
  facts.loopback = absl::StartsWith(facts.address, "unix:") || absl::StartsWith(facts.address, "ipv4:127.") ||
                   absl::StartsWith(facts.address, "ipv6:[::1]") || absl::StartsWith(facts.address, "ipv6:%5B::1%5D") ||
                   absl::StartsWith(facts.address, "ipv6:[::ffff:127.") ||
                   absl::StartsWith(facts.address, "ipv6:%5B::ffff:127.");
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    facts.certified = true;
    for (const grpc::string_ref& uri : auth->FindPropertyValues("peer_uri")) {
      facts.uri_sans.emplace_back(uri.data(), uri.size());
    }
    for (const grpc::string_ref& id : auth->FindPropertyValues("peer_spiffe_id")) {
      facts.uri_sans.emplace_back(id.data(), id.size());
    }
  }
  return facts;
}

}  // namespace outrigger::control_plane
