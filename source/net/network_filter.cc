#include "source/net/network_filter.h"

#include <utility>

namespace outrigger::net {

FilterChainOnConnection::FilterChainOnConnection(Connection& connection,
                                                 std::vector<std::unique_ptr<NetworkFilter>> filters, Owner* owner)
    : connection_(connection), owner_(owner) {
  filters_.reserve(filters.size());
  for (auto& filter : filters) filters_.push_back({std::move(filter), false});
  connection_.SetHandler(this);
}

void FilterChainOnConnection::OnConnected() {
  if (owner_ != nullptr) owner_->OnConnectionReady();
  RunNewConnection();
}

// True once all filters continued and the terminal is there.
bool FilterChainOnConnection::RunNewConnection() {
  while (greeted_ < filters_.size()) {
    NetworkFilter& filter = *filters_[greeted_].filter;
    const NetworkFilter::Verdict verdict = filter.OnNewConnection(*this);
    if (connection_.closing()) return false;
    ++greeted_;
    if (verdict == NetworkFilter::Verdict::kDone) filters_[greeted_ - 1].done = true;
    if (verdict == NetworkFilter::Verdict::kStop) {
      holding_ = true;
      return false;
    }
    terminal_ = filter.terminal();
    if (terminal_ != nullptr) break;
  }
  if (terminal_ == nullptr) {
    connection_.Close(Connection::CloseMode::kNow, {CloseReason::kLocal, 0, "no_terminal_filter"});
    return false;
  }
  all_done_ = true;
  for (uint32_t i = 0; i + 1 < greeted_; ++i) all_done_ = all_done_ && filters_[i].done;
  terminal_->OnConnected();
  return !connection_.closing();
}

void FilterChainOnConnection::OnData(Buffer& input, bool end) {
  end_ = end_ || end;
  if (terminal_ == nullptr && (holding_ || !RunNewConnection())) return;
  if (!all_done_) return RunData(input);
  const bool tell_end = end_ && !end_told_;
  if (input.empty() && !tell_end) return;
  end_told_ = end_;
  terminal_->OnData(input, tell_end);
}

void FilterChainOnConnection::RunData(Buffer& input) {
  const bool end = end_ && !end_told_;
  if (input.empty() && !end) return;
  const uint32_t first = std::exchange(first_, 0);
  holding_ = false;
  bool all_done = true;
  for (uint32_t i = 0; i + 1 < greeted_; ++i) {
    Entry& entry = filters_[i];
    if (!entry.done && i >= first) {
      const NetworkFilter::Verdict verdict = entry.filter->OnData(*this, input, end);
      if (connection_.closing()) return;
      entry.done = verdict == NetworkFilter::Verdict::kDone;
      if (verdict == NetworkFilter::Verdict::kStop) {
        stopped_at_ = i + 1;
        holding_ = true;
        return;
      }
    }
    all_done = all_done && entry.done;
  }
  all_done_ = all_done;
  if (end) end_told_ = true;
  terminal_->OnData(input, end);
}

void FilterChainOnConnection::Resume() {
  if (!holding_ || connection_.closing()) return;
  holding_ = false;
  if (terminal_ != nullptr) first_ = stopped_at_;
  connection_.OfferAgain();
}

void FilterChainOnConnection::OnAboveWriteHigh() {
  if (terminal_ != nullptr) terminal_->OnAboveWriteHigh();
}

void FilterChainOnConnection::OnBelowWriteLow() {
  if (terminal_ != nullptr) terminal_->OnBelowWriteLow();
}

void FilterChainOnConnection::OnClosed(const CloseInfo& why) {
  if (terminal_ != nullptr) terminal_->OnClosed(why);
  for (Entry& entry : filters_) entry.filter->OnClosed(why);
  if (owner_ != nullptr) owner_->OnConnectionClosed(why);
}

void FilterChainOnConnection::Dump(DumpWriter& out) const {
  out.Field("network_filters", filters_.size()).Field("holding", holding_ ? 1 : 0);
  for (const Entry& entry : filters_) entry.filter->Dump(out);  // a terminal one says what its handler does
}

}  // namespace outrigger::net
