// Thread: main
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/base/time.h"
#include "source/control_plane/authority/enroll_client.h"

// What the program's commands do, without their flags.
namespace outrigger::control_plane {

struct ServeOptions {
  std::string resources;  // a folder; or
  std::string mesh;       // a file
  std::vector<std::string> listen, tls_listen;
  std::string node_sockets;
  std::string state;
  std::string status;
  std::string tls_certificate, tls_key, tls_client_ca;
  std::vector<std::string> tls_names;
  bool require_client_certificate = false;
  bool allow_unauthenticated_secrets = false;
  bool make_before_break = true;
  Duration certificate_lifetime = hours(1);
  Duration node_certificate_lifetime = hours(24);  // at least that of workloads: a node must survive our absence
  Duration resource_ttl{0};                        // how long proxies keep what they hear nothing of; 0: without end
  Duration root_step{0};                           // 0: the lifetime of node certificates
};

// Serves until SIGTERM or SIGINT. An error: what kept it from starting. Configuration that is broken at the start does
// not: nothing is served until it is mended.
absl::Status Serve(const ServeOptions& options);

// Loads one of the two, as Serve would. Its version.
absl::StatusOr<std::string> CheckConfig(const std::string& resources, const std::string& mesh);

struct WaitOptions {
  std::string status = "127.0.0.1:18080";  // of the running control plane
  std::string version = "latest";
  std::string node;            // empty: all that are connected
  bool ignore_silent = false;  // who never says what it uses is not waited for
  Duration timeout = seconds(60);
};
// Until every connected proxy uses a configuration: what the control plane says then. An error says at the end of the
// time which nodes and types are missing, or why the control plane could not be asked.
absl::StatusOr<std::string> WaitInUse(const WaitOptions& options);

// A one-use token for the node, noted in the authority's folder.
absl::StatusOr<std::string> MakeToken(const std::string& state, const std::string& node, Duration lifetime);

// Gets the node's certificate and keeps renewing it until SIGTERM or SIGINT.
absl::Status Enroll(const EnrollOptions& options);

}  // namespace outrigger::control_plane
