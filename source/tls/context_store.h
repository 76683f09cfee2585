// Thread: any (one lock; configuration time only)
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "source/base/mutex.h"
#include "source/tls/client_context.h"
#include "source/tls/server_context.h"

namespace outrigger::tls {

// Gives the same context for the same content, so that thousands of clusters with one certificate hold one context and
// an unchanged secret keeps sessions and tickets alive. Holds nothing itself: a context lives as long as somebody uses
// it.
class ContextStore final {
 public:
  absl::StatusOr<std::shared_ptr<const ServerContext>> Server(const ServerSpec& spec) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::shared_ptr<const ClientContext>> Client(const ClientSpec& spec) ABSL_LOCKS_EXCLUDED(mutex_);

  struct Sizes {
    size_t servers = 0;
    size_t credentials = 0;
  };
  Sizes LiveSizes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  // By content hash, which covers key material only as a digest.
  std::map<std::string, std::weak_ptr<const ServerContext>> servers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::weak_ptr<const ClientCredentials>> credentials_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace outrigger::tls
