// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/http/known_header.h"

namespace outrigger::http::h2 {

bool IsFieldName(absl::string_view name);    // a token in lower case (RFC 9113 8.2.1), no pseudo-header
bool IsFieldValue(absl::string_view value);  // no control character but HTAB, no space or HTAB at its ends

// What the fields of one message must be as they come (RFC 9113 8.1.1, 8.2, 8.3), and that its length is what
// content-length says. What the message must be as a whole is message_rules' business.
class MessageRules {
 public:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };

  void BeginBlock(Kind kind) {
    kind_ = kind;
    seen_ = 0;
    in_fields_ = false;
    status_ = 0;
    if (kind != Kind::kTrailers) content_length_ = kNone;
  }
  // Null: false. `sound`: name and value consist of what they may.
  bool Allows(KnownHeader known, absl::string_view name, absl::string_view value, bool sound);
  void EndBlock();  // of a request or a response

  void OnRequestSent(absl::string_view method) {
    head_ = method == "HEAD";
    connect_ = method == "CONNECT";
  }
  bool AllowsData(uint64_t n) {  // n > 0 bytes of DATA
    received_ += n;
    return final_ && (content_length_ == kNone || received_ <= content_length_);
  }
  bool AllowsEnd() const { return final_ && (content_length_ == kNone || received_ == content_length_); }
  bool has_final_headers() const { return final_; }
  bool is_trailers() const { return kind_ == Kind::kTrailers; }

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};
  bool AllowsPseudo(KnownHeader known, absl::string_view value);
  bool AllowsLength(absl::string_view value);

  uint64_t content_length_ = kNone;
  uint64_t received_ = 0;
  uint16_t status_ = 0;
  uint8_t seen_ = 0;  // pseudo-headers, by KnownHeader
  Kind kind_ = Kind::kRequest;
  bool in_fields_ = false;
  bool final_ = false;  // its headers came, interim responses aside
  bool head_ = false, connect_ = false;
};

}  // namespace outrigger::http::h2
