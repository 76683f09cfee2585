// Thread: any
#pragma once

#include <atomic>
#include <cstdint>

// The ladder: OUTRIGGER_CHECK for what would corrupt memory (aborts, all builds); OUTRIGGER_DCHECK for local invariants
// (aborts with assertions on, i.e. in all but the release configuration); OUTRIGGER_BUG for states a peer might reach:
// logs once per place, counts (stat `server.envoy_bug_failures`), and evaluates to the condition so that the caller can
// fail the stream: `if (OUTRIGGER_BUG(x == nullptr)) return Fail();`. Nothing a peer, a file or a control plane sends
// may CHECK.
namespace outrigger {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
void BugSeen(const char* condition, const char* file, int line, std::atomic<bool>& said);
uint64_t BugsSeen();

}  // namespace outrigger

#define OUTRIGGER_CHECK(condition) \
  (__builtin_expect(!!(condition), 1) ? void(0) : ::outrigger::CheckFailed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define OUTRIGGER_DCHECK(condition) (void)sizeof((condition))
#else
#define OUTRIGGER_DCHECK(condition) OUTRIGGER_CHECK(condition)
#endif
#define OUTRIGGER_BUG(condition)                                 \
  (__builtin_expect(!!(condition), 0) && ([]() -> bool {         \
     static std::atomic<bool> said{false};                       \
     ::outrigger::BugSeen(#condition, __FILE__, __LINE__, said); \
     return true;                                                \
   }()))
