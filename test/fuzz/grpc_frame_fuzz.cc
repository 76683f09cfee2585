// Message framing of gRPC: any bytes in any pieces give the same messages as in one, and none larger than the limit.
#include <cstdint>
#include <string>
#include <vector>

#include "source/base/bug.h"
#include "source/grpc/frame.h"
#include "source/grpc/wire.h"

namespace {

constexpr size_t kLimit = 1 << 16;

std::vector<std::string> Decode(absl::string_view bytes, size_t step) {
  outrigger::grpc::FrameDecoder decoder(kLimit);
  std::vector<std::string> messages;
  for (size_t at = 0; at < bytes.size(); at += step) {
    outrigger::Buffer piece(bytes.substr(at, step));
    decoder.Add(piece);
    absl::string_view message;
    while (decoder.Next(&message) == outrigger::grpc::FrameDecoder::Result::kMessage) {
      OUTRIGGER_CHECK(message.size() <= kLimit);
      messages.emplace_back(message);
    }
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> whole = Decode(bytes, size == 0 ? 1 : size);
  OUTRIGGER_CHECK(Decode(bytes, 1 + size % 7) == whole);
  OUTRIGGER_CHECK(outrigger::grpc::PercentDecode(bytes).size() <= size);
  return 0;
}
