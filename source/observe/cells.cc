#include "source/observe/cells.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "source/base/mutex.h"

namespace outrigger::observe {
namespace {

// Texts are few and change with configuration only: one lock for all of them.
constinit Mutex g_text_mutex;

constexpr uint64_t PowerOfTen(int n) {
  uint64_t power = 1;
  for (int i = 0; i < n; ++i) power *= 10;
  return power;
}

}  // namespace

// The same text is kept once: thousands of clusters have a version in common.
struct Text::Held {
  uint32_t uses;
  uint32_t size;
  char bytes[1];  // and on
  absl::string_view text() const { return {bytes, size}; }
};

// Under the lock.
struct Text::Kept {
  static absl::flat_hash_map<absl::string_view, Held*>& All() {
    static auto* const all = new absl::flat_hash_map<absl::string_view, Held*>();
    return *all;
  }
  static Held* Find(absl::string_view text) {
    const auto at = All().find(text);
    if (at != All().end()) {
      ++at->second->uses;
      return at->second;
    }
    auto* const held = static_cast<Held*>(std::malloc(offsetof(Held, bytes) + text.size()));
    if (held == nullptr) return nullptr;
    held->uses = 1;
    held->size = static_cast<uint32_t>(text.size());
    std::memcpy(held->bytes, text.data(), text.size());
    All().emplace(held->text(), held);
    return held;
  }
  static void Drop(Held* held) {
    if (held == nullptr || --held->uses != 0) return;
    All().erase(held->text());
    std::free(held);
  }
};

Text::~Text() {
  if (text_.load(std::memory_order_relaxed) == nullptr) return;
  MutexLock lock(g_text_mutex);
  Kept::Drop(text_.load(std::memory_order_relaxed));
}

void Text::Set(absl::string_view text) {
  MutexLock lock(g_text_mutex);
  Held* const before = text_.load(std::memory_order_relaxed);
  text_.store(Kept::Find(text.substr(0, UINT32_MAX)), std::memory_order_relaxed);
  Kept::Drop(before);
}

std::string Text::value() const {
  MutexLock lock(g_text_mutex);
  const Held* held = text_.load(std::memory_order_relaxed);
  return held == nullptr ? std::string() : std::string(held->bytes, held->size);
}

Histogram::~Histogram() {
  for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

int Histogram::BinOf(uint64_t value) {
  if (value < kFirstBins) return static_cast<int>(value);
  if (value > kLargest) value = kLargest;
  int decade = 0;  // of kBins each, the first one is 100..999
  while (value >= 1000) {
    value /= 10;
    ++decade;
  }
  return kFirstBins + decade * kBins + static_cast<int>(value / 10) - 10;
}

double Histogram::LowerEdge(int bin) {
  if (bin < kFirstBins) return bin;
  const int decade = (bin - kFirstBins) / kBins;
  return static_cast<double>(((bin - kFirstBins) % kBins + 10) * PowerOfTen(decade + 1));
}

double Histogram::Width(int bin) {
  if (bin == 0) return 0;
  if (bin < 10) return 0.1;  // two significant digits of an integer below ten
  if (bin < kFirstBins) return 1;
  return static_cast<double>(PowerOfTen((bin - kFirstBins) / kBins + 1));
}

void Histogram::Record(uint64_t value) {
  const int bin = BinOf(value);
  const int decade = bin < kFirstBins ? 0 : 1 + (bin - kFirstBins) / kBins;
  Chunk* chunk = chunks_[decade].load(std::memory_order_relaxed);
  if (chunk == nullptr) chunk = Make(decade);
  std::atomic<uint64_t>& count = chunk->counts[decade == 0 ? bin : (bin - kFirstBins) % kBins];
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sum_.store(sum_.load(std::memory_order_relaxed) + std::min(value, kLargest), std::memory_order_relaxed);
}

Histogram::Chunk* Histogram::Make(int decade) {
  Chunk* made = new Chunk();
  chunks_[decade].store(made, std::memory_order_release);
  return made;
}

bool Histogram::used() const {
  for (const auto& chunk : chunks_) {
    if (chunk.load(std::memory_order_relaxed) != nullptr) return true;
  }
  return false;
}

uint64_t Histogram::CountAt(int bin) const {
  const int decade = bin < kFirstBins ? 0 : 1 + (bin - kFirstBins) / kBins;
  const Chunk* chunk = chunks_[decade].load(std::memory_order_acquire);
  if (chunk == nullptr) return 0;
  return chunk->counts[decade == 0 ? bin : (bin - kFirstBins) % kBins].load(std::memory_order_relaxed);
}

bool Histogram::HasDecade(int decade) const { return chunks_[decade].load(std::memory_order_relaxed) != nullptr; }

RareHistogram::~RareHistogram() {
  for (Few* few = first_.load(std::memory_order_relaxed); few != nullptr;) {
    delete std::exchange(few, few->next.load(std::memory_order_relaxed));
  }
}

void RareHistogram::Record(uint64_t value) {
  const auto bin = static_cast<uint64_t>(Histogram::BinOf(value));
  sum_.store(sum_.load(std::memory_order_relaxed) + std::min(value, Histogram::kLargest), std::memory_order_relaxed);
  std::atomic<Few*>* link = &first_;
  for (Few* few = link->load(std::memory_order_relaxed); few != nullptr; few = link->load(std::memory_order_relaxed)) {
    for (auto& cell : few->cells) {
      const uint64_t held = cell.load(std::memory_order_relaxed);
      if (held != 0 && held >> kCountBits != bin) continue;
      return cell.store(held == 0 ? bin << kCountBits | 1 : held + 1, std::memory_order_relaxed);
    }
    link = &few->next;
  }
  Few* made = new Few();
  made->cells[0].store(bin << kCountBits | 1, std::memory_order_relaxed);
  link->store(made, std::memory_order_release);
}

CodeCounters::~CodeCounters() {
  for (auto& codes : codes_) delete codes.load(std::memory_order_relaxed);
}

CodeCounters::Codes* CodeCounters::Make(uint32_t index) {
  Codes* made = new Codes();
  codes_[index].store(made, std::memory_order_release);
  return made;
}

uint64_t CodeCounters::OfCode(uint32_t status) const {
  const uint32_t index = status / 100 - 1;
  if (index >= kClasses) return 0;
  const Codes* codes = codes_[index].load(std::memory_order_acquire);
  return codes == nullptr ? 0 : (*codes)[status % 100].value();
}

}  // namespace outrigger::observe
