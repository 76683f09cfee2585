#include "source/filters/common/rbac/build.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "source/extension/matchers.h"

namespace outrigger::filters::rbac {

namespace v3 = envoy::config::rbac::v3;
using extension::Invalid;
using extension::Under;
using Kind = Rule::Kind;

namespace {

// A part of a rule as it was built, or the error with the field's name.
template <class T>
absl::StatusOr<Rule> Leaf(absl::string_view field, Kind kind, absl::StatusOr<T> what) {
  if (!what.ok()) return Under(field, what.status());
  return Rule(kind, Rule::What(*std::move(what)));
}

class Builder {
 public:
  explicit Builder(bool with_requests) : with_requests_(with_requests) {}

  absl::StatusOr<Rule> Build(const v3::Permission& permission) const {
    using Case = v3::Permission;
    switch (permission.rule_case()) {
      case Case::kAny:
        if (!permission.any()) return Under("any", Invalid("must be true"));
        return Rule(Kind::kAny);
      case Case::kAndRules:
        return Group("and_rules.rules", Kind::kAnd, permission.and_rules().rules());
      case Case::kOrRules:
        return Group("or_rules.rules", Kind::kOr, permission.or_rules().rules());
      case Case::kNotRule:
        return Not("not_rule", permission.not_rule());
      case Case::kHeader:
        return Header(permission.header());
      case Case::kUrlPath:
        return Path(permission.url_path());
      case Case::kDestinationIp:
        return Leaf("destination_ip", Kind::kDestinationIp, extension::BuildCidr(permission.destination_ip()));
      case Case::kDestinationPort: {
        const int64_t port = permission.destination_port();
        return Rule(Kind::kDestinationPort, Rule::What(Rule::Ports{port, port + 1}));
      }
      case Case::kDestinationPortRange:
        return PortRange(permission.destination_port_range());
      case Case::kMetadata:
        return Leaf("metadata", Kind::kMetadata, extension::BuildMetadataMatcher(permission.metadata()));
      case Case::kRequestedServerName:
        return Leaf("requested_server_name", Kind::kServerName,
                    extension::BuildStringMatcher(permission.requested_server_name()));
      default:
        return Invalid("this kind of permission is not supported");
    }
  }

  absl::StatusOr<Rule> Build(const v3::Principal& principal) const {
    using Case = v3::Principal;
    switch (principal.identifier_case()) {
      case Case::kAny:
        if (!principal.any()) return Under("any", Invalid("must be true"));
        return Rule(Kind::kAny);
      case Case::kAndIds:
        return Group("and_ids.ids", Kind::kAnd, principal.and_ids().ids());
      case Case::kOrIds:
        return Group("or_ids.ids", Kind::kOr, principal.or_ids().ids());
      case Case::kNotId:
        return Not("not_id", principal.not_id());
      case Case::kAuthenticated:
        if (!principal.authenticated().has_principal_name()) return Rule(Kind::kAuthenticated);
        return Leaf("authenticated.principal_name", Kind::kAuthenticated,
                    extension::BuildStringMatcher(principal.authenticated().principal_name()));
      case Case::kSourceIp:
        return Leaf("source_ip", Kind::kSourceIp, extension::BuildCidr(principal.source_ip()));
      case Case::kDirectRemoteIp:
        return Leaf("direct_remote_ip", Kind::kDirectRemoteIp, extension::BuildCidr(principal.direct_remote_ip()));
      case Case::kRemoteIp:
        return Leaf("remote_ip", Kind::kRemoteIp, extension::BuildCidr(principal.remote_ip()));
      case Case::kHeader:
        return Header(principal.header());
      case Case::kUrlPath:
        return Path(principal.url_path());
      case Case::kMetadata:
        return Leaf("metadata", Kind::kMetadata, extension::BuildMetadataMatcher(principal.metadata()));
      case Case::kFilterState:
        return State(principal.filter_state());
      default:
        return Invalid("this kind of principal is not supported");
    }
  }

  template <class Proto>
  absl::StatusOr<std::vector<Rule>> List(absl::string_view field,
                                         const google::protobuf::RepeatedPtrField<Proto>& list) const {
    if (list.empty()) return Under(field, Invalid("needs at least one"));
    std::vector<Rule> rules;
    for (int i = 0; i < list.size(); ++i) {
      absl::StatusOr<Rule> rule = Build(list[i]);
      if (!rule.ok()) return Under(field, static_cast<size_t>(i), rule.status());
      rules.push_back(*std::move(rule));
    }
    return rules;
  }

 private:
  template <class Proto>
  absl::StatusOr<Rule> Group(absl::string_view field, Kind kind,
                             const google::protobuf::RepeatedPtrField<Proto>& list) const {
    absl::StatusOr<std::vector<Rule>> parts = List(field, list);
    if (!parts.ok()) return parts.status();
    return Rule(kind, *std::move(parts));
  }

