// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "source/control_plane/mesh/mesh_compiler.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// Reads and compiles a mesh file of at most 16 MiB.
absl::StatusOr<CompiledMesh> LoadMesh(event::Engine& engine, const std::string& path);

// Loads the file now and after each change, and tells the result: also the errors, upon which the receiver keeps what
// it had.
class MeshFile {
 public:
  using Receiver = std::function<void(absl::StatusOr<CompiledMesh>)>;
  MeshFile(event::Dispatcher& dispatcher, std::string path, Receiver receiver, Duration settle = milliseconds(20));
  void Load();

 private:
  event::Dispatcher& dispatcher_;
  std::string path_;
  Receiver receiver_;
  Duration settle_;  // an editor's several steps are one change
  event::Timer reload_;
  std::unique_ptr<event::Engine::FileWatch> watch_;
};

}  // namespace outrigger::control_plane
