// Thread: main
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "source/control_plane/authority/node_files.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

struct EnrollOptions {
  std::string server, server_name, node, token, token_file, root, out;
  bool once = false;
  Duration answer_timeout = seconds(10);  // of one call, the way there included
};

// A node's side: gets the node's certificate and keeps renewing it, after two thirds of its lifetime, into the files
// of NodeFiles, whose watchers read them again.
//
// With a certificate there already, it is renewed first, and the token is spent only if that fails: a restart with the
// same command line works.
//
// A token goes only to a server that --root vouches for, as the operator said; a renewal to one that OUT/root.pem does.
//
// Never waits for the network: a server that does not answer is given up after `answer_timeout` and asked again after
// a pause, which grows to a minute and is jittered. So are errors that may pass; a refusal ends it, unless there was a
// certificate from this run already.
class EnrollClient {
 public:
  EnrollClient(event::Dispatcher& dispatcher, EnrollOptions options);
  ~EnrollClient();  // gives up what is under way

  // Runs the loop: attempts, renews, tries again. Returns when the loop is stopped; with `once` after the first
  // success; with an error if the first certificate is refused.
  absl::Status Run();

 private:
  struct Call;

  void OnTimer();
  absl::Status Prepare();
  absl::StatusOr<std::string> Token();
  void Attempt();
  void Start(const std::string& certificate, const std::string& token);
  void Answered(const Call& call);
  absl::Status Take(const Call& call);
  void Settle(const absl::Status& status);
  bool Expired(const std::string& certificate) const;

  event::Dispatcher& dispatcher_;
  const EnrollOptions options_;
  NodeFiles files_;
  std::string given_root_;
  std::string certificate_;      // the one that is there; empty: none
  absl::Status renewal_failed_;  // of this attempt, before the token is tried
  std::shared_ptr<Call> call_;   // under way; shared with libgrpc
  Duration pause_;
  Duration lifetime_{0};  // of the shortest certificate
  MonotonicTime renew_at_{};
  WallTime renew_at_wall_{};
  bool enrolled_ = false;
  absl::Status failure_;
  event::Timer timer_;
};

}  // namespace outrigger::control_plane
