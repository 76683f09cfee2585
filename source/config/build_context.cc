#include "source/config/build_context.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/access_logs.h"
#include "source/config/discovered_filter.h"
#include "source/config/origins.h"
#include "source/config/route_builder.h"
#include "source/extension/missing_filter.h"

namespace outrigger::config {

namespace core = envoy::config::core::v3;
using extension::Fault;
using extension::Item;

absl::string_view WordOf(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::kListener:
      return "listener";
    case ResourceKind::kRoutes:
      return "route configuration";
    case ResourceKind::kCluster:
      return "cluster";
    case ResourceKind::kEndpoints:
      return "endpoints";
    case ResourceKind::kSecret:
      return "secret";
    case ResourceKind::kExtension:
      return "extension configuration";
    case ResourceKind::kVirtualHost:
      return "virtual host";
  }
  return "";
}

void Found::Finish() {
  auto& subscriptions = dependencies.subscriptions;
  std::sort(subscriptions.begin(), subscriptions.end(), [](const Subscription& a, const Subscription& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.name != b.name ? a.name < b.name : a.waits && !b.waits;  // waiting for it once is waiting for it
  });
  subscriptions.erase(std::unique(subscriptions.begin(), subscriptions.end()), subscriptions.end());
  const auto unique = [](std::vector<std::string>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  unique(dependencies.clusters);
  unique(dependencies.files);
  std::sort(runtime_keys.begin(), runtime_keys.end());
  runtime_keys.erase(std::unique(runtime_keys.begin(), runtime_keys.end()), runtime_keys.end());
  // Copies take what they need. Without exceptions shrink_to_fit does nothing.
  runtime_keys = std::vector<uint64_t>(runtime_keys);
  subscriptions = std::vector<Subscription>(subscriptions);
  // By slot, not by address: in this order they are given back, and the next names take them.
  if (slots == nullptr) return;
  auto& clusters = slots->clusters;
  std::sort(clusters.begin(), clusters.end(),
            [](const ClusterNames::Ref& a, const ClusterNames::Ref& b) { return a->slot.index < b->slot.index; });
  clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
}

std::set<uint64_t> Found::HashesOfChanged(const std::set<std::string>& keys) {
  std::set<uint64_t> hashes = {kAllRuntimeKeys};
  for (const absl::string_view key : keys) {
    hashes.insert(HashOfKey(key));
    for (size_t i = 0; i < key.size(); ++i) {
      if (key[i] == '.') hashes.insert(HashOfKey(key.substr(0, i + 1)));  // i < size
    }
  }
  return hashes;
}

Found::Slots& Found::MutableSlots() {
  if (slots == nullptr) slots = std::make_unique<Slots>();
  return *slots;
}

Found::OfExtensions& Found::MutableExtensions() {
  if (extensions == nullptr) extensions = std::make_unique<OfExtensions>();
  return *extensions;
}

bool Found::AskedAny(const std::set<uint64_t>& keys) const {
  return std::any_of(runtime_keys.begin(), runtime_keys.end(), [&](uint64_t key) { return keys.count(key) != 0; });
}

bool Found::empty() const {
  return dependencies.subscriptions.empty() && dependencies.clusters.empty() && dependencies.files.empty() &&
         slots == nullptr && warnings.empty() && extensions == nullptr && runtime_keys.empty();
}

const Found& FoundOfPart::None() {
  static const Found& none = *new Found;
  return none;
}

Found& FoundOfPart::Write() {
  if (some_ == nullptr) some_ = std::make_unique<Found>();
  return *some_;
}

void FoundOfPart::Finish() {
  if (some_ == nullptr) return;
  some_->Finish();
  if (some_->empty()) some_ = nullptr;
}

bool BuildContext::HasRuntimeBelow(absl::string_view prefix) const {
  found_.runtime_keys.push_back(Found::HashOfKey(prefix));
  const auto at = environment_.runtime.lower_bound(prefix);
  return at != environment_.runtime.end() && absl::StartsWith(at->first, prefix);
}

model::ClusterSlot BuildContext::ClusterSlotOf(absl::string_view name) {
  ClusterNames::Ref ref = names_.clusters.Get(name);
  const model::ClusterSlot slot = ref->slot;
  found_.MutableSlots().clusters.push_back(std::move(ref));
  found_.dependencies.clusters.emplace_back(name);
  return slot;
}

namespace {
std::string JoinPath(absl::string_view above, absl::string_view field) {
  return absl::StrCat(above, above.empty() || field.empty() ? "" : ".", field);
}
}  // namespace

BuildContext BuildContext::Below(absl::string_view field) const {
  BuildContext below(*this);
  below.path_ = JoinPath(path_, field);
  return below;
}

model::OriginId BuildContext::OriginOf(absl::string_view field) {
  return origins_ == nullptr ? origin_ : origins_->AddField(origin_, JoinPath(path_, field));
}

void BuildContext::Subscribe(ResourceKind kind, absl::string_view name, const core::ConfigSource& source) {
  found_.dependencies.subscriptions.push_back({kind, /*waits=*/true, name, names_.sources.Share(source)});
}

std::shared_ptr<const core::ConfigSource> SourceTable::Share(const core::ConfigSource& source) {
  const std::string bytes = source.SerializeAsString();  // of maps it has none: one form
  std::weak_ptr<const core::ConfigSource>& known = sources_[bytes];
  if (auto shared = known.lock()) return shared;
  auto made = std::make_shared<const core::ConfigSource>(source);
  known = made;
  if (sources_.size() > sweep_at_) {
    std::erase_if(sources_, [](const auto& one) { return one.second.expired(); });
    sweep_at_ = 2 * sources_.size() + kMostForgotten;
  }
  return made;
}

absl::StatusOr<model::RouteTableSlot> BuildContext::SubscribeRoutes(const core::ConfigSource& source,
                                                                    absl::string_view name) {
  if (source.config_source_specifier_case() == core::ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET) {
    return Fault("", "names no source to fetch from");
  }
  RouteNames::Ref ref = names_.routes.Get(name);
  const model::RouteTableSlot slot = ref->slot;
  found_.MutableSlots().routes.push_back(std::move(ref));
  Subscribe(ResourceKind::kRoutes, name, source);
  return slot;
}

absl::StatusOr<std::shared_ptr<const model::RouteTable>> BuildContext::BuildRoutes(
    const envoy::config::route::v3::RouteConfiguration& routes) {
  BuildContext below = Below("route_config");
  return BuildRouteTable(routes, RouteOwner::kInline, "", below);
}

absl::StatusOr<std::shared_ptr<const observe::AccessLog>> BuildContext::BuildAccessLog(
    const envoy::config::accesslog::v3::AccessLog& log) {
  return MakeAccessLog(log, *this);
}

absl::StatusOr<std::string> BuildContext::ReadDataSource(const core::DataSource& source) {
  switch (source.specifier_case()) {
    case core::DataSource::kInlineString:
      return source.inline_string();
    case core::DataSource::kInlineBytes:
      return source.inline_bytes();
    case core::DataSource::kFilename: {
      found_.dependencies.files.push_back(source.filename());
      if (source.has_watched_directory()) found_.dependencies.files.push_back(source.watched_directory().path());
      OUTRIGGER_ASSIGN(std::string bytes, "filename", environment_.engine.ReadFile(source.filename(), kMostFileBytes));
      return bytes;
    }
    case core::DataSource::kEnvironmentVariable: {
      const char* value =
          environment_.variable == nullptr ? nullptr : environment_.variable(source.environment_variable().c_str());
      if (value == nullptr) {
        return Fault("environment_variable", absl::StrCat("\"", source.environment_variable(), "\" is not set"));
      }
      return std::string(value);
    }
    default:
      return Fault("", "needs a file name, an inline value or an environment variable");
  }
}

matching::FormatOptions BuildContext::format_options() const {
  matching::FormatOptions options;
  options.hostname = environment_.hostname;
  options.environment = environment_.variable;
  return options;
}

absl::StatusOr<std::shared_ptr<const http::FilterChainSpec>> BuildContext::BuildHttpFilters(
    absl::string_view field, const extension::HttpFilterList& filters, absl::string_view stat_prefix) {
  std::vector<http::FilterSpec> specs;
  if (static_cast<size_t>(filters.size()) > http::FilterChainSpec::kMostFilters) {
    return Fault(field, absl::StrCat("more than ", http::FilterChainSpec::kMostFilters, " filters"));
  }
  for (int i = 0; i < filters.size(); ++i) {
    const auto& filter = filters[i];
    const std::string path = Item(field, i);
    for (const http::FilterSpec& other : specs) {
      if (other.name == filter.name())
        return Fault(path + ".name", absl::StrCat("a second filter \"", filter.name(), "\""));
    }
    const auto configs = HttpFilterConfigs(filter, path, *this);
    if (!configs.ok()) {
      if (!filter.is_optional() || (filter.has_config_discovery() && !absl::IsNotFound(configs.status()))) {
        return configs.status();
      }
      Warn(absl::StrCat(path, ": optional filter left out: ", configs.status().message()));
      continue;
    }
    BuildContext inside(*this, stat_prefix);
    http::FilterSpec spec;
    if (configs->empty()) {
      spec = extension::MissingHttpFilter(i + 1 == filters.size());
    } else {
      OUTRIGGER_ASSIGN(spec, "", CompileAll<http::FilterSpec>(*configs, inside));
    }
    spec.name = filter.name();
    spec.origin = OriginOf(path);
    spec.disabled = filter.disabled();
    if (spec.terminal) {
      spec.route_may_disable = false;
      if (spec.disabled) return Fault(path + ".disabled", "the filter that ends the chain cannot be off");
      if (i + 1 != filters.size()) return Fault(path, "this filter ends the chain: nothing may follow it");
    }
    specs.push_back(std::move(spec));
  }
  if (specs.empty()) return Fault(field, "needs at least the router");
  if (!specs.back().terminal) {
    return Fault(Item(field, filters.size() - 1),
                 "the last filter must be one that ends the chain, such as the router");
  }
  return std::make_shared<const http::FilterChainSpec>(std::move(specs));
}

}  // namespace outrigger::config
