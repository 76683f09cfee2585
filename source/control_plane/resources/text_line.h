// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/schema/tree.h"

namespace outrigger::control_plane {

// The line on which a field path (`routes[2].match.prefix`, as the validator says it) stands in the text that `root`
// was parsed from: that of the deepest part of the path which the text has.
uint32_t LineOfPath(const schema::Node& root, absl::string_view path);

}  // namespace outrigger::control_plane
