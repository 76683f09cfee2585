#include "source/base/shared_text.h"

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "source/base/mutex.h"

namespace outrigger {

class TextPool {
 public:
  using Text = SharedText::Text;

  static TextPool& Get() {
    static TextPool& pool = *new TextPool;  // never destroyed: texts may outlive all else
    return pool;
  }
  Text* Hold(absl::string_view text) {
    MutexLock lock(mutex_);
    if (const auto at = texts_.find(text); at != texts_.end()) {
      (*at)->refs.fetch_add(1, std::memory_order_relaxed);
      return *at;
    }
    return *texts_.insert(new Text(text)).first;
  }
  // The last reference goes under the lock only: nobody finds what is about to be freed.
  void ReleaseLast(Text* text) {
    MutexLock lock(mutex_);
    if (text->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    texts_.erase(text);
    delete text;
    // A table that was large gives its memory back.
    if (texts_.capacity() > kSmall && texts_.size() < texts_.capacity() / 8) texts_.rehash(0);
  }
  size_t size() {
    MutexLock lock(mutex_);
    return texts_.size();
  }

 private:
  static constexpr size_t kSmall = 64;
  struct Hash {
    using is_transparent = void;
    size_t operator()(absl::string_view text) const { return absl::HashOf(text); }
    size_t operator()(const Text* text) const { return absl::HashOf(absl::string_view(text->text)); }
  };
  struct Same {
    using is_transparent = void;
    bool operator()(const Text* a, const Text* b) const { return a == b; }
    bool operator()(const Text* a, absl::string_view b) const { return a->text == b; }
    bool operator()(absl::string_view a, const Text* b) const { return b->text == a; }
  };
  Mutex mutex_;
  absl::flat_hash_set<Text*, Hash, Same> texts_ ABSL_GUARDED_BY(mutex_);
};

const std::string& SharedText::str() const {
  static const std::string& nothing = *new std::string;
  return held_ == nullptr ? nothing : held_->text;
}

SharedText::Text* SharedText::Hold(absl::string_view text) {
  return text.empty() ? nullptr : TextPool::Get().Hold(text);
}

void SharedText::Release(Text* text) {
  uint32_t refs = text->refs.load(std::memory_order_relaxed);
  while (refs > 1) {
    if (text->refs.compare_exchange_weak(refs, refs - 1, std::memory_order_release, std::memory_order_relaxed)) return;
  }
  TextPool::Get().ReleaseLast(text);
}

size_t SharedText::Held() { return TextPool::Get().size(); }

}  // namespace outrigger
