// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::examples {

// Who this process says it is: the flags --name and --version.
struct Identity {
  std::string service = "echo";
  std::string version = "v1";
};

// The URI (a SPIFFE id in a mesh) of the last element of an x-forwarded-client-cert value, which the nearest proxy
// appended; "-" if there is none.
std::string CallerOf(absl::string_view forwarded_client_cert);

// One request as the service saw it.
struct Seen {
  absl::string_view method;
  absl::string_view path;
  absl::string_view forwarded_client_cert;
  std::vector<std::pair<absl::string_view, absl::string_view>> headers;  // those worth showing, in order
  absl::string_view body;
};

// One line of JSON: service, version, caller, method, path, headers, body. Bytes that are no printable ASCII are
// escaped one by one.
std::string Answer(const Identity& identity, const Seen& seen);

}  // namespace outrigger::examples
