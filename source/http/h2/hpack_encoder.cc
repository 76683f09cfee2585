#include "source/http/h2/hpack_encoder.h"

#include <algorithm>
#include <cstring>

#include "source/http/h2/huffman.h"

namespace outrigger::http::h2 {
namespace {

// First byte and prefix of each form of a field (RFC 7541 section 6).
constexpr uint8_t kIndexed = 0x80, kIntoTheTable = 0x40, kNotIntoTheTable = 0x00, kNever = 0x10, kTableSize = 0x20;
constexpr size_t kMostOverhead = 16;  // of a field, beside its text
constexpr size_t kShortestSafeCookie = 20;

char* WriteInteger(uint8_t form, int prefix_bits, uint64_t value, char* to) {
  const uint64_t most = (uint64_t{1} << prefix_bits) - 1;
  if (value < most) {
    *to++ = static_cast<char>(form | value);
    return to;
  }
  *to++ = static_cast<char>(form | most);
  for (value -= most; value >= 128; value >>= 7) *to++ = static_cast<char>(0x80 | (value & 0x7f));
  *to++ = static_cast<char>(value);
  return to;
}

char* WriteText(absl::string_view text, bool code, char* to) {
  if (code) {
    const size_t coded = HuffmanSize(text);
    if (coded < text.size()) return HuffmanEncode(text, WriteInteger(0x80, 7, coded, to));
  }
  to = WriteInteger(0, 7, text.size(), to);
  if (!text.empty()) memcpy(to, text.data(), text.size());
  return to + text.size();
}

uint64_t Load(const char* from) {
  uint64_t loaded;
  memcpy(&loaded, from, sizeof(loaded));
  return loaded;
}

// Of its ends, its middle and its length: two fields with the same hash cost a miss, not a mistake.
uint32_t HashOf(absl::string_view text, uint32_t seed) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  uint64_t hash = (uint64_t{seed} << 32 | text.size()) * kFactor;
  const char* p = text.data();
  const size_t n = text.size();
  if (n >= 8) {
    hash = (hash ^ Load(p)) * kFactor;
    hash = (hash ^ hash >> 29 ^ Load(p + n - 8)) * kFactor;
    if (n > 16) hash = (hash ^ hash >> 29 ^ Load(p + n / 2 - 4)) * kFactor;
  } else {
    uint64_t held = 0;
    for (size_t i = 0; i < n; ++i) held = held << 8 | static_cast<uint8_t>(p[i]);
    hash = (hash ^ held) * kFactor;
  }
  return static_cast<uint32_t>(hash >> 32);
}

enum class Habit : uint8_t { kRepeats, kVolatile, kMixed, kSecret };

Habit HabitOf(const HeaderMap::Entry& entry, int* volatile_at) {
  switch (entry.known) {
    case KnownHeader::kXRequestId:
      *volatile_at = 0;
      return Habit::kVolatile;
    case KnownHeader::kXEnvoyUpstreamServiceTime:
      *volatile_at = 1;
      return Habit::kVolatile;
    case KnownHeader::kTraceparent:
      *volatile_at = 2;
      return Habit::kVolatile;
    case KnownHeader::kGrpcTimeout:
      *volatile_at = 3;
      return Habit::kVolatile;
    case KnownHeader::kPath:
    case KnownHeader::kContentLength:
    case KnownHeader::kEtag:
    case KnownHeader::kLastModified:
    case KnownHeader::kLocation:
    case KnownHeader::kRange:
    case KnownHeader::kReferer:
    case KnownHeader::kSetCookie:
      return Habit::kMixed;
    case KnownHeader::kAuthorization:
    case KnownHeader::kProxyAuthorization:
      return Habit::kSecret;
    case KnownHeader::kCookie:
      return entry.value.size() < kShortestSafeCookie ? Habit::kSecret : Habit::kRepeats;
    default:
      return Habit::kRepeats;
  }
}

// RFC 9113 8.2.2; and host, which :authority says.
bool Sendable(const HeaderMap::Entry& entry) {
  switch (entry.known) {
    case KnownHeader::kConnection:
    case KnownHeader::kKeepAlive:
    case KnownHeader::kProxyConnection:
    case KnownHeader::kTransferEncoding:
    case KnownHeader::kUpgrade:
    case KnownHeader::kHttp2Settings:
    case KnownHeader::kHost:
      return false;
    case KnownHeader::kTe:
      return entry.value == "trailers";
    default:
      return true;
  }
}

bool IsPseudo(const HeaderMap::Entry& entry) {
  return entry.known <= KnownHeader::kStatus ||
         (entry.known == KnownHeader::kOther && (entry.name.empty() || entry.name[0] == ':'));
}

bool Clean(absl::string_view value) {
  bool clean = true;
  for (const char c : value) clean &= c != '\r' && c != '\n' && c != '\0';
  return clean;
}

}  // namespace

