// Thread: main
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

struct FetchedPage {
  uint32_t status = 0;
  std::string body;
};

constexpr size_t kMostPageBytes = 16 << 20;  // more is an error

// GET of one page of a status address, for commands: turns the loop until the answer is there. `path` with its query.
// The error says what is wrong with the address, the connection or the answer.
absl::StatusOr<FetchedPage> FetchPage(event::Dispatcher& dispatcher, absl::string_view address, absl::string_view path,
                                      Duration timeout);

}  // namespace outrigger::control_plane
