// Any bytes as an encoded resource, as a control plane could send them: decoded, expanded, validated, printed.
#include <google/protobuf/any.pb.h>

#include <cstdint>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/schema/json_writer.h"
#include "source/schema/typed_struct.h"
#include "source/schema/validator.h"

namespace {

template <class T>
void Check(const uint8_t* data, size_t size) {
  T message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return;
  outrigger::schema::ValidateOptions options;
  options.unknown = outrigger::schema::ValidateOptions::Unknown::kCollect;
  const auto before = outrigger::schema::Validate(message, options);
  outrigger::schema::ToJson(message);
  if (outrigger::schema::ExpandTypedStructs(message).ok()) outrigger::schema::ToJson(message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check<google::protobuf::Any>(data, size);
  Check<envoy::config::listener::v3::Listener>(data, size);
  Check<envoy::extensions::transport_sockets::tls::v3::Secret>(data, size);
  return 0;
}
