#include "source/observe/tags.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "re2/re2.h"

namespace outrigger::observe {
namespace {

// One of the published default rules. In `pattern` the first group is what leaves the name, the second the value;
// ADDRESS and WORD stand for a listener's address and a run of characters without a dot.
struct DefaultRule {
  const char* name;
  const char* start;      // the name must begin so
  const char* contained;  // and contain this
  const char* pattern;
  const char* except = "";  // a value that is no match
};

constexpr DefaultRule kDefaultRules[] = {
    {"envoy.response_code", "", "_rq_", R"(_rq(_(\d{3}))$)"},
    {"envoy.response_code_class", "", "_rq_", R"(_rq_((\d))xx$)"},
    {"envoy.grpc_bridge_method", "cluster.", ".grpc.", R"(^cluster\.WORD\.grpc\.WORD\.((WORD)\.))"},
    {"envoy.http_user_agent", "http.", ".user_agent.", R"(^http\.WORD\.user_agent\.((WORD)\.))"},
    {"envoy.virtual_cluster", "vhost.", ".vcluster.", R"(^vhost\.WORD\.vcluster\.((WORD)\.))"},
    {"envoy.fault_downstream_cluster", "http.", ".fault.", R"(^http\.WORD\.fault\.((WORD)\.))"},
    {"envoy.ssl_cipher", "listener.", ".ssl.ciphers.", R"(^listener\..*?\.ssl\.ciphers(\.([0-9A-Za-z_-]+))$)"},
    {"envoy.ssl_curve", "", ".ssl.curves.",
     R"(^(?:listener\.(?:ADDRESS|WORD)|cluster\.WORD)\.ssl\.curves(\.([0-9A-Za-z_-]+))$)"},
    {"envoy.ssl_sigalg", "", ".ssl.sigalgs.",
     R"(^(?:listener\.(?:ADDRESS|WORD)|cluster\.WORD)\.ssl\.sigalgs(\.([0-9A-Za-z_-]+))$)"},
    {"envoy.ssl_version", "", ".ssl.versions.",
     R"(^(?:listener\.(?:ADDRESS|WORD)|cluster\.WORD)\.ssl\.versions(\.([0-9A-Za-z_.-]+))$)"},
    {"cipher_suite", "cluster.", ".ssl.ciphers.", R"(^cluster\.WORD\.ssl\.ciphers(\.([0-9A-Za-z_-]+))$)"},
    {"envoy.grpc_bridge_service", "cluster.", ".grpc.", R"(^cluster\.WORD\.grpc\.((WORD)\.))"},
    {"envoy.tcp_prefix", "tcp.", "", R"(^tcp\.((WORD)\.))"},
    {"envoy.udp_prefix", "udp.", "", R"(^udp\.((WORD)\.))"},
    {"envoy.clientssl_prefix", "auth.clientssl.", "", R"(^auth\.clientssl\.((WORD)\.))"},
    {"envoy.ratelimit_prefix", "ratelimit.", "", R"(^ratelimit\.((WORD)\.))"},
    {"envoy.cluster_name", "cluster.", "", R"(^cluster\.((WORD)\.))"},
    {"envoy.http_conn_manager_prefix", "listener.", ".http.", R"(^listener\..*?\.http\.((WORD)\.))"},
    {"envoy.ext_authz_prefix", "", ".ext_authz.", R"(^(?:cluster|http)\.WORD\.ext_authz\.((WORD)\.))"},
    {"envoy.http_conn_manager_prefix", "http.", "", R"(^http\.((WORD)\.))"},
    {"envoy.worker_id", "", "worker_",
     R"(^(?:listener\.(?:ADDRESS|WORD)\.|server\.|listener_manager\.)worker_((\d+)\.))"},
    {"envoy.listener_address", "listener.", "", R"(^listener\.((ADDRESS|WORD)\.))", "admin"},
    {"envoy.virtual_host", "vhost.", "", R"(^vhost\.((WORD)\.))"},
    {"envoy.mongo_prefix", "mongo.", "", R"(^mongo\.((WORD)\.))"},
    {"envoy.rds_route_config", "http.", ".rds.", R"(^http\.WORD\.rds\.(([\w.-]+)\.)\w+?$)"},
    {"envoy.route", "vhost.", ".route.", R"(^vhost\.WORD\.route\.((WORD)\.))"},
    {"envoy.thrift_prefix", "thrift.", "", R"(^thrift\.((WORD)\.))"},
    {"envoy.redis_prefix", "redis.", "", R"(^redis\.((WORD)\.))"},
    {"envoy.local_http_ratelimit_prefix", "", ".http_local_rate_limit.", R"(^((WORD)\.)http_local_rate_limit\.)"},
    {"envoy.local_network_ratelimit_prefix", "local_rate_limit.", "", R"(^local_rate_limit\.((WORD)\.))"},
    {"envoy.local_listener_ratelimit_prefix", "listener_local_ratelimit.", "",
     R"(^listener_local_ratelimit\.((WORD)\.))"},
    {"envoy.dns_filter_prefix", "dns_filter.", "", R"(^dns_filter\.((WORD)\.))"},
};

std::string Expand(absl::string_view pattern) {
  return absl::StrReplaceAll(
      pattern,
      {{"ADDRESS", R"((?:(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[[a-fA-F_\d]+\])_\d+))"}, {"WORD", R"([^.]+)"}});
}

constexpr int64_t kPatternMemory = 1 << 20;  // bytes per pattern: it comes from the bootstrap

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemory);
  return options;
}

}  // namespace

