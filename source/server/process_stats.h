// Thread: main
#pragma once

#include "source/event/dispatcher.h"
#include "source/model/snapshot.h"

namespace outrigger::server {

// What the kernel and the allocator say of this process, in bytes.
struct MemoryUse {
  uint64_t allocated = 0;  // in use by the program
  uint64_t heap = 0;       // taken from the system by the allocator
  uint64_t physical = 0;   // resident
};
// The address of this host from which it reaches others, of one IP version; the loopback address if it has none.
std::string HostAddress(event::Engine& engine, bool ipv6);

MemoryUse ReadMemoryUse(event::Engine& engine);

// Says when memory that a large configuration has left behind is worth giving back to the system: the allocator keeps
// it otherwise. Giving back walks its free memory (milliseconds for hundreds of MiB, on main), so it follows only after
// much was freed, and then as long as more goes: a configuration goes in several steps.
class MemoryReturn {
 public:
  static constexpr uint64_t kLeast = 8 << 20;   // and a tenth of the most that was in use since the last time
  static constexpr uint64_t kMore = 256 << 10;  // right after it was due
  // With each look at what is in use.
  bool IsDue(uint64_t allocated);

 private:
  uint64_t most_ = 0;
  bool was_due_ = false;
};

// Certificates of a Snapshot, as /certs shows them: those of listeners' chains, then of clusters' transport sockets.
struct CertificateUse {
  const std::vector<tls::CertificateInfo>* authorities = nullptr;
  const std::vector<tls::CertificateInfo>* chain = nullptr;
};
std::vector<CertificateUse> CertificatesOf(const model::Snapshot& snapshot);
// Days until the first of them expires; UINT32_MAX if there is none, as published.
uint64_t DaysUntilFirstExpiry(const model::Snapshot& snapshot, WallTime now);

}  // namespace outrigger::server