  template <class Proto>
  absl::StatusOr<Rule> Not(absl::string_view field, const Proto& inner) const {
    absl::StatusOr<Rule> rule = Build(inner);
    if (!rule.ok()) return Under(field, rule.status());
    std::vector<Rule> parts;
    parts.push_back(*std::move(rule));
    return Rule(Kind::kNot, std::move(parts));
  }

  absl::Status NeedsRequest(absl::string_view field) const {
    return with_requests_ ? absl::OkStatus() : Under(field, Invalid("a connection has no requests"));
  }
  absl::StatusOr<Rule> Header(const envoy::config::route::v3::HeaderMatcher& header) const {
    if (absl::Status status = NeedsRequest("header"); !status.ok()) return status;
    return Leaf("header", Kind::kHeader, extension::BuildHeaderMatcher(header));
  }
  absl::StatusOr<Rule> Path(const envoy::type::matcher::v3::PathMatcher& path) const {
    if (absl::Status status = NeedsRequest("url_path"); !status.ok()) return status;
    return Leaf("url_path", Kind::kUrlPath, extension::BuildPathMatcher(path));
  }
  static absl::StatusOr<Rule> PortRange(const envoy::type::v3::Int32Range& range) {
    if (range.start() < 0 || range.start() > 65536 || range.end() < 0 || range.end() > 65536) {
      return Under("destination_port_range", Invalid("ports are between 0 and 65536 (the end is not included)"));
    }
    if (range.start() >= range.end()) return Under("destination_port_range", Invalid("start must be below end"));
    return Rule(Kind::kDestinationPort, Rule::What(Rule::Ports{range.start(), range.end()}));
  }
  static absl::StatusOr<Rule> State(const envoy::type::matcher::v3::FilterStateMatcher& matcher) {
    if (matcher.matcher_case() != envoy::type::matcher::v3::FilterStateMatcher::kStringMatch) {
      return Under("filter_state", Invalid("this kind of filter state matcher is not supported"));
    }
    absl::StatusOr<matching::StringMatcher> text = extension::BuildStringMatcher(matcher.string_match());
    if (!text.ok()) return Under("filter_state.string_match", text.status());
    return Rule(Kind::kFilterState, Rule::What(Rule::StateMatch{matcher.key(), *std::move(text)}));
  }

  bool with_requests_;
};

absl::StatusOr<Policy> BuildPolicy(const Builder& builder, const std::string& name, const v3::Policy& proto) {
  if (proto.has_condition()) return Under("condition", Invalid("conditions are not supported"));
  if (proto.has_checked_condition()) return Under("checked_condition", Invalid("conditions are not supported"));
  Policy policy;
  policy.name = name;
  absl::StatusOr<std::vector<Rule>> permissions = builder.List("permissions", proto.permissions());
  if (!permissions.ok()) return permissions.status();
  absl::StatusOr<std::vector<Rule>> principals = builder.List("principals", proto.principals());
  if (!principals.ok()) return principals.status();
  policy.permissions = *std::move(permissions);
  policy.principals = *std::move(principals);
  return policy;
}

}  // namespace

absl::StatusOr<Engine> BuildEngine(const v3::RBAC& rules, absl::string_view field, bool with_requests,
                                   extension::FactoryContext& context) {
  Action action = Action::kAllow;
  switch (rules.action()) {
    case v3::RBAC::ALLOW:
      action = Action::kAllow;
      break;
    case v3::RBAC::DENY:
      action = Action::kDeny;
      break;
    case v3::RBAC::LOG:
      action = Action::kLog;
      break;
    default:
      return Under("action", Invalid("this action is not supported"));
  }
  if (rules.has_audit_logging_options()) return Under("audit_logging_options", Invalid("is not supported"));
  const Builder builder(with_requests);
  const std::map<std::string, const v3::Policy*> sorted = [&rules] {
    std::map<std::string, const v3::Policy*> by_name;  // errors come in the order of names, whatever the map's
    for (const auto& [name, policy] : rules.policies()) by_name.emplace(name, &policy);
    return by_name;
  }();
  const OriginId origin = context.OriginOf(field);
  std::vector<Policy> policies;
  for (const auto& [name, proto] : sorted) {
    absl::StatusOr<Policy> policy = BuildPolicy(builder, name, *proto);
    const std::string at = extension::Item("policies", name);
    if (!policy.ok()) return Under(at, policy.status());
    policy->origin = context.OriginOf(absl::StrCat(field, ".", at));
    policies.push_back(*std::move(policy));
  }
  return Engine(action, std::move(policies), origin, context.resource_origin());
}

}  // namespace outrigger::filters::rbac
