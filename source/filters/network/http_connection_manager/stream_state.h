// Thread: worker
#pragma once

#include "source/base/ip_address.h"
#include "source/filters/network/http_connection_manager/connection_manager.h"

namespace outrigger::filters::hcm {

struct ConnectionManager::StreamState {
  explicit StreamState(const HcmConfig& c)
      : config(&c), idle_timeout(c.stream_idle_timeout), max_duration(c.max_stream_duration) {}
  const HcmConfig* config;
  const model::RouteTable* table = nullptr;  // pinned with the stream's Snapshot
  IpAddress client;
  Duration idle_timeout;
  Duration max_duration;
  MonotonicTime next_log = MonotonicTime::max();  // of access_log_flush_interval
  bool table_known = false;                       // the newest was looked up
  bool headers_complete = false, request_complete = false, upgrade = false, counted_upgrade = false;
};

inline ConnectionManager::StreamState& ConnectionManager::StateOf(const http::Stream& stream) {
  return *static_cast<StreamState*>(stream.owner_data);
}

// local_reply_config: the first mapper whose filter accepts rewrites status, headers and body.
void RewriteLocalReply(const HcmConfig& config, http::Stream& stream, net::Connection& connection,
                       http::LocalReply& reply, http::HeaderMap& headers);

}  // namespace outrigger::filters::hcm
