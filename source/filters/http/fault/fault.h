// Thread: worker; FaultConfig immutable any (its limit is shared by all workers)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/buffer.h"
#include "source/base/shared_limit.h"
#include "source/base/value.h"
#include "source/event/dispatcher.h"
#include "source/extension/matchers.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/matching/header_matcher.h"
#include "source/observe/schemas/filters.h"
#include "source/observe/stats.h"

namespace outrigger::filters {

// extensions.filters.http.fault.v3.HTTPFault, compiled together with the runtime keys that replace parts of it; a route
// may put its own in its place.
struct FaultConfig {
  struct Delay {
    Duration fixed{0};
    bool by_header = false;  // x-envoy-fault-delay-request, milliseconds; `fixed` comes in its place if it is set
    extension::Fraction percentage;
  };
  struct Abort {
    uint32_t http_status = 0;
    int grpc_status = -1;
    bool by_header = false;  // x-envoy-fault-abort-request, -grpc-request
    extension::Fraction percentage;
  };
  struct Rate {
    uint64_t kib_per_second = 0;
    bool by_header = false;  // x-envoy-fault-throughput-response
    extension::Fraction percentage;
  };
  struct Faults {
    std::optional<Delay> delay;
    std::optional<Abort> abort;
  };
  Faults faults;
  std::map<std::string, Faults, std::less<>> of_cluster;  // in their place by x-envoy-downstream-service-cluster
  std::optional<Rate> rate;
  std::string upstream_cluster;  // empty: any
  std::vector<matching::HeaderMatcher> headers;
  std::vector<std::string> downstream_nodes;  // empty: any
  std::unique_ptr<SharedLimit> active;        // max_active_faults; null: no limit
  Value::Struct metadata;
  bool downstream_cluster_stats = true;
  observe::StatsScope<observe::FaultStats> stats;
};

// Hands a response body on in sixteen steps a second.
class Pacer {
 public:
  static constexpr int kSteps = 16;
  static constexpr Duration kStep = Duration(seconds(1)) / kSteps;
  Pacer(http::Stream& stream, http::Filter& filter, uint64_t kib_per_second);
  // Takes the body; true: everything so far has gone on.
  bool Add(Buffer& body);
  void Finish() { finishing_ = true; }  // resumes the response once all has gone on
  bool empty() const { return waiting_.empty(); }

 private:
  void Pump();
  void OnTimer();
  http::Stream& stream_;
  http::Filter& filter_;
  event::Timer timer_;
  Buffer waiting_;
  uint64_t step_bytes_;
  uint64_t tokens_;
  MonotonicTime filled_;
  bool source_paused_ = false, finishing_ = false;
};

// envoy.filters.http.fault: delays requests, answers them itself, slows responses down, each for a share of the
// requests that match, drawn anew for each. Its destructor cancels everything.
class Fault final : public http::Filter {
 public:
  using Config = FaultConfig;
  Fault(const Config& config, http::Stream& stream)
      : own_(config), stream_(stream), timer_([this] { OnDelayOver(); }) {}
  ~Fault() override;
  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  http::FilterStatus OnResponseBody(http::Stream& stream, Buffer& body, bool end) override;
  http::FilterStatus OnResponseTrailers(http::Stream& stream, http::HeaderMap& trailers) override;

 private:
  bool Applies(const http::HeaderMap& headers) const;
  // Draws by the percentage, whose numerator a header may lower (kOther: none may).
  bool Hit(const extension::Fraction& percentage, const http::HeaderMap& headers, http::KnownHeader lowered_by);
  bool Activate();  // one of the active faults; false: too many
  void Note(absl::string_view stat);
  void SetUpRate(const http::HeaderMap& headers);
  Duration DrawDelay(const http::HeaderMap& headers);
  bool Abort(const http::HeaderMap& headers);
  void OnDelayOver();
  observe::FaultStats& Stats();

  const Config& own_;
  const Config* config_ = nullptr;  // the route's, or own_
  const FaultConfig::Faults* faults_ = nullptr;
  http::Stream& stream_;
  event::Timer timer_;
  std::optional<SharedLimit::Lease> lease_;
  Pacer* pacer_ = nullptr;  // in the arena; null: not slowed down
  bool active_ = false;
};

}  // namespace outrigger::filters
