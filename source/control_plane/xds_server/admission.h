// Thread: main
#pragma once

#include <set>
#include <string>
#include <vector>

#include "source/control_plane/resources/catalog.h"

namespace outrigger::control_plane {

// What the transport knows about who is at the other end.
struct PeerFacts {
  std::string address;                // as the transport spells it
  bool loopback = false;              // or a Unix socket
  std::string bound_node;             // the Unix socket is this node's own; empty: anybody's
  bool certified = false;             // came with a client certificate that the authority vouches for
  std::vector<std::string> uri_sans;  // of that certificate
};

struct AdmissionPolicy {
  std::string trust_domain;                    // of node certificates; empty: no certificate speaks for a node
  bool allow_unauthenticated_secrets = false;  // on loopback only
};

struct Admission {
  enum class Kind : uint8_t { kAnonymous, kAuthenticated, kRefused };
  Kind kind = Kind::kAnonymous;
  bool secrets = false;  // may have private keys
  std::string reason;    // of a refusal, or why there are no secrets
};

// Whose streams are counted together: the node's if the transport proved one, else the address without its port.
std::string SourceOf(const PeerFacts& peer);

// spiffe://TRUST_DOMAIN/node/ID: what a node's own certificate says, as `enroll` gets it. (Workload certificates, which
// nodes present to each other, do not speak for a node.)
std::string NodeSpiffeId(absl::string_view trust_domain, absl::string_view node_id);

// Who may be served as `node`. A peer whose transport proves another node than it claims to be is refused.
Admission Admit(const AdmissionPolicy& policy, const PeerFacts& peer, const NodeName& node);

// Whose configuration and state a peer may be shown (CSDS), without keys: a node's own socket or certificate its own, a
// certificate spiffe://TRUST_DOMAIN/admin/... and whoever is on this host everybody's, others nobody's.
struct Insight {
  bool all = false;
  std::set<std::string> nodes;  // if not all
  std::string reason;           // of a refusal
};
Insight MaySee(const AdmissionPolicy& policy, const PeerFacts& peer);

}  // namespace outrigger::control_plane
