// Thread: immutable any
#pragma once

#include "source/observe/schemas/http_connection.h"
#include "source/observe/stats.h"

namespace outrigger::router {

// extensions.filters.http.router.v3.Router.
struct RouterConfig {
  observe::StatsScope<observe::RouterStats> stats;
  bool suppress_envoy_headers = false;
  bool respect_expected_rq_timeout = false;
  bool dynamic_stats = true;
  bool suppress_grpc_request_failure_code_stats = false;
};

}  // namespace outrigger::router
