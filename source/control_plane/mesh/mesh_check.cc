#include "source/control_plane/mesh/mesh_check.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/base/ip_address.h"

namespace outrigger::control_plane {
namespace {

namespace v1 = outrigger::mesh::v1;

// Proxies ignore words they do not know; whoever writes one here meant something.
constexpr absl::string_view kRetryWords[] = {"5xx",
                                             "gateway-error",
                                             "reset",
                                             "reset-before-request",
                                             "connect-failure",
                                             "retriable-4xx",
                                             "refused-stream",
                                             "cancelled",
                                             "deadline-exceeded",
                                             "internal",
                                             "resource-exhausted",
                                             "unavailable"};

class Checker {
 public:
  Checker(const v1::Mesh& mesh, std::vector<MeshProblem>& problems) : mesh_(mesh), problems_(problems) {}

  void Run() {
    NoteNames();
    CheckOutbound(mesh_.outbound(), "outbound");
    for (int i = 0; i < mesh_.services_size(); ++i) CheckService(mesh_.services(i), absl::StrCat("services[", i, "]"));
    for (int i = 0; i < mesh_.grpc_clients_size(); ++i) {
      Once(nodes_, mesh_.grpc_clients(i), absl::StrCat("grpc_clients[", i, "]"), "node");
    }
  }

 private:
  void Problem(std::string path, std::string message) { problems_.push_back({std::move(path), std::move(message)}); }

  // A name that must be there once; says where it was before.
  void Once(std::map<std::string, std::string>& seen, const std::string& name, const std::string& path,
            absl::string_view what) {
    const auto [it, fresh] = seen.emplace(name, path);
    if (!fresh) Problem(path, absl::StrCat(what, " \"", name, "\" is there twice, first as ", it->second));
  }

  void NoteNames() {
    std::map<std::string, std::string> names;
    for (int i = 0; i < mesh_.services_size(); ++i) {
      const v1::Service& service = mesh_.services(i);
      Once(names, service.name(), absl::StrCat("services[", i, "].name"), "service");
      for (const v1::Workload& workload : service.workloads()) versions_[service.name()].insert(workload.version());
      versions_[service.name()];
    }
  }

  // Callers' sidecars compare without the port; a star stands for the first or the last part.
  void CheckHost(const std::string& host, const std::string& path) {
    const size_t star = host.find('*');
    if (star != std::string::npos &&
        (host.find('*', star + 1) != std::string::npos || (star != 0 && star + 1 != host.size()))) {
      Problem(path, "a star stands at the beginning or at the end");
    }
    const bool v6 = !host.empty() && host.front() == '[' && host.back() == ']';
    if (!v6 && host.find(':') != std::string::npos) Problem(path, "hosts are said without a port");
    Once(hosts_, absl::AsciiStrToLower(host), path, "host");
  }

  void CheckRetries(const v1::Retries& retries, const std::string& path) {
    for (absl::string_view word : absl::StrSplit(retries.on(), ',', absl::SkipWhitespace())) {
      word = absl::StripAsciiWhitespace(word);
      if (std::find(std::begin(kRetryWords), std::end(kRetryWords), word) != std::end(kRetryWords)) continue;
      Problem(path + ".on", absl::StrCat("\"", word, "\" is none of ", absl::StrJoin(kRetryWords, ", ")));
    }
  }

  void CheckService(const v1::Service& service, const std::string& path) {
    for (int i = 0; i < service.hosts_size(); ++i) {
      CheckHost(service.hosts(i), absl::StrCat(path, ".hosts[", i, "]"));
    }
    CheckRetries(service.retries(), path + ".retries");
    if (service.hosts().empty()) Once(hosts_, absl::AsciiStrToLower(service.name()), path + ".name", "host");
    for (int i = 0; i < service.callers_size(); ++i) {
      CheckCaller(service.callers(i), absl::StrCat(path, ".callers[", i, "]"));
    }
    for (int i = 0; i < service.rules_size(); ++i) {
      for (int j = 0; j < service.rules(i).callers_size(); ++j) {
        CheckCaller(service.rules(i).callers(j), absl::StrCat(path, ".rules[", i, "].callers[", j, "]"));
      }
    }
    for (int i = 0; i < service.routes_size(); ++i) {
      CheckRoute(service, service.routes(i), absl::StrCat(path, ".routes[", i, "]"));
    }
    for (int i = 0; i < service.grpc_clients_size(); ++i) {
      Once(nodes_, service.grpc_clients(i), absl::StrCat(path, ".grpc_clients[", i, "]"), "node");
    }
    for (int i = 0; i < service.workloads_size(); ++i) {
      CheckWorkload(service.workloads(i), absl::StrCat(path, ".workloads[", i, "]"));
    }
  }

