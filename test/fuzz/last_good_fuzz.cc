// A file of the last-good store: any bytes give a configuration or a reason, with a key and without, as they are and
// with the right checksum put behind them (or nothing but the checksum would ever be tried).
#include <cstdint>
#include <string>

#include "source/base/bug.h"
#include "source/xds/last_good_format.h"

namespace {

using outrigger::xds::DecodeSlot;

void Try(absl::string_view bytes) {
  static const auto key = outrigger::tls::SealingKey::Parse(std::string(outrigger::tls::kSealingKeyBytes, 'k'));
  outrigger::xds::SlotExpectation expected{"node", "mesh", nullptr, {}, outrigger::seconds(0)};
  for (const outrigger::tls::SealingKey* with : {static_cast<const outrigger::tls::SealingKey*>(nullptr), &*key}) {
    expected.key = with;
    const auto content = DecodeSlot(bytes, expected);
    if (!content.ok()) continue;
    // What may be used survives being written again.
    const auto again = outrigger::xds::EncodeSlot(*content, with, "twelve bytes");
    OUTRIGGER_CHECK(again.ok());
    const auto read = DecodeSlot(again->bytes, expected);
    OUTRIGGER_CHECK(read.ok());
    OUTRIGGER_CHECK(read->resources.size() + again->left_out.size() == content->resources.size());
    OUTRIGGER_CHECK(read->generation == outrigger::xds::GenerationOfSlot(bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Try(bytes);
  Try(std::string(bytes) + outrigger::tls::Checksum(bytes));
  return 0;
}
