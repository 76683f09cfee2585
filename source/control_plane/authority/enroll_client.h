// Thread: main
#pragma once

#include <string>

#include "absl/status/status.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

struct EnrollOptions {
  std::string server, server_name, node, token, token_file, root, out;
  bool once = false;
};

// A node's side: gets the node's certificate and keeps renewing it, after two thirds of its lifetime.
//
//   OUT/key.pem   made here, mode 0600; stays the same over renewals, so that key and certificate always match
//   OUT/cert.pem  replaced at each renewal, after which watchers read it again
//   OUT/root.pem  whom to trust; brought up to date with each renewal, because roots are replaced too
//
// With a certificate there already, it is renewed first, and the token is spent only if that fails: a restart with the
// same command line works.
//
// A token goes only to a server that --root vouches for, as the operator said; a renewal to one that OUT/root.pem does.
class EnrollClient {
 public:
  EnrollClient(event::Dispatcher& dispatcher, EnrollOptions options);

  // One attempt to get a certificate, which may block for ten seconds.
  absl::Status Attempt();
  // Runs the loop: attempts, renews, tries again with growing pauses. Returns when the loop is stopped; with `once`
  // after the first success; with an error if the first certificate is refused.
  absl::Status Run();

 private:
  absl::Status Prepare();
  absl::StatusOr<std::string> Token();
  absl::Status Call(const std::string& certificate, const std::string& token);
  bool Expired(const std::string& certificate) const;
  void OnTimer();

  event::Dispatcher& dispatcher_;
  const EnrollOptions options_;
  std::string given_root_, own_roots_, key_pem_;
  Duration pause_ = seconds(1);
  Duration renew_in_{0};
  bool enrolled_ = false;
  absl::Status failure_;
  event::Timer timer_;
};

}  // namespace outrigger::control_plane
