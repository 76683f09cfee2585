#include "source/exe/host.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace outrigger::exe {
namespace {

constexpr uintptr_t kPage = 4096;
#if defined(OUTRIGGER_SANITIZED)
constexpr bool kSanitized = true;  // sanitizers watch over mappings of their own
#else
constexpr bool kSanitized = false;
#endif

// Segments that are writable hold relocations, also where they are read-only by now: those stay.
int ReturnPagesOf(dl_phdr_info* module, size_t, void*) {
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const auto& segment = module->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (module->dlpi_addr + segment.p_vaddr) & ~(kPage - 1);
    const uintptr_t end = (module->dlpi_addr + segment.p_vaddr + segment.p_memsz + kPage - 1) & ~(kPage - 1);
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // advice: what it cannot do it leaves
  }
  return 0;
}

}  // namespace

std::string Hostname() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

const char* EnvironmentVariable(const char* name) { return std::getenv(name); }

void ReturnStartMemory() {
  ::malloc_trim(0);
  if (!kSanitized) ::dl_iterate_phdr(&ReturnPagesOf, nullptr);
}

}  // namespace outrigger::exe
