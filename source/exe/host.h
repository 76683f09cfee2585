// Thread: main, before workers start
#pragma once

#include <string>

namespace outrigger::exe {

// What the system tells this process about itself. Asked here alone: the server gets it as plain values, a simulated
// one gets others.
std::string Hostname();  // "" if there is none
// A variable of the process's environment; null: not set. Nothing here changes the environment, so the text stays.
const char* EnvironmentVariable(const char* name);

}  // namespace outrigger::exe
