#include <algorithm>

#include "test/simulation/proxy/header_fields.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::simulation {

using http::HeaderMap;
using http::HeaderName;

char PatternByte(uint64_t seed, size_t at) { return static_cast<char>('a' + (at * 7 + at / 977 + seed * 11) % 26); }

std::string Pattern(uint64_t seed, size_t from, size_t n) {
  std::string out(n, ' ');
  for (size_t i = 0; i < n; ++i) out[i] = PatternByte(seed, from + i);
  return out;
}

void Fill(HeaderMap& map, const Fields& fields) {
  for (const auto& [name, value] : fields) map.AddCopy(HeaderName(map.arena().Copy(name)), value);
}

Fields Copy(const HeaderMap& map) {
  Fields out;
  map.ForEach([&](const HeaderMap::Entry& entry) { out.emplace_back(entry.name, entry.value); });
  return out;
}

std::string Find(const Fields& fields, absl::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "";
}

void BodySender::Start(http::StreamSender& sender, Arena& arena) {
  sender_ = &sender;
  arena_ = &arena;
  Go();
}

void BodySender::Stop() {
  sender_ = nullptr;
  pause_.Disarm();
}

void BodySender::Unblock() {
  blocked_ = false;
  if (!pause_.armed()) Go();
}

void BodySender::Go() {
  if (going_) return;
  going_ = true;
  while (sender_ != nullptr && !done_ && !blocked_) {
    const size_t n = std::min(what_.chunk, what_.size - sent_);
    Buffer piece(Pattern(what_.seed, sent_, n));
    sent_ += n;
    const bool last = sent_ == what_.size;
    if (last) done_ = true;
    if (last && !what_.trailers.empty()) {
      if (n > 0) sender_->SendBody(piece, false);
      HeaderMap trailers(*arena_);
      Fill(trailers, what_.trailers);
      if (sender_ != nullptr) sender_->SendTrailers(trailers);
      break;
    }
    sender_->SendBody(piece, last);
    if (!last && what_.pause > Duration::zero()) {
      dispatcher_.Arm(pause_, what_.pause);
      break;
    }
  }
  going_ = false;
  if (done_) sender_ = nullptr;
  if (done_ && on_done_) on_done_();
}

std::string Incoming::Get(absl::string_view name) const { return Find(headers, name); }
std::string Incoming::Trailer(absl::string_view name) const { return Find(trailers, name); }

void Incoming::Take(Buffer& body) {
  while (!body.empty()) {
    const absl::string_view piece = body.Front();
    for (const char c : piece) matches = (c == PatternByte(seed, size++)) && matches;
    if (text.size() < 4096) text.append(piece.data(), std::min<size_t>(piece.size(), 4096 - text.size()));
    body.Drain(piece.size());
  }
}

}  // namespace outrigger::simulation
