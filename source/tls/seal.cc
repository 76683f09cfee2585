#include "source/tls/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace outrigger::tls {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int Length(absl::string_view text) { return static_cast<int>(text.size()); }

bool FitsIn(absl::string_view nonce, absl::string_view beside, size_t size) {
  return nonce.size() == kSealNonceBytes && beside.size() <= kMostSealedBytes && size <= kMostSealedBytes;
}

}  // namespace

absl::StatusOr<SealingKey> SealingKey::Parse(absl::string_view text) {
  std::string raw(text);
  if (text.size() != kSealingKeyBytes) {
    const absl::string_view bare = absl::StripAsciiWhitespace(text);
    const bool hex = bare.size() == 2 * kSealingKeyBytes && std::all_of(bare.begin(), bare.end(), absl::ascii_isxdigit);
    if (hex) {
      raw = absl::HexStringToBytes(bare);
    } else if (!absl::Base64Unescape(bare, &raw)) {
      raw.clear();
    }
  }
  SealingKey key;
  const bool fits = raw.size() == kSealingKeyBytes;
  if (fits) std::copy(raw.begin(), raw.end(), key.bytes_.begin());
  OPENSSL_cleanse(raw.data(), raw.size());
  if (!fits) return absl::InvalidArgumentError("a key is 32 bytes: as they are, as 64 hex digits, or in base64");
  return key;
}

SealingKey::~SealingKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

absl::StatusOr<std::string> Seal(const SealingKey& key, absl::string_view nonce, absl::string_view beside,
                                 absl::string_view plain) {
  if (!FitsIn(nonce, beside, plain.size())) return absl::InvalidArgumentError("too large to be sealed");
  std::string sealed(plain.size() + kSealTagBytes, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0, last = 0;
  const bool done = context != nullptr &&
                    EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes(), Bytes(nonce)) == 1 &&
                    EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(beside), Length(beside)) == 1 &&
                    EVP_EncryptUpdate(context.get(), Bytes(sealed), &size, Bytes(plain), Length(plain)) == 1 &&
                    EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + size, &last) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kSealTagBytes),
                                        Bytes(sealed) + plain.size()) == 1;
  if (!done) return absl::InternalError("sealing failed");
  return sealed;
}

absl::StatusOr<std::string> Unseal(const SealingKey& key, absl::string_view nonce, absl::string_view beside,
                                   absl::string_view sealed) {
  if (sealed.size() < kSealTagBytes || !FitsIn(nonce, beside, sealed.size())) {
    return absl::InvalidArgumentError("is not sealed");
  }
  const absl::string_view cipher = sealed.substr(0, sealed.size() - kSealTagBytes);
  std::string tag(sealed.substr(cipher.size()));
  std::string plain(cipher.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0, last = 0;
  unsigned char none = 0;
  const bool done =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes(), Bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(beside), Length(beside)) == 1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(cipher), Length(cipher)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kSealTagBytes), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), &none, &last) == 1;
  if (!done) {
    OPENSSL_cleanse(plain.data(), plain.size());
    return absl::PermissionDeniedError("cannot be opened with this key");
  }
  return plain;
}

std::string Checksum(absl::string_view first, absl::string_view second) {
  std::string sum(kChecksumBytes, '\0');
  const DigestContext context(EVP_MD_CTX_new());
  if (context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1) {
    EVP_DigestUpdate(context.get(), first.data(), first.size());
    EVP_DigestUpdate(context.get(), second.data(), second.size());
    EVP_DigestFinal_ex(context.get(), Bytes(sum), nullptr);
  }
  return sum;
}

}  // namespace outrigger::tls
