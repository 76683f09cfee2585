#include "source/base/bug.h"

#include <cstdio>
#include <cstdlib>

#include "source/base/log.h"

namespace outrigger {
namespace {

std::atomic<uint64_t> g_bugs_seen{0};

}  // namespace

void CheckFailed(const char* condition, const char* file, int line) {
  // Not through the log: its lock may be held by whoever failed.
  fprintf(stderr, "check failed: %s at %s:%d\n", condition, file, line);
  abort();
}

void BugSeen(const char* condition, const char* file, int line, std::atomic<bool>& said) {
  g_bugs_seen.fetch_add(1, std::memory_order_relaxed);
  if (said.exchange(true, std::memory_order_relaxed)) return;
  OUTRIGGER_LOG(kError, kMain, "bug: ", condition, " at ", file, ":", line,
                " (said once; see server.envoy_bug_failures for how often)");
}

uint64_t BugsSeen() { return g_bugs_seen.load(std::memory_order_relaxed); }

}  // namespace outrigger
