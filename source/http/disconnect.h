// Thread: worker
#pragma once

#include "source/net/connection.h"
#include "source/observe/response_code_details.h"

namespace outrigger::http {

// The detail of a stream whose downstream connection ended under it, in either version of the protocol.
inline const char* DownstreamEndDetail(const net::CloseInfo& why) {
  const bool local = why.reason == net::CloseReason::kLocal || why.reason == net::CloseReason::kLocalAbort;
  return (local ? observe::details::kDownstreamLocalDisconnect : observe::details::kDownstreamRemoteDisconnect).data();
}

}  // namespace outrigger::http
