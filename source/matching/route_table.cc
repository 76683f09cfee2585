#include "source/matching/route_table.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/matching/route_index.h"

namespace outrigger::matching {
namespace {

// The host without ":port"; "[::1]:80" gives "[::1]".
absl::string_view WithoutPort(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos) return host;
  const size_t bracket = host.rfind(']');
  return bracket == absl::string_view::npos || bracket < colon ? host.substr(0, colon) : host;
}

// Wildcards of one length.
struct WildcardLength {
  size_t length;
  FoldedMap<int32_t> hosts;
};

using Wildcards = std::map<size_t, FoldedMap<int32_t>, std::greater<>>;

std::vector<WildcardLength> LongestFirst(Wildcards wildcards) {
  std::vector<WildcardLength> out;
  for (auto& [length, hosts] : wildcards) out.push_back({length, std::move(hosts)});
  return out;
}

}  // namespace

struct RouteTable::Compiled {
  RouteTableOptions options;
  FoldedMap<int32_t> exact;
  std::vector<WildcardLength> suffixes;  // "*.a.com" as ".a.com", longest first
  std::vector<WildcardLength> prefixes;  // "a.*" as "a.", longest first
  int32_t any = -1;                      // "*"
  std::vector<RouteIndex> hosts;

  absl::Status AddDomain(absl::string_view domain, int32_t host, Wildcards& suffixes_by_length,
                         Wildcards& prefixes_by_length);
  int32_t Find(absl::string_view host) const;
};

absl::Status RouteTable::Compiled::AddDomain(absl::string_view domain, int32_t host, Wildcards& suffixes_by_length,
                                             Wildcards& prefixes_by_length) {
  const std::string lower = absl::AsciiStrToLower(domain);
  bool fresh;
  if (lower == "*") {
    fresh = any < 0;
    any = host;
  } else if (!lower.empty() && lower.front() == '*') {
    fresh = suffixes_by_length[lower.size() - 1].emplace(lower.substr(1), host).second;
  } else if (!lower.empty() && lower.back() == '*') {
    fresh = prefixes_by_length[lower.size() - 1].emplace(lower.substr(0, lower.size() - 1), host).second;
  } else {
    fresh = exact.emplace(lower, host).second;
  }
  if (fresh) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("domain \"", domain, "\" is there twice"));
}

int32_t RouteTable::Compiled::Find(absl::string_view host) const {
  if (exact.empty() && suffixes.empty() && prefixes.empty()) return any;
  if (host.data() == nullptr) return -1;
  if (options.ignore_port) host = WithoutPort(host);
  if (const auto at = exact.find(host); at != exact.end()) return at->second;
  // The wildcard stands for at least one character.
  for (const WildcardLength& wildcard : suffixes) {
    if (wildcard.length >= host.size()) continue;
    const auto at = wildcard.hosts.find(host.substr(host.size() - wildcard.length));
    if (at != wildcard.hosts.end()) return at->second;
  }
  for (const WildcardLength& wildcard : prefixes) {
    if (wildcard.length >= host.size()) continue;
    const auto at = wildcard.hosts.find(host.substr(0, wildcard.length));
    if (at != wildcard.hosts.end()) return at->second;
  }
  return any;
}

absl::StatusOr<RouteTable> RouteTable::Build(std::vector<VirtualHostSpec> hosts, const RouteTableOptions& options) {
  auto compiled = std::make_shared<Compiled>();
  compiled->options = options;
  compiled->hosts.reserve(hosts.size());
  std::set<std::string> names;
  Wildcards suffixes, prefixes;
  for (size_t i = 0; i < hosts.size(); ++i) {
    VirtualHostSpec& host = hosts[i];
    const auto fail = [&host](absl::string_view why) {
      return absl::InvalidArgumentError(absl::StrCat("virtual host \"", host.name, "\": ", why));
    };
    if (!names.insert(host.name).second) return fail("the name is there twice");
    if (host.domains.empty()) return fail("it has no domain");
    for (const std::string& domain : host.domains) {
      const absl::Status status = compiled->AddDomain(domain, static_cast<int32_t>(i), suffixes, prefixes);
      if (!status.ok()) return fail(status.message());
    }
    absl::StatusOr<RouteIndex> index = RouteIndex::Build(std::move(host.routes), options);
    if (!index.ok()) return fail(index.status().message());
    compiled->hosts.push_back(*std::move(index));
  }
  compiled->suffixes = LongestFirst(std::move(suffixes));
  compiled->prefixes = LongestFirst(std::move(prefixes));
  RouteTable table;
  table.compiled_ = std::move(compiled);
  return table;
}

int32_t RouteTable::FindVirtualHost(absl::string_view host) const {
  return compiled_ == nullptr ? -1 : compiled_->Find(host);
}

RouteMatch RouteTable::Match(const RouteInput& input) const {
  RouteMatch out;
  out.virtual_host = FindVirtualHost(input.host.data() == nullptr ? input.headers->authority() : input.host);
  if (out.virtual_host < 0) return out;
  absl::string_view path = PathWithoutQuery(input.headers->path());
  if (compiled_->options.ignore_path_parameters) path = path.substr(0, path.find(';'));
  const RouteIndex& index = compiled_->hosts[static_cast<size_t>(out.virtual_host)];
  out.route = index.Match(path, input, &out.regex_fallbacks);
  if (out.route >= 0) out.payload = index.payload(out.route);
  return out;
}

}  // namespace outrigger::matching
