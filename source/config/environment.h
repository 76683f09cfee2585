// Thread: main
#pragma once

#include <functional>
#include <string>

#include "source/event/engine.h"
#include "source/extension/factory.h"
#include "source/observe/access_log.h"
#include "source/observe/stats.h"
#include "source/tls/context_store.h"

namespace outrigger::config {

// What building configuration may use. Everything outlives the builder; nothing here is owned by it.
struct Environment {
  event::Engine& engine;  // reads certificates and bodies from files
  observe::StatsRegistry& stats;
  tls::ContextStore& tls;
  observe::AccessLogFiles& access_logs;
  const extension::FactoryTable& factories;
  std::function<void(const std::string&)> warn;         // `cluster "a": ...: accepted, without effect`; may be empty
  std::string hostname;                                 // %HOSTNAME%
  Value::Struct runtime;                                // by key; SetStatic adds what the bootstrap says
  const char* (*variable)(const char* name) = nullptr;  // of the process's environment; null: none is set
};

}  // namespace outrigger::config
