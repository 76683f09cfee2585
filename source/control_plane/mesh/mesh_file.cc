#include "source/control_plane/mesh/mesh_file.h"

#include <utility>

#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostFileBytes = 16 << 20;

}  // namespace

absl::StatusOr<CompiledMesh> LoadMesh(event::Engine& engine, const std::string& path) {
  auto text = engine.ReadFile(path, kMostFileBytes);
  if (!text.ok()) return text.status();
  mesh_v1::Mesh mesh;
  const absl::Status read = ReadMesh(*text, path, mesh);
  if (!read.ok()) return read;
  return CompileMesh(mesh);
}

MeshFile::MeshFile(event::Dispatcher& dispatcher, std::string path, Receiver receiver, Duration settle)
    : dispatcher_(dispatcher), path_(std::move(path)), receiver_(std::move(receiver)), settle_(settle), reload_([this] {
        Load();
      }) {}

void MeshFile::Load() {
  if (watch_ == nullptr) {
    auto watch = dispatcher_.engine().WatchFile(path_, [this] { dispatcher_.Arm(reload_, settle_); });
    if (watch.ok()) {
      watch_ = *std::move(watch);
    } else {
      OUTRIGGER_LOG(kWarn, kControlPlane, "cannot watch ", path_, ": ", watch.status().message());
    }
  }
  receiver_(LoadMesh(dispatcher_.engine(), path_));
}

}  // namespace outrigger::control_plane
