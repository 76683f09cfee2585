// Thread: main
#pragma once

#include "absl/status/status.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "source/control_plane/xds_server/xds_server.h"

namespace outrigger::control_plane {

constexpr size_t kMostStatusBytes = 64 << 20;  // of one answer

// What CSDS says of the connected nodes that `insight` covers and that the request's matchers choose: per stream and
// resource the version sent, and whether it was accepted or refused. Keys are redacted. InvalidArgument: a matcher that
// is not honoured (metadata) or bad; ResourceExhausted: more than kMostStatusBytes.
absl::Status FillClientStatus(const XdsServer& server, const Insight& insight,
                              const envoy::service::status::v3::ClientStatusRequest& request,
                              envoy::service::status::v3::ClientStatusResponse& response);

}  // namespace outrigger::control_plane
