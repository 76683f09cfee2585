// Thread: main, before workers start
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/base/value.h"
#include "source/event/engine.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace outrigger::bootstrap::last_good::v1 {
class LastGood;
}

namespace outrigger::config {

// Where the bootstrap comes from: a file, a text, or both (the text is merged over the file, as -c with --config-yaml).
struct BootstrapSource {
  std::string path;
  std::string yaml;
  bool allow_unknown_fields = false;  // --allow-unknown-static-fields: noted, not fatal
};

struct LoadedBootstrap {
  LoadedBootstrap();
  LoadedBootstrap(LoadedBootstrap&&) noexcept;
  ~LoadedBootstrap();
  std::unique_ptr<envoy::config::bootstrap::v3::Bootstrap> bootstrap;
  std::vector<std::string> warnings;        // accepted without effect: "path: why"
  std::vector<std::string> unknown_fields;  // tolerated, each with its line
};

// Reads, checks rules and support. Errors: one line each, with file, line and field path. The file is at most
// kMostBootstrapBytes long.
inline constexpr size_t kMostBootstrapBytes = 64 << 20;
absl::StatusOr<LoadedBootstrap> LoadBootstrap(const BootstrapSource& source, event::Engine& engine);

// The most connections that all listeners together may have: the overload manager's monitor of downstream connections,
// else the runtime value overload.global_downstream_max_connections. None: no limit.
absl::StatusOr<std::optional<uint64_t>> ConnectionLimitOf(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                          const Value::Struct& runtime);

// The bootstrap extension that keeps the last good configuration on disk; empty: there is none.
absl::StatusOr<outrigger::bootstrap::last_good::v1::LastGood> LastGoodOf(
    const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

}  // namespace outrigger::config
