#include "source/http/header_map.h"

#include <cstring>

namespace outrigger::http {
namespace {

constexpr uint32_t kFirstCapacity = 24;  // a usual request in one block

// Absent is a null view, so a present but empty value must not be one.
absl::string_view NotNull(absl::string_view text) { return text.data() == nullptr ? absl::string_view("", 0) : text; }

bool Same(const HeaderMap::Entry& entry, KnownHeader known, absl::string_view name) {
  return entry.known == known && (known != KnownHeader::kOther || entry.name == name);
}

absl::string_view FormatNumber(Arena& arena, uint64_t value) {
  char digits[20];
  char* at = digits + sizeof(digits);
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return arena.Copy(absl::string_view(at, static_cast<size_t>(digits + sizeof(digits) - at)));
}

}  // namespace

void HeaderMap::Grow() {
  const uint32_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  Entry* grown = static_cast<Entry*>(arena_->Allocate(sizeof(Entry) * capacity, alignof(Entry)));
  if (count_ > 0) memcpy(static_cast<void*>(grown), entries_, sizeof(Entry) * count_);
  entries_ = grown;
  capacity_ = capacity;
}

void HeaderMap::Append(const Entry& entry) {
  if (count_ == capacity_) Grow();
  entries_[count_] = entry;
  if (entry.known != KnownHeader::kOther) {
    uint8_t& first = first_[static_cast<int>(entry.known)];
    if (first == 0 && count_ < kIndexed) first = static_cast<uint8_t>(count_ + 1);
  }
  ++count_;
  ++live_;
  overflow_ = count_ > kIndexed;
  bytes_ += entry.name.size() + entry.value.size();
}

void HeaderMap::Add(HeaderName name, absl::string_view value) {
  Append(Entry{name.known(), false, false, name.text(), NotNull(value), {}});
}

void HeaderMap::AddCopy(HeaderName name, absl::string_view value) {
  const absl::string_view text = name.known() == KnownHeader::kOther ? arena_->Copy(name.text()) : name.text();
  Append(Entry{name.known(), false, false, text, NotNull(arena_->Copy(value)), {}});
}

void HeaderMap::AddWire(KnownHeader known, absl::string_view lower, absl::string_view value,
                        absl::string_view wire_name, bool never_indexed) {
  Append(Entry{known, false, never_indexed, lower, NotNull(value), wire_name});
}

void HeaderMap::AddNumber(HeaderName name, uint64_t value) {
  const absl::string_view text = name.known() == KnownHeader::kOther ? arena_->Copy(name.text()) : name.text();
  Append(Entry{name.known(), false, false, text, FormatNumber(*arena_, value), {}});
}

const HeaderMap::Entry* HeaderMap::Scan(uint32_t from, HeaderName name) const {
  for (const Entry* at = entries_ + from; at != entries_ + count_; ++at) {
    if (!at->removed && Same(*at, name.known(), name.text())) return at;
  }
  return nullptr;
}

absl::string_view HeaderMap::Get(HeaderName name) const {
  const Entry* entry = Find(name);
  return entry == nullptr ? absl::string_view() : entry->value;
}

size_t HeaderMap::Count(HeaderName name) const {
  const Entry* first = Find(name);
  if (first == nullptr) return 0;
  size_t n = 0;
  for (const Entry* at = first; at != entries_ + count_; ++at) {
    n += !at->removed && Same(*at, name.known(), name.text());
  }
  return n;
}

absl::string_view HeaderMap::GetJoined(HeaderName name) const {
  const Entry* first = Find(name);
  if (first == nullptr) return {};
  size_t total = 0, n = 0;
  for (const Entry* at = first; at != entries_ + count_; ++at) {
    if (at->removed || !Same(*at, name.known(), name.text())) continue;
    total += at->value.size() + 1;
    ++n;
  }
  if (n == 1) return first->value;
  char* joined = static_cast<char*>(arena_->Allocate(total, 1));
  char* to = joined;
  for (const Entry* at = first; at != entries_ + count_; ++at) {
    if (at->removed || !Same(*at, name.known(), name.text())) continue;
    if (to != joined) *to++ = ',';
    memcpy(to, at->value.data(), at->value.size());
    to += at->value.size();
  }
  return {joined, static_cast<size_t>(to - joined)};
}

void HeaderMap::RemoveAt(uint32_t index) {
  Entry& entry = entries_[index];
  entry.removed = true;
  --live_;
  bytes_ -= entry.name.size() + entry.value.size();
  if (entry.known == KnownHeader::kOther) return;
  uint8_t& first = first_[static_cast<int>(entry.known)];
  if (first != index + 1) return;
  first = 0;
  for (uint32_t i = index + 1; i < count_ && i < kIndexed; ++i) {
    if (!entries_[i].removed && entries_[i].known == entry.known) {
      first = static_cast<uint8_t>(i + 1);
      return;
    }
  }
}

size_t HeaderMap::RemoveAll(HeaderName name) {
  const Entry* first = Find(name);
  size_t n = 0;
  for (uint32_t i = static_cast<uint32_t>(first - entries_); i < count_; ++i) {
    if (entries_[i].removed || !Same(entries_[i], name.known(), name.text())) continue;
    RemoveAt(i);
    ++n;
  }
  return n;
}

void HeaderMap::Set(HeaderName name, absl::string_view value) {
  Entry* first = Find(name);
  if (first == nullptr) {
    Add(name, value);
    return;
  }
  bytes_ = bytes_ - first->value.size() + value.size();
  first->value = NotNull(value);
  for (uint32_t i = static_cast<uint32_t>(first - entries_) + 1; i < count_; ++i) {
    if (!entries_[i].removed && Same(entries_[i], name.known(), name.text())) RemoveAt(i);
  }
}

void HeaderMap::SetCopy(HeaderName name, absl::string_view value) {
  if (Find(name) == nullptr) {
    AddCopy(name, value);
  } else {
    Set(name, arena_->Copy(value));
  }
}

void HeaderMap::SetNumber(HeaderName name, uint64_t value) {
  if (Find(name) == nullptr) {
    AddNumber(name, value);
  } else {
    Set(name, FormatNumber(*arena_, value));
  }
}

void HeaderMap::CopyFrom(const HeaderMap& other) {
  // The count is read once: copying a map into itself must end.
  const uint32_t count = other.count_;
  for (uint32_t i = 0; i < count; ++i) {
    Entry entry = other.entries_[i];
    if (entry.removed) continue;
    if (entry.known == KnownHeader::kOther) entry.name = arena_->Copy(entry.name);
    entry.value = NotNull(arena_->Copy(entry.value));
    if (!entry.wire_name.empty()) entry.wire_name = arena_->Copy(entry.wire_name);
    Append(entry);
  }
}

void HeaderMap::Clear() {
  memset(first_, 0, sizeof(first_));
  count_ = 0;  // the entries' room is used again
  live_ = 0;
  overflow_ = false;
  bytes_ = 0;
}

uint32_t HeaderMap::status() const {
  const absl::string_view text = Get(KnownHeader::kStatus);
  if (text.size() != 3) return 0;
  const auto digit = [text](int i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i] - '0')); };
  const uint32_t hundreds = digit(0), tens = digit(1), ones = digit(2);
  return hundreds > 9 || tens > 9 || ones > 9 ? 0 : hundreds * 100 + tens * 10 + ones;
}

void HeaderMap::SetStatus(uint32_t status) {
  if (status == 200) {
    Set(KnownHeader::kStatus, "200");
  } else {
    SetNumber(KnownHeader::kStatus, status);
  }
}

}  // namespace outrigger::http
