// Thread: worker
#pragma once

#include "absl/strings/string_view.h"
#include "source/http/stream.h"
#include "source/model/cluster.h"
#include "source/model/route.h"

// What a route changes in messages: header additions and removals of all its levels, path and host rewrites, redirects.
namespace outrigger::router {

// Header mutations (weighted cluster, route, virtual host, table; or the reverse), then host, then path. The path
// before a rewrite is kept in x-envoy-original-path unless `suppress`.
void RewriteRequest(http::Stream& stream, const model::Route& route, const model::ForwardAction& action, bool suppress);
// auto_host_rewrite: the host name of the endpoint that was picked. `again`: of a further attempt, whose host before is
// not the client's.
void RewriteHostFor(http::Stream& stream, const model::ForwardAction& action, absl::string_view endpoint_hostname,
                    bool suppress, bool again);
// What auto_sni and auto_san_validation take the name from: the header that the cluster says, where the request has it.
absl::string_view ServerNameSource(const model::ClusterConfig& cluster, const http::HeaderMap& headers);
void RewriteResponse(http::Stream& stream, const model::Route& route, http::HeaderMap& headers);

// The location of a redirect route, in the stream's arena.
absl::string_view RedirectLocation(http::Stream& stream, const model::Route& route,
                                   const model::RedirectAction& action);

}  // namespace outrigger::router
