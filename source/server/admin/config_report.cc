#include "source/server/admin/config_report.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/server/worker_set.h"

namespace outrigger::server {

namespace {

using State = ConfigReport::State;
constexpr State kAllStates[] = {State::kRefused, State::kError,   State::kMissing,  State::kTimedOut, State::kWaiting,
                                State::kAsked,   State::kApplied, State::kDraining, State::kLeaving,  State::kInUse};
constexpr size_t kShown = 50;
constexpr size_t kMostShown = 100'000;
// envoy.admin.v3.ClientResourceStatus
constexpr int kDoesNotExist = 2, kTimeout = 6;

State StateOf(const DynamicResource& resource) {
  if (!resource.error.empty()) return State::kRefused;
  if (!resource.source_error.empty()) return State::kError;
  if (resource.warming.message != nullptr) return State::kWaiting;
  if (resource.active.message == nullptr) {
    if (resource.draining.message != nullptr) return State::kDraining;
    if (resource.status == kDoesNotExist) return State::kMissing;
    return resource.status == kTimeout ? State::kTimedOut : State::kAsked;
  }
  if (resource.leaving) return State::kLeaving;
  return resource.in_use_since == WallTime{} ? State::kApplied : State::kInUse;
}

struct Query {
  std::string type, name;
  absl::optional<State> state;
  size_t limit = kShown;
};

absl::StatusOr<Query> ParseQuery(const AdminRequest& request) {
  Query query;
  query.type = absl::AsciiStrToUpper(request.Get("type"));
  query.name = std::string(request.Get("name"));
  if (const std::string* limit = request.Parameter("limit");
      limit != nullptr && (!absl::SimpleAtoi(*limit, &query.limit) || query.limit > kMostShown)) {
    return absl::InvalidArgumentError(absl::StrCat("limit: a number up to ", kMostShown, " is wanted"));
  }
  if (const std::string* word = request.Parameter("state"); word != nullptr) {
    for (const State state : kAllStates) {
      if (*word == WordOf(state)) query.state = state;
    }
    if (!query.state.has_value()) {
      std::string words;
      for (const State state : kAllStates) absl::StrAppend(&words, words.empty() ? "" : ", ", WordOf(state));
      return absl::InvalidArgumentError(absl::StrCat("state: one of ", words, " is wanted"));
    }
  }
  return query;
}

bool Means(const Query& query, const ConfigReport::Entry& entry) {
  return (query.type.empty() || entry.resource.type == query.type) &&
         (query.name.empty() || absl::StrContains(entry.resource.name, query.name)) &&
         (!query.state.has_value() || *query.state == entry.state);
}

void CountInType(const ConfigReport::Entry& entry, std::vector<ConfigReport::OfType>& types) {
  auto of =
      std::find_if(types.begin(), types.end(), [&](const auto& one) { return one.view.type == entry.resource.type; });
  if (of == types.end()) {
    of = types.emplace(types.end());
    of->view.type = entry.resource.type;
  }
  ++of->resources;
  if (entry.state == State::kRefused) ++of->refused;
  if (entry.state == State::kWaiting) ++of->waiting;
  const bool missing = entry.state == State::kError || entry.state == State::kMissing ||
                       entry.state == State::kTimedOut || entry.state == State::kAsked;
  if (missing) ++of->missing;
}

absl::string_view StateWord(Server::State state) {
  switch (state) {
    case Server::State::kLive:
      return "live";
    case Server::State::kDraining:
      return "draining";
    case Server::State::kPreInitializing:
    case Server::State::kInitializing:
      break;
  }
  return "starting";
}

void AddProcess(Server& server, ConfigReport& report) {
  report.now = server.dispatcher().wall_now();
  report.node = server.bootstrap().node().id();
  report.server_state = std::string(StateWord(server.state()));
  report.generation = server.published_generation();
  report.started = server.started_wall();
  report.last_good = server.last_good();
  WorkerSet& workers = server.workers();
  report.workers = workers.size();
  if (workers.started()) {
    report.in_use = workers.in_use();
    report.older_generations = workers.StreamsByOlderGeneration();
    for (size_t i = 0; i < workers.size(); ++i) {
      if (workers.in_use_by(i) < report.generation) report.behind.push_back(i);
    }
  }
  constexpr std::pair<config::ResourceKind, const char*> kKinds[] = {{config::ResourceKind::kListener, "listeners"},
                                                                     {config::ResourceKind::kCluster, "clusters"},
                                                                     {config::ResourceKind::kSecret, "secrets"}};
  for (const auto& [kind, word] : kKinds) {
    uint64_t& count = report.static_counts[word];
    server.builder().ForEach(kind, [&count](const config::ResourceView& view) {
      if (view.given != nullptr && view.given->is_static) ++count;
    });
  }
}

}  // namespace

absl::string_view WordOf(State state) {
  switch (state) {
    case State::kRefused:
      return "refused";
    case State::kError:
      return "error";
    case State::kMissing:
      return "missing";
    case State::kTimedOut:
      return "timed-out";
    case State::kWaiting:
      return "waiting";
    case State::kAsked:
      return "asked";
    case State::kApplied:
      return "applied";
    case State::kDraining:
      return "draining";
    case State::kLeaving:
      return "leaving";
    case State::kInUse:
      break;
  }
  return "in-use";
}

std::string TimeText(WallTime time) {
  if (time == WallTime{}) return "never";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(time.time_since_epoch().count()),
                          absl::UTCTimeZone());
}

std::string AgeText(Duration age) {
  const int64_t s = std::max<int64_t>(0, age / seconds(1));
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrCat(s / 60, "m", s % 60, "s");
  if (s < 86400) return absl::StrCat(s / 3600, "h", s % 3600 / 60, "m");
  return absl::StrCat(s / 86400, "d", s % 86400 / 3600, "h");
}

absl::StatusOr<ConfigReport> MakeConfigReport(Server& server, const AdminRequest& request) {
  absl::StatusOr<Query> query = ParseQuery(request);
  if (!query.ok()) return query.status();
  ConfigReport report;
  AddProcess(server, report);
  report.dynamic = server.dynamic();
  if (report.dynamic != nullptr) report.overview = report.dynamic->Overview();
  report.published_at = report.overview.published_at;
  for (const TypeView& view : report.overview.types) report.types.push_back({view});
  server.ForEachDynamicResource([&](const DynamicResource& resource) {
    const ConfigReport::Entry entry{StateOf(resource), resource};
    ++report.count[static_cast<size_t>(entry.state)];
    CountInType(entry, report.types);
    if (Means(*query, entry)) report.shown.push_back(entry);
  });
  report.matching = report.shown.size();
  const size_t limit = std::min(query->limit, report.shown.size());
  const auto order = [](const ConfigReport::Entry& a, const ConfigReport::Entry& b) {
    return std::tie(a.state, a.resource.type, a.resource.name) < std::tie(b.state, b.resource.type, b.resource.name);
  };
  std::partial_sort(report.shown.begin(), report.shown.begin() + static_cast<std::ptrdiff_t>(limit), report.shown.end(),
                    order);
  report.shown.erase(report.shown.begin() + static_cast<std::ptrdiff_t>(limit), report.shown.end());
  return report;
}

}  // namespace outrigger::server
