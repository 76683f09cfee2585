#include <cstdio>
#include <string>
#include <vector>

#include "source/base/log.h"
#include "source/control_plane/serve/commands.h"
#include "source/exe/control_plane_flags.h"

namespace outrigger::exe {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "outrigger-control-plane: %s\n", std::string(status.message()).c_str());
  return 1;
}

control_plane::ServeOptions ServeOptionsOf(const ControlPlaneFlags& flags) {
  control_plane::ServeOptions options;
  options.resources = flags.resources;
  options.mesh = flags.mesh;
  options.listen = flags.listen;
  options.tls_listen = flags.tls_listen;
  options.node_sockets = flags.node_sockets;
  options.state = flags.state;
  options.status = flags.status;
  options.tls_certificate = flags.tls_certificate;
  options.tls_key = flags.tls_key;
  options.tls_client_ca = flags.tls_client_ca;
  options.tls_names = flags.tls_names;
  options.require_client_certificate = flags.require_client_certificate;
  options.allow_unauthenticated_secrets = flags.insecure_allow_unauthenticated_secrets;
  options.make_before_break = flags.make_before_break;
  options.certificate_lifetime = flags.certificate_lifetime;
  options.node_certificate_lifetime = flags.node_certificate_lifetime;
  options.root_step = flags.root_step;
  options.resource_ttl = flags.resource_ttl;
  return options;
}

control_plane::WaitOptions WaitOptionsOf(const ControlPlaneFlags& flags) {
  control_plane::WaitOptions options;
  options.version = flags.in_use;
  if (!flags.status.empty()) options.status = flags.status;
  options.node = flags.node;
  options.ignore_silent = flags.ignore_silent;
  options.timeout = flags.timeout;
  return options;
}

int Print(const absl::StatusOr<std::string>& text) {
  if (!text.ok()) return Fail(text.status());
  std::fputs(text->c_str(), stdout);
  return 0;
}

int Main(int argc, char** argv) {
  const std::vector<absl::string_view> arguments(argv + 1, argv + argc);
  const auto flags = ParseControlPlaneFlags(arguments);
  if (!flags.ok()) return Fail(flags.status());
  log::Level level = log::Level::kInfo;
  absl::Status status = log::ParseLevel(flags->log_level, &level);
  if (status.ok()) status = log::Configure("", flags->log_path);
  if (!status.ok()) return Fail(status);
  log::SetLevel(level);
  using Command = ControlPlaneFlags::Command;
  switch (flags->command) {
    case Command::kHelp:
      std::fputs(ControlPlaneHelp().c_str(), stdout);
      return 0;
    case Command::kVersion:
      std::puts("outrigger-control-plane 0.1, xDS v3");
      return 0;
    case Command::kServe:
      status = control_plane::Serve(ServeOptionsOf(*flags));
      break;
    case Command::kValidate:
      status = control_plane::CheckConfig(flags->resources, flags->mesh).status();
      if (status.ok()) std::puts("OK");
      break;
    case Command::kCheck: {
      auto version = control_plane::CheckConfig(flags->resources, flags->mesh);
      if (version.ok()) *version += "\n";
      return Print(version);
    }
    case Command::kWait:
      return Print(control_plane::WaitInUse(WaitOptionsOf(*flags)));
    case Command::kToken: {
      const auto token = control_plane::MakeToken(flags->state, flags->node, flags->token_lifetime);
      status = token.status();
      if (status.ok()) std::puts(token->c_str());
      break;
    }
    case Command::kEnroll:
      status = control_plane::Enroll({.server = flags->server,
                                      .server_name = flags->server_name,
                                      .node = flags->node,
                                      .token = flags->token,
                                      .token_file = flags->token_file,
                                      .root = flags->root,
                                      .out = flags->out,
                                      .once = flags->once});
      break;
  }
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace outrigger::exe

int main(int argc, char** argv) { return outrigger::exe::Main(argc, argv); }
