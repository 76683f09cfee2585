#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/schema/tree.h"

namespace outrigger::schema {
namespace {

// RFC 8259 by recursive descent; the depth is bounded by the limits.
class JsonParser {
 public:
  JsonParser(absl::string_view text, const TreeLimits& limits, TreeError& error)
      : text_(text), limits_(limits), error_(error) {}

  bool Document(Node& out) {
    if (!Value(out, 0)) return false;
    SkipSpace();
    return at_ == text_.size() || Fail("unexpected text after the end of the value");
  }

 private:
  bool Fail(absl::string_view message) {
    error_ = {line_, std::string(message)};
    return false;
  }

  void SkipSpace() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
    }
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool Value(Node& out, size_t depth) {
    SkipSpace();
    if (depth > limits_.max_depth) return Fail(absl::StrCat("nested deeper than ", limits_.max_depth, " levels"));
    if (++nodes_ > limits_.max_nodes) return Fail(absl::StrCat("more than ", limits_.max_nodes, " values"));
    out.line = line_;
    switch (Peek()) {
      case '{':
        return Object(out, depth);
      case '[':
        return List(out, depth);
      case '"':
        out.kind = Node::Kind::kScalar;
        out.quoted = true;
        return String(out.text);
      default:
        return Plain(out);
    }
  }

  bool Plain(Node& out) {
    const size_t start = at_;
    while (at_ < text_.size() &&
           (absl::ascii_isalnum(text_[at_]) || text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '.'))
      ++at_;
    const absl::string_view word = text_.substr(start, at_ - start);
    if (word == "null") return true;
    if (word != "true" && word != "false" && !Number(word)) {
      return Fail(word.empty() ? "expected a value"
                               : "expected a value, found neither a number nor true, false or null");
    }
    out.kind = Node::Kind::kScalar;
    out.text = std::string(word);
    return true;
  }

  static bool Number(absl::string_view word) {
    const PlainKind kind = ClassifyPlain(word);
    if (kind != PlainKind::kInteger && kind != PlainKind::kNumber) return false;
    const size_t first = word[0] == '-' ? 1 : 0;
    if (first >= word.size() || !absl::ascii_isdigit(word[first]) || word.back() == '.') return false;
    const bool zero_first = word[first] == '0' && first + 1 < word.size();
    if (zero_first && (absl::ascii_isalnum(word[first + 1]) && word[first + 1] != 'e' && word[first + 1] != 'E'))
      return false;
    const size_t point = word.find('.');
    return point == absl::string_view::npos || absl::ascii_isdigit(word[point + 1]);
  }

  bool List(Node& out, size_t depth) {
    out.kind = Node::Kind::kList;
    ++at_;
    SkipSpace();
    if (Peek() == ']') return ++at_, true;
    while (true) {
      out.items.emplace_back();
      if (!Value(out.items.back(), depth + 1)) return false;
      SkipSpace();
      const char c = Peek();
      if (c != ',' && c != ']') return Fail("expected , or ] in a list");
      ++at_;
      if (c == ']') return true;
    }
  }

  bool Object(Node& out, size_t depth) {
    out.kind = Node::Kind::kObject;
    ++at_;
    SkipSpace();
    if (Peek() == '}') return ++at_, true;
    absl::flat_hash_set<std::string> seen;
    while (true) {
      SkipSpace();
      if (Peek() != '"') return Fail("expected a key in quotes");
      Node::Key key{"", line_};
      if (!String(key.text)) return false;
      if (!seen.insert(key.text).second) return Fail(absl::StrCat("the key \"", key.text, "\" is there twice"));
      SkipSpace();
      if (Peek() != ':') return Fail("expected : after a key");
      ++at_;
      out.keys.push_back(std::move(key));
      out.items.emplace_back();
      if (!Value(out.items.back(), depth + 1)) return false;
      SkipSpace();
      const char c = Peek();
      if (c != ',' && c != '}') return Fail("expected , or } in an object");
      ++at_;
      if (c == '}') return true;
    }
  }

  bool String(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') return ++at_, true;
      if (static_cast<uint8_t>(c) < 0x20) return Fail("a control character in a string");
      if (c == '\\') {
        if (!Escape(out)) return false;
      } else {
        out.push_back(c);
        ++at_;
      }
    }
    return Fail("a string that does not end");
  }

  bool Escape(std::string& out) {
    ++at_;
    const char c = Peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out.push_back(c);
        return true;
      case 'b':
        out.push_back('\b');
        return true;
      case 'f':
        out.push_back('\f');
        return true;
      case 'n':
        out.push_back('\n');
        return true;
      case 'r':
        out.push_back('\r');
        return true;
      case 't':
        out.push_back('\t');
        return true;
      case 'u':
        return UnicodeEscape(out);
      default:
        return Fail("an unknown escape in a string");
    }
  }

  bool Hex4(uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = absl::ascii_tolower(Peek());
      if (!absl::ascii_isxdigit(c)) return Fail("\\u needs four hexadecimal digits");
      out = out * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
  }

  bool UnicodeEscape(std::string& out) {
    uint32_t code = 0;
    if (!Hex4(code)) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      uint32_t low = 0;
      if (Peek() != '\\' || at_ + 1 >= text_.size() || text_[at_ + 1] != 'u') return Fail("half of a surrogate pair");
      at_ += 2;
      if (!Hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return Fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return Fail("half of a surrogate pair");
    }
    if (code == 0) return Fail("a NUL character is not text");
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xC0 | (code >> 6)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | (code >> 12)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out.push_back(static_cast<char>(0xF0 | (code >> 18)));
      out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
    return true;
  }

  absl::string_view text_;
  const TreeLimits& limits_;
  TreeError& error_;
  size_t at_ = 0;
  size_t nodes_ = 0;
  uint32_t line_ = 1;
};

}  // namespace

bool ParseJson(absl::string_view text, const TreeLimits& limits, Node& out, TreeError& error) {
  if (!CheckText(text, limits, error)) return false;
  out = Node();
  return JsonParser(text, limits, error).Document(out);
}

}  // namespace outrigger::schema
