#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/ip_address.h"
#include "source/model/listener.h"

namespace outrigger::model {

namespace {

enum Level : int {
  kDestinationPort,
  kDestinationIp,
  kServerName,
  kTransport,
  kApplication,
  kDirectSourceIp,
  kSourceType,
  kSourceIp,
  kSourcePort,
  kLevels,
};

constexpr absl::string_view kAny = "";

// What a chain says at one level, as text keys; {kAny} where it says nothing. CIDR levels use "address/bits".
std::vector<std::string> KeysOf(const FilterChainMatch& match, int level) {
  std::vector<std::string> keys;
  const auto ranges = [&keys](const std::vector<matching::CidrRange>& list) {
    for (const auto& range : list) keys.push_back(range.ToString());
  };
  switch (level) {
    case kDestinationPort:
      if (match.destination_port != 0) keys.push_back(absl::StrCat(match.destination_port));
      break;
    case kDestinationIp:
      ranges(match.destination);
      break;
    case kServerName:
      keys = match.server_names;
      break;
    case kTransport:
      if (!match.transport_protocol.empty()) keys.push_back(match.transport_protocol);
      break;
    case kApplication:
      keys = match.application_protocols;
      break;
    case kDirectSourceIp:
      ranges(match.direct_source);
      break;
    case kSourceType:
      if (match.source_type == FilterChainMatch::SourceType::kSameIpOrLoopback) keys.push_back("local");
      if (match.source_type == FilterChainMatch::SourceType::kExternal) keys.push_back("external");
      break;
    case kSourceIp:
      ranges(match.source);
      break;
    case kSourcePort:
      for (const uint32_t port : match.source_ports) keys.push_back(absl::StrCat(port));
      break;
    default:
      break;
  }
  if (keys.empty()) keys.emplace_back(kAny);
  return keys;
}

bool IsCidrLevel(int level) { return level == kDestinationIp || level == kDirectSourceIp || level == kSourceIp; }

IpAddress ToIp(const net::Address& address) { return IpAddress::FromBytes(address.ip_bytes()); }

}  // namespace

// One level of the decision: Envoy's order, no way back once the most specific value of a level is chosen.
struct FilterChainMatcher::Node {
  absl::flat_hash_map<std::string, std::shared_ptr<const Node>> exact;
  std::vector<std::pair<matching::CidrRange, std::shared_ptr<const Node>>> ranges;  // longest prefix first
  std::shared_ptr<const Node> any;
  int chain = -1;  // below the last level

  static absl::StatusOr<std::shared_ptr<const Node>> Build(
      const std::vector<std::shared_ptr<const FilterChain>>& chains, const std::vector<int>& members, int level) {
    auto node = std::make_shared<Node>();
    if (level == kLevels) {
      if (members.size() > 1) {
        return absl::InvalidArgumentError(absl::StrCat("filter_chains[", members[1], "] (\"", chains[members[1]]->name,
                                                       "\") has the same matching rules as filter_chains[", members[0],
                                                       "] (\"", chains[members[0]]->name, "\")"));
      }
      node->chain = members.front();
      return std::shared_ptr<const Node>(std::move(node));
    }
    std::map<std::string, std::vector<int>> groups;
    for (const int member : members) {
      for (const std::string& key : KeysOf(chains[member]->match, level)) {
        std::vector<int>& group = groups[key];
        if (group.empty() || group.back() != member) group.push_back(member);
      }
    }
    for (const auto& [key, group] : groups) {
      auto child = Build(chains, group, level + 1);
      if (!child.ok()) return child.status();
      if (key == kAny) {
        node->any = *std::move(child);
      } else if (IsCidrLevel(level)) {
        auto range = matching::CidrRange::Parse(key);
        if (!range.ok()) return range.status();
        node->ranges.emplace_back(*std::move(range), *std::move(child));
      } else {
        node->exact[key] = *std::move(child);
      }
    }
    std::stable_sort(node->ranges.begin(), node->ranges.end(),
                     [](const auto& a, const auto& b) { return a.first.prefix_length() > b.first.prefix_length(); });
    return std::shared_ptr<const Node>(std::move(node));
  }

  const Node* Exact(absl::string_view key) const {
    auto at = exact.find(key);
    return at == exact.end() ? any.get() : at->second.get();
  }
  const Node* InRange(const IpAddress& address) const {
    for (const auto& [range, child] : ranges) {
      if (range.Contains(address)) return child.get();
    }
    return any.get();
  }
  const Node* ServerName(absl::string_view name) const {
    if (exact.empty() || name.empty()) return any.get();
    if (auto at = exact.find(name); at != exact.end()) return at->second.get();
    for (size_t dot = name.find('.'); dot != absl::string_view::npos; dot = name.find('.', dot + 1)) {
      if (auto at = exact.find(absl::StrCat("*", name.substr(dot))); at != exact.end()) return at->second.get();
    }
    return any.get();
  }
};

absl::StatusOr<FilterChainMatcher> FilterChainMatcher::Build(
    const std::vector<std::shared_ptr<const FilterChain>>& chains) {
  FilterChainMatcher matcher;
  if (chains.empty()) return matcher;
  std::vector<int> all;
  for (size_t i = 0; i < chains.size(); ++i) all.push_back(static_cast<int>(i));
  auto root = Node::Build(chains, all, 0);
  if (!root.ok()) return root.status();
  matcher.root_ = *std::move(root);
  return matcher;
}

int FilterChainMatcher::Find(const net::ConnectionProperties& properties) const {
  const Node* node = root_.get();
  if (node == nullptr) return -1;
  const auto step = [&node](const Node* next) {
    node = next;
    return next != nullptr;
  };
  const IpAddress local = ToIp(properties.local);
  const IpAddress remote = ToIp(properties.remote);
  const bool same_host = properties.remote.IsLoopback() || !properties.remote.ip() || local == remote;
  if (!step(node->Exact(absl::StrCat(properties.local.port())))) return -1;
  if (!step(node->InRange(local))) return -1;
  if (!step(node->ServerName(properties.server_name()))) return -1;
  if (!step(node->Exact(properties.transport_protocol()))) return -1;
  const Node* application = nullptr;
  if (properties.hello != nullptr) {
    for (const std::string& alpn : properties.hello->alpns) {
      auto at = node->exact.find(alpn);
      if (at != node->exact.end()) {
        application = at->second.get();
        break;
      }
    }
  } else if (properties.application != net::ApplicationProtocol::kUnknown) {
    auto at = node->exact.find(properties.application_name());
    if (at != node->exact.end()) application = at->second.get();
  }
  if (!step(application != nullptr ? application : node->any.get())) return -1;
  if (!step(node->InRange(ToIp(properties.source())))) return -1;
  if (!step(node->Exact(same_host ? "local" : "external"))) return -1;
  if (!step(node->InRange(remote))) return -1;
  if (!step(node->Exact(absl::StrCat(properties.remote.port())))) return -1;
  return node->chain;
}

}  // namespace outrigger::model