struct TagRules::Compiled {
  Compiled(absl::string_view tag_name, const std::string& pattern) : name(tag_name), regex(pattern, PatternOptions()) {}
  std::string name;
  RE2 regex;
  std::string start, contained, except;
};

TagRules::TagRules() = default;
TagRules::~TagRules() = default;

std::shared_ptr<const TagRules> TagRules::Defaults() {
  static const std::shared_ptr<const TagRules>* rules =
      new std::shared_ptr<const TagRules>(*Create({}, /*use_all_default_tags=*/true));
  return *rules;
}

bool TagRules::AddDefault(absl::string_view name) {
  bool found = false;
  for (const DefaultRule& rule : kDefaultRules) {
    if (!name.empty() && name != rule.name) continue;
    auto made = std::make_unique<Compiled>(rule.name, Expand(rule.pattern));
    made->start = rule.start;
    made->contained = rule.contained;
    made->except = rule.except;
    rules_.push_back(std::move(made));
    found = true;
  }
  return found;
}

absl::StatusOr<std::shared_ptr<const TagRules>> TagRules::Create(const std::vector<TagRule>& custom,
                                                                 bool use_all_default_tags) {
  std::shared_ptr<TagRules> made(new TagRules());
  if (use_all_default_tags) made->AddDefault("");
  for (size_t i = 0; i < custom.size(); ++i) {
    const TagRule& rule = custom[i];
    const std::string where = absl::StrCat("stats_tags[", i, "] \"", rule.name, "\": ");
    if (rule.has_fixed_value) {
      made->fixed_.emplace_back(rule.name, rule.fixed_value);
      continue;
    }
    if (rule.regex.empty()) {
      if (!made->AddDefault(rule.name)) {
        return absl::InvalidArgumentError(
            absl::StrCat(where, "has neither regex nor fixed_value and is no default tag"));
      }
      continue;
    }
    auto compiled = std::make_unique<Compiled>(rule.name, rule.regex);
    if (!compiled->regex.ok()) return absl::InvalidArgumentError(absl::StrCat(where, compiled->regex.error()));
    if (compiled->regex.NumberOfCapturingGroups() < 1) {
      return absl::InvalidArgumentError(absl::StrCat(where, "regex has no capture group"));
    }
    made->rules_.push_back(std::move(compiled));
  }
  return std::shared_ptr<const TagRules>(std::move(made));
}

TaggedName TagRules::Extract(absl::string_view full_name) const {
  TaggedName out;
  out.tags = fixed_;
  std::vector<std::pair<size_t, size_t>> removed;  // ranges of full_name
  for (const auto& rule : rules_) {
    if (!absl::StartsWith(full_name, rule->start) || !absl::StrContains(full_name, rule->contained)) continue;
    const bool known =
        std::any_of(out.tags.begin(), out.tags.end(), [&](const auto& t) { return t.first == rule->name; });
    if (known) continue;  // the first rule of a name that matches gives its value
    re2::StringPiece groups[3];
    const re2::StringPiece text(full_name.data(), full_name.size());
    const int wanted = std::min(3, rule->regex.NumberOfCapturingGroups() + 1);
    if (!rule->regex.Match(text, 0, text.size(), RE2::UNANCHORED, groups, wanted)) continue;
    if (groups[1].data() == nullptr) continue;
    const re2::StringPiece& value = groups[2].data() != nullptr ? groups[2] : groups[1];
    if (!rule->except.empty() && value == rule->except) continue;
    out.tags.emplace_back(rule->name, std::string(value.data(), value.size()));
    const size_t begin = static_cast<size_t>(groups[1].data() - full_name.data());
    removed.emplace_back(begin, begin + groups[1].size());
  }
  std::sort(removed.begin(), removed.end());
  size_t at = 0;
  for (const auto& [begin, end] : removed) {
    if (begin > at) out.name.append(full_name.data() + at, begin - at);
    at = std::max(at, end);
  }
  out.name.append(full_name.data() + at, full_name.size() - at);
  return out;
}

}  // namespace outrigger::observe
