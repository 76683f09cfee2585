// Thread: any
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Process log (not access logs). OUTRIGGER_LOG(kInfo, kConfig, "listener ", name, " is ready"): the arguments are
// concatenated as by absl::StrCat, and only if the component's level lets the line through. spdlog writes it; only
// log.cc knows.
namespace outrigger::log {

enum class Level : uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical, kOff };
// Names are what --component-log-level and /logging say.
enum class Component : uint8_t {
  kMain,
  kConfig,
  kUpstream,
  kConnection,
  kHttp,
  kHttp2,
  kRouter,
  kFilter,
  kTls,
  kConfigXds,
  kAdmin,
  kDns,
  kGrpc,
  kControlPlane,
  kFile,
  kCount
};

extern std::atomic<uint8_t> g_levels[static_cast<int>(Component::kCount)];

inline bool Enabled(Level level, Component component) {
  return static_cast<uint8_t>(level) >= g_levels[static_cast<int>(component)].load(std::memory_order_relaxed);
}
void Write(Level level, Component component, absl::string_view line);

absl::Status ParseLevel(absl::string_view text, Level* out);
absl::string_view LevelName(Level level);
absl::string_view ComponentName(Component component);
Level LevelOf(Component component);
void SetLevel(Level level);                               // all components
absl::Status SetComponentLevels(absl::string_view list);  // "upstream:debug,connection:trace"
absl::Status SetLevelOf(absl::string_view component, Level level);
// `format`: spdlog pattern ("" keeps the default), in which %_ is the line with control characters escaped and %j the
// line escaped as JSON; `path`: file ("" = standard error), appended to. Called once at start.
absl::Status Configure(absl::string_view format, absl::string_view path);
void Reopen();  // the file by its name again, after something rotated it
void Flush();

}  // namespace outrigger::log

#define OUTRIGGER_LOG(level, component, ...)                                                                 \
  do {                                                                                                       \
    if (::outrigger::log::Enabled(::outrigger::log::Level::level, ::outrigger::log::Component::component)) { \
      ::outrigger::log::Write(::outrigger::log::Level::level, ::outrigger::log::Component::component,        \
                              ::absl::StrCat(__VA_ARGS__));                                                  \
    }                                                                                                        \
  } while (false)
