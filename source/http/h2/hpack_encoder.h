// Thread: worker
#pragma once

#include <cstdint>

#include "source/http/h2/bytes.h"
#include "source/http/h2/hpack_table.h"
#include "source/http/header_map.h"

namespace outrigger::http::h2 {

// Writes header blocks of one connection (RFC 7541). Fields that repeat become one or two bytes:
// - most fields go into the peer's table when they come for the first time;
// - those whose values differ in nearly each message put just their name there, by one message in 256 (kVolatile);
// - those whose values are as often new as not (paths, lengths, validators) go there when they come again soon;
// - secrets never do, and nobody behind us may index them either (RFC 7541 7.1.3).
// What goes into the table is Huffman-coded where that is shorter: it is done once. Other text is written as it is,
// which costs a quarter more bytes and a tenth of the work, here and at the peer.
class HpackEncoder {
 public:
  // We keep at most `limit` bytes of the peer's table, however large it may be.
  explicit HpackEncoder(uint32_t limit);
  ~HpackEncoder() { Memory::Free(known_); }

  uint64_t memory_held() const { return table_.memory_held() + (known_ != nullptr ? sizeof(Known) : 0); }
  void OnPeerTableSize(uint32_t size);
  // The block of these fields behind `out`: pseudo-headers first, without what HTTP/2 has no place for and without
  // values that a hop behind us could read as two fields.
  void Encode(const HeaderMap& headers, bool request, Bytes& out);

 private:
  // Numbers (of HpackTable) plus one; 0, or of what fell out: none.
  static constexpr uint32_t kFieldSlots = 64, kNameSlots = 24, kRecent = 16;
  struct Known {
    uint32_t names[kKnownHeaderCount];  // the newest entry of a well-known name
    uint32_t other_names[kNameSlots];   // of another one, by hash
    uint32_t fields[kFieldSlots];       // by hash, in one of two places
    uint32_t recent[kRecent];           // hashes of fields that were not kept
    uint32_t recent_at;
  };

  char* WriteTableSize(char* to);
  char* EncodeField(const HeaderMap::Entry& entry, char* to);
  char* WriteLiteral(const HeaderMap::Entry& entry, uint8_t form, int prefix_bits, uint32_t name_hash, bool code,
                     char* to);
  uint32_t FindField(const HeaderMap::Entry& entry, uint32_t hash) const;
  uint32_t FindName(const HeaderMap::Entry& entry, uint32_t name_hash) const;
  void Keep(const HeaderMap::Entry& entry, uint32_t hash, uint32_t name_hash);
  bool CameBefore(uint32_t hash);
  uint32_t IndexOf(uint32_t number) const { return kStaticFields + 1 + (table_.inserted() - 1 - number); }
  bool Live(uint32_t slot) const { return slot != 0 && table_.Has(slot - 1); }

  HpackTable table_;
  Known* known_ = nullptr;  // made with the first block
  uint32_t limit_;
  uint32_t least_size_;  // smallest that the table had to become since the last block
  bool size_due_ = false;
  uint8_t volatile_uses_[4] = {};
};

}  // namespace outrigger::http::h2
