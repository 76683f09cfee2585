// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/http/codec.h"
#include "source/http/filter.h"

namespace outrigger::http {

// What a local reply says. Filters give it text; the owner may rewrite it (local_reply_config).
struct LocalReply {
  uint32_t status = 500;
  absl::string_view body;
  absl::string_view details;  // static or arena text
  absl::string_view content_type = "text/plain";
  int grpc_status = -1;                                    // -1: mapped from the HTTP status, for gRPC requests
  absl::string_view location;                              // of a redirect
  void (*add_headers)(HeaderMap&, const void*) = nullptr;  // after the route's, before local_reply_config
  const void* context = nullptr;
};

// What the stream asks of whoever made it (the connection manager): policy around the chain. One per connection.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  // Before the first filter: sanitise, forward-headers, request id, match the route, SetChain. False: answered already.
  virtual bool OnRequestHeaders(Stream& stream, HeaderMap& headers, bool end) = 0;
  virtual void OnRequestComplete(Stream& stream) = 0;
  // The headers of a local reply begin: what the matched route adds to responses.
  virtual void AddRouteHeaders(Stream& /*stream*/, HeaderMap& /*headers*/) {}
  // A local reply is about to be made: may change status, body, headers.
  virtual void OnLocalReply(Stream& /*stream*/, LocalReply& /*reply*/, HeaderMap& /*headers*/) {}
  // After the last response filter, before the codec: server, date, via, hop-by-hop fields, connection: close.
  virtual void OnResponseHeaders(Stream& stream, HeaderMap& headers, bool end) = 0;
  // The exchange is over: logs; destroys the stream by DestroyLater. Nothing of the stream is called afterwards.
  virtual void OnDone(Stream& stream) = 0;
  // Matches the route again (ClearRoute), from the table pinned by the stream.
  virtual void MatchRoute(Stream& stream) = 0;
  // The name ("ROUTES/HOST", in the arena) under which the virtual host that the stream lacks can be fetched; empty:
  // its table has one for it, or fetches none.
  virtual absl::string_view MissingHost(Stream& /*stream*/) { return {}; }
  // Stream::Restart: matches the route by the newest configuration and does what depends on it. False: answered.
  virtual bool OnRestart(Stream& stream) {
    MatchRoute(stream);
    return true;
  }
  virtual net::Connection* downstream() = 0;
  // Per-route configuration of the filter configured as `filter`, least specific first (table, virtual host, route,
  // weighted cluster). Returns how many were written.
  virtual int PerRouteConfigs(const Stream& stream, absl::string_view filter, const void* out[4]) = 0;
  // Whether this stream's route turns the filter off (or, for one disabled by default, on).
  virtual bool FilterEnabled(const Stream& stream, const FilterSpec& filter) = 0;
};

}  // namespace outrigger::http
