// Thread: any
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "source/control_plane/mesh/mesh_model.h"
#include "source/control_plane/resources/catalog.h"

namespace outrigger::control_plane {

// What a mesh means for its nodes, without secrets: those are the authority's.
struct CompiledMesh {
  CatalogPtr catalog;
  std::string trust_domain;
  std::map<std::string, std::string, std::less<>> identities;  // node id → the SPIFFE id that its workload has
  std::set<std::string, std::less<>> programs;  // of these: gRPC programs, which show a certificate of their own file
  std::map<std::string, uint32_t, std::less<>> users;  // node id → whose processes may have its keys, if said
};

// Pure: the same mesh gives the same resources, byte for byte. The mesh went through ReadMesh.
//
// Each node gets
//   listener "inbound"    mutual TLS (strict or permissive) → RBAC, if callers are named → its application
//   listener "outbound"   plain HTTP of its application, by host → clusters
//   routes "outbound", clusters "SERVICE" and "SERVICE/VERSION" with the callee's SPIFFE id, their endpoints
// and is to get the secrets "default" and "ROOTCA". A gRPC client gets an api_listener for each host, with routes
// "grpc"; one of a service has mutual TLS in its clusters, by the certificate provider "mesh" of its bootstrap.
absl::StatusOr<CompiledMesh> CompileMesh(const mesh_v1::Mesh& mesh);

}  // namespace outrigger::control_plane
