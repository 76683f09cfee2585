#include "source/control_plane/authority/authority.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/base/ip_address.h"
#include "source/base/log.h"
#include "source/tls/certificate_reader.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostPemBytes = 1 << 20;
constexpr Duration kRootLifetime = hours(24 * 3650);
constexpr Duration kClockSkew = minutes(5);  // how far clocks of nodes may be behind ours
constexpr size_t kSerialBytes = 16;
constexpr size_t kMostRoots = 2;

constexpr char kRoots[] = "root.pem";
constexpr char kKey[] = "root-key.pem";
constexpr char kNextKey[] = "next-root-key.pem";
constexpr char kRotation[] = "rotation";
constexpr char kFounding[] = "founding";

constexpr Duration kLongestFounding = seconds(30);  // an older claim is of somebody who crashed
constexpr Duration kLongestWait = seconds(5);
constexpr Duration kLook = milliseconds(20);

int64_t SecondsOf(WallTime time) { return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count(); }

}  // namespace

std::string Authority::PathOf(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }

absl::Status Authority::Write(absl::string_view name, absl::string_view text, uint32_t mode) {
  return dispatcher_.engine().ReplaceFile(PathOf(name), text, mode);
}

tls::IssueOptions Authority::Options(tls::SubjectNames names, Duration lifetime) {
  tls::IssueOptions options;
  options.names = std::move(names);
  const WallTime now = dispatcher_.wall_now();
  options.not_before = now - kClockSkew;
  options.not_after = now + lifetime;
  options.serial.resize(kSerialBytes);
  dispatcher_.engine().SecureRandom(options.serial.data(), options.serial.size());
  return options;
}

absl::StatusOr<tls::KeyAndCertificate> Authority::MakeRoot() {
  tls::IssueOptions options = Options({}, kRootLifetime);
  // Two roots must differ in name: who verifies looks the issuer up by it.
  options.names.common_name =
      absl::StrCat("Outrigger mesh root ", absl::BytesToHexString(absl::string_view(options.serial.data(), 4)));
  options.authority = true;
  options.path_length = 0;
  options.client_auth = options.server_auth = false;
  return tls::MakeSelfSigned(tls::KeyKind::kEcdsaP256, options);
}

absl::Status Authority::Found() {
  auto root = MakeRoot();
  if (!root.ok()) return root.status();
  // The key first: a folder with a certificate has its key.
  absl::Status status = Write(kKey, root->key_pem, 0600);
  if (status.ok()) status = Write(kRoots, root->certificate_pem, 0644);
  if (status.ok()) OUTRIGGER_LOG(kInfo, kControlPlane, "founded a certificate authority in ", folder_);
  return status;
}

bool Authority::IsFounded() const {
  const auto names = dispatcher_.engine().ListFolder(folder_);
  return names.ok() && std::find(names->begin(), names->end(), kRoots) != names->end();
}

// Each process adds a line to one file, which the system does one after the other; the first fresh one founds.
absl::Status Authority::FoundOrWait() {
  event::Engine& engine = dispatcher_.engine();
  const WallTime now = dispatcher_.wall_now();
  std::string random(kSerialBytes, '\0');
  engine.SecureRandom(random.data(), random.size());
  const std::string mine = absl::StrCat(absl::BytesToHexString(random), " ", SecondsOf(now));
  const event::IoResult file = engine.OpenAppend(PathOf(kFounding));
  const event::IoResult added = file < 0 ? file : engine.Append(static_cast<int>(file), mine + "\n");
  if (file >= 0) engine.Close(static_cast<int>(file));
  const auto text = engine.ReadFile(PathOf(kFounding), kMostPemBytes);
  const bool gone = absl::IsNotFound(text.status());  // the founder came to its end just now
  if (added < 0 || (!text.ok() && !gone)) {
    return absl::PermissionDeniedError(absl::StrCat(PathOf(kFounding), ": cannot be written and read"));
  }
  std::string first;
  for (const absl::string_view line : absl::StrSplit(gone ? "" : absl::string_view(*text), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    int64_t since = 0;
    if (words.size() != 2 || !absl::SimpleAtoi(words[1], &since)) continue;
    if (std::chrono::abs(now - WallTime(seconds(since))) > kLongestFounding) continue;
    first = std::string(line);
    break;
  }
  if (first == mine) {
    // Whoever had the claim before may have founded and ended since we looked.
    const absl::Status status = IsFounded() ? absl::OkStatus() : Found();
    engine.RemoveFile(PathOf(kFounding)).IgnoreError();
    return status;
  }
  for (int looks = 0; !IsFounded(); ++looks) {
    if (looks >= kLongestWait / kLook) {
      return absl::UnavailableError(absl::StrCat("another process is founding an authority in ", folder_,
                                                 " and does not come to an end; try again in half a minute"));
    }
    dispatcher_.RunOnce(kLook);
  }
  return absl::OkStatus();
}

// What the files say: which roots there are, which of them issues, and so which step of a replacement this is.
absl::Status Authority::Load() {
  event::Engine& engine = dispatcher_.engine();
  engine.ChangeMode(PathOf(kKey), 0600);
  auto key = engine.ReadFile(PathOf(kKey), kMostPemBytes);
  if (!key.ok()) return key.status();
  auto text = engine.ReadFile(PathOf(kRoots), kMostPemBytes);
  if (!text.ok()) return text.status();
  const auto certificates = tls::ReadPemCertificates(*text);
  if (!certificates.ok())
    return absl::DataLossError(absl::StrCat(PathOf(kRoots), ": ", certificates.status().message()));
  if (certificates->size() > kMostRoots) return absl::DataLossError(absl::StrCat(PathOf(kRoots), ": too many roots"));
  roots_.clear();
  issuer_ = {};
  size_t issuing = 0;
  absl::Status why;
  for (const auto& certificate : *certificates) {
    roots_.push_back(tls::PemOf(certificate.get()));
    // A root that cannot issue is found out now and not by the first node.
    tls::KeyAndCertificate root{*key, roots_.back()};
    const auto trial = tls::Issue(root, tls::KeyKind::kEcdsaP256, Options({.dns = {"localhost"}}, minutes(1)));
    if (!trial.ok()) {
      why = trial.status();
      continue;
    }
    issuer_ = std::move(root);
    issuing = roots_.size();
    root_expires_ = tls::ReadInfo(certificate.get(), "").not_after;
  }
  if (issuing == 0) return absl::DataLossError(absl::StrCat(folder_, ": ", why.message()));
  roots_pem_ = absl::StrJoin(roots_, "");
  phase_ = roots_.size() == 1 ? Phase::kSteady : issuing == 1 ? Phase::kAnnounced : Phase::kMoved;
  phase_since_ = dispatcher_.wall_now();
  int64_t since = 0;
  const auto noted = engine.ReadFile(PathOf(kRotation), kMostPemBytes);
  if (noted.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*noted), &since))
    phase_since_ = WallTime(seconds(since));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Authority>> Authority::Open(event::Dispatcher& dispatcher, const std::string& folder) {
  event::Engine& engine = dispatcher.engine();
  absl::Status status = engine.MakeFolder(folder, 0700);
  if (!status.ok()) return status;
  if (engine.ChangeMode(folder, 0700) < 0) {
    return absl::PermissionDeniedError(absl::StrCat(folder, ": cannot be made readable by its owner only"));
  }
  const auto names = engine.ListFolder(folder);
  if (!names.ok()) return names.status();
  std::unique_ptr<Authority> authority(new Authority(dispatcher, folder));
  if (!authority->IsFounded()) status = authority->FoundOrWait();
  if (status.ok()) status = authority->Load();
  if (!status.ok()) return status;
  return authority;
}

