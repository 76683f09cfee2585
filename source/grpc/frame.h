// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "source/base/buffer.h"

namespace outrigger::grpc {

inline constexpr size_t kFrameHead = 5;                      // flag byte, length in network order
inline constexpr size_t kMostMessageBytes = 64 << 20;        // default limit of one received message
inline constexpr size_t kMostMessageBytesSent = 0xffffffff;  // what a length prefix can say

// Length-prefixed messages of gRPC over HTTP/2: takes bytes as they come, gives whole messages. After an error it stays
// there.
class FrameDecoder {
 public:
  enum class Result : uint8_t {
    kNeedMore,    // no whole message is here
    kMessage,     // *message holds one
    kCompressed,  // a compressed message although none was negotiated
    kBadFlag,     // the flag byte is neither 0 nor 1
    kTooLarge,    // the prefix announces more than the limit
  };
  explicit FrameDecoder(size_t limit = kMostMessageBytes) : limit_(limit) {}

  void Add(Buffer& bytes) { pending_.Append(std::move(bytes)); }  // takes all of it
  // The next message, as views of this decoder's memory until the next call of Add, Next or Consume.
  Result Next(absl::string_view* message);
  // Lets go of the message that Next() gave.
  void Consume();
  // Whether Next() would give something else than kNeedMore.
  bool Ready() const;
  // Bytes of an unfinished message: the peer ended in the middle of it.
  bool partial() const { return !pending_.empty(); }
  size_t buffered() const { return pending_.size(); }

 private:
  bool ReadHead(uint8_t* flag, uint32_t* length) const;

  const size_t limit_;
  size_t taken_ = 0;  // size of the message that is handed out, with its head
  Buffer pending_;
};

// Appends one message with its prefix.
void AppendFrame(absl::string_view message, Buffer& out);

}  // namespace outrigger::grpc
