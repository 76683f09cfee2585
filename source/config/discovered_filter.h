// Thread: main
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "source/config/build_context.h"
#include "source/config/factory_lookup.h"

namespace outrigger::config {

// One configuration of a filter: its typed_config, or what config_discovery brought or stands for.
template <class Factory>
struct FilterConfig {
  Extension<Factory> extension;
  std::string path;        // its field, for errors: "filters[0].typed_config"
  std::string discovered;  // the resource's name; empty: a typed_config
};

// What a filter is made of. All of it is compiled, so that a default that waits for its turn is known to be good; the
// last is in use. Empty: its configuration has not come, and there is no default.
template <class Factory>
using FilterConfigs = std::vector<FilterConfig<Factory>>;

// By kind of filter: http::FilterSpec's, network's and listener's. `path` is the filter's own field. NotFound: nobody
// here knows its type.
absl::StatusOr<FilterConfigs<extension::HttpFilterFactory>> HttpFilterConfigs(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, absl::string_view path,
    BuildContext& context);
absl::StatusOr<FilterConfigs<extension::NetworkFilterFactory>> NetworkFilterConfigs(
    const envoy::config::listener::v3::Filter& filter, absl::string_view path, BuildContext& context);
absl::StatusOr<FilterConfigs<extension::ListenerFilterFactory>> ListenerFilterConfigs(
    const envoy::config::listener::v3::ListenerFilter& filter, absl::string_view path, BuildContext& context);

// Around the compiling of one configuration: what a discovered one refers to is noted with its name, and that it
// subscribes to nothing itself (what it needs could not be waited for by whoever waits for it) is checked.
class DiscoveryNotes {
 public:
  DiscoveryNotes(Found& found, const std::string& discovered)
      : found_(found),
        discovered_(discovered),
        clusters_(found.dependencies.clusters.size()),
        subscriptions_(found.dependencies.subscriptions.size()) {}
  absl::Status Finish();

 private:
  Found& found_;
  const std::string& discovered_;
  const size_t clusters_, subscriptions_;
};

// Compiles all of `configs` below `context`; the spec of the last. Not to be called with none.
template <class Spec, class Factory>
absl::StatusOr<Spec> CompileAll(const FilterConfigs<Factory>& configs, BuildContext& context) {
  Spec last;
  for (const FilterConfig<Factory>& one : configs) {
    BuildContext below = context.Below(one.path);
    DiscoveryNotes notes(context.found(), one.discovered);
    absl::StatusOr<Spec> made = one.extension.factory->create(*one.extension.config, below);
    if (!made.ok()) return extension::Under(one.path, made.status());
    if (const absl::Status noted = notes.Finish(); !noted.ok()) return extension::Under(one.path, noted);
    last = *std::move(made);
    last.type = std::string(one.extension.factory->name);
  }
  return last;
}

}  // namespace outrigger::config
