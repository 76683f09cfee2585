// Thread: worker (the static table: any)
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/http/known_header.h"

namespace outrigger::http::h2 {

struct StaticField {
  KnownHeader known;
  absl::string_view name, value;
};
inline constexpr uint32_t kStaticFields = 61;
// RFC 7541 appendix A; `index` from 1 to kStaticFields.
const StaticField& StaticFieldAt(uint32_t index);
// The first entry of this name, 0 if there is none; its entries are consecutive, *count of them.
uint32_t StaticIndexOf(KnownHeader known, uint32_t* count);
uint32_t StaticIndexOf(absl::string_view name);  // of a name that is not well known

// A dynamic table (RFC 7541 section 2.3.2), of an encoder or a decoder. Entries are numbered by insertion, from 0; the
// newest is inserted() - 1. What it holds is at most max_size() by the standard's arithmetic (32 bytes per entry beside
// the text).
class HpackTable {
 public:
  struct Entry {
    uint32_t name_size;
    uint32_t value_size;
    uint32_t hash;  // the encoder's
    KnownHeader known;
    bool sound;       // decoder: name and value are what a field may consist of
    bool name_sound;  // decoder: its name is
    absl::string_view name() const { return {text(), name_size}; }
    absl::string_view value() const { return {text() + name_size, value_size}; }
    char* text() { return reinterpret_cast<char*>(this + 1); }
    const char* text() const { return reinterpret_cast<const char*>(this + 1); }
  };
  static constexpr uint32_t kOverhead = 32;

  explicit HpackTable(uint32_t max_size) : max_size_(max_size) {}
  ~HpackTable();
  HpackTable(const HpackTable&) = delete;

  uint32_t max_size() const { return max_size_; }
  uint64_t memory_held() const { return capacity_ * sizeof(Entry*) + size_; }
  uint32_t count() const { return count_; }
  uint32_t inserted() const { return inserted_; }
  bool Has(uint32_t number) const { return inserted_ - 1 - number < count_; }
  const Entry& At(uint32_t number) const { return *ring_[number & (capacity_ - 1)]; }  // Has(number)
  void SetMaxSize(uint32_t max_size);
  bool Fits(absl::string_view name, absl::string_view value) const {
    return uint64_t{name.size()} + value.size() + kOverhead <= max_size_;
  }
  // The views may be of an entry that falls out. Null: larger than the whole table, which is empty now.
  const Entry* Insert(KnownHeader known, absl::string_view name, absl::string_view value, bool sound, bool name_sound,
                      uint32_t hash);

 private:
  void ShrinkTo(uint32_t size);
  void Grow();

  Entry** ring_ = nullptr;
  uint32_t capacity_ = 0;  // a power of two
  uint32_t count_ = 0;
  uint32_t inserted_ = 0;  // wraps around after four thousand million
  uint32_t size_ = 0;
  uint32_t max_size_;
};

}  // namespace outrigger::http::h2
