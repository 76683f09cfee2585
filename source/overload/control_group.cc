// Where a process finds the files of its control group.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/overload/monitor.h"

namespace outrigger::overload {

namespace {

constexpr absl::string_view kMount = "/sys/fs/cgroup";
constexpr size_t kMostBytes = 64 * 1024;

// The path of this process's group below the mount, of version 2 (no controller) or of a controller of version 1.
std::string GroupOf(event::Engine& engine, absl::string_view controller) {
  const auto text = engine.ReadFile("/proc/self/cgroup", kMostBytes);
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    bool mine = controller.empty() && parts[1].empty();
    for (absl::string_view name : absl::StrSplit(parts[1], ',')) mine = mine || (!name.empty() && name == controller);
    if (mine) return std::string(parts[2] == "/" ? "" : parts[2]);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadGroupFile(event::Engine& engine, absl::string_view name2, absl::string_view controller1,
                                          absl::string_view name1) {
  const std::string mount1 = absl::StrCat(kMount, "/", controller1);
  const std::string paths[] = {absl::StrCat(kMount, GroupOf(engine, ""), "/", name2), absl::StrCat(kMount, "/", name2),
                               absl::StrCat(mount1, GroupOf(engine, controller1), "/", name1),
                               absl::StrCat(mount1, "/", name1)};
  for (const std::string& path : paths) {
    auto text = engine.ReadFile(path, kMostBytes);
    if (text.ok()) return text;
  }
  return absl::NotFoundError(absl::StrCat("no control group file ", name2, " or ", name1));
}

}  // namespace outrigger::overload
