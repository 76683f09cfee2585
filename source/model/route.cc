#include "source/model/route.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "source/http/stream.h"
#include "source/net/connection.h"

namespace outrigger::model {

namespace {

// The number that a proxy before this one drew, where the route says which header has it.
uint64_t DrawOf(const ForwardAction& forward, http::Stream& stream) {
  uint64_t given = 0;
  if (!forward.weighted_random_header.empty() &&
      absl::SimpleAtoi(stream.request_headers().Get(http::HeaderName(forward.weighted_random_header)), &given)) {
    return given;
  }
  return stream.random() >> 16;
}

}  // namespace

FoundRoute FindRoute(const RouteTable& whole, http::Stream& stream) {
  FoundRoute found;
  const int32_t whose = whole.fetched.empty() ? 0 : whole.domains.Find(stream.request_headers().authority());
  if (whose < 0 || static_cast<size_t>(whose) >= std::max<size_t>(whole.fetched.size(), 1)) return found;
  const RouteTable& table = whole.fetched.empty() ? whole : *whole.fetched[static_cast<size_t>(whose)];
  matching::RouteInput input;
  input.headers = &stream.request_headers();
  input.random = stream.random();
  input.metadata = stream.metadata().get();
  if (net::Connection* downstream = stream.downstream(); downstream != nullptr) {
    if (const net::TlsInfo* tls = downstream->transport().tls(); tls != nullptr) {
      input.tls_presented = tls->peer_presented();
      input.tls_validated = tls->peer_validated();
    }
  }
  const matching::RouteMatch match = table.matcher.Match(input);
  if (!match || static_cast<size_t>(match.virtual_host) >= table.virtual_hosts.size()) return found;
  const VirtualHost& host = table.virtual_hosts[match.virtual_host];
  if (static_cast<size_t>(match.route) >= host.routes.size()) return found;
  found.route = &host.routes[match.route];
  const auto* forward = std::get_if<ForwardAction>(&found.route->action);
  if (forward == nullptr || forward->weighted.empty() || forward->total_weight == 0) return found;
  // The same draw for the same stream at each evaluation: a filter that clears the route does not move the stream.
  uint64_t draw = DrawOf(*forward, stream) % forward->total_weight;
  for (const WeightedClusterEntry& entry : forward->weighted) {
    if (draw < entry.weight) {
      found.weighted = &entry;
      break;
    }
    draw -= entry.weight;
  }
  return found;
}

int PerRouteConfigs(const Route& route, const WeightedClusterEntry* weighted, absl::string_view filter,
                    const void* out[4]) {
  int n = 0;
  const auto add = [&](const PerFilterConfig& level) {
    const PerFilterConfig::Item* item = level.items.empty() ? nullptr : level.Find(filter);
    if (item != nullptr && item->config != nullptr) out[n++] = item->config.get();
  };
  add(route.table->per_filter);
  add(route.virtual_host->per_filter);
  add(route.per_filter);
  if (weighted != nullptr) add(weighted->per_filter);
  return n;
}

bool FilterEnabled(const Route& route, const WeightedClusterEntry* weighted, absl::string_view filter,
                   bool by_default) {
  bool enabled = by_default;
  const auto look = [&](const PerFilterConfig& level) {
    const PerFilterConfig::Item* item = level.items.empty() ? nullptr : level.Find(filter);
    if (item == nullptr) return;
    if (item->disabled)
      enabled = false;
    else if (item->enabled || item->config != nullptr)
      enabled = true;
  };
  look(route.table->per_filter);
  look(route.virtual_host->per_filter);
  look(route.per_filter);
  if (weighted != nullptr) look(weighted->per_filter);
  return enabled;
}

}  // namespace outrigger::model
