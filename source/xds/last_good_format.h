// Thread: any
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/time.h"
#include "source/schema/kept_message.h"
#include "source/tls/seal.h"
#include "source/xds/resource_type.h"

// A configuration on disk, as bytes. Pure; the files are last_good_store.h.
//
//   "OUTRIGGER-LAST-GOOD/1\n" ▸ 4 bytes: size of the header, little-endian ▸ SlotHeader ▸ SlotBody ▸ 32 bytes
//
// The body is a serialised message, or with a key its AES-256-GCM seal: what stands before it is authenticated with it,
// so node, generation and time cannot be exchanged either. The last 32 bytes are the SHA-256 of all before them, key or
// not: any bit that tears, rots or is cut off is found, and reported as damage, before anything is parsed. (A CRC would
// do for that; SHA-256 costs the writing thread little, and nobody has to argue about how much a CRC misses.) Without a
// key it proves nothing about who wrote the file: for that there are owner and permissions.
namespace outrigger::xds {

inline constexpr uint32_t kLastGoodFormat = 1;
inline constexpr size_t kMostSlotBytes = 512 << 20;
inline constexpr size_t kMostSlotHeaderBytes = 64 << 10;
inline constexpr size_t kMostSlotResources = 2'000'000;

struct LastGoodResource {
  ResourceType type = ResourceType::kCluster;
  std::string name, version;
  uint64_t hash = 0;            // Resource::hash of what came
  schema::KeptMessage message;  // to be written; null: `value` is
  std::string value;            // what was read: serialised
};

struct LastGood {
  std::string node_id, node_cluster;
  uint64_t generation = 0;  // of the store
  WallTime written{};
  std::vector<LastGoodResource> resources;
};

struct EncodedSlot {
  std::string bytes;
  size_t written = 0;                 // resources
  std::vector<std::string> left_out;  // `secret "a"`: without a key, what holds secrets
};
// `key` null: not sealed, and without what holds secrets. `nonce`: kSealNonceBytes random ones, with a key. Errors: too
// large.
absl::StatusOr<EncodedSlot> EncodeSlot(const LastGood& content, const tls::SealingKey* key, absl::string_view nonce);

// What a slot must be to be used.
struct SlotExpectation {
  std::string node_id, node_cluster;
  const tls::SealingKey* key = nullptr;  // null: a sealed one is refused; otherwise one that is not sealed
  WallTime now{};
  Duration max_age{0};  // 0: any
};
// Any bytes give content or a reason. Resources of types that are not known here are left out; the values of the others
// are not looked into.
absl::StatusOr<LastGood> DecodeSlot(absl::string_view bytes, const SlotExpectation& expected);
// Of a slot that is whole, whoever's it is; 0: it is not.
uint64_t GenerationOfSlot(absl::string_view bytes);

}  // namespace outrigger::xds
