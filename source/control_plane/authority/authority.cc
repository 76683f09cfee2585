#include "source/control_plane/authority/authority.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/ip_address.h"
#include "source/base/log.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostPemBytes = 1 << 20;
constexpr Duration kRootLifetime = hours(24 * 3650);
constexpr Duration kClockSkew = minutes(5);  // how far clocks of nodes may be behind ours
constexpr size_t kSerialBytes = 16;

}  // namespace

tls::IssueOptions Authority::Options(event::Dispatcher& dispatcher, tls::SubjectNames names, Duration lifetime) {
  tls::IssueOptions options;
  options.names = std::move(names);
  const WallTime now = dispatcher.wall_now();
  options.not_before = now - kClockSkew;
  options.not_after = now + lifetime;
  options.serial.resize(kSerialBytes);
  dispatcher.engine().SecureRandom(options.serial.data(), options.serial.size());
  return options;
}

absl::StatusOr<tls::KeyAndCertificate> Authority::Found(event::Dispatcher& dispatcher, const std::string& folder) {
  tls::IssueOptions options = Options(dispatcher, {.common_name = "Outrigger mesh root"}, kRootLifetime);
  options.authority = true;
  options.path_length = 0;
  options.client_auth = options.server_auth = false;
  auto root = tls::MakeSelfSigned(tls::KeyKind::kEcdsaP256, options);
  if (!root.ok()) return root.status();
  // The key first: a folder with a certificate has its key.
  event::Engine& engine = dispatcher.engine();
  absl::Status status = engine.ReplaceFile(absl::StrCat(folder, "/root-key.pem"), root->key_pem, 0600);
  if (status.ok()) status = engine.ReplaceFile(absl::StrCat(folder, "/root.pem"), root->certificate_pem, 0644);
  if (!status.ok()) return status;
  OUTRIGGER_LOG(kInfo, kControlPlane, "founded a certificate authority in ", folder);
  return root;
}

absl::StatusOr<std::unique_ptr<Authority>> Authority::Open(event::Dispatcher& dispatcher, const std::string& folder) {
  event::Engine& engine = dispatcher.engine();
  const absl::Status made = engine.MakeFolder(folder, 0700);
  if (!made.ok()) return made;
  if (engine.ChangeMode(folder, 0700) < 0) {
    return absl::PermissionDeniedError(absl::StrCat(folder, ": cannot be made readable by its owner only"));
  }
  auto names = engine.ListFolder(folder);
  if (!names.ok()) return names.status();
  bool founded = false;
  for (const std::string& name : *names) founded = founded || name == "root.pem";
  if (!founded) {
    auto root = Found(dispatcher, folder);
    if (!root.ok()) return root.status();
    return std::unique_ptr<Authority>(new Authority(dispatcher, *std::move(root)));
  }
  tls::KeyAndCertificate root;
  const std::string key_path = absl::StrCat(folder, "/root-key.pem");
  engine.ChangeMode(key_path, 0600);
  auto key = engine.ReadFile(key_path, kMostPemBytes);
  if (!key.ok()) return key.status();
  auto certificate = engine.ReadFile(absl::StrCat(folder, "/root.pem"), kMostPemBytes);
  if (!certificate.ok()) return certificate.status();
  root = {*std::move(key), *std::move(certificate)};
  std::unique_ptr<Authority> authority(new Authority(dispatcher, std::move(root)));
  // A root that cannot issue is found out now and not by the first node.
  auto trial = authority->IssueServer({"localhost"}, minutes(1));
  if (!trial.ok()) return absl::DataLossError(absl::StrCat(folder, ": ", trial.status().message()));
  return authority;
}

absl::StatusOr<Authority::Issued> Authority::IssueWorkload(const std::string& spiffe_id, Duration lifetime) {
  const tls::IssueOptions options = Options(dispatcher_, {.uri = {spiffe_id}}, lifetime);
  auto pair = tls::Issue(root_, tls::KeyKind::kEcdsaP256, options);
  if (!pair.ok()) return pair.status();
  return Issued{*std::move(pair), options.not_before, options.not_after};
}

absl::StatusOr<Authority::Issued> Authority::SignNode(absl::string_view request_pem, const std::string& spiffe_id,
                                                      Duration lifetime) {
  tls::IssueOptions options = Options(dispatcher_, {.uri = {spiffe_id}}, lifetime);
  options.server_auth = false;
  auto certificate = tls::SignRequest(root_, request_pem, options);
  if (!certificate.ok()) return certificate.status();
  return Issued{{"", *std::move(certificate)}, options.not_before, options.not_after};
}

absl::StatusOr<Authority::Issued> Authority::IssueServer(const std::vector<std::string>& names, Duration lifetime) {
  tls::SubjectNames subject;
  for (const std::string& name : names) {
    (IpAddress::Parse(name).ok() ? subject.ip : subject.dns).push_back(name);
  }
  tls::IssueOptions options = Options(dispatcher_, std::move(subject), lifetime);
  options.client_auth = false;
  auto pair = tls::Issue(root_, tls::KeyKind::kEcdsaP256, options);
  if (!pair.ok()) return pair.status();
  return Issued{*std::move(pair), options.not_before, options.not_after};
}

}  // namespace outrigger::control_plane