HpackEncoder::HpackEncoder(uint32_t limit)
    : table_(std::min<uint32_t>(limit, 4096)), limit_(limit), least_size_(table_.max_size()), size_due_(limit < 4096) {}

void HpackEncoder::OnPeerTableSize(uint32_t size) {
  const uint32_t wanted = std::min(size, limit_);
  if (wanted == table_.max_size() && !size_due_) return;
  least_size_ = size_due_ ? std::min(least_size_, wanted) : wanted;
  size_due_ = true;
  table_.SetMaxSize(wanted);
}

char* HpackEncoder::WriteTableSize(char* to) {
  size_due_ = false;
  if (least_size_ < table_.max_size()) to = WriteInteger(kTableSize, 5, least_size_, to);
  return WriteInteger(kTableSize, 5, table_.max_size(), to);
}

void HpackEncoder::Encode(const HeaderMap& headers, bool request, Bytes& out) {
  if (known_ == nullptr) {
    known_ = static_cast<Known*>(Memory::Allocate(sizeof(Known)));
    memset(known_, 0, sizeof(Known));
  }
  char* const begin = out.Room(headers.byte_size() + (headers.size() + 1) * kMostOverhead);
  char* to = begin;
  if (size_due_) to = WriteTableSize(to);
  const bool plain_connect = request && headers.method() == "CONNECT" && !headers.Has(KnownHeader::kProtocol);
  uint32_t pseudo = 0;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (!IsPseudo(entry)) return;
    ++pseudo;
    if (entry.known == KnownHeader::kOther || (entry.known == KnownHeader::kStatus) == request) return;
    if (plain_connect && entry.known != KnownHeader::kMethod && entry.known != KnownHeader::kAuthority) return;
    to = EncodeField(entry, to);
  });
  if (pseudo != headers.size()) {
    headers.ForEach([&](const HeaderMap::Entry& entry) {
      if (!IsPseudo(entry) && Sendable(entry)) to = EncodeField(entry, to);
    });
  }
  out.Commit(static_cast<size_t>(to - begin));
}

uint32_t HpackEncoder::FindField(const HeaderMap::Entry& entry, uint32_t hash) const {
  for (const uint32_t place : {hash % kFieldSlots, (hash >> 8) % kFieldSlots}) {
    const uint32_t slot = known_->fields[place];
    if (!Live(slot)) continue;
    const HpackTable::Entry& found = table_.At(slot - 1);
    if (found.hash == hash && found.known == entry.known && found.value() == entry.value &&
        (entry.known != KnownHeader::kOther || found.name() == entry.name)) {
      return slot;
    }
  }
  return 0;
}

uint32_t HpackEncoder::FindName(const HeaderMap::Entry& entry, uint32_t name_hash) const {
  if (entry.known != KnownHeader::kOther) {
    const uint32_t slot = known_->names[static_cast<int>(entry.known)];
    return Live(slot) && table_.At(slot - 1).known == entry.known ? slot : 0;
  }
  const uint32_t slot = known_->other_names[name_hash % kNameSlots];
  return Live(slot) && table_.At(slot - 1).name() == entry.name ? slot : 0;
}