  void CheckCaller(const std::string& caller, const std::string& path) {
    if (caller != "*" && versions_.find(caller) == versions_.end()) {
      Problem(path, absl::StrCat("no service is called \"", caller, "\""));
    }
  }

  void CheckRoute(const v1::Service& service, const v1::Route& route, const std::string& path) {
    CheckRetries(route.retries(), path + ".retries");
    if (!route.match().path().empty() && !route.match().prefix().empty()) {
      Problem(path + ".match", "path and prefix exclude each other");
    }
    if (!route.rewrite_prefix().empty() && !route.match().path().empty()) {
      Problem(path + ".rewrite_prefix", "goes with match.prefix");
    }
    uint64_t total = 0;
    int weighted = 0;
    for (int i = 0; i < route.to_size(); ++i) {
      const v1::Target& target = route.to(i);
      const std::string here = absl::StrCat(path, ".to[", i, "]");
      total += target.weight();
      weighted += target.has_weight() ? 1 : 0;
      const std::string& name = target.service().empty() ? service.name() : target.service();
      const auto found = versions_.find(name);
      if (found == versions_.end()) {
        Problem(here + ".service", absl::StrCat("no service is called \"", name, "\""));
      } else if (!target.version().empty() && found->second.find(target.version()) == found->second.end()) {
        Problem(here + ".version",
                absl::StrCat("no workload of \"", name, "\" has version \"", target.version(), "\""));
      }
    }
    if (weighted != 0 && weighted != route.to_size())
      Problem(path + ".to", "either all targets have a weight, or none");
    if (weighted != 0 && total == 0) Problem(path + ".to", "the weights are all zero");
  }

  void CheckAddress(const std::string& address, const std::string& path) {
    if (!address.empty() && !IpAddress::Parse(address).ok()) {
      Problem(path, absl::StrCat("\"", address, "\" is not an IP address"));
    }
  }

  void CheckOutbound(const v1::Outbound& outbound, const std::string& path) {
    CheckAddress(outbound.address(), path + ".address");
  }

  void CheckWorkload(const v1::Workload& workload, const std::string& path) {
    Once(nodes_, workload.node(), path + ".node", "node");
    CheckAddress(workload.address(), path + ".address");
    CheckAddress(workload.application().address(), path + ".application.address");
    CheckOutbound(workload.outbound(), path + ".outbound");
    if (workload.application().port() == 0 && workload.application().grpc_port() == 0) {
      Problem(path + ".application", "neither port nor grpc_port is said");
    }
    const std::string inbound = PlaceOf(workload.address(), "", workload.port());
    Once(addresses_, inbound, path + ".port", "address");
    // What the compiler takes where nothing is said.
    const uint32_t port = Said(workload.outbound().port(), Said(mesh_.outbound().port(), 15001));
    if (PlaceOf(workload.outbound().address(), mesh_.outbound().address(), port) == inbound) {
      Problem(path + ".outbound", absl::StrCat("is ", inbound, ", as its inbound side"));
    }
    const v1::Application& application = workload.application();
    for (const auto& [name, at] :
         {std::pair("port", application.port()), std::pair("grpc_port", application.grpc_port())}) {
      if (at != 0 && PlaceOf(application.address(), "", at) == inbound) {
        Problem(absl::StrCat(path, ".application.", name),
                absl::StrCat("is ", inbound, ", as the sidecar's inbound side"));
      }
    }
  }

  static uint32_t Said(uint32_t port, uint32_t otherwise) { return port == 0 ? otherwise : port; }
  // One spelling for one place: the same IPv6 address can be written in many ways.
  static std::string PlaceOf(absl::string_view address, absl::string_view otherwise, uint32_t port) {
    if (address.empty()) address = otherwise.empty() ? absl::string_view("127.0.0.1") : otherwise;
    const auto parsed = IpAddress::Parse(address);
    return absl::StrCat(parsed.ok() ? parsed->ToString() : std::string(address), " port ", port);
  }

  const v1::Mesh& mesh_;
  std::vector<MeshProblem>& problems_;
  std::map<std::string, std::set<std::string>> versions_;  // by service
  std::map<std::string, std::string> hosts_, nodes_, addresses_;
};

}  // namespace

void CheckMesh(const v1::Mesh& mesh, std::vector<MeshProblem>& problems) { Checker(mesh, problems).Run(); }

}  // namespace outrigger::control_plane
