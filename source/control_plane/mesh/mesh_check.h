// Thread: any
#pragma once

#include <string>
#include <vector>

#include "outrigger/mesh/v1/mesh.pb.h"

namespace outrigger::control_plane {

struct MeshProblem {
  std::string path;  // of the field: "services[1].callers[0]"
  std::string message;
};

// What value rules cannot say: names are there once, what is named exists, addresses are addresses and do not collide.
void CheckMesh(const outrigger::mesh::v1::Mesh& mesh, std::vector<MeshProblem>& problems);

}  // namespace outrigger::control_plane
