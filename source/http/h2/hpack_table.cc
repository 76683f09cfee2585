#include "source/http/h2/hpack_table.h"

#include <cstring>

#include "source/http/h2/memory.h"

namespace outrigger::http::h2 {
namespace {

constexpr struct {
  absl::string_view name, value;
} kStatic[kStaticFields] = {
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
};

struct StaticTable {
  StaticField fields[kStaticFields + 1] = {};
  uint8_t first[kKnownHeaderCount] = {};
  uint8_t count[kKnownHeaderCount] = {};
  StaticTable() {
    for (uint32_t i = 1; i <= kStaticFields; ++i) {
      const KnownHeader known = LookupKnownHeader(kStatic[i - 1].name);
      fields[i] = {known, known == KnownHeader::kOther ? kStatic[i - 1].name : KnownHeaderName(known),
                   kStatic[i - 1].value};
      if (known == KnownHeader::kOther) continue;
      uint8_t& at = first[static_cast<int>(known)];
      if (at == 0) at = static_cast<uint8_t>(i);
      ++count[static_cast<int>(known)];
    }
  }
};
const StaticTable kTable;

}  // namespace

const StaticField& StaticFieldAt(uint32_t index) { return kTable.fields[index]; }

uint32_t StaticIndexOf(KnownHeader known, uint32_t* count) {
  *count = kTable.count[static_cast<int>(known)];
  return kTable.first[static_cast<int>(known)];
}

uint32_t StaticIndexOf(absl::string_view name) {
  for (uint32_t i = 15; i <= kStaticFields; ++i) {
    if (kTable.fields[i].known == KnownHeader::kOther && kTable.fields[i].name == name) return i;
  }
  return 0;
}

HpackTable::~HpackTable() {
  ShrinkTo(0);
  Memory::Free(ring_);
}

void HpackTable::ShrinkTo(uint32_t size) {
  while (size_ > size) {
    Entry* oldest = ring_[(inserted_ - count_) & (capacity_ - 1)];
    size_ -= oldest->name_size + oldest->value_size + kOverhead;
    --count_;
    Memory::Free(oldest);
  }
}

void HpackTable::SetMaxSize(uint32_t max_size) {
  max_size_ = max_size;
  ShrinkTo(max_size);
}

void HpackTable::Grow() {
  const uint32_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
  Entry** ring = static_cast<Entry**>(Memory::Allocate(capacity * sizeof(Entry*)));
  for (uint32_t n = inserted_ - count_; n != inserted_; ++n) ring[n & (capacity - 1)] = ring_[n & (capacity_ - 1)];
  Memory::Free(ring_);
  ring_ = ring;
  capacity_ = capacity;
}

const HpackTable::Entry* HpackTable::Insert(KnownHeader known, absl::string_view name, absl::string_view value,
                                            bool sound, bool name_sound, uint32_t hash) {
  const uint64_t need = uint64_t{name.size()} + value.size() + kOverhead;
  if (need > max_size_) {
    ShrinkTo(0);
    return nullptr;
  }
  Entry* entry = static_cast<Entry*>(Memory::Allocate(sizeof(Entry) + name.size() + value.size()));
  entry->name_size = static_cast<uint32_t>(name.size());
  entry->value_size = static_cast<uint32_t>(value.size());
  entry->hash = hash;
  entry->known = known;
  entry->sound = sound;
  entry->name_sound = name_sound;
  if (!name.empty()) memcpy(entry->text(), name.data(), name.size());
  if (!value.empty()) memcpy(entry->text() + name.size(), value.data(), value.size());
  ShrinkTo(max_size_ - static_cast<uint32_t>(need));
  if (count_ == capacity_) Grow();
  ring_[inserted_++ & (capacity_ - 1)] = entry;
  ++count_;
  size_ += static_cast<uint32_t>(need);
  return entry;
}

}  // namespace outrigger::http::h2
