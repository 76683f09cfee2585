#include "source/control_plane/authority/token_store.h"

#include <openssl/evp.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::control_plane {
namespace {

constexpr size_t kTokenBytes = 32;
constexpr size_t kMostTokenBytes = 256;
constexpr size_t kMostFileBytes = 4096;

}  // namespace

std::string TokenStore::PathOf(absl::string_view token) const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(token.data(), token.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::StrCat(folder_, "/",
                      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size)));
}

absl::StatusOr<std::string> TokenStore::Make(absl::string_view node, Duration lifetime) {
  std::string random(kTokenBytes, '\0');
  dispatcher_.engine().SecureRandom(random.data(), random.size());
  const std::string token = absl::WebSafeBase64Escape(random);
  absl::Status status = dispatcher_.engine().MakeFolder(folder_, 0700);
  if (!status.ok()) return status;
  const WallTime end = dispatcher_.wall_now() + lifetime;
  const int64_t seconds_since_1970 = std::chrono::duration_cast<seconds>(end.time_since_epoch()).count();
  status = dispatcher_.engine().ReplaceFile(PathOf(token), absl::StrCat(node, "\n", seconds_since_1970, "\n"), 0600);
  if (!status.ok()) return status;
  return token;
}

absl::Status TokenStore::Spend(absl::string_view token, absl::string_view node) {
  if (token.empty() || token.size() > kMostTokenBytes) {
    ++counters_.unknown;
    return absl::PermissionDeniedError("no token");
  }
  const std::string path = PathOf(token);
  auto text = dispatcher_.engine().ReadFile(path, kMostFileBytes);
  if (!text.ok() || !dispatcher_.engine().RemoveFile(path).ok()) {
    ++counters_.unknown;
    return absl::PermissionDeniedError("the token is unknown or was used");
  }
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  int64_t end = 0;
  if (lines.size() < 2 || !absl::SimpleAtoi(lines[1], &end)) return absl::PermissionDeniedError("the token is broken");
  if (lines[0] != node) {
    ++counters_.of_another_node;
    return absl::PermissionDeniedError("the token is for another node");
  }
  if (dispatcher_.wall_now() >= WallTime(seconds(end))) {
    ++counters_.expired;
    return absl::PermissionDeniedError("the token has expired");
  }
  return absl::OkStatus();
}

}  // namespace outrigger::control_plane
