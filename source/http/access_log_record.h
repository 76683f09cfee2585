// Thread: worker
#pragma once

#include <cstdint>

#include "source/event/dispatcher.h"
#include "source/http/filter_state.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "source/net/connection.h"

namespace outrigger::model {
struct Route;
}

namespace outrigger::http {

// When a record is made; %ACCESS_LOG_TYPE%.
enum class LogEvent : uint8_t {
  kDownstreamStart,
  kDownstreamEnd,
  kTcpConnectionEnd,
  kConnectionRefused,
  kUpstreamEnd,
  kTcpUpstreamConnected,
  kTcpPeriodic,
  kDownstreamPeriodic,
  kDownstreamTunnelEstablished,
};

// What a log, a format or a filter may read of a stream or a connection. Pointers may be null; all is the caller's,
// valid during the call only.
struct AccessLogRecord {
  const StreamInfo* info = nullptr;  // never null
  const HeaderMap* request = nullptr;
  const HeaderMap* response = nullptr;
  const HeaderMap* trailers = nullptr;
  const model::Route* route = nullptr;
  net::Connection* downstream = nullptr;
  const Metadata* dynamic_metadata = nullptr;
  const FilterState* filter_state = nullptr;
  event::Dispatcher* dispatcher = nullptr;  // never null
  absl::string_view filter_chain;
  OriginRef filter_chain_origin;
  absl::string_view local_reply_body;
  uint64_t random = 0;
  LogEvent event = LogEvent::kDownstreamEnd;
};

}  // namespace outrigger::http
