#include "source/filters/common/rbac/engine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::filters::rbac {

using Fact = net::TlsInfo::Fact;

Subject::Subject(const net::Connection* connection) {
  if (connection == nullptr) return;
  const net::ConnectionProperties& properties = connection->properties();
  connection_remote = IpAddress::FromBytes(properties.remote.ip_bytes());
  direct_remote = IpAddress::FromBytes(properties.source().ip_bytes());
  local = IpAddress::FromBytes(properties.local.ip_bytes());
  local_port = properties.local.port();
  remote = connection_remote;
  tls = const_cast<net::Connection*>(connection)->transport().tls();
  server_name = properties.server_name();
  if (server_name.empty() && tls != nullptr) server_name = tls->server_name();
}

// The name of a peer is its URI SANs, else its DNS SANs, else its subject; one that was not verified has none.
bool Rule::MatchAuthenticated(const Subject& subject) const {
  if (subject.tls == nullptr || !subject.tls->peer_validated()) return false;
  const auto* name = std::get_if<matching::StringMatcher>(&what_);
  if (name == nullptr) return true;
  for (const Fact kind : {Fact::kUriSans, Fact::kDnsSans}) {
    const size_t count = subject.tls->PeerSanCount(kind);
    for (size_t i = 0; i < count; ++i) {
      if (name->Match(subject.tls->PeerSan(kind, i))) return true;
    }
    if (count > 0) return false;
  }
  return name->Match(subject.tls->Peer(Fact::kSubject));
}

namespace {

bool InRange(const Rule::What& what, const IpAddress& address) {
  const auto* range = std::get_if<matching::CidrRange>(&what);
  return range != nullptr && address.family != IpAddress::Family::kNone && range->Contains(address);
}

}  // namespace

bool Rule::Match(const Subject& subject) const {
  const auto matches = [&subject](const Rule& rule) { return rule.Match(subject); };
  switch (kind_) {
    case Kind::kAny:
      return true;
    case Kind::kAnd:
      return std::all_of(parts_.begin(), parts_.end(), matches);
    case Kind::kOr:
      return std::any_of(parts_.begin(), parts_.end(), matches);
    case Kind::kNot:
      return !parts_.empty() && !parts_[0].Match(subject);
    case Kind::kHeader: {
      // A connection has no headers: asked about one, it is as if the request had none at all.
      const auto* header = std::get_if<matching::HeaderMatcher>(&what_);
      return header != nullptr && subject.headers != nullptr && header->Match(*subject.headers);
    }
    case Kind::kUrlPath: {
      const auto* path = std::get_if<matching::PathMatcher>(&what_);
      if (path == nullptr || subject.headers == nullptr) return false;
      const absl::string_view value = subject.headers->path();
      return value.data() != nullptr && path->Match(value);
    }
    case Kind::kMetadata: {
      const auto* metadata = std::get_if<matching::MetadataMatcher>(&what_);
      return metadata != nullptr && metadata->Match(subject.metadata);
    }
    case Kind::kServerName: {
      const auto* name = std::get_if<matching::StringMatcher>(&what_);
      return name != nullptr && name->Match(subject.server_name);
    }
    case Kind::kDestinationPort: {
      const auto* ports = std::get_if<Ports>(&what_);
      return ports != nullptr && subject.local.family != IpAddress::Family::kNone &&
             ports->Contains(subject.local_port);
    }
    case Kind::kFilterState: {
      const auto* wanted = std::get_if<StateMatch>(&what_);
      if (wanted == nullptr || subject.filter_state == nullptr) return false;
      const http::FilterState::Object* object = subject.filter_state->Get(wanted->key);
      return object != nullptr && wanted->text.Match(object->Text());
    }
    case Kind::kAuthenticated:
      return MatchAuthenticated(subject);
    case Kind::kDestinationIp:
      return InRange(what_, subject.local);
    case Kind::kSourceIp:
      return InRange(what_, subject.connection_remote);
    case Kind::kDirectRemoteIp:
      return InRange(what_, subject.direct_remote);
    case Kind::kRemoteIp:
      return InRange(what_, subject.remote);
  }
  return false;
}

Engine::Engine(Action action, std::vector<Policy> policies, OriginId origin,
               std::shared_ptr<const ResourceOrigin> resource_origin)
    : action_(action), policies_(std::move(policies)), origin_(origin), resource_origin_(std::move(resource_origin)) {
  std::sort(policies_.begin(), policies_.end(), [](const Policy& a, const Policy& b) { return a.name < b.name; });
  for (Policy& policy : policies_) {
    const std::string prefix = absl::StrCat("policy.", policy.name, ".");
    policy.allowed_stat = prefix + "allowed";
    policy.denied_stat = prefix + "denied";
    policy.shadow_allowed_stat = prefix + "shadow_allowed";
    policy.shadow_denied_stat = prefix + "shadow_denied";
  }
}

Decision Engine::Decide(const Subject& subject) const {
  const auto matches = [&subject](const Rule& rule) { return rule.Match(subject); };
  Decision decision;
  for (const Policy& policy : policies_) {
    if (std::any_of(policy.permissions.begin(), policy.permissions.end(), matches) &&
        std::any_of(policy.principals.begin(), policy.principals.end(), matches)) {
      decision.policy = &policy;
      break;
    }
  }
  decision.origin = {resource_origin_.get(), decision.policy != nullptr ? decision.policy->origin : origin_};
  decision.allowed = action_ == Action::kLog || (action_ == Action::kAllow) == (decision.policy != nullptr);
  return decision;
}

}  // namespace outrigger::filters::rbac
