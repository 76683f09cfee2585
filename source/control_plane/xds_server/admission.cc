#include "source/control_plane/xds_server/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace outrigger::control_plane {

std::string SourceOf(const PeerFacts& peer) {
  if (!peer.bound_node.empty()) return absl::StrCat("node ", peer.bound_node);
  if (peer.certified && !peer.uri_sans.empty()) return peer.uri_sans.front();
  const size_t colon = peer.address.rfind(':');
  return colon == std::string::npos ? peer.address : peer.address.substr(0, colon);
}

std::string NodeSpiffeId(absl::string_view trust_domain, absl::string_view node_id) {
  return absl::StrCat("spiffe://", trust_domain, "/node/", node_id);
}

Admission Admit(const AdmissionPolicy& policy, const PeerFacts& peer, const NodeName& node) {
  using Kind = Admission::Kind;
  if (!peer.bound_node.empty()) {
    if (peer.bound_node == node.id) return {Kind::kAuthenticated, true, ""};
    return {Kind::kRefused, false,
            absl::StrCat("this socket is for node \"", peer.bound_node, "\", not for \"", node.id, "\"")};
  }
  if (peer.certified && !policy.trust_domain.empty()) {
    const std::string expected = NodeSpiffeId(policy.trust_domain, node.id);
    if (std::find(peer.uri_sans.begin(), peer.uri_sans.end(), expected) != peer.uri_sans.end()) {
      return {Kind::kAuthenticated, true, ""};
    }
    return {Kind::kRefused, false, absl::StrCat("the client certificate does not name ", expected)};
  }
  if (policy.allow_unauthenticated_secrets && peer.loopback) return {Kind::kAnonymous, true, ""};
  return {Kind::kAnonymous, false, "secrets go to authenticated nodes only"};
}

Insight MaySee(const AdmissionPolicy& policy, const PeerFacts& peer) {
  Insight insight;
  if (!peer.bound_node.empty()) {
    insight.nodes.insert(peer.bound_node);
    return insight;
  }
  if (peer.certified && !policy.trust_domain.empty()) {
    for (absl::string_view san : peer.uri_sans) {
      if (!absl::ConsumePrefix(&san, absl::StrCat("spiffe://", policy.trust_domain, "/"))) continue;
      if (absl::ConsumePrefix(&san, "admin/")) insight.all = true;
      if (absl::ConsumePrefix(&san, "node/")) insight.nodes.insert(std::string(san));
    }
  } else {
    insight.all = peer.loopback;
  }
  if (!insight.all && insight.nodes.empty()) {
    insight.reason = "the state of nodes is shown on loopback, to themselves, and to admin certificates";
  }
  return insight;
}

}  // namespace outrigger::control_plane
