#include "source/exe/control_plane_flags.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "source/base/log.h"

namespace outrigger::exe {
namespace {

using Flags = ControlPlaneFlags;
using Command = Flags::Command;
using Apply = absl::Status (*)(absl::string_view value, Flags& out);

struct Flag {
  absl::string_view name;
  absl::string_view value;     // what the help calls it; "": a switch
  absl::string_view commands;  // first letters of those that take it
  absl::string_view what;
  Apply apply;
};

template <std::string Flags::*field>
absl::Status Text(absl::string_view value, Flags& out) {
  out.*field = std::string(value);
  return absl::OkStatus();
}
template <std::vector<std::string> Flags::*field>
absl::Status More(absl::string_view value, Flags& out) {
  (out.*field).emplace_back(value);
  return absl::OkStatus();
}
template <bool Flags::*field, bool value>
absl::Status Switch(absl::string_view, Flags& out) {
  out.*field = value;
  return absl::OkStatus();
}
// "90s", "15m", "24h".
template <Duration Flags::*field>
absl::Status Span(absl::string_view text, Flags& out) {
  uint32_t n = 0;
  Duration unit = seconds(1);
  absl::string_view digits = text;
  if (absl::ConsumeSuffix(&digits, "h")) {
    unit = hours(1);
  } else if (absl::ConsumeSuffix(&digits, "m")) {
    unit = minutes(1);
  } else {
    absl::ConsumeSuffix(&digits, "s");
  }
  constexpr uint32_t kMostHours = 24 * 366;
  if (!absl::SimpleAtoi(digits, &n) || n == 0 || n > kMostHours * (hours(1) / unit)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a time such as 90s, 15m or 24h, up to a year"));
  }
  out.*field = unit * n;
  return absl::OkStatus();
}
absl::Status LogLevel(absl::string_view value, Flags& out) {
  log::Level level;
  out.log_level = std::string(value);
  return log::ParseLevel(value, &level);
}

constexpr Flag kFlags[] = {
    {"resources", "DIR", "svc", "serve the resources in this folder", Text<&Flags::resources>},
    {"mesh", "FILE", "svc", "serve what this mesh file compiles to", Text<&Flags::mesh>},
    {"listen", "ADDRESS", "s", "serve xDS here without TLS: HOST:PORT or unix:PATH (repeatable)", More<&Flags::listen>},
    {"tls-listen", "ADDRESS", "s", "serve xDS (and enrolment) here with TLS (repeatable)", More<&Flags::tls_listen>},
    {"node-sockets", "DIR", "s", "one Unix socket per node, DIR/NODE.sock: who may open it is that node",
     Text<&Flags::node_sockets>},
    {"state", "DIR", "st", "where the certificate authority lives; made with mode 0700", Text<&Flags::state>},
    {"status", "ADDRESS", "s", "status page: /, /status.json, /healthz, POST /rotate", Text<&Flags::status>},
    {"tls-certificate", "FILE", "s", "server certificate for --tls-listen (default: from the authority)",
     Text<&Flags::tls_certificate>},
    {"tls-key", "FILE", "s", "its key", Text<&Flags::tls_key>},
    {"tls-client-ca", "FILE", "s", "who may vouch for clients (default: the authority)", Text<&Flags::tls_client_ca>},
    {"tls-name", "NAME", "s", "DNS name or IP the issued server certificate is for (repeatable; default localhost)",
     More<&Flags::tls_names>},
    {"require-client-certificate", "", "s", "no xDS and no enrolment on --tls-listen without a certificate",
     Switch<&Flags::require_client_certificate, true>},
    {"insecure-allow-unauthenticated-secrets", "", "s", "private keys go to whoever asks on loopback: for trials only",
     Switch<&Flags::insecure_allow_unauthenticated_secrets, true>},
    {"insecure-break-before-make", "", "s", "no order among changes: for the test which shows that order matters",
     Switch<&Flags::make_before_break, false>},
    {"certificate-lifetime", "TIME", "s", "of workload certificates (default 1h); renewed after two thirds",
     Span<&Flags::certificate_lifetime>},
    {"node-certificate-lifetime", "TIME", "s",
     "of the certificates that nodes enrol for (default 24h, at least that of workload certificates)",
     Span<&Flags::node_certificate_lifetime>},
    {"root-step", "TIME", "s",
     "each of the two waits while the root is replaced (default, and at least: the longest of those lifetimes)",
     Span<&Flags::root_step>},
    {"resource-ttl", "TIME", "s",
     "proxies drop what they hear nothing of for this long; heartbeats come at a third of it (default: never)",
     Span<&Flags::resource_ttl>},
    {"node", "ID", "te", "the node that the token or certificate is for", Text<&Flags::node>},
    {"lifetime", "TIME", "t", "of the token (default 1h)", Span<&Flags::token_lifetime>},
    {"server", "ADDRESS", "e", "the control plane's --tls-listen address", Text<&Flags::server>},
    {"server-name", "NAME", "e", "the name in its certificate, if not that of --server", Text<&Flags::server_name>},
    {"token", "TOKEN", "e", "what `token` printed", Text<&Flags::token>},
    {"token-file", "FILE", "e", "a file with it: command lines are visible to others", Text<&Flags::token_file>},
    {"root", "FILE", "e", "the authority's root certificate, STATE/root.pem", Text<&Flags::root>},
    {"out", "DIR", "e",
     "where key.pem, cert.pem, root.pem (and workload.pem, of a gRPC program) are written, readable by the owner only",
     Text<&Flags::out>},
    {"once", "", "e", "exit after the first certificate instead of renewing it", Switch<&Flags::once, true>},
    {"in-use", "VERSION", "w", "the configuration: what `check` printed, or `latest`, the one published now",
     Text<&Flags::in_use>},
    {"status", "ADDRESS", "w", "of the running control plane (default 127.0.0.1:18080)", Text<&Flags::status>},
    {"node", "ID", "w", "wait for this node only, and for it to connect", Text<&Flags::node>},
    {"ignore-silent", "", "w",
     "do not wait for clients that never say what they use (default: until they accept what they were sent)",
     Switch<&Flags::ignore_silent, true>},
    {"timeout", "TIME", "w", "how long (default 60s)", Span<&Flags::timeout>},
    {"log-level", "LEVEL", "svctew", "trace, debug, info (default), warning, error, critical or off", LogLevel},
    {"log-path", "FILE", "s", "log file (default: standard error)", Text<&Flags::log_path>},
};

struct CommandName {
  absl::string_view name;
  Command command;
  absl::string_view what;
};
constexpr CommandName kCommands[] = {
    {"serve", Command::kServe, "serve a folder of resources or a mesh"},
    {"validate", Command::kValidate, "check them, say what is wrong, and exit"},
    {"check", Command::kCheck, "check them, and print their version, which `wait` takes"},
    {"wait", Command::kWait, "until every connected proxy uses a published configuration; else say who does not"},
    {"token", Command::kToken, "print a one-use token with which a node can enrol"},
    {"enroll", Command::kEnroll, "on a node: spend a token, write key and certificate, keep renewing them"},
};

absl::Status Bad(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

absl::Status CheckServe(const Flags& flags, bool serve) {
  if (flags.resources.empty() == flags.mesh.empty()) {
    return absl::InvalidArgumentError("one of --resources and --mesh is needed, and not both");
  }
  if (!serve) return absl::OkStatus();
  if (flags.listen.empty() && flags.tls_listen.empty() && flags.node_sockets.empty()) {
    return absl::InvalidArgumentError("nothing to serve on: --listen, --tls-listen or --node-sockets is needed");
  }
  if (!flags.mesh.empty() && flags.state.empty()) return Bad("state", "a mesh needs a folder for its authority");
  if (!flags.node_sockets.empty() && flags.mesh.empty()) return Bad("node-sockets", "works with --mesh only");
  if (flags.tls_certificate.empty() != flags.tls_key.empty()) return Bad("tls-key", "goes with --tls-certificate");
  if (!flags.tls_listen.empty() && flags.tls_certificate.empty() && flags.state.empty()) {
    return Bad("tls-listen", "needs --tls-certificate and --tls-key, or --state for an authority");
  }
  const Duration longest = std::max(flags.certificate_lifetime, flags.node_certificate_lifetime);
  if (flags.root_step != Duration(0) && flags.root_step < longest) {
    return Bad("root-step", absl::StrCat("must be at least ", longest / seconds(1),
                                         "s, the longest lifetime of a certificate: who renews last must have the new "
                                         "root in time"));
  }
  return absl::OkStatus();
}

absl::Status Check(const Flags& flags) {
  switch (flags.command) {
    case Command::kServe:
    case Command::kValidate:
    case Command::kCheck:
      return CheckServe(flags, flags.command == Command::kServe);
    case Command::kToken:
      if (flags.state.empty()) return Bad("state", "is needed");
      return flags.node.empty() ? Bad("node", "is needed") : absl::OkStatus();
    case Command::kEnroll:
      if (flags.server.empty()) return Bad("server", "is needed");
      if (flags.node.empty()) return Bad("node", "is needed");
      if (flags.root.empty()) return Bad("root", "is needed: without it anybody could pose as the control plane");
      return flags.out.empty() ? Bad("out", "is needed") : absl::OkStatus();
    case Command::kWait:
      return flags.in_use.empty() ? Bad("in-use", "is needed") : absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

// Consumes one flag and, where it has one, its value. `letter`: of the command.
absl::Status ParseOne(absl::Span<const absl::string_view>& rest, char letter, std::set<std::string>& seen, Flags& out) {
  absl::string_view text = rest.front();
  rest.remove_prefix(1);
  if (text == "-l") text = "--log-level";
  if (!absl::ConsumePrefix(&text, "--")) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a flag"));
  }
  const size_t equals = text.find('=');
  const absl::string_view name(text.data(), equals == absl::string_view::npos ? text.size() : equals);
  for (const Flag& flag : kFlags) {
    if (flag.name != name || flag.commands.find(letter) == absl::string_view::npos) continue;
    const bool repeatable = flag.apply == Apply(More<&Flags::listen>) ||
                            flag.apply == Apply(More<&Flags::tls_listen>) ||
                            flag.apply == Apply(More<&Flags::tls_names>);
    if (!seen.insert(std::string(name)).second && !repeatable) return Bad(name, "is given twice");
    absl::string_view value;
    if (equals != absl::string_view::npos) {
      if (flag.value.empty()) return Bad(name, "takes no value");
      value = text;
      value.remove_prefix(equals + 1);
    } else if (!flag.value.empty()) {
      if (rest.empty()) return Bad(name, absl::StrCat("needs a value, ", flag.value));
      value = rest.front();
      rest.remove_prefix(1);
    }
    if (!flag.value.empty() && value.empty()) return Bad(name, "is empty");
    const absl::Status applied = flag.apply(value, out);
    return applied.ok() ? applied : Bad(name, applied.message());
  }
  return Bad(name, "is no flag of this command; --help lists them");
}

}  // namespace

absl::StatusOr<ControlPlaneFlags> ParseControlPlaneFlags(absl::Span<const absl::string_view> arguments) {
  Flags flags;
  for (absl::string_view argument : arguments) {
    if (argument == "--help" || argument == "-h") return flags;
  }
  if (arguments.empty())
    return absl::InvalidArgumentError("a command is needed: serve, validate, check, wait, token or enroll");
  if (arguments.front() == "--version") {
    flags.command = Command::kVersion;
    return flags;
  }
  char letter = 0;
  for (const CommandName& command : kCommands) {
    if (command.name != arguments.front()) continue;
    flags.command = command.command;
    letter = command.name.front();
  }
  if (letter == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", arguments.front(), "' is not serve, validate, check, wait, token or enroll"));
  }
  arguments.remove_prefix(1);
  std::set<std::string> seen;
  while (!arguments.empty()) {
    const absl::Status parsed = ParseOne(arguments, letter, seen, flags);
    if (!parsed.ok()) return parsed;
  }
  const absl::Status complete = Check(flags);
  if (!complete.ok()) return complete;
  return flags;
}

std::string ControlPlaneHelp() {
  std::string help = "outrigger-control-plane COMMAND [flags]\n\n";
  for (const CommandName& command : kCommands) {
    absl::StrAppend(&help, "  ", command.name, "\n      ", command.what, "\n");
    for (const Flag& flag : kFlags) {
      if (flag.commands.find(command.name.front()) == absl::string_view::npos) continue;
      absl::StrAppend(&help, "    --", flag.name, flag.value.empty() ? "" : " ", flag.value, "\n        ", flag.what,
                      "\n");
    }
    help += "\n";
  }
  help += "SIGHUP loads again, SIGUSR2 renews all workload certificates, SIGTERM and SIGINT end.\n";
  return help;
}

}  // namespace outrigger::exe
