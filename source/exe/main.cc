// outrigger: flags in, exit code out.
#include <cstdio>
#include <string>
#include <vector>

#include "source/base/log.h"
#include "source/event/engine.h"
#include "source/exe/extensions.h"
#include "source/exe/flags.h"
#include "source/exe/host.h"
#include "source/grpc/google/google_channel.h"
#include "source/server/dynamic/xds_configuration.h"
#include "source/server/server.h"

namespace outrigger::exe {
namespace {

int Fail(const absl::Status& status) {
  log::Flush();
  std::fprintf(stderr, "outrigger: %s\n", std::string(status.message()).c_str());
  return 1;
}

absl::Status ConfigureLog(const server::Options& options) {
  log::Level level = log::Level::kInfo;
  absl::Status status = log::ParseLevel(options.log_level, &level);
  if (status.ok()) status = log::Configure(options.log_format, options.log_path);
  if (!status.ok()) return status;
  log::SetLevel(level);
  return options.component_log_level.empty() ? absl::OkStatus() : log::SetComponentLevels(options.component_log_level);
}

int Main(int argc, char** argv) {
  const std::vector<absl::string_view> arguments(argv + 1, argv + argc);
  const auto flags = ParseFlags(arguments);
  if (!flags.ok()) return Fail(flags.status());
  switch (flags->command) {
    case Command::kHelp:
      std::fputs(HelpText().c_str(), stdout);
      return 0;
    case Command::kVersion:
      std::puts(VersionText().c_str());
      return 0;
    case Command::kRun:
      break;
  }
  const server::Options& options = flags->options;
  if (options.config_path.empty() && options.config_yaml.empty()) {
    return Fail(
        absl::InvalidArgumentError("no configuration: give --config-path FILE or --config-yaml YAML (see --help)"));
  }
  if (absl::Status log = ConfigureLog(options); !log.ok()) return Fail(log);

  const extension::FactoryTable factories = AllExtensions();
  server::Surroundings around;
  around.factories = &factories;
  around.make_engine = [] { return event::MakeEpollEngine(); };
  around.dynamic = [] { return std::make_unique<server::XdsConfiguration>(grpc::MakeGoogleChannel); };
  around.hostname = Hostname();
  around.environment_variable = &EnvironmentVariable;
  around.return_start_memory = &ReturnStartMemory;
  around.catch_signals = options.mode != server::Mode::kValidate;
  auto made = server::Server::Create(options, std::move(around));
  if (!made.ok()) return Fail(made.status());
  if (options.mode == server::Mode::kValidate) {
    std::printf("configuration '%s' OK\n", options.config_path.c_str());
    return 0;
  }
  if (absl::Status started = (*made)->Start(); !started.ok()) return Fail(started);
  return (*made)->Run();
}

}  // namespace
}  // namespace outrigger::exe

int main(int argc, char** argv) { return outrigger::exe::Main(argc, argv); }
