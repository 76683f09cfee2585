#include "source/control_plane/authority/workload_secrets.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr Duration kRetry = seconds(10);        // after issuing failed
constexpr Duration kLongestSleep = minutes(1);  // the wall clock may be set meanwhile

using Secret = envoy::extensions::transport_sockets::tls::v3::Secret;

ResourcePtr Make(const Secret& secret) {
  auto resource = MakeResource(secret);
  return resource.ok() ? *std::move(resource) : nullptr;
}

ResourcePtr RootsOf(const Authority& authority) {
  Secret secret;
  secret.set_name("ROOTCA");
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(authority.roots_pem());
  return Make(secret);
}

}  // namespace

WorkloadSecrets::WorkloadSecrets(event::Dispatcher& dispatcher, Authority& authority, Duration lifetime,
                                 std::function<void()> renewed)
    : dispatcher_(dispatcher),
      authority_(authority),
      lifetime_(lifetime),
      renewed_(std::move(renewed)),
      roots_(RootsOf(authority)),
      timer_([this] { RenewDue(); }) {}

bool WorkloadSecrets::Issue(Entry& entry) {
  const WallTime now = dispatcher_.wall_now();
  auto issued = authority_.IssueWorkload(entry.spiffe_id, lifetime_);
  if (!issued.ok()) {
    OUTRIGGER_LOG(kError, kControlPlane, "no certificate for ", entry.spiffe_id, ": ", issued.status().message());
    entry.renew_at = now + kRetry;
    return false;
  }
  Secret secret;
  secret.set_name("default");
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_string(issued->pair.certificate_pem);
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string(issued->pair.key_pem);
  entry.certificate = Make(secret);
  entry.renew_at = now + lifetime_ * 2 / 3;
  ++issued_;
  return true;
}

void WorkloadSecrets::AddTo(const std::string& node, const std::string& spiffe_id, Snapshot& snapshot) {
  Entry& entry = entries_[node];
  if (entry.certificate == nullptr || entry.spiffe_id != spiffe_id) {
    entry.spiffe_id = spiffe_id;
    entry.certificate = nullptr;  // the old one is for somebody else
    Issue(entry);
    ArmNext();
  }
  if (entry.certificate != nullptr) snapshot.Replace(entry.certificate);
  if (roots_ != nullptr) snapshot.Replace(roots_);
}

void WorkloadSecrets::Rotate() {
  for (auto& [node, entry] : entries_) Issue(entry);
  ArmNext();
  OUTRIGGER_LOG(kInfo, kControlPlane, "renewed the certificates of ", entries_.size(), " nodes");
  renewed_();
}

void WorkloadSecrets::RootsChanged() {
  roots_ = RootsOf(authority_);
  renewed_();
}

void WorkloadSecrets::Keep(const std::function<bool(const std::string&)>& stays) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    it = stays(it->first) ? std::next(it) : entries_.erase(it);
  }
}

void WorkloadSecrets::RenewDue() {
  bool any = false;
  const WallTime now = dispatcher_.wall_now();
  for (auto& [node, entry] : entries_) {
    if (entry.renew_at <= now && Issue(entry)) any = true;
  }
  ArmNext();
  if (any) renewed_();
}

void WorkloadSecrets::ArmNext() {
  if (entries_.empty()) return;
  const WallTime now = dispatcher_.wall_now();
  Duration next = kLongestSleep;
  for (const auto& [node, entry] : entries_) next = std::min<Duration>(next, entry.renew_at - now);
  dispatcher_.Arm(timer_, std::max<Duration>(next, milliseconds(1)));
}

}  // namespace outrigger::control_plane
