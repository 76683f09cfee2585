// Thread: any
#pragma once

#include <google/protobuf/descriptor.h>

#include <vector>

namespace outrigger::api {

// One message type of each file under api/. Having it linked keeps every type of them in the descriptor pool, where an Any's
// type is looked up by name.
std::vector<const google::protobuf::Descriptor*> AllTypes();

}  // namespace outrigger::api
