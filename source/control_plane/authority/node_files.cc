#include "source/control_plane/authority/node_files.h"

#include "absl/strings/str_cat.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostPemBytes = 1 << 20;
constexpr uint32_t kOwnerOnly = 0600;

constexpr char kKey[] = "key.pem";
constexpr char kRoots[] = "root.pem";
constexpr char kWorkload[] = "workload.pem";
constexpr char kCertificate[] = "cert.pem";

}  // namespace

std::string NodeFiles::PathOf(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }

absl::Status NodeFiles::Open() {
  absl::Status status = engine_.MakeFolder(folder_, 0700);
  if (!status.ok()) return status;
  auto key = engine_.ReadFile(PathOf(kKey), kMostPemBytes);
  if (absl::IsNotFound(key.status())) {
    key = tls::MakeKey(tls::KeyKind::kEcdsaP256);
    if (!key.ok()) return key.status();
    status = engine_.ReplaceFile(PathOf(kKey), *key, kOwnerOnly);
    if (!status.ok()) return status;
  }
  if (!key.ok()) return key.status();
  const auto usable = tls::MakeRequest(*key, {.common_name = "x"});
  if (!usable.ok()) return absl::InvalidArgumentError(absl::StrCat(PathOf(kKey), ": ", usable.status().message()));
  engine_.ChangeMode(PathOf(kKey), kOwnerOnly);  // one that came from elsewhere
  key_pem_ = *std::move(key);
  return absl::OkStatus();
}

absl::StatusOr<std::string> NodeFiles::Certificate() const {
  return engine_.ReadFile(PathOf(kCertificate), kMostPemBytes);
}

std::string NodeFiles::Roots() const {
  auto roots = engine_.ReadFile(PathOf(kRoots), kMostPemBytes);
  return roots.ok() ? *std::move(roots) : std::string();
}

absl::Status NodeFiles::Store(const Answer& answer) {
  const auto roots = tls::ReadPemCertificates(answer.root_pem);
  if (!roots.ok()) {
    return absl::DataLossError(absl::StrCat("the answer's roots cannot be read: ", roots.status().message()));
  }
  for (const std::string* pem : {&answer.certificate_pem, &answer.workload_pem}) {
    if (pem == &answer.workload_pem && pem->empty()) continue;
    const absl::Status good = tls::CheckPair({key_pem_, *pem});
    if (!good.ok()) return absl::DataLossError(absl::StrCat("the answer's certificate: ", good.message()));
  }
  absl::Status status = engine_.ReplaceFile(PathOf(kRoots), answer.root_pem, kOwnerOnly);
  if (status.ok() && !answer.workload_pem.empty()) {
    status = engine_.ReplaceFile(PathOf(kWorkload), answer.workload_pem, kOwnerOnly);
  } else if (status.ok()) {
    engine_.RemoveFile(PathOf(kWorkload)).IgnoreError();  // usually there is none
  }
  return status.ok() ? engine_.ReplaceFile(PathOf(kCertificate), answer.certificate_pem, kOwnerOnly) : status;
}

}  // namespace outrigger::control_plane
