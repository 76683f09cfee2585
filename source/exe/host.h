// Thread: main, before workers start
#pragma once

#include <string>

namespace outrigger::exe {

// What the system tells this process about itself. Asked here alone: the server gets it as plain values, a simulated
// one gets others.
std::string Hostname();  // "" if there is none
// A variable of the process's environment; null: not set. Nothing here changes the environment, so the text stays.
const char* EnvironmentVariable(const char* name);

// Gives back what only the start needed: free heap, and the pages of code and constants that it touched (of all
// libraries: three quarters of what an idle proxy holds). Those are read-only copies of files: what is needed later is
// mapped again from the page cache.
void ReturnStartMemory();

}  // namespace outrigger::exe
