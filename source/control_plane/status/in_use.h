// Thread: main
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "source/control_plane/xds_server/xds_server.h"

namespace outrigger::control_plane {

// Which of the connected proxies use a published configuration.
struct InUseQuery {
  std::string version = "latest";
  std::string node;            // empty: all that are connected
  bool ignore_silent = false;  // clients that never say what they use are not waited for
};
// "version=V&node=ID&ignore_silent=1", percent-encoded. False: something else.
bool ParseInUseQuery(absl::string_view text, InUseQuery& out);
std::string InUseQueryText(const InUseQuery& query);

struct InUseAnswer {
  enum class State : uint8_t { kDone, kWaiting, kUnknownVersion };
  State state = State::kDone;
  std::string text;  // lines: first a summary, then one per node and type that is waited for
};

// A client that says what it uses is waited for until it says so of each type; one that never does until it has
// accepted what it was sent. A type of which a client was sent nothing, because there is nothing for it, does not
// count. A client that uses a configuration published later is done, too.
InUseAnswer WhoUses(const XdsServer& server, const InUseQuery& query);

}  // namespace outrigger::control_plane
