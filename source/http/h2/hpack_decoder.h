// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/http/h2/bytes.h"
#include "source/http/h2/hpack_table.h"

namespace outrigger::http::h2 {

// Reads header blocks of one connection (RFC 7541), strictly: no index 0, no text beyond its block, no integer above 32
// bits, table sizes only in front and within what we announced.
class HpackDecoder {
 public:
  struct Field {
    KnownHeader known;
    bool static_name;  // the text lives for ever
    bool static_value;
    bool never_indexed;             // said by the peer (RFC 7541 6.2.3)
    bool sound;                     // both consist of what RFC 9113 8.2.1 allows
    bool name_sound;                // the name does
    absl::string_view name, value;  // valid until the next Next()
  };
  enum class Outcome : uint8_t { kField, kEnd, kBroken };

  HpackDecoder() : table_(4096) {}

  uint64_t memory_held() const { return table_.memory_held() + name_.capacity() + value_.capacity(); }
  // What our SETTINGS said, now that the peer has acknowledged them.
  void SetLimit(uint32_t limit);
  void Begin(absl::string_view block) {
    at_ = reinterpret_cast<const uint8_t*>(block.data());
    end_ = at_ + block.size();
    in_front_ = true;
  }
  Outcome Next(Field* field);
  // Passes by entries of the tables, which leave no trace: a few instructions each where nobody wants them.
  void SkipIndexed() {
    const uint32_t most = kStaticFields + table_.count();
    if (size_due_) return;
    for (; at_ != end_ && *at_ > 0x80 && *at_ < 0xff && (*at_ & 0x7fu) <= most; ++at_) in_front_ = false;
  }
  void Finish() {
    name_.Free();
    value_.Free();
  }

 private:
  bool ReadInteger(int prefix_bits, uint32_t* value);
  bool ReadText(Bytes& scratch, absl::string_view* text);
  bool ReadTableSize();
  bool FieldAt(uint32_t index, Field* field);
  Outcome ReadLiteral(Field* field, int prefix_bits, bool into_table);

  HpackTable table_;
  uint32_t limit_ = 4096;
  bool size_due_ = false;  // we announced less than was in use: the next block must begin with a smaller size
  bool in_front_ = true;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  Bytes name_, value_;  // what was Huffman-coded
};

}  // namespace outrigger::http::h2
