#include "source/config/discovered_filter.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace core = envoy::config::core::v3;
using extension::Fault;
using extension::Invalid;
using extension::Item;
using google::protobuf::Any;

namespace {

// Type URLs are compared by what they name; a name alone is one, too.
absl::string_view TypeName(absl::string_view url) {
  const size_t slash = url.rfind('/');
  return slash == absl::string_view::npos ? url : url.substr(slash + 1);  // proved: slash is in it
}

bool Names(const core::ExtensionConfigSource& source, absl::string_view type) {
  return std::any_of(source.type_urls().begin(), source.type_urls().end(),
                     [type](const std::string& url) { return TypeName(url) == type; });
}

template <class Factory>
using Finder = absl::StatusOr<Extension<Factory>> (*)(const extension::FactoryTable&, absl::string_view, const Any&);

// Only what a factory of this kind takes may be promised.
template <class Factory>
absl::Status CheckTypes(const core::ExtensionConfigSource& source, absl::string_view name, Finder<Factory> find,
                        BuildContext& context) {
  for (int i = 0; i < source.type_urls_size(); ++i) {
    Any empty;
    empty.set_type_url(absl::StrCat("type.googleapis.com/", TypeName(source.type_urls(i))));
    OUTRIGGER_TRY(Item("type_urls", i), find(context.factories(), name, empty).status());
  }
  return absl::OkStatus();
}

// `config` as one of the promised types.
template <class Factory>
absl::Status Add(const core::ExtensionConfigSource& source, const Any& config, absl::string_view name,
                 absl::string_view path, Finder<Factory> find, BuildContext& context, FilterConfigs<Factory>* out) {
  auto found = find(context.factories(), name, config);
  if (!found.ok()) return found.status();
  const std::string& type = found->config->GetDescriptor()->full_name();
  if (!Names(source, type)) return Invalid(absl::StrCat(type, " is none of type_urls"));
  out->push_back({*std::move(found), std::string(path), std::string(name)});
  return absl::OkStatus();
}

// What came may be of another type than this filter takes: refused as long as it is new, else (another filter has it
// already) this one does without, as published.
template <class Factory>
absl::Status AddReceived(const core::ExtensionConfigSource& source, absl::string_view name, absl::string_view path,
                         absl::string_view stats_prefix, Finder<Factory> find, BuildContext& context,
                         FilterConfigs<Factory>* out) {
  const ReceivedExtension received = context.known().FindExtension(name);
  if (received.config == nullptr) return absl::OkStatus();
  const absl::Status added = Add(source, received.config->typed_config(), name, path, find, context, out);
  if (added.ok() || received.is_new) return extension::Under(path, added);
  context.Warn(absl::StrCat(path, ": \"", name, "\" is not used: ", added.message()));
  context.found().MutableExtensions().conflicts.emplace_back(stats_prefix);
  return absl::OkStatus();
}

template <class Factory>
absl::StatusOr<FilterConfigs<Factory>> Discover(const core::ExtensionConfigSource& source, absl::string_view name,
                                                absl::string_view path, absl::string_view word, Finder<Factory> find,
                                                BuildContext& context) {
  FilterConfigs<Factory> out;
  const std::string field = absl::StrCat(path, ".config_discovery");
  OUTRIGGER_TRY(field, CheckTypes(source, name, find, context));
  if (source.config_source().config_source_specifier_case() == core::ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET) {
    return Fault(field + ".config_source", "names no source to fetch from");
  }
  const bool at_once = source.apply_default_config_without_warming();
  if (source.has_default_config()) {
    const std::string default_field = field + ".default_config";
    OUTRIGGER_TRY(default_field, Add(source, source.default_config(), name, default_field, find, context, &out));
  } else if (at_once) {
    return Fault(field + ".apply_default_config_without_warming", "there is no default_config");
  }
  const std::string stats_prefix = absl::StrCat("extension_config_discovery.", word, ".", name, ".");
  context.Subscribe(ResourceKind::kExtension, name, source.config_source());
  Subscription& subscription = context.found().dependencies.subscriptions.back();
  subscription.waits = !at_once;
  subscription.stats_prefix = stats_prefix;
  OUTRIGGER_TRY("", AddReceived(source, name, field, stats_prefix, find, context, &out));
  return out;
}

template <class Factory, class Filter>
absl::StatusOr<FilterConfigs<Factory>> ConfigsOf(const Filter& filter, absl::string_view path, absl::string_view word,
                                                 Finder<Factory> find, BuildContext& context) {
  if (filter.has_config_discovery()) {
    return Discover(filter.config_discovery(), filter.name(), path, word, find, context);
  }
  const std::string field = absl::StrCat(path, ".typed_config");
  auto found = find(context.factories(), filter.name(), filter.typed_config());
  if (!found.ok()) return extension::Under(field, found.status());
  FilterConfigs<Factory> out;
  out.push_back({*std::move(found), field, ""});
  return out;
}

}  // namespace

absl::StatusOr<FilterConfigs<extension::HttpFilterFactory>> HttpFilterConfigs(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, absl::string_view path,
    BuildContext& context) {
  return ConfigsOf(filter, path, "http_filter", &FindHttpFilter, context);
}
absl::StatusOr<FilterConfigs<extension::NetworkFilterFactory>> NetworkFilterConfigs(
    const envoy::config::listener::v3::Filter& filter, absl::string_view path, BuildContext& context) {
  return ConfigsOf(filter, path, "network_filter", &FindNetworkFilter, context);
}
absl::StatusOr<FilterConfigs<extension::ListenerFilterFactory>> ListenerFilterConfigs(
    const envoy::config::listener::v3::ListenerFilter& filter, absl::string_view path, BuildContext& context) {
  return ConfigsOf(filter, path, "tcp_listener_filter", &FindListenerFilter, context);
}

absl::Status DiscoveryNotes::Finish() {
  if (discovered_.empty()) return absl::OkStatus();
  const auto& subscriptions = found_.dependencies.subscriptions;
  if (subscriptions.size() > subscriptions_) {
    const Subscription& one = subscriptions[subscriptions_];
    return Invalid(absl::StrCat("asks for the ", WordOf(one.kind), " \"", one.name.str(),
                                "\" itself, which a configuration that is discovered cannot; give it inline"));
  }
  const auto& clusters = found_.dependencies.clusters;
  found_.MutableExtensions().clusters[discovered_].insert(clusters.begin() + static_cast<ptrdiff_t>(clusters_),
                                                          clusters.end());
  return absl::OkStatus();
}

}  // namespace outrigger::config
