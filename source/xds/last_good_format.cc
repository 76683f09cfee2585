#include "source/xds/last_good_format.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "outrigger/last_good/v1/slot.pb.h"
#include "source/schema/secrets.h"
#include "source/xds/update.h"

namespace outrigger::xds {

using bootstrap::last_good::v1::SlotBody;
using bootstrap::last_good::v1::SlotHeader;
using bootstrap::last_good::v1::SlotResource;

namespace {

constexpr absl::string_view kMagic = "OUTRIGGER-LAST-GOOD/";
constexpr size_t kSizeBytes = 4;
constexpr size_t kMostVersionDigits = 9;

// A slot taken apart; views into its bytes.
struct SlotParts {
  SlotHeader header;
  absl::string_view beside, body;
};

std::string SizeText(size_t size) {
  std::string text;
  for (size_t i = 0; i < kSizeBytes; ++i) text.push_back(static_cast<char>((size >> (8 * i)) & 0xFF));
  return text;
}

size_t SizeOf(absl::string_view text) {
  size_t size = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) size |= static_cast<size_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  return size;
}

absl::Status Damaged(absl::string_view how) { return absl::DataLossError(absl::StrCat("is damaged: ", how)); }

absl::StatusOr<SlotParts> TakeApart(absl::string_view bytes) {
  absl::string_view rest = bytes;
  if (!absl::ConsumePrefix(&rest, kMagic)) return Damaged("it does not begin as such a file does");
  const size_t line = rest.substr(0, kMostVersionDigits + 1).find('\n');
  uint32_t format = 0;
  if (line == absl::string_view::npos || !absl::SimpleAtoi(rest.substr(0, line), &format)) {
    return Damaged("it does not begin as such a file does");
  }
  if (format != kLastGoodFormat) {
    return absl::UnimplementedError(absl::StrCat("is of format ", format, ", only ", kLastGoodFormat, " is known"));
  }
  rest.remove_prefix(line + 1);
  if (rest.size() < kSizeBytes + tls::kChecksumBytes) return Damaged("it is cut off");
  const absl::string_view whole = bytes.substr(0, bytes.size() - tls::kChecksumBytes);
  if (tls::Checksum(whole) != bytes.substr(whole.size())) return Damaged("its checksum is another");
  rest.remove_suffix(tls::kChecksumBytes);
  const size_t header = SizeOf(rest);
  rest.remove_prefix(kSizeBytes);
  if (header > kMostSlotHeaderBytes || header > rest.size()) return Damaged("its header is too long");
  SlotParts parts;
  if (!parts.header.ParseFromArray(rest.data(), static_cast<int>(header))) {
    return Damaged("its header does not parse");
  }
  parts.body = rest.substr(header);
  parts.beside = bytes.substr(0, static_cast<size_t>(parts.body.data() - bytes.data()));
  return parts;
}

absl::Status CheckNode(const SlotHeader& header, const SlotExpectation& expected) {
  if (header.node_id() == expected.node_id && header.node_cluster() == expected.node_cluster) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("is of another node: \"", header.node_id(), "\" of cluster \"",
                                                    header.node_cluster(), "\", this is \"", expected.node_id,
                                                    "\" of \"", expected.node_cluster, "\""));
}

// Times that the file may say: those that nanoseconds can hold.
WallTime WrittenAt(const SlotHeader& header) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1'000'000;
  return WallTime(milliseconds(std::clamp<int64_t>(header.written_unix_ms(), 0, kMost)));
}

absl::Status CheckAge(const SlotHeader& header, const SlotExpectation& expected) {
  const Duration age = expected.now - WrittenAt(header);
  if (expected.max_age <= Duration::zero() || age <= expected.max_age) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("is too old: of ", ToMillis(age) / 1000, " seconds ago, at most ",
                                                    ToMillis(expected.max_age) / 1000, " are allowed"));
}

absl::Status ReadBody(absl::string_view bytes, LastGood* out) {
  SlotBody body;
  if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Damaged("its body does not parse");
  if (static_cast<size_t>(body.resources_size()) > kMostSlotResources) {
    return absl::ResourceExhaustedError(absl::StrCat("has more than ", kMostSlotResources, " resources"));
  }
  std::set<std::pair<ResourceType, absl::string_view>> seen;
  for (SlotResource& stored : *body.mutable_resources()) {
    const absl::optional<ResourceType> type = TypeOfUrl(stored.type_url());
    if (!type.has_value()) continue;
    if (stored.name().empty()) return Damaged("a resource has no name");
    if (!seen.emplace(*type, stored.name()).second) {
      return Damaged(absl::StrCat(WordOf(*type), " \"", stored.name(), "\" is there twice"));
    }
    out->resources.push_back({*type, stored.name(), std::move(*stored.mutable_version()), stored.hash(), nullptr,
                              std::move(*stored.mutable_value())});
  }
  return absl::OkStatus();
}

