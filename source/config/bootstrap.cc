#include "source/config/bootstrap.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "source/schema/reader.h"
#include "source/schema/validator.h"

namespace outrigger::config {

using envoy::config::bootstrap::v3::Bootstrap;
namespace core_v3 = envoy::config::core::v3;

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
  absl::Status status = CheckSource("ads_config", dynamic.ads_config(), bootstrap);
  if (status.ok()) status = CheckSource("cds_config", dynamic.cds_config(), bootstrap);
  return !status.ok() ? status : CheckSource("lds_config", dynamic.lds_config(), bootstrap);
}

}  // namespace

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
  for (const auto& warning : result.warnings) out.warnings.push_back(schema::ToString(warning));
  for (const auto& unknown : result.unknown_fields) out.unknown_fields.push_back(schema::ToString(unknown));
  return out;
}

}  // namespace outrigger::config
