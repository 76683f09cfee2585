#include "source/xds/last_good_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace outrigger::xds {
namespace {

constexpr absl::string_view kStem = "last-good.";
constexpr absl::string_view kTemporary = ".tmp";
constexpr uint32_t kFolderMode = 0700, kFileMode = 0600;
constexpr uint32_t kOthersWrite = 0022, kOthersAtAll = 0077;
constexpr size_t kMostKeyFileBytes = 4096;

}  // namespace

std::string LastGoodStore::PathOf(size_t slot) const {
  return absl::StrCat(settings_.directory, "/", kStem, slot == 0 ? "a" : "b");
}

absl::Status LastGoodStore::Open(event::Engine& engine) {
  if (absl::Status made = engine.MakeFolder(settings_.directory, kFolderMode); !made.ok()) return made;
  return engine.CheckOwner(settings_.directory, kOthersWrite);
}

void LastGoodStore::RemoveLeftovers(event::Engine& engine) {
  const absl::StatusOr<std::vector<std::string>> names = engine.ListFolder(settings_.directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!absl::StartsWith(name, kStem) || !absl::EndsWith(name, kTemporary)) continue;
    const absl::Status removed = engine.RemoveFile(absl::StrCat(settings_.directory, "/", name));
    if (!removed.ok()) OUTRIGGER_LOG(kWarn, kConfigXds, "last good configuration: ", removed.message());
  }
}

absl::StatusOr<LastGood> LastGoodStore::ReadSlot(event::Engine& engine, size_t slot) {
  const std::string path = PathOf(slot);
  if (absl::Status status = engine.CheckOwner(path, kOthersWrite); !status.ok()) return status;
  const absl::StatusOr<std::string> bytes = engine.ReadFile(path, kMostSlotBytes);
  if (!bytes.ok()) return bytes.status();
  generation_ = std::max(generation_, GenerationOfSlot(*bytes));
  return DecodeSlot(
      *bytes, {settings_.node_id, settings_.node_cluster, settings_.key.get(), engine.WallNow(), settings_.max_age});
}

LastGoodStore::Loaded LastGoodStore::Load(event::Engine& engine) {
  Loaded loaded;
  RemoveLeftovers(engine);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    absl::StatusOr<LastGood> content = ReadSlot(engine, slot);
    if (!content.ok()) {
      if (!absl::IsNotFound(content.status())) {
        loaded.refused.push_back(absl::StrCat("\"", PathOf(slot), "\" ", content.status().message()));
      }
      continue;
    }
    if (loaded.content.has_value() && loaded.content->generation >= content->generation) continue;
    loaded.content = *std::move(content);
    loaded.path = PathOf(slot);
    next_ = 1 - slot;
  }
  return loaded;
}

absl::StatusOr<LastGoodStore::Written> LastGoodStore::Write(event::Engine& engine, LastGood content) {
  content.node_id = settings_.node_id;
  content.node_cluster = settings_.node_cluster;
  content.generation = ++generation_;
  std::string nonce;
  if (settings_.key != nullptr) {
    nonce.resize(tls::kSealNonceBytes);
    engine.SecureRandom(nonce.data(), nonce.size());
  }
  absl::StatusOr<EncodedSlot> slot = EncodeSlot(content, settings_.key.get(), nonce);
  if (!slot.ok()) return slot.status();
  if (absl::Status written = engine.ReplaceFile(PathOf(next_), slot->bytes, kFileMode); !written.ok()) return written;
  next_ = 1 - next_;
  return Written{generation_, slot->written, slot->bytes.size(), std::move(slot->left_out)};
}

absl::StatusOr<std::shared_ptr<const tls::SealingKey>> ReadSealingKey(event::Engine& engine, absl::string_view path) {
  if (absl::Status status = engine.CheckOwner(path, kOthersAtAll); !status.ok()) return status;
  absl::StatusOr<std::string> text = engine.ReadFile(path, kMostKeyFileBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<tls::SealingKey> key = tls::SealingKey::Parse(*text);
  std::fill(text->begin(), text->end(), '\0');
  if (!key.ok()) return absl::InvalidArgumentError(absl::StrCat("\"", path, "\": ", key.status().message()));
  return std::make_shared<const tls::SealingKey>(*std::move(key));
}

}  // namespace outrigger::xds
