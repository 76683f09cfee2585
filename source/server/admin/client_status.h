// Thread: main
#pragma once

#include <memory>

#include "source/grpc/server_call.h"
#include "source/server/server.h"

namespace outrigger::server {

// envoy.service.status.v3.ClientStatusDiscoveryService about this process itself: what /config_dump says of each
// resource, with the same things redacted. Both methods; requests whose node matchers mean another node get an answer
// without configuration. `server` outlives the table.
std::shared_ptr<const grpc::MethodTable> ClientStatusMethods(Server& server);

// One ClientStatusRequest in, one ClientStatusResponse out.
grpc::Answer AnswerClientStatus(Server& server, absl::string_view request);

}  // namespace outrigger::server
