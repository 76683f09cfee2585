// Thread: main
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/engine.h"

namespace outrigger::control_plane {

// What a node keeps of its enrolment, in a folder of its own:
//
//   OUT/key.pem       made here; stays the same over renewals, so that key and certificates always match
//   OUT/root.pem      whom to trust; brought up to date with each renewal, because roots are replaced too
//   OUT/workload.pem  a gRPC program's: the certificate that it shows to others, of the same key
//   OUT/cert.pem      the node's, towards the control plane; written last: where it is, the others are
//
// Each file is made with mode 0600 and put in place of the one before when it is whole and on the disk, so that a
// crash leaves old or new ones, never half of one.
class NodeFiles {
 public:
  NodeFiles(event::Engine& engine, std::string folder) : engine_(engine), folder_(std::move(folder)) {}

  // Makes the folder and the key where there are none. A key that is there and cannot be used is an error that names
  // the file: it is not replaced, because certificates may hang from it.
  absl::Status Open();
  const std::string& key_pem() const { return key_pem_; }
  absl::StatusOr<std::string> Certificate() const;
  std::string Roots() const;  // empty: none yet

  struct Answer {
    std::string certificate_pem, root_pem;
    std::string workload_pem;  // empty: none, and one that is there is removed
  };
  // DataLoss: the answer cannot be used, and nothing was written.
  absl::Status Store(const Answer& answer);

 private:
  std::string PathOf(absl::string_view name) const;

  event::Engine& engine_;
  const std::string folder_;
  std::string key_pem_;
};

}  // namespace outrigger::control_plane
