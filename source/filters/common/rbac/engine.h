// Thread: made on main, immutable; Decide() any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"
#include "source/base/origin.h"
#include "source/base/value.h"
#include "source/http/filter_state.h"
#include "source/http/header_map.h"
#include "source/matching/cidr.h"
#include "source/matching/header_matcher.h"
#include "source/matching/string_matcher.h"
#include "source/matching/value_matcher.h"
#include "source/net/connection.h"

// Who may do what: config.rbac.v3.RBAC, compiled. Shared by the HTTP and the network filter, which see nothing else of
// each other.
namespace outrigger::filters::rbac {

// What policies may look at. On the stack of whoever asks; all pointers are its own. Null: there is none, and what asks
// for it does not match.
struct Subject {
  // The facts of a connection. Headers, metadata and a better remote address are the caller's to add.
  explicit Subject(const net::Connection* connection);

  const http::HeaderMap* headers = nullptr;
  const Metadata* metadata = nullptr;
  const http::FilterState* filter_state = nullptr;
  const net::TlsInfo* tls = nullptr;
  IpAddress remote;             // the client: behind trusted proxies if x-forwarded-for says so
  IpAddress connection_remote;  // the connection's peer; a PROXY header may have replaced it
  IpAddress direct_remote;      // the socket's peer
  IpAddress local;
  uint32_t local_port = 0;
  absl::string_view server_name;
};

// A permission or a principal: a tree over the same few questions.
class Rule {
 public:
  enum class Kind : uint8_t {
    kAny,
    kAnd,
    kOr,
    kNot,
    kHeader,
    kUrlPath,
    kDestinationIp,
    kDestinationPort,
    kMetadata,
    kServerName,
    kAuthenticated,
    kSourceIp,
    kDirectRemoteIp,
    kRemoteIp,
    kFilterState,
  };
  struct StateMatch {
    std::string key;
    matching::StringMatcher text;
  };
  using Ports = matching::NumberRange<int64_t>;
  using What = std::variant<std::monostate, matching::HeaderMatcher, matching::PathMatcher, matching::CidrRange, Ports,
                            matching::MetadataMatcher, matching::StringMatcher, StateMatch>;

  explicit Rule(Kind kind) : kind_(kind) {}  // kAny, kAuthenticated (by anybody)
  Rule(Kind kind, What what) : kind_(kind), what_(std::move(what)) {}
  Rule(Kind kind, std::vector<Rule> parts) : kind_(kind), parts_(std::move(parts)) {}  // kAnd, kOr, kNot (one part)
  bool Match(const Subject& subject) const;

 private:
  bool MatchAuthenticated(const Subject& subject) const;
  Kind kind_;
  std::vector<Rule> parts_;
  What what_;
};

struct Policy {
  std::string name;
  OriginId origin = 0;
  std::vector<Rule> permissions, principals;  // any of each
  // Names of its counters (track_per_rule_stats), made once.
  std::string allowed_stat, denied_stat, shadow_allowed_stat, shadow_denied_stat;
};

enum class Action : uint8_t { kAllow, kDeny, kLog };

struct Decision {
  bool allowed = true;
  const Policy* policy = nullptr;  // the first that matched, in the order of names
  OriginRef origin;                // of the policy; of the rules as a whole if none matched
  absl::string_view policy_name() const { return policy == nullptr ? absl::string_view("none") : policy->name; }
};

class Engine {
 public:
  // Policies are sorted by name here. `origin`: of the rules as a whole.
  Engine(Action action, std::vector<Policy> policies, OriginId origin = 0,
         std::shared_ptr<const ResourceOrigin> resource_origin = nullptr);
  // kAllow: some policy matches. kDeny: none does. kLog: always allowed; `policy` says whether to log.
  Decision Decide(const Subject& subject) const;
  Action action() const { return action_; }
  const std::vector<Policy>& policies() const { return policies_; }

 private:
  Action action_;
  std::vector<Policy> policies_;
  OriginId origin_;
  std::shared_ptr<const ResourceOrigin> resource_origin_;
};

}  // namespace outrigger::filters::rbac
