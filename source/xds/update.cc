#include "source/xds/update.h"

#include "source/schema/typed_struct.h"

namespace outrigger::xds {

std::shared_ptr<const google::protobuf::Message> MessageOf(const Resource& resource) {
  if (resource.message != nullptr || resource.wire == nullptr) return resource.message;
  std::shared_ptr<google::protobuf::Message> message(PrototypeOf(ResourceType::kEndpoints).New());
  // Both worked when it came: there is nobody to tell.
  if (message->ParseFromString(resource.wire->bytes)) schema::ExpandTypedStructs(*message).IgnoreError();
  return message;
}

}  // namespace outrigger::xds
