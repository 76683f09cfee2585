#include "source/http/h1/section_scanner.h"

#include <cstring>

#include "source/http/h1/scan.h"

namespace outrigger::http::h1 {

size_t SectionScanner::Scan(const Buffer& in) {
  size_t skip = scanned_;
  for (size_t i = 0; i < in.slice_count(); ++i) {
    const absl::string_view piece = in.slice(i).view();
    if (skip >= piece.size()) {
      skip -= piece.size();
      continue;
    }
    if (ScanPiece(absl::string_view(piece.data() + skip, piece.size() - skip))) return scanned_;
    skip = 0;
  }
  return 0;
}

bool SectionScanner::ScanPiece(absl::string_view piece) {
  const char* const begin = piece.data();
  const char* const end = begin + piece.size();
  const char* p = begin;
  while (p < end) {
    if (state_ != State::kInLine) {
      const char c = *p++;
      ++scanned_;
      if (c == '\n') return true;
      state_ = c == '\r' && state_ == State::kLineStart ? State::kLineStartCr : State::kInLine;
      continue;
    }
    const char* lf;
    if (first_line_ == 0) {
      lf = static_cast<const char*>(memchr(p, '\n', static_cast<size_t>(end - p)));
    } else {
      lf = FindLinePair(begin, p, end);  // lines that others follow need no look
      if (lf == nullptr && end[-1] == '\n') lf = end - 1;
    }
    const char* const next = lf == nullptr ? end : lf + 1;
    scanned_ += static_cast<size_t>(next - p);
    p = next;
    if (lf == nullptr) return false;
    if (first_line_ == 0) first_line_ = scanned_;
    state_ = State::kLineStart;
  }
  return false;
}

}  // namespace outrigger::http::h1
