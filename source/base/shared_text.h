// Thread: any
#pragma once

#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"

namespace outrigger {

// A text that many hold and nobody changes: one pointer, and the characters once in the process, however many were made
// of the same. For names and versions of resources, of which each has a dozen holders. Making one of a string looks it
// up (a lock, for a moment); copying and comparing do not. Not for the data path.
class SharedText {
 public:
  SharedText() = default;  // ""
  template <class T, std::enable_if_t<std::is_convertible_v<const T&, absl::string_view> &&
                                          !std::is_same_v<std::decay_t<T>, SharedText>,
                                      int> = 0>
  SharedText(const T& text) : held_(Hold(absl::string_view(text))) {}  // NOLINT(google-explicit-constructor): a string
  SharedText(const SharedText& other) : held_(other.held_) {
    if (held_ != nullptr) held_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~SharedText() {
    if (held_ != nullptr) Release(held_);
  }

  // Stays where it is as long as anybody holds that text.
  const std::string& str() const;
  bool empty() const { return held_ == nullptr; }
  size_t size() const { return str().size(); }
  operator const std::string&() const { return str(); }  // NOLINT(google-explicit-constructor)
  operator absl::string_view() const { return str(); }   // NOLINT(google-explicit-constructor)

  friend bool operator==(const SharedText& a, const SharedText& b) { return a.held_ == b.held_; }
  friend bool operator<(const SharedText& a, const SharedText& b) { return a.held_ != b.held_ && a.str() < b.str(); }
  template <class T, std::enable_if_t<!std::is_same_v<T, SharedText>, int> = 0>
  friend bool operator==(const SharedText& a, const T& b) {
    return absl::string_view(a.str()) == absl::string_view(b);
  }
  template <class T, std::enable_if_t<!std::is_same_v<T, SharedText>, int> = 0>
  friend bool operator<(const SharedText& a, const T& b) {
    return absl::string_view(a.str()) < absl::string_view(b);
  }
  template <class T, std::enable_if_t<!std::is_same_v<T, SharedText>, int> = 0>
  friend bool operator<(const T& a, const SharedText& b) {
    return absl::string_view(a) < absl::string_view(b.str());
  }
  // As the string's: a map of these is searched with a string.
  template <class H>
  friend H AbslHashValue(H h, const SharedText& text) {
    return H::combine(std::move(h), absl::string_view(text.str()));
  }
  friend std::ostream& operator<<(std::ostream& out, const SharedText& text) { return out << text.str(); }

  static size_t Held();  // different ones in the process

 private:
  friend class TextPool;
  struct Text {
    explicit Text(absl::string_view s) : text(s) {}
    std::atomic<uint32_t> refs{1};
    const std::string text;
  };
  static Text* Hold(absl::string_view text);  // null: empty
  static void Release(Text* text);
  Text* held_ = nullptr;
};

}  // namespace outrigger
