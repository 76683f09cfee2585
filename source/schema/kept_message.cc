#include "source/schema/kept_message.h"

#include "source/base/bug.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {

const google::protobuf::Message* KeptMessage::PrototypeOf(const google::protobuf::Message& message) {
  return message.GetReflection()->GetMessageFactory()->GetPrototype(message.GetDescriptor());
}

KeptMessage KeptMessage::OfBytes(const google::protobuf::Message& type, std::shared_ptr<const std::string> bytes) {
  KeptMessage kept;
  kept.prototype_ = PrototypeOf(type);
  kept.bytes_ = std::move(bytes);
  return kept;
}

std::shared_ptr<const google::protobuf::Message> KeptMessage::Parsed() const {
  if (prototype_ == nullptr) return nullptr;
  std::shared_ptr<google::protobuf::Message> made(prototype_->New());
  const bool parsed = bytes_ != nullptr && made->ParseFromString(*bytes_) && ExpandTypedStructs(*made).ok();
  if (OUTRIGGER_BUG(!parsed)) made->Clear();
  return made;
}

}  // namespace outrigger::schema
