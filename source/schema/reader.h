// Thread: any
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "source/schema/tree.h"

namespace outrigger::schema {

enum class Format : uint8_t {
  kYaml,
  kJson,
  kGuess,  // JSON if the source's name ends in .json, YAML otherwise (which nearly every JSON text is, too)
};

// A field that no published message has: found by its key in a text, or by its number in an encoded message.
struct UnknownField {
  std::string path;  // of the field itself
  uint32_t line = 0;
};

struct ReadOptions {
  // What errors call the text, such as a file name; may be empty.
  std::string source;
  Format format = Format::kGuess;
  // Null: an unknown field is an error. Otherwise it is skipped and noted here (never inside of a message that is
  // strict, see api/outrigger/api/support.proto).
  std::vector<UnknownField>* unknown = nullptr;
  TreeLimits limits;
  size_t max_errors = 10;
};

// Reads a YAML or JSON text into `out`, which is cleared first. An error says source, line, field path and cause, one
// line of text per error: `bootstrap.yaml:12: static_resources.clusters[0].name: expected a string, found a list`.
//
// Beyond protobuf's JSON mapping, as configurations written for Envoy need it: keys in snake_case and in
// lowerCamelCase, one value where a list is due, enum names in any case, Duration also as an object, xds and udpa
// TypedStruct become the type they name. Values in quotes are strings; a string that spells a number is taken for a
// number. An Any whose type is unknown is kept (type URL, and the content as an encoded google.protobuf.Struct) for the
// validator to refuse.
absl::Status ReadMessage(absl::string_view text, google::protobuf::Message& out, const ReadOptions& options = {});

// The same from a tree, for texts that hold several messages.
absl::Status ReadNode(const Node& node, google::protobuf::Message& out, const ReadOptions& options = {});

// Parses the text alone. Errors carry source and line.
absl::Status ParseText(absl::string_view text, const ReadOptions& options, Node& out);

}  // namespace outrigger::schema
