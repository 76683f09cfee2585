// Thread: any
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace outrigger::schema {

// The message type that a type URL names, or null if it is not one of ours.
const google::protobuf::Descriptor* TypeOf(absl::string_view type_url);

// The content of `any` as its own type; a TypedStruct (xds or udpa) as the type that it names. NotFound: the type is
// not known.
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> UnpackAny(const google::protobuf::Any& any);

// The same into a type that the caller expects; another type is an error that names both.
absl::Status UnpackInto(const google::protobuf::Any& any, google::protobuf::Message& out);

// Replaces every TypedStruct in the message, at any depth, by the type that it names, so that UnpackTo works for
// whoever reads the message later. To be called once where messages arrive; text that went through the reader needs it
// no more. Those whose type is not known stay.
absl::Status ExpandTypedStructs(google::protobuf::Message& message);

}  // namespace outrigger::schema
