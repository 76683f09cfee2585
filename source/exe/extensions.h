// Thread: any (constant)
#pragma once

#include "source/extension/factory.h"

namespace outrigger::exe {

// Every extension that the binary knows.
extension::FactoryTable AllExtensions();

}  // namespace outrigger::exe
