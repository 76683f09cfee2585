// Thread: any
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace outrigger::schema {

struct Finding {
  enum class Kind : uint8_t {
    kRule,          // a value rule is broken: refuses a whole xDS response
    kUnsupported,   // a published field, value or extension type that is not implemented
    kUnknownType,   // an extension type that no published API has, or content that does not decode as its type
    kUnknownField,  // a field that no published API has
    kNoEffect,      // a field or extension that is accepted and ignored
  };
  Kind kind = Kind::kRule;
  std::string path;  // "clusters[2].load_assignment.endpoints[0]"; an unknown field is shown by its number: "node.#57"
  std::string message;
};

// "path: message", or the message alone if the path is empty.
std::string ToString(const Finding& finding);

struct ValidateOptions {
  std::string root;  // what stands before every path
  // Fields of encoded messages that no published API has: an error, or noted in `unknown_fields`. In messages that are
  // strict (TLS contexts, secrets, RBAC, filter chain matches) and all below them they are always errors.
  enum class Unknown : uint8_t { kRefuse, kCollect } unknown = Unknown::kRefuse;
  // False: rules alone, not what is implemented (for a control plane, whose resources also go to other data planes).
  // Extensions of unknown type are passed over then.
  bool check_support = true;
  size_t max_findings = 100;  // of each sort; there may be more
};

struct ValidationResult {
  std::vector<Finding> errors;
  std::vector<Finding> warnings;        // kNoEffect; kUnsupported and kUnknownType inside of what says is_optional
  std::vector<Finding> unknown_fields;  // tolerated ones

  bool ok() const { return errors.empty(); }
  // True if a value rule was broken, which refuses the whole response that the resource came in.
  bool breaks_rules() const;
  // One line per error.
  absl::Status ToStatus() const;
};

// Checks a message, and into every Any in it, by the options of api/outrigger/api/support.proto. A TypedStruct is
// checked as the type it names.
ValidationResult Validate(const google::protobuf::Message& message, const ValidateOptions& options = {});

}  // namespace outrigger::schema
