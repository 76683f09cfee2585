// Any bytes as a YAML or JSON bootstrap: read, validated, printed, and what was printed reads back to the same message.
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/schema/json_writer.h"
#include "source/schema/reader.h"
#include "source/schema/validator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using outrigger::schema::Format;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  outrigger::schema::ReadOptions options;
  options.limits.max_nodes = 20000;  // of the real limit, to be fast
  for (const Format format : {Format::kYaml, Format::kJson}) {
    std::vector<outrigger::schema::UnknownField> unknown;
    options.format = format;
    options.unknown = size % 2 == 0 ? &unknown : nullptr;
    envoy::config::bootstrap::v3::Bootstrap bootstrap;
    if (!outrigger::schema::ReadMessage(text, bootstrap, options).ok()) continue;
    const auto result = outrigger::schema::Validate(bootstrap);
    const std::string printed = outrigger::schema::ToJson(bootstrap);
    if (printed.find("[redacted]") != std::string::npos || !result.ok()) continue;
    outrigger::schema::ReadOptions json;
    json.format = Format::kJson;
    envoy::config::bootstrap::v3::Bootstrap back;
    // What is valid can be printed and read again, to the same text.
    if (!outrigger::schema::ReadMessage(printed, back, json).ok()) __builtin_trap();
    if (outrigger::schema::ToJson(back) != printed) __builtin_trap();
  }
  return 0;
}
