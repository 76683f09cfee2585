// Thread: main
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "source/control_plane/authority/authority.h"
#include "source/control_plane/xds_server/server_identity.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {

// The certificate of the control plane's own TLS addresses: from files, which are watched, or issued by the authority
// and renewed after two thirds of its life and whenever the authority's root changes. Connections stay.
class ServerTls {
 public:
  struct Options {
    std::string certificate, key;    // files; empty: the authority issues
    std::string client_ca;           // a file; empty: the authority's roots, if there is one
    std::vector<std::string> names;  // of what the authority issues
    Duration lifetime = hours(24 * 90);
  };
  struct Counters {
    uint64_t renewed = 0;  // replaced after the first
    uint64_t refused = 0;  // files that could not be used; what was there stays
  };
  // `authority` may be null if there are files.
  ServerTls(event::Dispatcher& dispatcher, Options options, Authority* authority);

  absl::Status Start();  // the error names the file
  // Of the authority. No effect on what comes from files, nor before Start.
  void RootsChanged();
  void Renew();                                                                  // another root issues
  const std::shared_ptr<ServerIdentity>& identity() const { return identity_; }  // null before Start
  const Counters& counters() const { return counters_; }

 private:
  absl::StatusOr<std::string> Read(const std::string& path);
  absl::StatusOr<ServerIdentity::Pem> Make();
  void Watch();
  void Reload(bool issue);

  event::Dispatcher& dispatcher_;
  const Options options_;
  Authority* const authority_;
  std::shared_ptr<ServerIdentity> identity_;
  ServerIdentity::Pem last_;
  WallTime renew_at_{};
  Counters counters_;
  std::vector<std::unique_ptr<event::Engine::FileWatch>> watches_;
  event::Timer settle_, renewal_;
};

}  // namespace outrigger::control_plane
