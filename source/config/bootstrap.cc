#include "source/config/bootstrap.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.pb.h"
#include "outrigger/last_good/v1/last_good.pb.h"
#include "source/config/cluster_builder.h"
#include "source/config/overload.h"
#include "source/extension/fault.h"
#include "source/extension/runtime.h"
#include "source/schema/reader.h"
#include "source/schema/typed_struct.h"
#include "source/schema/validator.h"

namespace outrigger::config {

using envoy::config::bootstrap::v3::Bootstrap;
using outrigger::bootstrap::last_good::v1::LastGood;
namespace core_v3 = envoy::config::core::v3;
using extension::Fault;

LoadedBootstrap::LoadedBootstrap() : bootstrap(std::make_unique<Bootstrap>()) {}
LoadedBootstrap::LoadedBootstrap(LoadedBootstrap&&) noexcept = default;
LoadedBootstrap::~LoadedBootstrap() = default;

namespace {

absl::Status Read(absl::string_view text, absl::string_view name, bool allow_unknown, LoadedBootstrap* out,
                  Bootstrap* into) {
  schema::ReadOptions options;
  options.source = std::string(name);
  std::vector<schema::UnknownField> unknown;
  if (allow_unknown) options.unknown = &unknown;
  if (const absl::Status read = schema::ReadMessage(text, *into, options); !read.ok()) return read;
  for (const auto& field : unknown) {
    out->unknown_fields.push_back(absl::StrCat(name, ":", field.line, ": ", field.path));
  }
  return absl::OkStatus();
}

// Binary forms, by the file's ending, as published: .pb is the encoded message. All else is text.
bool IsEncoded(absl::string_view path) { return path.size() > 3 && path.substr(path.size() - 3) == ".pb"; }

absl::Status ReadFileInto(const BootstrapSource& source, event::Engine& engine, LoadedBootstrap* out) {
  auto text = engine.ReadFile(source.path, kMostBootstrapBytes);
  if (!text.ok()) return text.status();
  if (!IsEncoded(source.path)) {
    return Read(*text, source.path, source.allow_unknown_fields, out, out->bootstrap.get());
  }
  if (!out->bootstrap->ParseFromString(*text)) {
    return absl::InvalidArgumentError(absl::StrCat(source.path, ": is no encoded Bootstrap"));
  }
  return absl::OkStatus();
}

absl::Status CheckSource(absl::string_view field, const core_v3::ApiConfigSource& source, const Bootstrap& bootstrap) {
  for (int i = 0; i < source.grpc_services_size(); ++i) {
    if (!source.grpc_services(i).has_envoy_grpc()) continue;
    const std::string& cluster = source.grpc_services(i).envoy_grpc().cluster_name();
    const auto& known = bootstrap.static_resources().clusters();
    if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.name() == cluster; })) continue;
    return absl::InvalidArgumentError(absl::StrCat("dynamic_resources.", field, ".grpc_services[", i,
                                                   "].envoy_grpc.cluster_name: \"", cluster,
                                                   "\" is not a static cluster"));
  }
  return absl::OkStatus();
}

absl::Status CheckSource(absl::string_view field, const core_v3::ConfigSource& source, const Bootstrap& bootstrap) {
  if (source.has_ads() && !bootstrap.dynamic_resources().has_ads_config()) {
    return absl::InvalidArgumentError(
        absl::StrCat("dynamic_resources.", field, ".ads: the bootstrap has no dynamic_resources.ads_config"));
  }
  return CheckSource(absl::StrCat(field, ".api_config_source"), source.api_config_source(), bootstrap);
}

// What --mode validate should not call good: sources that can never give anything.
absl::Status CheckSources(const Bootstrap& bootstrap) {
  const auto& dynamic = bootstrap.dynamic_resources();
  for (const auto& layer : bootstrap.layered_runtime().layers()) {
    if (!layer.rtds_layer().rtds_config().has_ads() || dynamic.has_ads_config()) continue;
    return Fault(absl::StrCat("layered_runtime.layers[\"", layer.name(), "\"].rtds_layer.rtds_config.ads"),
                 "the bootstrap has no dynamic_resources.ads_config");
  }
  absl::Status status = CheckSource("ads_config", dynamic.ads_config(), bootstrap);
  if (status.ok()) status = CheckSource("cds_config", dynamic.cds_config(), bootstrap);
  return !status.ok() ? status : CheckSource("lds_config", dynamic.lds_config(), bootstrap);
}

