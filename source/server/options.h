// Thread: any (plain values, fixed before the server is made)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/base/time.h"

namespace outrigger::server {

enum class Mode : uint8_t { kServe, kValidate, kInitOnly };
enum class DrainStrategy : uint8_t { kGradual, kImmediate };

// What the command line decides. Names and defaults are Envoy's.
struct Options {
  std::string config_path;
  std::string config_yaml;  // merged over what config_path says
  Mode mode = Mode::kServe;
  uint32_t concurrency = 0;  // 0: one worker per processor
  std::string service_node, service_cluster, service_zone;
  std::string log_level = "info";
  std::string component_log_level;
  std::string log_format;
  std::string log_path;
  Duration drain_time = seconds(600);
  Duration parent_shutdown_time = seconds(900);
  DrainStrategy drain_strategy = DrainStrategy::kGradual;
  std::string admin_address_path;
  bool local_address_ipv6 = false;
  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  bool ignore_unknown_dynamic_fields = false;
  Duration file_flush_interval = seconds(10);
  bool disable_hot_restart = false;
  // Where dynamic configuration is kept over restarts (dynamic/last_good_keeper.h). Empty, zero: as the bootstrap says.
  std::string last_good_dir, last_good_secrets_key_file;
  Duration last_good_max_age{0};
};

inline constexpr char kVersion[] = "0.1.0";

}  // namespace outrigger::server
