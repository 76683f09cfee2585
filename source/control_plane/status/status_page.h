// Thread: main
#pragma once

#include <string>

#include "source/control_plane/xds_server/xds_server.h"

namespace outrigger::control_plane {

// What else is shown beside the discovery server's own.
struct StatusFacts {
  std::string source;  // the folder or file that is served
  std::string trust_domain;
  absl::string_view root;  // how far the replacement of the root is; empty: no authority
  uint64_t certificates_issued = 0;
  uint64_t server_certificates_renewed = 0, server_certificates_refused = 0;
  uint64_t nodes_enrolled = 0, nodes_renewed = 0, enrolments_refused = 0, enrolments_malformed = 0;
  uint64_t tokens_unknown = 0, tokens_expired = 0, tokens_of_another_node = 0;  // refused
};

// Per proxy and type: version sent, accepted, refused with the reason, and when. Times are RFC 3339 in UTC; what never
// happened is left out. Nodes that the configuration names and that have no stream are listed too.
std::string StatusJson(const XdsServer& server, const StatusFacts& facts);
std::string StatusHtml(const XdsServer& server, const StatusFacts& facts);

}  // namespace outrigger::control_plane
