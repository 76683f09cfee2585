#include "source/matching/coalesce.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

// Just enough JSON for one known shape: strings, small numbers, and the punctuation between them.
class Reader {
 public:
  explicit Reader(absl::string_view text) : at_(text) {}

  bool Take(char c) {
    Skip();
    if (at_.empty() || at_.front() != c) return false;
    at_.remove_prefix(1);
    return true;
  }
  bool Peek(char c) {
    Skip();
    return !at_.empty() && at_.front() == c;
  }
  bool AtEnd() {
    Skip();
    return at_.empty();
  }
  bool Text(std::string* out) {
    if (!Take('"')) return false;
    out->clear();
    while (!at_.empty()) {
      const char c = at_.front();
      at_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out->push_back(c);
      } else if (!Escape(out)) {
        return false;
      }
    }
    return false;
  }
  bool Number(int32_t* out) {
    Skip();
    size_t n = 0;
    while (n < at_.size() && at_[n] >= '0' && at_[n] <= '9') ++n;
    const bool ok = absl::SimpleAtoi(at_.substr(0, n), out);
    at_.remove_prefix(n);
    return ok;
  }

 private:
  void Skip() {
    while (!at_.empty() && (at_.front() == ' ' || at_.front() == '\t' || at_.front() == '\n' || at_.front() == '\r')) {
      at_.remove_prefix(1);
    }
  }
  // Only \uXXXX below U+0080 is taken: operators and parameters are ASCII.
  bool Escape(std::string* out) {
    if (at_.empty()) return false;
    const char c = at_.front();
    at_.remove_prefix(1);
    if (c == '"' || c == '\\' || c == '/') {
      out->push_back(c);
      return true;
    }
    uint32_t code = 0;
    if (c != 'u' || at_.size() < 4 || !absl::SimpleHexAtoi(at_.substr(0, 4), &code) || code >= 0x80 || code < 0x20) {
      return false;
    }
    at_.remove_prefix(4);
    out->push_back(static_cast<char>(code));
    return true;
  }
  absl::string_view at_;
};

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "its form is {\"operators\": [\"NAME\", {\"command\": \"NAME\", \"param\": \"...\", \"max_length\": N}]}");
}

absl::Status ReadOne(Reader& reader, std::vector<FormatCommand>* out) {
  std::string key, command, parameter;
  bool has_parameter = false;
  int32_t max_length = -1;
  if (reader.Peek('"')) {
    if (!reader.Text(&command)) return Malformed();
  } else {
    if (!reader.Take('{')) return Malformed();
    do {
      if (!reader.Text(&key) || !reader.Take(':')) return Malformed();
      bool ok = false;
      if (key == "command") {
        ok = reader.Text(&command);
      } else if (key == "param") {
        has_parameter = ok = reader.Text(&parameter);
      } else if (key == "max_length") {
        ok = reader.Number(&max_length);
      }
      if (!ok) return Malformed();
    } while (reader.Take(','));
    if (!reader.Take('}')) return Malformed();
  }
  if (command == "COALESCE") return absl::InvalidArgumentError("it cannot contain itself");
  absl::StatusOr<FormatCommand> made = MakeCommand(command, has_parameter, parameter, -1);
  if (!made.ok()) return made.status();
  made->max_length = max_length;  // allowed for every operator here
  out->push_back(*std::move(made));
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseCoalesce(absl::string_view json, std::vector<FormatCommand>* out) {
  Reader reader(json);
  std::string key;
  if (!reader.Take('{') || !reader.Text(&key) || key != "operators" || !reader.Take(':') || !reader.Take('[')) {
    return Malformed();
  }
  do {
    if (absl::Status status = ReadOne(reader, out); !status.ok()) return status;
  } while (reader.Take(','));
  if (!reader.Take(']') || !reader.Take('}') || !reader.AtEnd()) return Malformed();
  return absl::OkStatus();
}

}  // namespace outrigger::matching
