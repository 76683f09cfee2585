// Thread: one at a time (main until the first Write, then the writer's)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "source/event/engine.h"
#include "source/xds/last_good_format.h"

namespace outrigger::xds {

// The configuration that was in use last, in a folder of its own: two files, "last-good.a" and "last-good.b", written
// by turns. Each write is whole or did not happen (temporary file, fsync, rename, fsync of the folder), and the file
// that is replaced is never the newest good one: killed at any point, one of the two is whole. The newest that may be
// used is used. Files are 0600, the folder 0700; what others may write is refused.
class LastGoodStore {
 public:
  struct Settings {
    std::string directory;
    std::string node_id, node_cluster;
    std::shared_ptr<const tls::SealingKey> key;  // null: nothing is sealed, secrets are left out
    Duration max_age{0};                         // 0: any age will do
  };
  struct Loaded {
    absl::optional<LastGood> content;  // the newest that may be used
    std::string path;                  // its file
    std::vector<std::string> refused;  // a line per file that is there and may not be used: which, and why
  };
  struct Written {
    uint64_t generation = 0;
    size_t resources = 0, bytes = 0;
    std::vector<std::string> left_out;  // what holds secrets, without a key
  };

  explicit LastGoodStore(Settings settings) : settings_(std::move(settings)) {}

  // Makes the folder. An error: it cannot be used.
  absl::Status Open(event::Engine& engine);
  // Before the first Write. Also removes what writes that were killed left behind.
  Loaded Load(event::Engine& engine);
  // Node and generation are filled in here. An error: the slots are as they were; the next Write tries again.
  absl::StatusOr<Written> Write(event::Engine& engine, LastGood content);

  const Settings& settings() const { return settings_; }

 private:
  static constexpr size_t kSlots = 2;
  std::string PathOf(size_t slot) const;
  absl::StatusOr<LastGood> ReadSlot(event::Engine& engine, size_t slot);
  void RemoveLeftovers(event::Engine& engine);

  const Settings settings_;
  uint64_t generation_ = 0;  // the highest seen or written
  size_t next_ = 0;          // the slot that the next write replaces
};

// The key in a file that nobody but its owner may read.
absl::StatusOr<std::shared_ptr<const tls::SealingKey>> ReadSealingKey(event::Engine& engine, absl::string_view path);

}  // namespace outrigger::xds
