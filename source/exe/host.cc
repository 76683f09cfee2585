#include "source/exe/host.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

namespace outrigger::exe {

std::string Hostname() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

const char* EnvironmentVariable(const char* name) { return std::getenv(name); }

}  // namespace outrigger::exe
