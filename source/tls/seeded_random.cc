// RAND_set_rand_method is deprecated in favour of providers, of which a seeded one would be a page more.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "source/tls/seeded_random.h"

#include <openssl/rand.h>

#include "source/base/bug.h"

namespace outrigger::tls {
namespace {

uint64_t g_state = 0;
bool g_installed = false;

uint64_t Next() {  // splitmix64
  g_state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = g_state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

int Bytes(unsigned char* out, int n) {
  for (int i = 0; i < n;) {
    uint64_t word = Next();
    for (int k = 0; k < 8 && i < n; ++k, ++i, word >>= 8) out[i] = static_cast<unsigned char>(word);
  }
  return 1;
}

int Always() { return 1; }

const RAND_METHOD kMethod = {nullptr, &Bytes, nullptr, nullptr, &Bytes, &Always};

}  // namespace

SeededRandom::SeededRandom(uint64_t seed) {
  OUTRIGGER_CHECK(!g_installed);
  g_installed = true;
  g_state = seed;
  RAND_set_rand_method(&kMethod);
}

SeededRandom::~SeededRandom() {
  RAND_set_rand_method(nullptr);
  g_installed = false;
}

}  // namespace outrigger::tls
