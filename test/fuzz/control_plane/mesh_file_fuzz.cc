// Any bytes as the control plane's mesh file: read, checked, and if it is right compiled, twice to the same resources.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "source/control_plane/mesh/mesh_compiler.h"
#include "source/control_plane/mesh/mesh_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::control_plane;
  if (size > 32 * 1024) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  mesh_v1::Mesh mesh;
  const absl::Status read = ReadMesh(text, "mesh.yaml", mesh);
  if (!read.ok()) {
    if (read.message().empty()) __builtin_trap();  // always a reason
    return 0;
  }
  const absl::StatusOr<CompiledMesh> first = CompileMesh(mesh);
  const absl::StatusOr<CompiledMesh> again = CompileMesh(mesh);
  if (first.ok() != again.ok()) __builtin_trap();
  if (!first.ok()) return 0;
  if (first->identities != again->identities || first->programs != again->programs) __builtin_trap();
  return 0;
}
