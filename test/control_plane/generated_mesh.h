// Thread: test
#pragma once

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"

namespace outrigger::control_plane {

// Where a workload of the generated mesh is: for each version of each service.
struct GeneratedPlace {
  std::string address;
  int port = 15006;
  int application = 8080;
  int outbound = 15001;
  int uid = -1;  // none
};

inline constexpr int kGeneratedServices = 50;
inline constexpr int kGeneratedVersions = 3;

// In no folder of a network, but with an address of its own for each; every other service speaks IPv6.
inline GeneratedPlace AnyPlace(int service, int version) {
  GeneratedPlace place;
  place.address = service % 2 == 0 ? absl::StrCat("fd00::", service + 1, ":", version)
                                   : absl::StrCat("10.0.", service, ".", version);
  return place;
}

inline std::string GeneratedName(int i) {
  return absl::StrCat(i % 3 == 0 ? "S" : "9", i, i % 2 == 0 ? "_x.y--z" : "", i % 5 == 0 ? "0" : "q");
}
inline std::string GeneratedNode(int service, int version) { return absl::StrCat("n-", service, ".", version); }

// 50 services in three versions each, odd names, IPv6, every kind of route.
inline std::string GeneratedMesh(const std::function<GeneratedPlace(int, int)>& place_of = AnyPlace) {
  std::string text = "trust_domain: mesh-1.example_org\nservices:\n";
  for (int i = 0; i < kGeneratedServices; ++i) {
    absl::StrAppend(&text, "- name: '", GeneratedName(i), "'\n  tls: ", i % 4 == 0 ? "PERMISSIVE" : "STRICT", "\n");
    if (i % 7 == 0) absl::StrAppend(&text, "  identity: shared.", i % 2, "\n");
    if (i % 3 == 1) absl::StrAppend(&text, "  callers: ['", GeneratedName(i), "']\n");
    if (i % 6 == 2) text += "  rules: [{callers: ['*'], methods: [GET, POST], paths: [/a, /b/*]}]\n";
    text += "  routes:\n  - match: {prefix: /v3, headers: [{name: X-V, exact: v3}]}\n    to: {version: v3}\n";
    text += "  - to: [{version: v1, weight: 5}, {version: v2, weight: 0}, {version: v3, weight: 95}]\n  workloads:\n";
    for (int v = 1; v <= kGeneratedVersions; ++v) {
      const GeneratedPlace place = place_of(i, v);
      absl::StrAppend(&text, "  - {node: ", GeneratedNode(i, v), ", version: v", v, ", address: '", place.address,
                      "', port: ", place.port, ", outbound: {port: ", place.outbound, "}",
                      place.uid < 0 ? "" : absl::StrCat(", uid: ", place.uid),
                      ", application: {port: ", place.application, ", grpc_port: ", v == 2 ? 9090 : 0, "}}\n");
    }
  }
  return text;
}

}  // namespace outrigger::control_plane
