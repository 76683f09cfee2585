#include "source/http/h2/hpack_decoder.h"

#include "source/http/h2/field_rules.h"
#include "source/http/h2/huffman.h"

namespace outrigger::http::h2 {

void HpackDecoder::SetLimit(uint32_t limit) {
  limit_ = limit;
  size_due_ = limit < table_.max_size();
}

bool HpackDecoder::ReadInteger(int prefix_bits, uint32_t* value) {
  const uint32_t most = (1u << prefix_bits) - 1;
  uint64_t read = *at_++ & most;
  if (read == most) {
    for (int shift = 0;; shift += 7) {
      if (at_ == end_ || shift > 28) return false;
      const uint8_t byte = *at_++;
      read += uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    if (read > 0xffffffffu) return false;
  }
  *value = static_cast<uint32_t>(read);
  return true;
}

bool HpackDecoder::ReadText(Bytes& scratch, absl::string_view* text) {
  if (at_ == end_) return false;
  const bool coded = (*at_ & 0x80) != 0;
  uint32_t size;
  if (!ReadInteger(7, &size) || size > static_cast<size_t>(end_ - at_)) return false;
  *text = {reinterpret_cast<const char*>(at_), size};
  at_ += size;
  if (!coded) return true;
  scratch.Commit(-scratch.size());
  char* to = scratch.Room(HuffmanMost(size));
  const char* past = HuffmanDecode(*text, to);
  if (past == nullptr) return false;
  *text = {to, static_cast<size_t>(past - to)};
  return true;
}

bool HpackDecoder::ReadTableSize() {
  uint32_t size;
  if (!in_front_ || !ReadInteger(5, &size) || size > limit_) return false;
  table_.SetMaxSize(size);
  size_due_ = false;
  return true;
}

bool HpackDecoder::FieldAt(uint32_t index, Field* field) {
  if (index == 0) return false;
  if (index <= kStaticFields) {
    const StaticField& found = StaticFieldAt(index);
    *field = {found.known, true, true, false, true, true, found.name, found.value};
    return true;
  }
  index -= kStaticFields + 1;
  if (index >= table_.count()) return false;
  const HpackTable::Entry& found = table_.At(table_.inserted() - 1 - index);
  *field = {found.known, false, false, false, found.sound, found.name_sound, found.name(), found.value()};
  return true;
}

HpackDecoder::Outcome HpackDecoder::ReadLiteral(Field* field, int prefix_bits, bool into_table) {
  const bool never_indexed = !into_table && (*at_ & 0x10) != 0;
  uint32_t index;
  if (!ReadInteger(prefix_bits, &index)) return Outcome::kBroken;
  if (index != 0) {
    if (!FieldAt(index, field)) return Outcome::kBroken;
  } else {
    if (!ReadText(name_, &field->name)) return Outcome::kBroken;
    field->known = LookupKnownHeader(field->name);
    field->static_name = false;
    field->name_sound = field->known != KnownHeader::kOther || IsFieldName(field->name);
  }
  if (!ReadText(value_, &field->value)) return Outcome::kBroken;
  field->static_value = false;
  field->never_indexed = never_indexed;
  field->sound = field->name_sound && IsFieldValue(field->value);
  if (into_table) {
    if (index > kStaticFields && !table_.Fits(field->name, field->value)) {  // the insertion empties the table
      name_.Commit(-name_.size());
      name_.Append(field->name);
      field->name = name_.view();
    }
    const HpackTable::Entry* kept = table_.Insert(field->known, field->name, field->value, field->sound, field->name_sound, 0);
    if (kept != nullptr) {  // the name may have been of an entry that fell out
      if (!field->static_name) field->name = kept->name();
      field->value = kept->value();
    }
  }
  return Outcome::kField;
}

HpackDecoder::Outcome HpackDecoder::Next(Field* field) {
  for (;;) {
    if (at_ == end_) return size_due_ ? Outcome::kBroken : Outcome::kEnd;
    const uint8_t first = *at_;
    if ((first & 0xe0) == 0x20) {
      if (!ReadTableSize()) return Outcome::kBroken;
      continue;
    }
    if (size_due_) return Outcome::kBroken;
    in_front_ = false;
    if ((first & 0x80) != 0) {
      uint32_t index;
      return ReadInteger(7, &index) && FieldAt(index, field) ? Outcome::kField : Outcome::kBroken;
    }
    return (first & 0x40) != 0 ? ReadLiteral(field, 6, true) : ReadLiteral(field, 4, false);
  }
}

}  // namespace outrigger::http::h2
