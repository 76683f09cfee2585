#include "source/matching/host_table.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

// The host without ":port"; "[::1]:80" gives "[::1]".
absl::string_view WithoutPort(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos) return host;
  const size_t bracket = host.rfind(']');
  return bracket == absl::string_view::npos || bracket < colon ? host.substr(0, colon) : host;
}

}  // namespace

absl::Status HostTable::Add(absl::string_view domain, int32_t number) {
  const std::string lower = absl::AsciiStrToLower(domain);
  bool fresh;
  if (lower == "*") {
    fresh = any_ < 0;
    if (fresh) any_ = number;
  } else if (!lower.empty() && lower.front() == '*') {
    fresh = suffixes_[lower.size() - 1].emplace(lower.substr(1), number).second;
  } else if (!lower.empty() && lower.back() == '*') {
    fresh = prefixes_[lower.size() - 1].emplace(lower.substr(0, lower.size() - 1), number).second;
  } else {
    fresh = exact_.emplace(lower, number).second;
  }
  if (fresh) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("domain \"", domain, "\" is there twice"));
}

int32_t HostTable::Find(absl::string_view host) const {
  if (exact_.empty() && suffixes_.empty() && prefixes_.empty()) return any_;
  if (host.data() == nullptr) return -1;
  if (ignore_port_) host = WithoutPort(host);
  if (const auto at = exact_.find(host); at != exact_.end()) return at->second;
  // The wildcard stands for at least one character.
  for (const auto& [length, hosts] : suffixes_) {
    if (length >= host.size()) continue;
    if (const auto at = hosts.find(host.substr(host.size() - length)); at != hosts.end()) return at->second;
  }
  for (const auto& [length, hosts] : prefixes_) {
    if (length >= host.size()) continue;
    if (const auto at = hosts.find(host.substr(0, length)); at != hosts.end()) return at->second;
  }
  return any_;
}

}  // namespace outrigger::matching
