// Thread: main or a configuration thread
#pragma once

#include "google/protobuf/message.h"
#include "source/extension/factory.h"
#include "source/extension/matchers.h"

namespace outrigger::extension {

// Gives a factory's function its own message type: `kFactory = {name, &Proto::descriptor, &Typed<Proto, &Create>}`.
// Create is StatusOr<X>(const Proto&, FactoryContext&).
template <class Proto, auto Create>
auto Typed(const google::protobuf::Message& message, FactoryContext& context)
    -> decltype(Create(static_cast<const Proto&>(message), context)) {
  const auto* typed = google::protobuf::DynamicCastToGenerated<Proto>(&message);
  if (typed == nullptr) return Invalid("the configuration has another type");
  return Create(*typed, context);
}

}  // namespace outrigger::extension
