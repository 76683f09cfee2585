#include "source/exe/flags.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "source/base/log.h"

namespace outrigger::exe {

namespace {

using server::DrainStrategy;
using server::Mode;
using server::Options;

constexpr uint32_t kMostWorkers = 128;
constexpr uint32_t kMostSeconds = 31 * 24 * 3600;
constexpr int64_t kMostHours = 20 * 366 * 24;

absl::Status Text(std::string Options::*field, absl::string_view value, Options& out) {
  out.*field = std::string(value);
  return absl::OkStatus();
}
absl::Status Number(absl::string_view value, uint32_t least, uint32_t most, uint32_t& out) {
  if (absl::SimpleAtoi(value, &out) && out >= least && out <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not a number from ", least, " to ", most));
}
absl::Status Seconds(Duration Options::*field, absl::string_view value, Options& out) {
  uint32_t n = 0;
  const absl::Status status = Number(value, 0, kMostSeconds, n);
  out.*field = seconds(n);
  return status;
}
absl::Status Span(Duration Options::*field, absl::string_view value, Options& out) {
  absl::Duration span;
  if (!absl::ParseDuration(value, &span) || span <= absl::ZeroDuration() || span > absl::Hours(kMostHours)) {
    return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not a time such as 90s, 30m or 12h"));
  }
  out.*field = nanoseconds(absl::ToInt64Nanoseconds(span));
  return absl::OkStatus();
}
absl::Status OneOf(absl::string_view value, absl::Span<const absl::string_view> names, size_t& index) {
  for (index = 0; index < names.size(); ++index) {
    if (absl::EqualsIgnoreCase(value, names[index])) return absl::OkStatus();
  }
  std::string expected;
  for (absl::string_view name : names) absl::StrAppend(&expected, expected.empty() ? "" : ", ", name);
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not one of ", expected));
}

using Apply = absl::Status (*)(absl::string_view value, Options& out);

struct Flag {
  absl::string_view name;    // without the dashes
  absl::string_view letter;  // "" or the short form
  absl::string_view value;   // what the help calls it; "": a switch
  absl::string_view what;
  Apply apply;
};

constexpr Flag kFlags[] = {
    {"config-path", "c", "FILE", "bootstrap configuration, YAML or JSON",
     [](absl::string_view v, Options& o) { return Text(&Options::config_path, v, o); }},
    {"config-yaml", "", "YAML", "bootstrap configuration as text; merged over --config-path",
     [](absl::string_view v, Options& o) { return Text(&Options::config_yaml, v, o); }},
    {"mode", "", "MODE", "serve (default), validate: check the configuration and exit, init_only: start, then exit",
     [](absl::string_view v, Options& o) {
       size_t i = 0;
       absl::Status status = OneOf(v, {"serve", "validate", "init_only"}, i);
       if (status.ok()) o.mode = static_cast<Mode>(i);
       return status;
     }},
    {"concurrency", "", "N", "worker threads (default: one per processor; 0: one)",
     [](absl::string_view v, Options& o) {
       absl::Status status = Number(v, 0, kMostWorkers, o.concurrency);
       if (o.concurrency == 0) o.concurrency = 1;
       return status;
     }},
    {"service-node", "", "ID", "node.id; wins over the bootstrap's",
     [](absl::string_view v, Options& o) { return Text(&Options::service_node, v, o); }},
    {"service-cluster", "", "NAME", "node.cluster; wins over the bootstrap's",
     [](absl::string_view v, Options& o) { return Text(&Options::service_cluster, v, o); }},
    {"service-zone", "", "ZONE", "node.locality.zone; wins over the bootstrap's",
     [](absl::string_view v, Options& o) { return Text(&Options::service_zone, v, o); }},
    {"log-level", "l", "LEVEL", "trace, debug, info (default), warning, error, critical or off",
     [](absl::string_view v, Options& o) {
       log::Level level;
       absl::Status status = log::ParseLevel(v, &level);
       o.log_level = std::string(v);
       return status;
     }},
    {"component-log-level", "", "LIST", "levels of components: upstream:debug,http:trace",
     [](absl::string_view v, Options& o) { return Text(&Options::component_log_level, v, o); }},
    {"log-format", "", "PATTERN", "pattern of log lines (spdlog's; %_ is the escaped message, %j as JSON)",
     [](absl::string_view v, Options& o) { return Text(&Options::log_format, v, o); }},
    {"log-path", "", "FILE", "log file (default: standard error)",
     [](absl::string_view v, Options& o) { return Text(&Options::log_path, v, o); }},
    {"drain-time-s", "", "SECONDS", "how long draining takes (default 600)",
     [](absl::string_view v, Options& o) { return Seconds(&Options::drain_time, v, o); }},
    {"drain-strategy", "", "STRATEGY", "gradual (default): connections are closed over the drain time; immediate",
     [](absl::string_view v, Options& o) {
       size_t i = 0;
       absl::Status status = OneOf(v, {"gradual", "immediate"}, i);
       if (status.ok()) o.drain_strategy = static_cast<DrainStrategy>(i);
       return status;
     }},
    {"parent-shutdown-time-s", "", "SECONDS", "the longest a shutdown takes, drain included (default 900)",
     [](absl::string_view v, Options& o) { return Seconds(&Options::parent_shutdown_time, v, o); }},
    {"admin-address-path", "", "FILE", "the admin address is written there once it is bound",
     [](absl::string_view v, Options& o) { return Text(&Options::admin_address_path, v, o); }},
    {"local-address-ip-version", "", "VERSION",
     "v4 (default) or v6: which address of this host x-forwarded-for names for its own clients",
     [](absl::string_view v, Options& o) {
       size_t i = 0;
       absl::Status status = OneOf(v, {"v4", "v6"}, i);
       o.local_address_ipv6 = i == 1;
       return status;
     }},
    {"allow-unknown-static-fields", "", "", "unknown fields of the bootstrap warn instead of failing",
     [](absl::string_view, Options& o) { return o.allow_unknown_static_fields = true, absl::OkStatus(); }},
    {"allow-unknown-fields", "", "", "the same, in its old spelling",
     [](absl::string_view, Options& o) { return o.allow_unknown_static_fields = true, absl::OkStatus(); }},
    {"reject-unknown-dynamic-fields", "", "", "unknown fields of dynamic configuration are refused",
     [](absl::string_view, Options& o) { return o.reject_unknown_dynamic_fields = true, absl::OkStatus(); }},
    {"ignore-unknown-dynamic-fields", "", "",
     "unknown fields of dynamic configuration are neither warned about nor counted",
     [](absl::string_view, Options& o) { return o.ignore_unknown_dynamic_fields = true, absl::OkStatus(); }},
    {"file-flush-interval-msec", "", "MSEC", "how often access logs are written out (default 10000)",
     [](absl::string_view v, Options& o) {
       uint32_t n = 0;
       absl::Status status = Number(v, 1, 3600 * 1000, n);
       o.file_flush_interval = milliseconds(n);
       return status;
     }},
    {"last-good-dir", "", "DIR",
     "dynamic configuration in use is kept there, and used at the start until others answer",
     [](absl::string_view v, Options& o) { return Text(&Options::last_good_dir, v, o); }},
    {"last-good-secrets-key-file", "", "FILE", "a key of 32 bytes that seals it; with it secrets are kept, too",
     [](absl::string_view v, Options& o) { return Text(&Options::last_good_secrets_key_file, v, o); }},
    {"last-good-max-age", "", "DURATION",
     "such as 12h or 30m: what was confirmed longer ago is not used (default: any)",
     [](absl::string_view v, Options& o) { return Span(&Options::last_good_max_age, v, o); }},
    {"disable-hot-restart", "", "", "accepted; there is no hot restart to disable",
     [](absl::string_view, Options& o) { return o.disable_hot_restart = true, absl::OkStatus(); }},
};

const Flag* FindLong(absl::string_view name) {
  for (const Flag& flag : kFlags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}
const Flag* FindShort(absl::string_view letter) {
  for (const Flag& flag : kFlags) {
    if (!flag.letter.empty() && flag.letter == letter) return &flag;
  }
  return nullptr;
}

absl::Status CheckTogether(const Options& options) {
  if (options.reject_unknown_dynamic_fields && options.ignore_unknown_dynamic_fields) {
    return absl::InvalidArgumentError(
        "--reject-unknown-dynamic-fields and --ignore-unknown-dynamic-fields contradict each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(absl::Span<const absl::string_view> arguments) {
  Flags flags;
  std::vector<const Flag*> seen;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view given = arguments[i];
    absl::string_view name = given;
    if (name == "--help" || name == "-h") return Flags{Command::kHelp, {}};
    if (name == "--version") return Flags{Command::kVersion, {}};
    const bool is_long = absl::ConsumePrefix(&name, "--");
    if (!is_long && !absl::ConsumePrefix(&name, "-")) {
      return absl::InvalidArgumentError(absl::StrCat("'", given, "': expected a flag (see --help)"));
    }
    absl::string_view value;
    const size_t equals = name.find('=');
    const bool joined = equals != absl::string_view::npos;
    if (joined) {
      value = absl::ClippedSubstr(name, equals + 1);
      name = absl::ClippedSubstr(name, 0, equals);
    }
    const Flag* flag = is_long ? FindLong(name) : FindShort(name);
    if (flag == nullptr) return absl::InvalidArgumentError(absl::StrCat(given, ": unknown flag (see --help)"));
    if (std::find(seen.begin(), seen.end(), flag) != seen.end()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": given twice"));
    }
    seen.push_back(flag);
    if (flag->value.empty()) {
      if (joined && value != "true")
        return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": takes no value"));
    } else if (!joined) {
      if (i + 1 >= arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": needs a value (", flag->value, ")"));
      }
      value = arguments[++i];
    }
    if (absl::Status status = flag->apply(value, flags.options); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": ", status.message()));
    }
  }
  if (absl::Status status = CheckTogether(flags.options); !status.ok()) return status;
  return flags;
}

std::string HelpText() {
  std::string text =
      "outrigger: a sidecar proxy that speaks the v3 xDS API.\n\n"
      "usage: outrigger -c FILE [flags]\n\n";
  const auto line = [&text](absl::string_view left, absl::string_view what) {
    absl::StrAppend(&text, "  ", left, std::string(left.size() < 38 ? 38 - left.size() : 1, ' '), what, "\n");
  };
  for (const Flag& flag : kFlags) {
    line(absl::StrCat(flag.letter.empty() ? "" : absl::StrCat("-", flag.letter, ", "), "--", flag.name,
                      flag.value.empty() ? "" : " ", flag.value),
         flag.what);
  }
  line("-h, --help", "this text");
  line("--version", "name and version");
  return text;
}

std::string VersionText() { return absl::StrCat("outrigger version ", server::kVersion, " (xDS v3)"); }

}  // namespace outrigger::exe
