#include "source/control_plane/xds_server/client_status.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "source/matching/string_matcher.h"
#include "source/schema/secrets.h"

namespace outrigger::control_plane {
namespace {

namespace status = envoy::service::status::v3;
using envoy::admin::v3::ClientResourceStatus;
using matching::StringMatcher;
using Kind = Subscription::State::Kind;

absl::StatusOr<StringMatcher> MatcherOf(const envoy::type::matcher::v3::StringMatcher& matcher) {
  using Proto = envoy::type::matcher::v3::StringMatcher;
  const bool folded = matcher.ignore_case();
  switch (matcher.match_pattern_case()) {
    case Proto::kExact:
      return StringMatcher::Create(StringMatcher::Kind::kExact, matcher.exact(), folded);
    case Proto::kPrefix:
      return StringMatcher::Create(StringMatcher::Kind::kPrefix, matcher.prefix(), folded);
    case Proto::kSuffix:
      return StringMatcher::Create(StringMatcher::Kind::kSuffix, matcher.suffix(), folded);
    case Proto::kContains:
      return StringMatcher::Create(StringMatcher::Kind::kContains, matcher.contains(), folded);
    case Proto::kSafeRegex:
      return StringMatcher::Create(StringMatcher::Kind::kRegex, matcher.safe_regex().regex(), folded);
    default:
      return absl::InvalidArgumentError("node_id: expected exact, prefix, suffix, contains or safe_regex");
  }
}

// Without matchers every node matches; otherwise one of them has to.
absl::StatusOr<std::vector<StringMatcher>> MatchersOf(const status::ClientStatusRequest& request) {
  std::vector<StringMatcher> matchers;
  for (int i = 0; i < request.node_matchers_size(); ++i) {
    const auto& matcher = request.node_matchers(i);
    const std::string where = absl::StrCat("node_matchers[", i, "].");
    if (matcher.node_metadatas_size() != 0) {
      return absl::InvalidArgumentError(absl::StrCat(where, "node_metadatas: metadata of nodes is not kept"));
    }
    if (!matcher.has_node_id()) {
      matchers.emplace_back();  // of anything
      continue;
    }
    auto made = MatcherOf(matcher.node_id());
    if (!made.ok()) return absl::InvalidArgumentError(absl::StrCat(where, "node_id: ", made.status().message()));
    matchers.push_back(*std::move(made));
  }
  return matchers;
}

bool Chosen(const std::vector<StringMatcher>& matchers, const std::string& node) {
  for (const StringMatcher& matcher : matchers) {
    if (matcher.Match(node)) return true;
  }
  return matchers.empty();
}

void SetTime(WallTime time, google::protobuf::Timestamp& out) {
  const int64_t millis = ToMillis(time.time_since_epoch());
  out.set_seconds(millis / 1000);
  out.set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
}

void SetStatus(Kind kind, bool exists, status::ClientConfig::GenericXdsConfig& out) {
  switch (kind) {
    case Kind::kNone:
      out.set_config_status(status::NOT_SENT);
      out.set_client_status(ClientResourceStatus::DOES_NOT_EXIST);
      return;
    case Kind::kNotSent:
      out.set_config_status(status::NOT_SENT);
      out.set_client_status(exists ? ClientResourceStatus::REQUESTED : ClientResourceStatus::DOES_NOT_EXIST);
      return;
    case Kind::kSent:
      out.set_config_status(status::STALE);
      out.set_client_status(ClientResourceStatus::REQUESTED);
      return;
    case Kind::kAccepted:
      out.set_config_status(status::SYNCED);
      out.set_client_status(ClientResourceStatus::ACKED);
      return;
    case Kind::kRefused:
      out.set_config_status(status::ERROR);
      out.set_client_status(ClientResourceStatus::NACKED);
  }
}

void FillContent(const Resource& resource, google::protobuf::Any& out) {
  out.set_type_url(resource.type_url);
  out.set_value(resource.bytes);
  schema::RedactSecrets(out);
}

void FillType(const std::string& type, const Subscription& subscription, const ResourceSet& view, bool contents,
              status::ClientConfig& out) {
  const Subscription::Facts& facts = subscription.facts();
  for (const auto& [name, state] : subscription.States(view)) {
    auto& config = *out.add_generic_xds_configs();
    config.set_type_url(type);
    config.set_name(name);
    config.set_version_info(state.version);
    SetStatus(state.kind, state.resource != nullptr, config);
    if (!state.version.empty()) SetTime(facts.sent_at, *config.mutable_last_updated());
    if (state.kind == Kind::kRefused) {
      auto& error = *config.mutable_error_state();
      error.set_details(facts.refusal);
      error.set_version_info(facts.refused_version);
      SetTime(facts.refused_at, *error.mutable_last_update_attempt());
    }
    if (contents && state.resource != nullptr) FillContent(*state.resource, *config.mutable_xds_config());
  }
}

}  // namespace

absl::Status FillClientStatus(const XdsServer& server, const Insight& insight,
                              const status::ClientStatusRequest& request, status::ClientStatusResponse& response) {
  const auto matchers = MatchersOf(request);
  if (!matchers.ok()) return matchers.status();
  size_t bytes = 0;
  for (const auto& [id, session] : server.sessions()) {
    if (!session->admitted()) continue;
    const std::string& node = session->node().id;
    if (!insight.all && insight.nodes.find(node) == insight.nodes.end()) continue;
    if (!Chosen(*matchers, node)) continue;
    auto& config = *response.add_config();
    config.mutable_node()->set_id(node);
    config.mutable_node()->set_cluster(session->node().cluster);
    config.mutable_node()->set_user_agent_name(session->user_agent());
    const std::string& only_type = session->options().only_type;
    config.set_client_scope(absl::StrCat("stream ", id, " ", only_type.empty() ? "ADS" : ShortType(only_type)));
    for (const auto& [type, subscription] : session->subscriptions()) {
      FillType(type, subscription, session->snapshot().Of(type), !request.exclude_resource_contents(), config);
    }
    bytes += config.ByteSizeLong();
    if (bytes <= kMostStatusBytes) continue;
    response.Clear();
    return absl::ResourceExhaustedError("the answer is too large: choose nodes, or leave out the contents");
  }
  return absl::OkStatus();
}

}  // namespace outrigger::control_plane
