#include "source/schema/wire_assignment.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"

namespace outrigger::schema {
namespace {

constexpr uint32_t kClusterName = 1;  // of ClusterLoadAssignment
constexpr uint32_t kEndpoints = 2;
constexpr uint32_t kLbEndpoints = 2;  // of LocalityLbEndpoints
// Where more than this share differs, building all is cheaper.
constexpr size_t kMostChanged = 64;
constexpr size_t kShare = 4;

constexpr int kMostOfNumber = 10, kMostOfTag = 5;  // bytes; tags and lengths are 32 bits, as protobuf reads them
constexpr uint64_t kMostLength = 0x7fffffff - 16;  // what it takes

bool Varint(absl::string_view* in, uint64_t* value, int most = kMostOfNumber) {
  *value = 0;
  for (int shift = 0; shift < 7 * most && !in->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// One field of a serialised message.
struct Field {
  uint32_t number = 0;
  bool delimited = false;
  absl::string_view whole;    // with its tag
  absl::string_view content;  // of a delimited one
};

bool Skip(absl::string_view* in, uint64_t size) {
  if (size > in->size()) return false;
  in->remove_prefix(static_cast<size_t>(size));
  return true;
}

bool Next(absl::string_view* in, Field* field) {
  const absl::string_view from = *in;
  uint64_t tag = 0, size = 0;
  if (!Varint(in, &tag, kMostOfTag)) return false;
  field->number = static_cast<uint32_t>(tag) >> 3;  // what is above 32 bits is not looked at
  if (field->number == 0) return false;
  field->delimited = (tag & 7) == 2;
  bool ok = false;
  switch (tag & 7) {
    case 0:
      ok = Varint(in, &size);
      break;
    case 1:
      ok = Skip(in, 8);
      break;
    case 2:
      ok = Varint(in, &size, kMostOfTag) && size <= kMostLength && size <= in->size();
      if (ok) field->content = absl::string_view(in->data(), static_cast<size_t>(size));
      ok = ok && Skip(in, size);
      break;
    case 5:
      ok = Skip(in, 4);
      break;
    default:
      break;
  }
  field->whole = absl::string_view(from.data(), from.size() - in->size());
  return ok;
}

// A message without one repeated field, and the contents of that field.
struct Split {
  std::string rest;
  std::vector<absl::string_view> items;
};
bool SplitBy(uint32_t number, absl::string_view message, Split* out) {
  Field field;
  while (!message.empty()) {
    if (!Next(&message, &field)) return false;
    if (field.number == number && field.delimited) {
      out->items.push_back(field.content);
    } else {
      out->rest.append(field.whole.data(), field.whole.size());
    }
  }
  return true;
}

void AppendDelimited(uint32_t number, absl::string_view content, std::string* out) {
  out->push_back(static_cast<char>(number << 3 | 2));
  uint64_t size = content.size();
  for (; size >= 0x80; size >>= 7) out->push_back(static_cast<char>(size | 0x80));
  out->push_back(static_cast<char>(size));
  out->append(content.data(), content.size());
}

// The endpoints of one locality, of which those are left out that are the same in both.
struct Side {
  absl::string_view in;  // what was not looked at yet
  std::string rest;      // all but the endpoints
  std::vector<absl::string_view> items;
  void Put(const Field& field) {
    if (field.number == kLbEndpoints && field.delimited) {
      items.push_back(field.content);
    } else {
      rest.append(field.whole.data(), field.whole.size());
    }
  }
  bool PutAll() {
    for (Field field; !in.empty();) {
      if (!Next(&in, &field)) return false;
      Put(field);
    }
    return true;
  }
};

// Side by side, for nearly always nearly all are where they were: nothing is kept of those. `count`: of endpoints
// before.
bool SkipSame(Side& was, Side& is, size_t* count) {
  for (Field field, other; !was.in.empty() && is.items.size() <= kMostChanged;) {
    if (!Next(&was.in, &field)) return false;
    const bool item = field.number == kLbEndpoints && field.delimited;
    if (item) ++*count;
    if (absl::StartsWith(is.in, field.whole)) {
      is.in.remove_prefix(field.whole.size());
      if (item) continue;
      was.Put(field);
      is.Put(field);
      continue;
    }
    was.Put(field);
    if (is.in.empty()) continue;
    if (!Next(&is.in, &other)) return false;
    is.Put(other);
  }
  return true;
}

// As sets in which one may be several times.
bool Compare(absl::string_view before, absl::string_view after, AssignmentDifference::Part* part) {
  Side was{before, {}, {}}, is{after, {}, {}};
  size_t count = 0;
  if (!SkipSame(was, is, &count)) return false;
  const size_t seen = was.items.size();
  if (!was.PutAll() || !is.PutAll() || was.rest != is.rest) return false;
  count += was.items.size() - seen;
  while (!was.items.empty() && !is.items.empty() && was.items.back() == is.items.back()) {
    was.items.pop_back();
    is.items.pop_back();
  }
  absl::flat_hash_map<absl::string_view, int64_t> more;  // how often it is there more often than it was
  for (const absl::string_view one : was.items) --more[one];
  for (const absl::string_view one : is.items) ++more[one];
  for (const absl::string_view one : was.items) {
    if (int64_t& n = more[one]; n < 0) part->left.emplace_back(one), ++n;
  }
  for (const absl::string_view one : is.items) {
    if (int64_t& n = more[one]; n > 0) part->came.emplace_back(one), --n;
  }
  part->head = std::move(was.rest);
  return part->left.size() + part->came.size() <= kMostChanged + count / kShare;
}

}  // namespace

std::string AssignmentDifference::Reduced() const {
  std::string reduced = rest;
  for (const Part& part : parts) {
    std::string locality = part.head;
    for (const std::string& one : part.came) AppendDelimited(kLbEndpoints, one, &locality);
    AppendDelimited(kEndpoints, locality, &reduced);
  }
  return reduced;
}

absl::optional<AssignmentDifference> DifferenceOf(absl::string_view before, absl::string_view after) {
  Split was, is;
  if (!SplitBy(kEndpoints, before, &was) || !SplitBy(kEndpoints, after, &is)) return absl::nullopt;
  if (was.rest != is.rest || was.items.size() != is.items.size()) return absl::nullopt;
  AssignmentDifference difference;
  for (size_t i = 0; i < is.items.size(); ++i) {
    if (was.items[i] == is.items[i]) continue;
    if (!Compare(was.items[i], is.items[i], &difference.parts.emplace_back())) return absl::nullopt;
  }
  difference.rest = std::move(is.rest);
  return difference;
}

absl::string_view NameOfAssignment(absl::string_view bytes) {
  absl::string_view name;
  Field field;
  while (!bytes.empty()) {
    if (!Next(&bytes, &field)) return {};
    if (field.number == kClusterName && field.delimited) name = field.content;
  }
  return name;
}

}  // namespace outrigger::schema
