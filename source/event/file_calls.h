// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/engine.h"

// The file calls of EpollEngine: blocking, for configuration, secrets and state; never on a request's path. Errors name
// the path and the reason.
namespace outrigger::event::file_calls {

absl::StatusOr<std::string> Read(absl::string_view path, size_t limit);
IoResult OpenAppend(absl::string_view path);
IoResult WriteAll(int fd, absl::string_view bytes);
// `unique` makes the name of the temporary file.
absl::Status Replace(absl::string_view path, absl::string_view bytes, uint32_t mode, uint64_t unique);
absl::Status Remove(absl::string_view path);
absl::Status MakeFolder(absl::string_view path, uint32_t mode);
absl::Status CheckOwner(absl::string_view path, uint32_t forbidden);
IoResult ChangeMode(absl::string_view path, uint32_t mode);
absl::StatusOr<std::vector<std::string>> List(absl::string_view path);
Engine::FileUse OpenFiles();

}  // namespace outrigger::event::file_calls
