// Thread: any
#pragma once

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What is kept on disk: its checksum, and sealing it with AES-256-GCM. Knows no TLS.
namespace outrigger::tls {

inline constexpr size_t kSealingKeyBytes = 32;
inline constexpr size_t kSealNonceBytes = 12;  // random per seal: with one key, for fewer than 2^32 seals
inline constexpr size_t kSealTagBytes = 16;    // what a seal adds to what is sealed
inline constexpr size_t kMostSealedBytes = 1 << 30;

// A key in memory; wiped when it goes.
class SealingKey {
 public:
  // `text`: 32 bytes as they are, or as 64 hex digits or in base64, white space around these allowed. The error never
  // shows any of it.
  static absl::StatusOr<SealingKey> Parse(absl::string_view text);
  SealingKey(const SealingKey&) = default;
  SealingKey& operator=(const SealingKey&) = default;
  ~SealingKey();
  const unsigned char* bytes() const { return bytes_.data(); }

 private:
  SealingKey() = default;
  std::array<unsigned char, kSealingKeyBytes> bytes_{};
};

// `plain` encrypted, with the tag at its end. `beside` is authenticated with it. Errors: sizes; the library failed.
absl::StatusOr<std::string> Seal(const SealingKey& key, absl::string_view nonce, absl::string_view beside,
                                 absl::string_view plain);
// An error if any bit of key, nonce, `beside` or `sealed` is not what it was.
absl::StatusOr<std::string> Unseal(const SealingKey& key, absl::string_view nonce, absl::string_view beside,
                                   absl::string_view sealed);

inline constexpr size_t kChecksumBytes = 32;
// SHA-256 of both parts, one after the other.
std::string Checksum(absl::string_view first, absl::string_view second = "");

}  // namespace outrigger::tls
