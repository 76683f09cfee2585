// Thread: any (pure)
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "source/server/options.h"

namespace outrigger::exe {

enum class Command : uint8_t { kRun, kHelp, kVersion };

struct Flags {
  Command command = Command::kRun;
  server::Options options;
};

// The command line without the program's name, in Envoy's spelling: `--flag value`, `--flag=value`, switches without a value. A flag
// given twice, unknown, without its value or with a bad one is an error that names it and says what is expected.
absl::StatusOr<Flags> ParseFlags(absl::Span<const absl::string_view> arguments);

std::string HelpText();
// One line: name, version, what it speaks.
std::string VersionText();

}  // namespace outrigger::exe
