// Thread: worker (a HeaderMap belongs to one stream); the name table is constant
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/base/arena.h"
#include "source/http/known_header.h"

namespace outrigger::http {

// A header name prepared once, at configuration time: lower case, with its enum if it is well known.
class HeaderName {
 public:
  HeaderName() = default;
  HeaderName(KnownHeader known) : known_(known), text_(KnownHeaderName(known)) {}  // NOLINT: implicit by design
  // `text` must be lower case and outlive this name.
  explicit HeaderName(absl::string_view text) : known_(LookupKnownHeader(text)), text_(text) {}
  KnownHeader known() const { return known_; }
  absl::string_view text() const { return text_; }

 private:
  KnownHeader known_ = KnownHeader::kOther;
  absl::string_view text_;
};

// The fields of one header or trailer section in wire order, duplicates kept. Pseudo-headers (":method", ...) are
// entries too, so that matching, mutation and formatting treat them alike; codecs put them first. Names are lower case;
// the spelling seen on the wire is kept only if a codec was asked to (preserve_case). All text lives in the stream's
// arena (or is static). Lookup of well-known names is O(1), of others linear. Removing keeps order. No operation fails;
// limits are the codec's.
class HeaderMap {
 public:
  struct Entry {
    KnownHeader known;  // kOther: compare `name`
    bool removed;
    bool never_indexed;  // its sender keeps it out of compression tables, so must who passes it on (RFC 7541 7.1.3)
    absl::string_view name;
    absl::string_view value;
    absl::string_view wire_name;  // original spelling, or empty: same as name
  };

  explicit HeaderMap(Arena& arena) : arena_(&arena) {}
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  Arena& arena() const { return *arena_; }
  size_t size() const { return live_; }          // entries that are not removed
  uint64_t byte_size() const { return bytes_; }  // names and values of live entries
  bool empty() const { return live_ == 0; }

  // Appends. The views must live as long as the arena: use the Copy forms for anything else. `name` must be lower case.
  void Add(HeaderName name, absl::string_view value);
  void AddCopy(HeaderName name, absl::string_view value);  // copies the value, and the name unless well known
  void AddWire(KnownHeader known, absl::string_view lower, absl::string_view value, absl::string_view wire_name,
               bool never_indexed = false);
  void AddNumber(HeaderName name, uint64_t value);

  // First value, or null view (data() == nullptr) if absent.
  absl::string_view Get(HeaderName name) const;
  bool Has(HeaderName name) const { return Find(name) != nullptr; }
  const Entry* Find(HeaderName name) const {
    return name.known() != KnownHeader::kOther ? Find(name.known()) : Scan(0, name);
  }
  Entry* Find(HeaderName name) { return const_cast<Entry*>(static_cast<const HeaderMap*>(this)->Find(name)); }
  size_t Count(HeaderName name) const;
  // Of well-known names, without a call: most questions are whether something is there, and it is not.
  const Entry* Find(KnownHeader known) const {
    const uint8_t first = first_[static_cast<int>(known)];
    if (first != 0) return &entries_[first - 1];
    return overflow_ ? Scan(kIndexed, known) : nullptr;
  }
  Entry* Find(KnownHeader known) { return const_cast<Entry*>(static_cast<const HeaderMap*>(this)->Find(known)); }
  bool Has(KnownHeader known) const { return Find(known) != nullptr; }
  absl::string_view Get(KnownHeader known) const {
    const Entry* entry = Find(known);
    return entry == nullptr ? absl::string_view() : entry->value;
  }
  // All values joined with "," as RFC 9110 5.3 allows (arena-built when there are several).
  absl::string_view GetJoined(HeaderName name) const;

  void Set(HeaderName name, absl::string_view value);  // replaces the first, removes the others, or appends
  void SetCopy(HeaderName name, absl::string_view value);
  void SetNumber(HeaderName name, uint64_t value);
  size_t Remove(HeaderName name) { return Has(name) ? RemoveAll(name) : 0; }  // how many
  size_t Remove(KnownHeader known) { return Has(known) ? RemoveAll(known) : 0; }
  template <class Predicate>
  size_t RemoveIf(Predicate&& predicate) {  // bool(const Entry&)
    size_t n = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      if (!entries_[i].removed && predicate(const_cast<const Entry&>(entries_[i]))) {
        RemoveAt(i);
        ++n;
      }
    }
    return n;
  }
  template <class F>
  void ForEach(F&& f) const {  // f(const Entry&), in order
    for (uint32_t i = 0; i < count_; ++i) {
      if (!entries_[i].removed) f(const_cast<const Entry&>(entries_[i]));
    }
  }
  void CopyFrom(const HeaderMap& other);  // appends copies of other's entries into this arena
  void Clear();

  // Shorthands for what everybody reads.
  absl::string_view method() const { return Get(KnownHeader::kMethod); }
  absl::string_view path() const { return Get(KnownHeader::kPath); }
  absl::string_view scheme() const { return Get(KnownHeader::kScheme); }
  absl::string_view authority() const { return Get(KnownHeader::kAuthority); }
  // The :status pseudo-header as a number, 0 if absent or malformed.
  uint32_t status() const;
  void SetStatus(uint32_t status);

 private:
  static constexpr uint32_t kIndexed = 254;  // entries that first_ can name
  const Entry* Scan(uint32_t from, HeaderName name) const;
  size_t RemoveAll(HeaderName name);
  void RemoveAt(uint32_t index);
  void Grow();
  void Append(const Entry& entry);
  // Index + 1 of the first live entry of each well-known name, 0 if none; entries past 254 are found by a scan.
  uint8_t first_[kKnownHeaderCount + 1] = {};  // of kOther: always 0
  Arena* arena_;
  Entry* entries_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  uint32_t live_ = 0;
  bool overflow_ = false;  // more than 254 entries: first_ may miss some
  uint64_t bytes_ = 0;
};

}  // namespace outrigger::http
