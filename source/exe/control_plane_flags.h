// Thread: any (pure)
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "source/base/time.h"

namespace outrigger::exe {

// The command line of outrigger-control-plane: `COMMAND --flag value ...`.
struct ControlPlaneFlags {
  enum class Command : uint8_t { kHelp, kVersion, kServe, kValidate, kCheck, kToken, kEnroll, kWait };
  Command command = Command::kHelp;

  std::string resources;                                // a folder
  std::string mesh;                                     // a file
  std::vector<std::string> listen;                      // plain: "127.0.0.1:18000", "unix:/run/xds.sock"
  std::vector<std::string> tls_listen;                  // with a certificate
  std::string node_sockets;                             // a folder with one Unix socket per node of the mesh
  std::string state;                                    // the authority's folder
  std::string status;                                   // address of the status page
  std::string tls_certificate, tls_key, tls_client_ca;  // files; without them the authority issues
  std::vector<std::string> tls_names;                   // what the issued server certificate is for
  bool require_client_certificate = false;
  bool insecure_allow_unauthenticated_secrets = false;
  bool make_before_break = true;
  Duration certificate_lifetime = hours(1);
  Duration node_certificate_lifetime = hours(24);
  Duration root_step{0};     // 0: the longer of the two
  Duration resource_ttl{0};  // 0: none

  std::string node;  // token, enroll
  Duration token_lifetime = hours(1);
  std::string server, token, token_file, root, server_name, out;  // enroll
  bool once = false;

  std::string in_use;  // wait: a version, or "latest"
  Duration timeout = seconds(60);
  bool ignore_silent = false;

  std::string log_level = "info";
  std::string log_path;
};

// The command line without the program's name. An error names the flag and says what is expected.
absl::StatusOr<ControlPlaneFlags> ParseControlPlaneFlags(absl::Span<const absl::string_view> arguments);

std::string ControlPlaneHelp();

}  // namespace outrigger::exe
