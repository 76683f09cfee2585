// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/event/dispatcher.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {

// The mesh's certificate authority: one ECDSA P-256 root, kept in a folder that only its owner may enter. It issues the
// short-lived certificates of workloads, of nodes (towards the control plane) and of the control plane itself.
//
//   STATE/root.pem       the root certificate: public, copied to nodes
//   STATE/root-key.pem   its key, mode 0600
class Authority {
 public:
  // Opens the folder, or founds a new authority in it. A root without its key, or that cannot be read, is an error:
  // never replaced, because every certificate of the mesh hangs from it.
  static absl::StatusOr<std::unique_ptr<Authority>> Open(event::Dispatcher& dispatcher, const std::string& folder);

  const std::string& root_pem() const { return root_.certificate_pem; }

  struct Issued {
    tls::KeyAndCertificate pair;
    WallTime not_before, not_after;
  };
  // A workload's, for both sides of mutual TLS among sidecars.
  absl::StatusOr<Issued> IssueWorkload(const std::string& spiffe_id, Duration lifetime);
  // For a node's signing request; only its key is taken from it.
  absl::StatusOr<Issued> SignNode(absl::string_view request_pem, const std::string& spiffe_id, Duration lifetime);
  // The control plane's own. `names`: DNS names and IP addresses.
  absl::StatusOr<Issued> IssueServer(const std::vector<std::string>& names, Duration lifetime);

 private:
  Authority(event::Dispatcher& dispatcher, tls::KeyAndCertificate root)
      : dispatcher_(dispatcher), root_(std::move(root)) {}
  static tls::IssueOptions Options(event::Dispatcher& dispatcher, tls::SubjectNames names, Duration lifetime);
  static absl::StatusOr<tls::KeyAndCertificate> Found(event::Dispatcher& dispatcher, const std::string& folder);

  event::Dispatcher& dispatcher_;
  const tls::KeyAndCertificate root_;
};

}  // namespace outrigger::control_plane