bool MayBeInPlain(const LastGoodResource& resource) {
  if (resource.type == ResourceType::kSecret) return false;
  const auto message = resource.message.Get();
  return message == nullptr || !schema::HoldsSecret(*message);
}

}  // namespace

absl::StatusOr<EncodedSlot> EncodeSlot(const LastGood& content, const tls::SealingKey* key, absl::string_view nonce) {
  EncodedSlot slot;
  SlotBody body;
  size_t size = 0;
  for (const LastGoodResource& resource : content.resources) {
    if (key == nullptr && !MayBeInPlain(resource)) {
      slot.left_out.push_back(absl::StrCat(WordOf(resource.type), " \"", resource.name, "\""));
      continue;
    }
    SlotResource& stored = *body.add_resources();
    stored.set_type_url(std::string(TypeUrlOf(resource.type)));
    stored.set_name(resource.name);
    stored.set_version(resource.version);
    stored.set_hash(resource.hash);
    if (resource.message == nullptr) {
      stored.set_value(resource.value);
    } else if (resource.message.bytes() != nullptr) {
      stored.set_value(*resource.message.bytes());
    } else if (!resource.message.Get()->SerializeToString(stored.mutable_value())) {
      return absl::ResourceExhaustedError(absl::StrCat(resource.name, " is too large"));
    }
    size += stored.value().size() + stored.name().size() + stored.version().size();
    if (size > kMostSlotBytes)
      return absl::ResourceExhaustedError(absl::StrCat("more than ", kMostSlotBytes, " bytes"));
  }
  slot.written = static_cast<size_t>(body.resources_size());
  if (slot.written > kMostSlotResources) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", kMostSlotResources, " resources"));
  }
  SlotHeader header;
  header.set_node_id(content.node_id);
  header.set_node_cluster(content.node_cluster);
  header.set_generation(content.generation);
  header.set_written_unix_ms(ToMillis(content.written.time_since_epoch()));
  if (key != nullptr) header.set_nonce(std::string(nonce));
  const std::string head = header.SerializeAsString();
  if (head.size() > kMostSlotHeaderBytes) return absl::ResourceExhaustedError("the node's names are too long");
  slot.bytes = absl::StrCat(kMagic, kLastGoodFormat, "\n", SizeText(head.size()), head);
  std::string plain = body.SerializeAsString();
  if (key != nullptr) {
    absl::StatusOr<std::string> sealed = tls::Seal(*key, nonce, slot.bytes, plain);
    if (!sealed.ok()) return sealed.status();
    plain = *std::move(sealed);
  }
  slot.bytes += plain;
  slot.bytes += tls::Checksum(slot.bytes);
  if (slot.bytes.size() > kMostSlotBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", kMostSlotBytes, " bytes"));
  }
  return slot;
}

absl::StatusOr<LastGood> DecodeSlot(absl::string_view bytes, const SlotExpectation& expected) {
  if (bytes.size() > kMostSlotBytes) return absl::ResourceExhaustedError("is too large");
  const absl::StatusOr<SlotParts> parts = TakeApart(bytes);
  if (!parts.ok()) return parts.status();
  const SlotHeader& header = parts->header;
  if (absl::Status status = CheckNode(header, expected); !status.ok()) return status;
  if (absl::Status status = CheckAge(header, expected); !status.ok()) return status;
  if (expected.key == nullptr && !header.nonce().empty()) {
    return absl::PermissionDeniedError("is sealed, and no key is given");
  }
  if (expected.key != nullptr && header.nonce().empty()) {
    return absl::PermissionDeniedError("is not sealed, although a key is given: anybody may have written it");
  }
  LastGood content;
  content.node_id = header.node_id();
  content.node_cluster = header.node_cluster();
  content.generation = header.generation();
  content.written = WrittenAt(header);
  absl::Status status;
  if (expected.key == nullptr) {
    status = ReadBody(parts->body, &content);
  } else {
    const absl::StatusOr<std::string> plain = tls::Unseal(*expected.key, header.nonce(), parts->beside, parts->body);
    if (!plain.ok()) return plain.status();
    status = ReadBody(*plain, &content);
  }
  if (!status.ok()) return status;
  return content;
}

uint64_t GenerationOfSlot(absl::string_view bytes) {
  const absl::StatusOr<SlotParts> parts = TakeApart(bytes);
  return parts.ok() ? parts->header.generation() : 0;
}

}  // namespace outrigger::xds
