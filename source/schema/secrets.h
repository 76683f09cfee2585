// Thread: any
#pragma once

#include <google/protobuf/message.h>

namespace outrigger::schema {

// Whether something stands in a field marked secret (private keys, passwords, ticket keys), at any depth and in any
// Any: what JSON shows as "[redacted]" (json_writer.h). Names of files and variables are no secrets. Messages nested
// too deeply to be looked into count as one.
bool HoldsSecret(const google::protobuf::Message& message);

// Puts "[redacted]" in the place of each text in such a field; other values in them are cleared. An Any that should
// decode and does not is cleared.
void RedactSecrets(google::protobuf::Message& message);

}  // namespace outrigger::schema
