// Thread: test
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::http {

// One message without a wire form, as the bytes of a fuzzer describe it. The text is lines:
//
//   q                  or "s" for a response; "c" behind it: a Content-Length says the body's size, "l" one byte more
//   METHOD             or the status
//   authority
//   path
//   name TAB value     fields, until an empty line
//                      the body, until byte 4 or the end
//   name TAB value     trailers behind byte 4
//
// Bytes 1, 2, 3 stand for CR, LF, NUL. Names of fields whose meaning differs by protocol (hop-by-hop ones, Host,
// Content-Length, TE) are left out; so are the blanks around values, which HTTP/1 trims and HTTP/2 forbids.
struct PlainMessage {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  bool request = true;
  bool has_length = false;
  bool length_is_short = false;  // one byte less than announced comes
  std::string method;            // or the status
  std::string authority, path;
  Fields fields;
  std::string body;
  Fields trailers;
  bool has_trailers = false;
  // There is a CR, LF or NUL in a part of the head or the trailers, a colon in a name, a blank in a status: HTTP/2 can
  // say it, and must refuse it; HTTP/1 cannot.
  bool only_http2 = false;

  std::string length() const { return std::to_string(body.size() + (length_is_short ? 1 : 0)); }
};

// False: not a message that both can be asked about.
bool ReadPlainMessage(absl::string_view text, PlainMessage* out);

// Its bytes on a connection of that protocol. HTTP/2 without the preface and SETTINGS.
std::string ToHttp1(const PlainMessage& message);
std::string ToHttp2(const PlainMessage& message);

}  // namespace outrigger::http
