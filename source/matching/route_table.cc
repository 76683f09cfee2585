#include "source/matching/route_table.h"

#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "source/matching/host_table.h"
#include "source/matching/route_index.h"

namespace outrigger::matching {
struct RouteTable::Compiled {
  RouteTableOptions options;
  HostTable domains;
  std::vector<RouteIndex> hosts;
};

absl::StatusOr<RouteTable> RouteTable::Build(std::vector<VirtualHostSpec> hosts, const RouteTableOptions& options) {
  auto compiled = std::make_shared<Compiled>();
  compiled->options = options;
  compiled->domains = HostTable(options.ignore_port);
  compiled->hosts.reserve(hosts.size());
  std::set<std::string> names;
  for (size_t i = 0; i < hosts.size(); ++i) {
    VirtualHostSpec& host = hosts[i];
    const auto fail = [&host](absl::string_view why) {
      return absl::InvalidArgumentError(absl::StrCat("virtual host \"", host.name, "\": ", why));
    };
    if (!names.insert(host.name).second) return fail("the name is there twice");
    if (host.domains.empty()) return fail("it has no domain");
    for (const std::string& domain : host.domains) {
      const absl::Status status = compiled->domains.Add(domain, static_cast<int32_t>(i));
      if (!status.ok()) return fail(status.message());
    }
    absl::StatusOr<RouteIndex> index = RouteIndex::Build(std::move(host.routes), options);
    if (!index.ok()) return fail(index.status().message());
    compiled->hosts.push_back(*std::move(index));
  }
  RouteTable table;
  table.compiled_ = std::move(compiled);
  return table;
}

int32_t RouteTable::FindVirtualHost(absl::string_view host) const {
  return compiled_ == nullptr ? -1 : compiled_->domains.Find(host);
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
