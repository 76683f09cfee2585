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

// Certificates of a Snapshot, as /certs shows them: those of listeners' chains, then of clusters' transport sockets.
struct CertificateUse {
  const std::vector<tls::CertificateInfo>* authorities = nullptr;
  const std::vector<tls::CertificateInfo>* chain = nullptr;
};
std::vector<CertificateUse> CertificatesOf(const model::Snapshot& snapshot);
// Days until the first of them expires; UINT32_MAX if there is none, as published.
uint64_t DaysUntilFirstExpiry(const model::Snapshot& snapshot, WallTime now);

}  // namespace outrigger::server
