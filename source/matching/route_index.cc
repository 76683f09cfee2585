#include "source/matching/route_index.h"

#include <map>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

using Path = RouteMatchSpec::Path;
using Tls = RouteMatchSpec::Tls;

bool HasConditions(const RouteMatchSpec& match) {
  return match.grpc || !match.headers.empty() || !match.query.empty() || !match.cookies.empty() ||
         !match.metadata.empty() || match.presented != Tls::kAny || match.validated != Tls::kAny ||
         match.fraction_denominator != 0;
}

bool IsGrpc(const http::HeaderMap& headers) {
  constexpr absl::string_view kGrpc = "application/grpc";
  const absl::string_view type = headers.Get(http::KnownHeader::kContentType);
  return absl::StartsWith(type, kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

bool Agrees(Tls wanted, bool is) { return wanted == Tls::kAny || (wanted == Tls::kYes) == is; }

absl::Status CheckSeparatedPrefix(absl::string_view prefix) {
  if (prefix.empty() || prefix.front() != '/' || prefix.back() == '/' ||
      prefix.find_first_of("?#") != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("path_separated_prefix \"", prefix,
                     "\" must begin with '/', must not end with '/' and must not contain '?' or '#'"));
  }
  return absl::OkStatus();
}

}  // namespace

// Ordered maps: what is built must not depend on hash order.
struct RouteIndex::Paths {
  using Lists = std::map<std::string, std::vector<uint32_t>>;
  Lists exact, exact_folded, prefix, prefix_folded;
  std::vector<uint32_t> connect;
};

absl::Status RouteIndex::Add(uint32_t index, RouteSpec& route, Paths& paths, std::vector<RegexSet::Item>* regexes) {
  RouteMatchSpec& match = route.match;
  const std::string key = match.case_sensitive ? match.path : absl::AsciiStrToLower(match.path);
  switch (match.path_kind) {
    case Path::kExact:
      (match.case_sensitive ? paths.exact : paths.exact_folded)[key].push_back(index);
      break;
    case Path::kSeparatedPrefix:
      if (absl::Status status = CheckSeparatedPrefix(match.path); !status.ok()) return status;
      (match.case_sensitive ? paths.prefix : paths.prefix_folded)[key].push_back(index | kSeparated);
      break;
    case Path::kPrefix:
      (match.case_sensitive ? paths.prefix : paths.prefix_folded)[key].push_back(index);
      break;
    case Path::kRegex: {
      absl::StatusOr<std::shared_ptr<const re2::RE2>> regex = CompileRegex(match.path);
      if (!regex.ok()) return regex.status();
      regexes->push_back({index, *std::move(regex)});
      break;
    }
    case Path::kConnect:
      paths.connect.push_back(index);
      break;
  }
  if (match.fraction_denominator == 0 && match.fraction_numerator != 0) {
    return absl::InvalidArgumentError("runtime_fraction has no denominator");
  }
  payloads_.push_back(route.payload);
  const bool conditions = HasConditions(match);
  conditions_.push_back(conditions ? std::make_unique<const RouteMatchSpec>(std::move(match)) : nullptr);
  return absl::OkStatus();
}

RouteIndex::Range RouteIndex::Store(const std::vector<uint32_t>& list) {
  Range range;
  range.begin = static_cast<uint32_t>(lists_.size());
  lists_.insert(lists_.end(), list.begin(), list.end());
  range.end = static_cast<uint32_t>(lists_.size());
  return range;
}

absl::StatusOr<RouteIndex> RouteIndex::Build(std::vector<RouteSpec> routes, const RouteTableOptions& options) {
  RouteIndex out;
  Paths paths;
  std::vector<RegexSet::Item> regexes;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    if (absl::Status status = out.Add(i, routes[i], paths, &regexes); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("route ", i, ": ", status.message()));
    }
  }
  for (const auto& [path, list] : paths.exact) out.exact_.emplace(path, out.Store(list));
  for (const auto& [path, list] : paths.exact_folded) out.exact_folded_.emplace(path, out.Store(list));
  const auto trie = [&out](const Paths::Lists& lists, bool fold) {
    std::vector<std::pair<std::string, uint32_t>> keys;
    for (const auto& [path, list] : lists) {
      keys.emplace_back(path, static_cast<uint32_t>(out.ranges_.size()));
      out.ranges_.push_back(out.Store(list));
    }
    return PrefixTrie(std::move(keys), fold);
  };
  out.prefixes_ = trie(paths.prefix, false);
  out.prefixes_folded_ = trie(paths.prefix_folded, true);
  out.connect_ = out.Store(paths.connect);
  absl::StatusOr<RegexSet> set = RegexSet::Build(std::move(regexes), options.regex_set_memory);
  if (!set.ok()) return set.status();
  out.regexes_ = *std::move(set);
  return out;
}

bool RouteIndex::Holds(uint32_t index, const RouteInput& input) const {
  const RouteMatchSpec* match = conditions_[index].get();
  if (match == nullptr) return true;
  if (match->grpc && !IsGrpc(*input.headers)) return false;
  if (!Agrees(match->presented, input.tls_presented) || !Agrees(match->validated, input.tls_validated)) return false;
  if (match->fraction_denominator != 0 && input.random % match->fraction_denominator >= match->fraction_numerator) {
    return false;
  }
  if (!MatchAll(match->headers, *input.headers)) return false;
  if (!match->query.empty()) {
    const absl::string_view query = QueryOf(input.headers->path());
    for (const QueryParameterMatcher& matcher : match->query) {
      if (!matcher.Match(query)) return false;
    }
  }
  for (const CookieMatcher& matcher : match->cookies) {
    if (!matcher.Match(*input.headers)) return false;
  }
  for (const MetadataMatcher& matcher : match->metadata) {
    if (!matcher.Match(input.metadata)) return false;
  }
  return true;
}

// The lowest index of the run that is below `best` and holds, or `best`.
uint32_t RouteIndex::Try(Range range, absl::string_view path, size_t prefix, const RouteInput& input,
                         uint32_t best) const {
  for (uint32_t i = range.begin; i < range.end; ++i) {
    const uint32_t index = lists_[i] & ~kSeparated;
    if (index >= best) break;
    if ((lists_[i] & kSeparated) != 0 && prefix < path.size() && path[prefix] != '/') continue;
    if (Holds(index, input)) return index;
  }
  return best;
}

int32_t RouteIndex::Match(absl::string_view path, const RouteInput& input, uint32_t* fallbacks) const {
  const uint32_t none = static_cast<uint32_t>(payloads_.size());
  uint32_t best = none;
  if (connect_.begin != connect_.end && input.headers->method() == "CONNECT") {
    best = Try(connect_, path, 0, input, best);
  }
  if (!path.empty()) {
    if (!exact_.empty()) {
      const auto at = exact_.find(path);
      if (at != exact_.end()) best = Try(at->second, path, 0, input, best);
    }
    if (!exact_folded_.empty()) {
      const auto at = exact_folded_.find(path);
      if (at != exact_folded_.end()) best = Try(at->second, path, 0, input, best);
    }
    const auto visit = [&](uint32_t number, size_t prefix) { best = Try(ranges_[number], path, prefix, input, best); };
    prefixes_.Walk(path, visit);
    prefixes_folded_.Walk(path, visit);
    if (!regexes_.empty()) {
      best = regexes_.Lowest(path, best, fallbacks, [&](uint32_t index) { return Holds(index, input); });
    }
  }
  return best == none ? -1 : static_cast<int32_t>(best);
}

}  // namespace outrigger::matching
