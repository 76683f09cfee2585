// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/control_plane/resources/catalog.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

struct LoadedFolder {
  absl::StatusOr<CatalogPtr> catalog = absl::UnknownError("not loaded");
  // What it was read from, or could not be: to be watched. The folders, and the files too where they are not many,
  // since one of them may be a link to elsewhere.
  std::vector<std::string> places;
};

// Reads every .yaml, .yml and .json file of a folder, and those of its subfolders nodes/ID, which are for that node.
// All or nothing: one broken file, double name or reference that leads nowhere refuses the whole, and the error names
// each cause on a line of its own with file and line. Files are at most 16 MiB.
LoadedFolder LoadFolder(event::Engine& engine, const std::string& path);

// Loads the folder now and after each change of it, and tells the result: also the errors, upon which the receiver
// keeps what it had. Changes within `settle` of each other are one, so that an editor's several steps are not seen
// half-way.
class ResourceFolder {
 public:
  using Receiver = std::function<void(const absl::StatusOr<CatalogPtr>&)>;
  ResourceFolder(event::Dispatcher& dispatcher, std::string path, Receiver receiver,
                 Duration settle = milliseconds(50));

  void Load();  // the first time, and whenever somebody asks

 private:
  void Watch(const std::vector<std::string>& places);

  event::Dispatcher& dispatcher_;
  std::string path_;
  Receiver receiver_;
  Duration settle_;
  event::Timer reload_;
  std::vector<std::string> watched_;
  std::vector<std::unique_ptr<event::Engine::FileWatch>> watches_;
};

}  // namespace outrigger::control_plane
