// Thread: main
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/server/admin/pages.h"
#include "source/server/server.h"

namespace outrigger::server {

// What /config_status shows: where configuration comes from, what of it is in use, and what is not and why. Made for
// one answer.
struct ConfigReport {
  // The worst first.
  enum class State : uint8_t {
    kRefused,   // the newest version was refused
    kError,     // its source says that it cannot give it
    kMissing,   // its source says that there is none
    kTimedOut,  // nothing came in its fetch timeout
    kWaiting,   // here, waits for what it needs
    kAsked,     // nothing came yet
    kApplied,   // published, not yet used by all workers
    kDraining,  // gone; connections of it are left
    kLeaving,   // dropped, still named
    kInUse
  };
  static constexpr size_t kStates = 10;
  struct Entry {
    State state;
    DynamicResource resource;
  };
  struct OfType {
    TypeView view;
    uint64_t resources = 0, waiting = 0, refused = 0, missing = 0;
  };

  WallTime now{};
  std::string node, server_state;
  uint64_t generation = 0, in_use = 0;
  size_t workers = 0;
  std::vector<size_t> behind;  // workers that use an older generation
  WallTime published_at{}, started{};
  LastGoodView last_good;  // on disk
  ConfigurationOverview overview;
  std::vector<OfType> types;
  std::map<std::string, uint64_t> static_counts;   // "clusters"
  std::map<uint64_t, uint64_t> older_generations;  // streams that began with them
  uint64_t count[kStates] = {};                    // of all resources, whatever the query left out
  std::vector<Entry> shown;                        // by state, type, name
  size_t matching = 0;                             // resources that the query means; `shown` has the first of them
  const DynamicConfiguration* dynamic = nullptr;   // null: all is static

  uint64_t CountOf(State state) const { return count[static_cast<size_t>(state)]; }
};

absl::string_view WordOf(ConfigReport::State state);  // "refused", "in-use"

// ?type=CDS, ?name=PART, ?state=WORD, ?limit=N. An error says what is wrong with the query.
absl::StatusOr<ConfigReport> MakeConfigReport(Server& server, const AdminRequest& request);
std::string ToText(const ConfigReport& report);
std::string ToJson(const ConfigReport& report);

// "2026-11-23T15:12:31Z"; "never" for zero.
std::string TimeText(WallTime time);
// "3s", "2m3s", "4h12m", "3d4h".
std::string AgeText(Duration age);

}  // namespace outrigger::server
