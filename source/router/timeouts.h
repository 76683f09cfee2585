// Thread: worker
#pragma once

#include "source/base/time.h"
#include "source/http/header_map.h"
#include "source/model/route.h"
#include "source/router/router_config.h"

namespace outrigger::router {

// The limits of one request, from its route and its (trusted) headers; zero: none.
struct RequestTimeouts {
  Duration global{0};
  Duration per_try{0};
  Duration per_try_idle{0};
  Duration stream{-1};  // instead of the cluster's max_stream_duration; negative: the cluster's
};

// Route timeout (default 15 s, counted from the end of the request), x-envoy-upstream-rq-timeout-ms,
// -per-try-timeout-ms, -stream-duration-ms, expected-rq-timeout-ms where respected, grpc-timeout where the route allows
// it. Sets or removes the headers that tell the upstream.
RequestTimeouts DecideTimeouts(const RouterConfig& config, const model::ForwardAction& action,
                               http::HeaderMap& headers);

}  // namespace outrigger::router
