#include "source/control_plane/serve/server_tls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/tls/certificate_reader.h"
#include "source/tls/issue.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kMostPemBytes = 1 << 20;
constexpr Duration kSettle = milliseconds(100);  // key and certificate are two files
constexpr Duration kLongestSleep = minutes(1);   // the wall clock may be set meanwhile
constexpr Duration kRetry = seconds(10);

}  // namespace

ServerTls::ServerTls(event::Dispatcher& dispatcher, Options options, Authority* authority)
    : dispatcher_(dispatcher),
      options_(std::move(options)),
      authority_(authority),
      settle_([this] { Reload(false); }),
      renewal_([this] { Reload(false); }) {}

absl::StatusOr<std::string> ServerTls::Read(const std::string& path) {
  return dispatcher_.engine().ReadFile(path, kMostPemBytes);
}

absl::StatusOr<ServerIdentity::Pem> ServerTls::Make() {
  ServerIdentity::Pem pem;
  if (!options_.client_ca.empty()) {
    auto roots = Read(options_.client_ca);
    if (!roots.ok()) return roots.status();
    const auto read = tls::ReadPemCertificates(*roots);
    if (!read.ok()) return absl::InvalidArgumentError(absl::StrCat(options_.client_ca, ": ", read.status().message()));
    pem.client_roots = *std::move(roots);
  } else if (authority_ != nullptr) {
    pem.client_roots = authority_->roots_pem();
  }
  if (options_.certificate.empty()) {
    const WallTime now = dispatcher_.wall_now();
    if (renew_at_ > now) {
      pem.certificate = last_.certificate;
      pem.key = last_.key;
      return pem;
    }
    std::vector<std::string> names = options_.names;
    if (names.empty()) names = {"localhost", "127.0.0.1", "::1"};
    auto issued = authority_->IssueServer(names, options_.lifetime);
    if (!issued.ok()) return issued.status();
    pem.certificate = issued->pair.certificate_pem;
    pem.key = issued->pair.key_pem;
    renew_at_ = now + options_.lifetime * 2 / 3;
    return pem;
  }
  auto certificate = Read(options_.certificate);
  if (!certificate.ok()) return certificate.status();
  auto key = Read(options_.key);
  if (!key.ok()) return key.status();
  const absl::Status good = tls::CheckPair({*key, *certificate});
  if (!good.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(options_.certificate, " and ", options_.key, ": ", good.message()));
  }
  pem.certificate = *std::move(certificate);
  pem.key = *std::move(key);
  return pem;
}

absl::Status ServerTls::Start() {
  auto pem = Make();
  if (!pem.ok()) return pem.status();
  last_ = *pem;
  identity_ = std::make_shared<ServerIdentity>(*std::move(pem));
  Watch();
  if (options_.certificate.empty()) dispatcher_.Arm(renewal_, kLongestSleep);
  return absl::OkStatus();
}

void ServerTls::Watch() {
  for (const std::string& path : {options_.certificate, options_.key, options_.client_ca}) {
    if (path.empty()) continue;
    auto watch = dispatcher_.engine().WatchFile(path, [this] { dispatcher_.Arm(settle_, kSettle); });
    if (watch.ok()) {
      watches_.push_back(*std::move(watch));
    } else {
      OUTRIGGER_LOG(kWarn, kControlPlane, "cannot watch ", path, ": ", watch.status().message());
    }
  }
}

void ServerTls::RootsChanged() { Reload(false); }
void ServerTls::Renew() { Reload(true); }

void ServerTls::Reload(bool issue) {
  if (identity_ == nullptr) return;
  if (issue) renew_at_ = {};
  auto pem = Make();
  if (options_.certificate.empty()) dispatcher_.Arm(renewal_, pem.ok() ? kLongestSleep : kRetry);
  if (!pem.ok()) {
    ++counters_.refused;
    OUTRIGGER_LOG(kError, kControlPlane,
                  "the certificate of the TLS addresses stays as it was: ", pem.status().message());
    return;
  }
  if (pem->certificate == last_.certificate && pem->key == last_.key && pem->client_roots == last_.client_roots) return;
  ++counters_.renewed;
  OUTRIGGER_LOG(kInfo, kControlPlane, "the TLS addresses have a new certificate or new roots");
  last_ = *pem;
  identity_->Replace(*std::move(pem));
}

}  // namespace outrigger::control_plane
