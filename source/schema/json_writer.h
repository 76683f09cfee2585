// Thread: any
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/string_view.h"

namespace outrigger::schema {

struct JsonOptions {
  bool camel_case = false;  // lowerCamelCase keys as protobuf's JSON has them; otherwise the names of the .proto files
  int indent = 1;           // spaces per level; 0: all in one line
  bool defaults = false;    // single numbers, texts, enums that are not set are written as what they are without
};

// A message as JSON. Fields come in the order of their numbers, map keys sorted: the same message gives the same text.
// Fields that are not set are left out (see `defaults`). Whatever stands in a field marked secret (private keys,
// passwords, generic secrets, ticket keys) is printed as "[redacted]", always; names of files and variables stay. An
// Any shows its content beside "@type"; one of unknown type is {"@type": URL, "value": BASE64}; a TypedStruct is shown
// as the type that it names.
std::string ToJson(const google::protobuf::Message& message, const JsonOptions& options = {});

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

}  // namespace outrigger::schema
