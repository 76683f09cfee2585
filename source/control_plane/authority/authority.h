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

// The mesh's certificate authority: an ECDSA P-256 root, kept in a folder that only its owner may enter. It issues the
// short-lived certificates of workloads, of nodes (towards the control plane) and of the control plane itself.
//
//   STATE/root.pem           what to trust: the root; while it is replaced, the old one and the new one. Public
//   STATE/root-key.pem       the key that issues, mode 0600; its certificate is the one in root.pem that it belongs to
//   STATE/next-root-key.pem  of a root that is announced and does not issue yet
//   STATE/founding           who is about to make the above, for as long as that takes
//   STATE/rotation           when the present step of a replacement began, in seconds since 1970
//
// Each step of a replacement is one file put in place of another, so that a crash leaves one state or the next.
class Authority {
 public:
  // Opens the folder, or founds a new authority in it. A root without its key, or that cannot be read, is an error:
  // never replaced, because every certificate of the mesh hangs from it. Of several processes that open an empty folder
  // at once (`serve` and `token`), one founds, and the others wait for it for at most five seconds, turning the loop.
  static absl::StatusOr<std::unique_ptr<Authority>> Open(event::Dispatcher& dispatcher, const std::string& folder);

  // Whom to trust, oldest first: one root, or two while one takes the place of the other.
  const std::string& roots_pem() const { return roots_pem_; }
  WallTime root_expires() const { return root_expires_; }  // the one that issues

  // How the root is replaced: kSteady ──Announce──▶ kAnnounced ──Move──▶ kMoved ──Drop──▶ kSteady
  enum class Phase : uint8_t {
    kSteady,     // one root
    kAnnounced,  // two are trusted, the old one issues
    kMoved,      // two are trusted, the new one issues
  };
  Phase phase() const { return phase_; }
  WallTime phase_since() const { return phase_since_; }
  // FailedPrecondition in another phase; an error of the folder changes nothing.
  absl::Status Announce();
  absl::Status Move();
  absl::Status Drop();

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
  Authority(event::Dispatcher& dispatcher, std::string folder) : dispatcher_(dispatcher), folder_(std::move(folder)) {}
  tls::IssueOptions Options(tls::SubjectNames names, Duration lifetime);
  absl::StatusOr<tls::KeyAndCertificate> MakeRoot();
  absl::Status Found();
  absl::Status FoundOrWait();
  bool IsFounded() const;
  absl::Status Load();
  absl::Status Write(absl::string_view name, absl::string_view text, uint32_t mode);
  absl::Status NoteStep();
  std::string PathOf(absl::string_view name) const;

  event::Dispatcher& dispatcher_;
  const std::string folder_;
  tls::KeyAndCertificate issuer_;
  std::vector<std::string> roots_;  // PEM of each, oldest first
  std::string roots_pem_;
  WallTime root_expires_{};
  Phase phase_ = Phase::kSteady;
  WallTime phase_since_{};
};

}  // namespace outrigger::control_plane
