// Thread: any
#pragma once

#include <google/protobuf/message.h>

namespace outrigger::schema {

// Takes out of a message, in place and through each Any, what stands in fields marked secret: texts and bytes become
// "[redacted]", other values go; names of files and variables stay. For answers in binary form; ToJson does the same in
// its own. What should decode inside of an Any and does not loses its content.
void Redact(google::protobuf::Message& message);

}  // namespace outrigger::schema
