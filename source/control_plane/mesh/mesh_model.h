// Thread: any
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "outrigger/mesh/v1/mesh.pb.h"

namespace outrigger::control_plane {

namespace mesh_v1 = outrigger::mesh::v1;

// Reads a mesh file and checks it: value rules, and that what it names exists once. An error has one line per cause,
// `mesh.yaml:12: services[1].callers[0]: no service is called "fontend"`.
absl::Status ReadMesh(absl::string_view text, const std::string& source, mesh_v1::Mesh& out);

// How things of a mesh are called on the wire.
std::string ServiceSpiffeId(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service);
// "backend" for all its workloads, "backend/v1" for those of a version.
std::string ClusterName(absl::string_view service, absl::string_view version);
inline constexpr absl::string_view kOwnCertificate = "default";  // names of secrets
inline constexpr absl::string_view kTrustedRoots = "ROOTCA";
inline constexpr absl::string_view kOutboundRoutes = "outbound";

// A mesh, looked up by name. Points into the message.
class MeshIndex {
 public:
  explicit MeshIndex(const mesh_v1::Mesh& mesh);
  const mesh_v1::Service* Find(absl::string_view service) const;
  // Versions that routes ask for, by service: each has a cluster.
  const std::set<std::string>& VersionsUsed(absl::string_view service) const;

 private:
  std::map<std::string, const mesh_v1::Service*, std::less<>> services_;
  std::map<std::string, std::set<std::string>, std::less<>> versions_;
};

}  // namespace outrigger::control_plane
