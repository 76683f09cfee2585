#include "source/net/raw_transport.h"

#include <algorithm>
#include <cerrno>

#include "source/net/connection.h"
#include "source/net/read_block.h"

namespace outrigger::net {

IoOutcome RawTransport::Read(Buffer& into, size_t most) {
  ReadBlock& block = ReadBlock::OfThread();
  iovec at;
  at.iov_base = block.Room(&at.iov_len);
  at.iov_len = std::min(at.iov_len, most);
  const event::IoResult got = connection_->SocketRead(&at, 1);
  if (got > 0) {
    block.Commit(static_cast<size_t>(got), into);
    return {IoStatus::kMore, static_cast<uint64_t>(got)};
  }
  if (got == 0) return {IoStatus::kEnd, 0};
  return {got == -EAGAIN ? IoStatus::kMore : IoStatus::kClosed, 0};
}

IoOutcome RawTransport::Write(Buffer& from, bool end) {
  uint64_t total = 0;
  while (!from.empty()) {
    iovec slices[kSlices];
    const int count = from.GetSlices(slices, kSlices);
    size_t offered = 0;
    for (int i = 0; i < count; ++i) offered += slices[i].iov_len;
    const event::IoResult sent = connection_->SocketWrite(slices, count);
    if (sent < 0) return {sent == -EAGAIN ? IoStatus::kMore : IoStatus::kClosed, total};
    from.Drain(static_cast<size_t>(sent));
    total += static_cast<uint64_t>(sent);
    if (static_cast<size_t>(sent) < offered) return {IoStatus::kMore, total};
  }
  if (end && connection_->SocketShutdownWrite() < 0) return {IoStatus::kClosed, total};
  return {IoStatus::kMore, total};
}

const TransportFailure& RawTransport::failure() const {
  static const TransportFailure& none = *new TransportFailure;
  return none;
}

}  // namespace outrigger::net