// Extensions that the process has one of. What has no effect was said by the rules; anything else does not belong
// there.
absl::Status CheckExtensions(const Bootstrap& bootstrap) {
  using envoy::extensions::bootstrap::internal_listener::v3::InternalListener;
  for (int i = 0; i < bootstrap.bootstrap_extensions_size(); ++i) {
    const auto& config = bootstrap.bootstrap_extensions(i).typed_config();
    const auto* type = schema::TypeOf(config.type_url());
    if (type != InternalListener::descriptor() && type != LastGood::descriptor()) {
      return Fault(extension::Item("bootstrap_extensions", i) + ".typed_config",
                   "is no bootstrap extension known here");
    }
  }
  if (const auto last_good = LastGoodOf(bootstrap); !last_good.ok()) return last_good.status();
  if (const auto overload = OverloadOf(bootstrap); !overload.ok()) return overload.status();
  OUTRIGGER_TRY("typed_dns_resolver_config", CheckResolver(bootstrap.typed_dns_resolver_config()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LastGood> LastGoodOf(const Bootstrap& bootstrap) {
  LastGood found;
  bool seen = false;
  for (int i = 0; i < bootstrap.bootstrap_extensions_size(); ++i) {
    const auto& config = bootstrap.bootstrap_extensions(i).typed_config();
    if (schema::TypeOf(config.type_url()) != LastGood::descriptor()) continue;
    const std::string path = extension::Item("bootstrap_extensions", i);
    if (std::exchange(seen, true))
      return Fault(path, "there is another extension that keeps the last good configuration");
    OUTRIGGER_TRY(path + ".typed_config", schema::UnpackInto(config, found));
  }
  return found;
}

absl::StatusOr<std::optional<uint64_t>> ConnectionLimitOf(const Bootstrap& bootstrap, const Value::Struct& runtime) {
  std::optional<uint64_t> limit;
  const auto given = runtime.find("overload.global_downstream_max_connections");
  double number = 0;
  if (given != runtime.end() && extension::NumberOf(&given->second, &number) && number > 0) {
    limit = number < 1e18 ? static_cast<uint64_t>(number) : UINT64_MAX;
  }
  const auto overload = OverloadOf(bootstrap);
  if (!overload.ok()) return overload.status();
  for (const overload::MonitorSpec& monitor : overload->monitors) {
    if (const auto* connections = std::get_if<overload::Connections>(&monitor.of)) limit = connections->most;
  }
  return limit;
}

absl::StatusOr<LoadedBootstrap> LoadBootstrap(const BootstrapSource& source, event::Engine& engine) {
  LoadedBootstrap out;
  if (source.path.empty() && source.yaml.empty()) {
    return absl::InvalidArgumentError("no bootstrap: give a file with -c, or a text with --config-yaml");
  }
  if (!source.path.empty()) {
    if (const absl::Status read = ReadFileInto(source, engine, &out); !read.ok()) return read;
  }
  if (!source.yaml.empty()) {
    Bootstrap over;
    const absl::Status read = Read(source.yaml, "--config-yaml", source.allow_unknown_fields, &out, &over);
    if (!read.ok()) return read;
    out.bootstrap->MergeFrom(over);
  }
  schema::ValidateOptions options;
  if (source.allow_unknown_fields) options.unknown = schema::ValidateOptions::Unknown::kCollect;
  const schema::ValidationResult result = schema::Validate(*out.bootstrap, options);
  if (!result.ok()) return result.ToStatus();
  if (const absl::Status sources = CheckSources(*out.bootstrap); !sources.ok()) return sources;
  if (const absl::Status checked = CheckExtensions(*out.bootstrap); !checked.ok()) return checked;
  for (const auto& warning : result.warnings) out.warnings.push_back(schema::ToString(warning));
  for (const auto& unknown : result.unknown_fields) out.unknown_fields.push_back(schema::ToString(unknown));
  return out;
}

}  // namespace outrigger::config
