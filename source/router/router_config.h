// Thread: immutable any
#pragma once

#include <string>
#include <vector>

#include "source/observe/schemas/http_connection.h"
#include "source/observe/stats.h"

namespace outrigger::router {

// extensions.filters.http.router.v3.Router.
struct RouterConfig {
  observe::StatsScope<observe::RouterStats> stats;
  bool suppress_envoy_headers = false;
  bool respect_expected_rq_timeout = false;
  std::vector<std::string> strict_check_headers;  // a malformed one is answered 400 (IH)
};

}  // namespace outrigger::router