// Before the step itself: a crash between the two makes the step before it last longer, never this one shorter.
absl::Status Authority::NoteStep() {
  return Write(kRotation, absl::StrCat(SecondsOf(dispatcher_.wall_now()), "\n"), 0600);
}

absl::Status Authority::Announce() {
  if (phase_ != Phase::kSteady) return absl::FailedPreconditionError("the root is being replaced already");
  auto root = MakeRoot();
  if (!root.ok()) return root.status();
  absl::Status status = Write(kNextKey, root->key_pem, 0600);
  if (status.ok()) status = NoteStep();
  if (status.ok()) status = Write(kRoots, absl::StrCat(roots_pem_, root->certificate_pem), 0644);
  return status.ok() ? Load() : status;
}

absl::Status Authority::Move() {
  if (phase_ != Phase::kAnnounced) return absl::FailedPreconditionError("no new root is announced");
  auto key = dispatcher_.engine().ReadFile(PathOf(kNextKey), kMostPemBytes);
  if (!key.ok()) return key.status();
  const auto trial = tls::Issue({*key, roots_.back()}, tls::KeyKind::kEcdsaP256, Options({.dns = {"x"}}, minutes(1)));
  if (!trial.ok()) return absl::DataLossError(absl::StrCat(PathOf(kNextKey), ": ", trial.status().message()));
  absl::Status status = NoteStep();
  if (status.ok()) status = Write(kKey, *key, 0600);
  if (!status.ok()) return status;
  dispatcher_.engine().RemoveFile(PathOf(kNextKey)).IgnoreError();
  return Load();
}

absl::Status Authority::Drop() {
  if (phase_ != Phase::kMoved) return absl::FailedPreconditionError("the new root does not issue yet");
  const absl::Status status = Write(kRoots, roots_.back(), 0644);
  if (!status.ok()) return status;
  dispatcher_.engine().RemoveFile(PathOf(kRotation)).IgnoreError();
  return Load();
}

absl::StatusOr<Authority::Issued> Authority::IssueWorkload(const std::string& spiffe_id, Duration lifetime) {
  const tls::IssueOptions options = Options({.uri = {spiffe_id}}, lifetime);
  auto pair = tls::Issue(issuer_, tls::KeyKind::kEcdsaP256, options);
  if (!pair.ok()) return pair.status();
  return Issued{*std::move(pair), options.not_before, options.not_after};
}

absl::StatusOr<Authority::Issued> Authority::SignNode(absl::string_view request_pem, const std::string& spiffe_id,
                                                      Duration lifetime) {
  tls::IssueOptions options = Options({.uri = {spiffe_id}}, lifetime);
  options.server_auth = false;
  auto certificate = tls::SignRequest(issuer_, request_pem, options);
  if (!certificate.ok()) return certificate.status();
  return Issued{{"", *std::move(certificate)}, options.not_before, options.not_after};
}

absl::StatusOr<Authority::Issued> Authority::IssueServer(const std::vector<std::string>& names, Duration lifetime) {
  tls::SubjectNames subject;
  for (const std::string& name : names) {
    (IpAddress::Parse(name).ok() ? subject.ip : subject.dns).push_back(name);
  }
  tls::IssueOptions options = Options(std::move(subject), lifetime);
  options.client_auth = false;
  auto pair = tls::Issue(issuer_, tls::KeyKind::kEcdsaP256, options);
  if (!pair.ok()) return pair.status();
  return Issued{*std::move(pair), options.not_before, options.not_after};
}

}  // namespace outrigger::control_plane
