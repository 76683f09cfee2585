// Thread: any; set before anything runs
#pragma once

#include <cstdint>

// Laws that a test breaks on purpose, to prove that it would notice (test/simulation/oracle). Compiled out of release
// builds.
namespace outrigger {

enum class Mutant : uint8_t {
  kNone,
  kSkipWarming,       // what is new is in use before what it needs is there
  kSwapEarly,         // a changed version takes its place before what it needs is there
  kDropOnDisconnect,  // the end of a stream to a control plane takes its configuration along
  kFollowDistrusted,  // a connection goes on although its peer might not be let in any more
  kDemandNoWait,      // a request does not wait for what it makes the proxy ask for
  kDemandAgain,       // what is known to be missing is asked for again at once
  kKeepGoneHost,      // a virtual host that its control plane took back stays
  kStaleSecret,       // a secret stays as it came first
  kStaleExtension,    // a filter goes on with the configuration that it had first
};

#ifdef NDEBUG
constexpr bool IsMutant(Mutant) { return false; }
inline void SetMutant(Mutant) {}
#else
inline Mutant g_mutant = Mutant::kNone;
inline bool IsMutant(Mutant which) { return g_mutant == which; }
inline void SetMutant(Mutant which) { g_mutant = which; }
#endif

}  // namespace outrigger
