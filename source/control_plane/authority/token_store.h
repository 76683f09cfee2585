// Thread: main
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// One-use tokens as files STATE/tokens/HASH: whoever reads the folder learns whom a token is for, not the token. Made
// by one process (`outrigger-control-plane token`), spent in another: removing the file is what spends it.
class TokenStore {
 public:
  TokenStore(event::Dispatcher& dispatcher, std::string state)
      : dispatcher_(dispatcher), folder_(std::move(state) + "/tokens") {}

  absl::StatusOr<std::string> Make(absl::string_view node, Duration lifetime);
  // PermissionDenied: unknown, spent, expired, or for another node; it is spent in any case. Of several who come with
  // the same one, also to several processes with the same folder, one has it: the one whose removal succeeds.
  absl::Status Spend(absl::string_view token, absl::string_view node);

  struct Counters {
    uint64_t unknown = 0, expired = 0, of_another_node = 0;  // refused
  };
  const Counters& counters() const { return counters_; }

 private:
  std::string PathOf(absl::string_view token) const;

  event::Dispatcher& dispatcher_;
  const std::string folder_;
  Counters counters_;
};

}  // namespace outrigger::control_plane
