#include "source/http/known_header.h"

#include <cstring>

namespace outrigger::http {
namespace {

struct Name {
  const char* text;
  uint32_t size;
};

constexpr Name kNames[] = {
#define X(id, text) {text, sizeof(text) - 1},
    OUTRIGGER_KNOWN_HEADERS(X)
#undef X
        {"", 0}};
static_assert(kKnownHeaderCount < 255, "the table holds one byte per slot");

// Reads `n` bytes as a little-endian number; the fixed-size memcpy of the run-time path compiles to one load.
constexpr uint64_t ConstexprLoad(const char* p, int n) {
  uint64_t v = 0;
  for (int i = 0; i < n; ++i) v |= static_cast<uint64_t>(static_cast<uint8_t>(p[i])) << (8 * i);
  return v;
}

constexpr uint64_t Load8(const char* p) {
  if (__builtin_is_constant_evaluated()) return ConstexprLoad(p, 8);
  uint64_t v = 0;
  memcpy(&v, p, 8);
  return __builtin_bswap64(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap64(v));
}

constexpr uint64_t Load4(const char* p) {
  if (__builtin_is_constant_evaluated()) return ConstexprLoad(p, 4);
  uint32_t v = 0;
  memcpy(&v, p, 4);
  return __builtin_bswap32(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap32(v));
}

// Length and first, middle and last eight bytes, folded: distinct for all names of the table (checked below).
constexpr uint64_t Key(const char* p, uint32_t n) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15, kB = 0xc2b2ae3d27d4eb4f, kC = 0x165667b19e3779f9;
  if (n >= 8) {
    return ((Load8(p) + n) * kA) ^ ((Load8(p + n - 8) * kB) >> 7) ^ ((Load8(p + n / 2 - 4) * kC) >> 13);
  }
  if (n >= 4) return (Load4(p) | Load4(p + n - 4) << 32) * kA + n;
  if (n == 0) return 0;
  return (static_cast<uint64_t>(static_cast<uint8_t>(p[0])) |
          static_cast<uint64_t>(static_cast<uint8_t>(p[n / 2])) << 8 |
          static_cast<uint64_t>(static_cast<uint8_t>(p[n - 1])) << 16) *
             kB +
         n;
}

constexpr int kBits = 10;
constexpr uint8_t kEmpty = 255;

constexpr uint32_t Slot(uint64_t key, uint64_t seed) { return static_cast<uint32_t>((key * seed) >> (64 - kBits)); }

struct Table {
  uint64_t seed = 0;
  uint8_t slots[1 << kBits] = {};
};

// Tries multipliers until no two names share a slot. Runs in the compiler; adding a name needs nothing else.
constexpr Table BuildTable() {
  uint64_t keys[kKnownHeaderCount] = {};
  for (int i = 0; i < kKnownHeaderCount; ++i) keys[i] = Key(kNames[i].text, kNames[i].size);
  for (uint64_t attempt = 1; attempt < 4000; ++attempt) {
    Table table;
    table.seed = (attempt * 0xd1342543de82ef95) | 1;
    for (uint8_t& slot : table.slots) slot = kEmpty;
    bool collision = false;
    for (int i = 0; i < kKnownHeaderCount && !collision; ++i) {
      uint8_t& slot = table.slots[Slot(keys[i], table.seed)];
      collision = slot != kEmpty;
      slot = static_cast<uint8_t>(i);
    }
    if (!collision) return table;
  }
  return Table{};
}

constexpr Table kTable = BuildTable();
static_assert(kTable.seed != 0, "no perfect hash was found: raise kBits");

}  // namespace

constinit const absl::string_view kKnownHeaderNames[] = {
#define X(id, text) absl::string_view(text, sizeof(text) - 1),
    OUTRIGGER_KNOWN_HEADERS(X)
#undef X
        absl::string_view("", 0)};

KnownHeader LookupKnownHeader(absl::string_view lower) {
  const uint8_t at = kTable.slots[Slot(Key(lower.data(), static_cast<uint32_t>(lower.size())), kTable.seed)];
  if (at == kEmpty) return KnownHeader::kOther;
  const Name& name = kNames[at];
  if (name.size != lower.size() || memcmp(name.text, lower.data(), name.size) != 0) return KnownHeader::kOther;
  return static_cast<KnownHeader>(at);
}

}  // namespace outrigger::http
