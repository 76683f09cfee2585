// Thread: any
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "source/control_plane/xds_server/admission.h"

namespace outrigger::control_plane {

// What libgrpc knows about the other end of a call. `bound_node`: whose own socket the call came in by.
PeerFacts PeerOf(const grpc::ServerContextBase& context, const std::string& bound_node);

}  // namespace outrigger::control_plane
