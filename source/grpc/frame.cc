#include "source/grpc/frame.h"

namespace outrigger::grpc {

bool FrameDecoder::ReadHead(uint8_t* flag, uint32_t* length) const {
  char head[kFrameHead];
  if (pending_.size() < kFrameHead) return false;
  pending_.CopyOut(0, kFrameHead, head);
  *flag = static_cast<uint8_t>(head[0]);
  *length = 0;
  for (size_t i = 1; i < kFrameHead; ++i) *length = *length << 8 | static_cast<uint8_t>(head[i]);
  return true;
}

bool FrameDecoder::Ready() const {
  uint8_t flag = 0;
  uint32_t length = 0;
  if (!ReadHead(&flag, &length)) return false;
  return flag != 0 || length > limit_ || pending_.size() - kFrameHead >= length;
}

FrameDecoder::Result FrameDecoder::Next(absl::string_view* message) {
  Consume();
  uint8_t flag = 0;
  uint32_t length = 0;
  if (!ReadHead(&flag, &length)) return Result::kNeedMore;
  if (flag > 1) return Result::kBadFlag;
  if (flag == 1) return Result::kCompressed;
  if (length > limit_) return Result::kTooLarge;
  if (pending_.size() - kFrameHead < length) return Result::kNeedMore;
  taken_ = kFrameHead + length;
  *message = pending_.Linearize(taken_);
  message->remove_prefix(kFrameHead);
  return Result::kMessage;
}

void FrameDecoder::Consume() {
  if (taken_ != 0) pending_.Drain(taken_);
  taken_ = 0;
}

void AppendFrame(absl::string_view message, Buffer& out) {
  const auto length = static_cast<uint32_t>(message.size());
  const char head[kFrameHead] = {0, static_cast<char>(length >> 24), static_cast<char>(length >> 16),
                                 static_cast<char>(length >> 8), static_cast<char>(length)};
  out.Append(absl::string_view(head, kFrameHead));
  out.Append(message);
}

}  // namespace outrigger::grpc
