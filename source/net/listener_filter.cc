#include "source/net/listener_filter.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "source/net/read_block.h"

namespace outrigger::net {

void CloseAccepted(event::Engine& engine, AcceptedSocket& socket) {
  if (socket.fd < 0) return;
  engine.Close(socket.fd);
  socket.fd = -1;
}

ListenerFilterRun::ListenerFilterRun(event::Dispatcher& dispatcher, AcceptedSocket socket,
                                     std::vector<std::unique_ptr<ListenerFilter>> filters, const Options& options,
                                     Owner& owner)
    : dispatcher_(dispatcher),
      socket_(std::move(socket)),
      filters_(std::move(filters)),
      options_(options),
      owner_(&owner) {}

ListenerFilterRun::~ListenerFilterRun() { Cancel(); }

void ListenerFilterRun::Cancel() {
  owner_ = nullptr;
  if (!over_) Finish(Outcome::kError);
}

void ListenerFilterRun::Start() { RunFilters(); }

void ListenerFilterRun::OnReady(uint32_t ready_bits) {
  if (over_) return;
  if ((ready_bits & event::kPeerClosed) != 0) peer_ended_ = true;
  RunFilters();
}

void ListenerFilterRun::RunFilters() {
  for (; next_ < filters_.size(); ++next_, accepted_ = false) {
    ListenerFilter& filter = *filters_[next_];
    if (!accepted_) {
      accepted_ = true;
      const ListenerFilter::Verdict verdict = filter.OnAccept(dispatcher_.engine(), socket_);
      if (verdict == ListenerFilter::Verdict::kClose) return Finish(Outcome::kTurnedAway);
      if (verdict == ListenerFilter::Verdict::kContinue) continue;
    }
    if (!Look(filter)) return;
  }
  Finish(Outcome::kDone);
}

bool ListenerFilterRun::Look(ListenerFilter& filter) {
  size_t room = 0;
  char* at = ReadBlock::OfThread().Room(&room);  // not committed: only looked at
  const size_t most = std::min({filter.max_bytes(), kMostPeeked, room});
  const event::IoResult got = dispatcher_.engine().Peek(socket_.fd, at, most);
  if (got == -EAGAIN) {
    Wait();
    return false;
  }
  if (got < 0) {
    filter.OnReadError();
    Finish(Outcome::kError);
    return false;
  }
  const size_t seen = static_cast<size_t>(got);
  const bool end = seen == 0 || peer_ended_;  // with bytes unread, a peek does not show the end: readiness does
  size_t consume = 0;
  const ListenerFilter::Verdict verdict = filter.OnBytes({at, seen}, end, socket_, &consume);
  if (verdict == ListenerFilter::Verdict::kClose) {
    Finish(Outcome::kRefused);
    return false;
  }
  if (verdict == ListenerFilter::Verdict::kContinue) return consume == 0 || Consume(std::min(consume, seen));
  if (end || seen >= most) {
    Finish(end ? Outcome::kPeerClosed : Outcome::kRefused);
    return false;
  }
  Wait();
  return false;
}

bool ListenerFilterRun::Consume(size_t n) {
  size_t room = 0;
  iovec into;
  into.iov_base = ReadBlock::OfThread().Room(&room);
  into.iov_len = std::min(n, room);
  if (dispatcher_.engine().Readv(socket_.fd, &into, 1) == static_cast<event::IoResult>(n)) return true;
  Finish(Outcome::kError);
  return false;
}

void ListenerFilterRun::Wait() {
  if (timer_ == nullptr && options_.timeout > Duration::zero()) {
    timer_ = std::make_unique<event::Timer>(
        [this] { Finish(options_.continue_on_timeout ? Outcome::kTimedOut : Outcome::kTimeout); });
    dispatcher_.Arm(*timer_, options_.timeout);
  }
  if (registered_) return;
  registered_ = true;
  dispatcher_.engine().Register(socket_.fd, this);
}

void ListenerFilterRun::Finish(Outcome outcome) {
  if (over_) return;
  over_ = true;
  if (timer_ != nullptr) timer_->Disarm();
  if (registered_) dispatcher_.engine().Unregister(socket_.fd);
  if (!HandedOver(outcome)) CloseAccepted(dispatcher_.engine(), socket_);
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->OnListenerFiltersDone(*this, std::move(socket_), outcome);
}

}  // namespace outrigger::net
