// Virtual hosts that were fetched for route configurations (VHDS): each is compiled by itself and kept as it is; what
// a change costs beyond that is one table of all domains.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/config/snapshot_state.h"
#include "source/extension/fault.h"
#include "source/extension/values.h"

namespace outrigger::config {

using Outcome = SnapshotBuilder::Outcome;

SnapshotBuilder::State::Around& SnapshotBuilder::State::AroundOf(const std::string& routes_name) {
  const auto [at, fresh] = surroundings.try_emplace(routes_name);
  Around& around = at->second;
  if (!fresh) return around;
  if (const auto known = routes.find(routes_name); known != routes.end()) {
    around.head = *known->second.proto;
    for (const auto& host : around.head.virtual_hosts()) {
      for (const std::string& domain : host.domains()) around.domains.emplace(absl::AsciiStrToLower(domain), "");
    }
    around.head.clear_virtual_hosts();
    around.head.clear_vhds();
  }
  around.head.set_name(routes_name);
  around.hash = extension::HashOf(around.head);
  return around;
}

absl::Status SnapshotBuilder::State::CheckDomains(absl::string_view name, const HostPart& part) {
  const auto& taken = AroundOf(part.routes).domains;
  for (int i = 0; i < part.proto->domains_size(); ++i) {
    const auto at = taken.find(absl::AsciiStrToLower(part.proto->domains(i)));
    if (at == taken.end() || at->second == name) continue;
    return extension::Fault(
        extension::Item("domains", i),
        absl::StrCat("\"", part.proto->domains(i), "\" is a domain of ",
                     at->second.empty() ? absl::StrCat("the route configuration \"", part.routes, "\"")
                                        : absl::StrCat("\"", at->second, "\""),
                     " already"));
  }
  return absl::OkStatus();
}

namespace {

using Domains = std::map<std::string, std::string>;

void Take(const HostPart& part, const std::string& name, Domains& domains) {
  for (const std::string& domain : part.proto->domains()) domains.emplace(absl::AsciiStrToLower(domain), name);
}

void Release(const HostPart& part, absl::string_view name, Domains& domains) {
  for (const std::string& domain : part.proto->domains()) {
    const auto at = domains.find(absl::AsciiStrToLower(domain));
    if (at != domains.end() && at->second == name) domains.erase(at);
  }
}

}  // namespace

void SnapshotBuilder::State::CommitHost(absl::string_view given, HostPart part) {
  const std::string name(given);
  Around& around = AroundOf(part.routes);
  stale_routes.insert(part.routes);
  const auto [at, fresh] = hosts.try_emplace(name);
  const HostPart before = std::exchange(at->second, std::move(part));
  if (!fresh) {
    Release(before, name, around.domains);
    origins.Retire(before.origin);
  }
  Take(at->second, name, around.domains);
  changed = true;
}

void SnapshotBuilder::State::EraseHost(PartMap<HostPart>::iterator at) {
  Release(at->second, at->first, AroundOf(at->second.routes).domains);
  stale_routes.insert(at->second.routes);
  origins.Retire(at->second.origin);
  hosts.erase(at);
  changed = true;
}

// What the route configuration itself has comes first: a fetched host that has one of its domains is put aside until it
// has not.
void SnapshotBuilder::State::RenewHosts(const std::string& routes_name) {
  surroundings.erase(routes_name);
  const std::string prefix = absl::StrCat(routes_name, "/");
  for (auto at = hosts.lower_bound(prefix); at != hosts.end() && at->first.str().rfind(prefix, 0) == 0; ++at) {
    if (at->second.routes != routes_name) continue;
    Around& around = AroundOf(routes_name);
    stale_routes.insert(routes_name);
    if (at->second.head == around.hash) {
      Take(at->second, at->first, around.domains);
      continue;
    }
    recompiling = true;
    auto made = CompileHost(at->first, at->second.proto, at->second.given);
    recompiling = false;
    if (made.ok()) {
      CommitHost(at->first, *std::move(made));
    } else if (environment.warn) {
      environment.warn(std::string(made.status().message()));
    }
  }
}

void SnapshotBuilder::State::AssembleRoutes() {
  for (const std::string& name : stale_routes) {
    const auto at = routes.find(name);
    if (at == routes.end()) continue;
    const RoutesPart& part = at->second;
    const model::RouteTable& own = *part.table;
    if (!own.fetches_hosts) {  // what came is for a version that is not in use yet
      next.routes.Set(part.name->slot.index, part.table);
      continue;
    }
    auto whole = std::make_shared<model::RouteTable>();
    whole->name = own.name;
    whole->version = own.version;
    whole->origin = own.origin;
    whole->resource_origin = own.resource_origin;
    whole->internal_only_headers = own.internal_only_headers;
    whole->most_specific_header_mutations_wins = own.most_specific_header_mutations_wins;
    whole->ignore_port = own.ignore_port;
    whole->ignore_path_parameters = own.ignore_path_parameters;
    whole->upstream_tls_wish = own.upstream_tls_wish;
    whole->fetches_hosts = own.fetches_hosts;
    whole->fetched.push_back(part.table);
    whole->domains = matching::HostTable(own.ignore_port);
    std::map<absl::string_view, int32_t> numbers;
    for (const auto& [domain, owner] : AroundOf(name).domains) {
      const auto [number, fresh] = numbers.try_emplace(owner, static_cast<int32_t>(whole->fetched.size()));
      if (owner.empty()) {
        number->second = 0;
      } else if (fresh) {
        const model::RouteTable& host = *hosts.find(owner)->second.table;
        whole->fetched.push_back(hosts.find(owner)->second.table);
        whole->upstream_tls_wish |= host.upstream_tls_wish;
      }
      const absl::Status ignored = whole->domains.Add(domain, number->second);  // no domain is there twice
      (void)ignored;
    }
    next.routes.Set(part.name->slot.index,
                    whole->fetched.size() == 1 ? part.table : std::shared_ptr<const model::RouteTable>(whole));
  }
  stale_routes.clear();
}

absl::StatusOr<Outcome> SnapshotBuilder::SetVirtualHost(absl::string_view name,
                                                        const envoy::config::route::v3::VirtualHost& host,
                                                        const Given& given) {
  const auto at = state_->hosts.find(name);
  if (at != state_->hosts.end() && at->second.content_hash == extension::HashOf(host)) {
    at->second.given = given;
    return Outcome::kUnchanged;
  }
  auto made = state_->CompileHost(name, std::make_shared<const State::VirtualHost>(host), given);
  if (!made.ok()) return made.status();
  state_->CommitHost(name, *std::move(made));
  return Outcome::kChanged;
}

absl::StatusOr<Dependencies> SnapshotBuilder::CheckVirtualHost(absl::string_view name,
                                                               const envoy::config::route::v3::VirtualHost& host,
                                                               const Given& given) {
  auto made = state_->CompileHost(name, std::make_shared<const State::VirtualHost>(host), given);
  if (!made.ok()) return made.status();
  state_->origins.Retire(made->origin);
  return made->found->dependencies;
}

}  // namespace outrigger::config