void HpackEncoder::Keep(const HeaderMap::Entry& entry, uint32_t hash, uint32_t name_hash) {
  if (table_.Insert(entry.known, entry.name, entry.value, true, true, hash) == nullptr) return;
  const uint32_t slot = table_.inserted();
  uint32_t& one = known_->fields[hash % kFieldSlots];
  uint32_t& other = known_->fields[(hash >> 8) % kFieldSlots];
  (Live(one) && !Live(other) ? other : one) = slot;
  if (entry.known != KnownHeader::kOther) {
    known_->names[static_cast<int>(entry.known)] = slot;
  } else {
    known_->other_names[name_hash % kNameSlots] = slot;
  }
}

bool HpackEncoder::CameBefore(uint32_t hash) {
  for (const uint32_t recent : known_->recent) {
    if (recent == hash) return true;
  }
  known_->recent[known_->recent_at++ % kRecent] = hash;
  return false;
}

char* HpackEncoder::WriteLiteral(const HeaderMap::Entry& entry, uint8_t form, int prefix_bits, uint32_t name_hash,
                                 bool code, char* to) {
  uint32_t count = 0;
  uint32_t index = entry.known != KnownHeader::kOther ? StaticIndexOf(entry.known, &count) : StaticIndexOf(entry.name);
  if (index == 0) {
    const uint32_t slot = FindName(entry, name_hash);
    if (slot != 0) index = IndexOf(slot - 1);
  }
  to = WriteInteger(form, prefix_bits, index, to);
  if (index == 0) to = WriteText(entry.name, code, to);
  return WriteText(entry.value, code, to);
}

char* HpackEncoder::EncodeField(const HeaderMap::Entry& entry, char* to) {
  if (entry.never_indexed) [[unlikely]] {  // by its sender (RFC 7541 7.1.3)
    const bool other = entry.known == KnownHeader::kOther;
    const uint32_t name_hash = other ? HashOf(entry.name, 0x5eed) : static_cast<uint32_t>(entry.known);
    return Clean(entry.value) ? WriteLiteral(entry, kNever, 4, name_hash, false, to) : to;
  }
  if (entry.known != KnownHeader::kOther) {
    uint32_t count;
    const uint32_t first = StaticIndexOf(entry.known, &count);
    for (uint32_t i = 0; i < count; ++i) {
      const absl::string_view value = StaticFieldAt(first + i).value;
      if (!value.empty() && value == entry.value) return WriteInteger(kIndexed, 7, first + i, to);
    }
  }
  int volatile_at = 0;
  const Habit habit = HabitOf(entry, &volatile_at);
  const uint32_t name_hash =
      entry.known != KnownHeader::kOther ? static_cast<uint32_t>(entry.known) : HashOf(entry.name, 0x5eed);
  if (habit == Habit::kSecret || (habit == Habit::kVolatile && volatile_uses_[volatile_at]++ != 0)) {
    return Clean(entry.value) ? WriteLiteral(entry, kNever, 4, name_hash, false, to) : to;
  }
  const uint32_t hash = HashOf(entry.value, name_hash);
  const uint32_t slot = FindField(entry, hash);
  if (slot != 0) return WriteInteger(kIndexed, 7, IndexOf(slot - 1), to);
  if (!Clean(entry.value)) return to;
  const bool large = (entry.name.size() + entry.value.size() + HpackTable::kOverhead) > table_.max_size() / 4 * 3;
  if (large || (habit == Habit::kMixed && !CameBefore(hash))) {
    return WriteLiteral(entry, kNotIntoTheTable, 4, name_hash, false, to);
  }
  to = WriteLiteral(entry, kIntoTheTable, 6, name_hash, true, to);
  Keep(entry, hash, name_hash);
  return to;
}

}  // namespace outrigger::http::h2
