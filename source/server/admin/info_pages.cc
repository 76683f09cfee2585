// /, /help, /ready, /server_info, /memory, /certs, /listeners
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/admin/v3/certs.pb.h"
#include "envoy/admin/v3/listeners.pb.h"
#include "envoy/admin/v3/server_info.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/addresses.h"
#include "source/server/admin/all_pages.h"
#include "source/server/process_stats.h"
#include "source/server/server.h"
#include "source/server/worker_set.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;

absl::string_view StateName(Server::State state) {
  switch (state) {
    case Server::State::kLive:
      return "LIVE";
    case Server::State::kDraining:
      return "DRAINING";
    case Server::State::kPreInitializing:
      return "PRE_INITIALIZING";
    case Server::State::kInitializing:
      return "INITIALIZING";
  }
  return "";
}

void Set(google::protobuf::Duration& out, Duration value) {
  out.set_seconds(value / seconds(1));
  out.set_nanos(static_cast<int32_t>((value % seconds(1)).count()));
}
void Set(google::protobuf::Timestamp& out, WallTime time) {
  const int64_t nanos = time.time_since_epoch().count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

void FillOptions(const Server& server, uint32_t workers, admin::CommandLineOptions& out) {
  const Options& options = server.options();
  out.set_concurrency(workers);
  out.set_config_path(options.config_path);
  out.set_config_yaml(options.config_yaml);
  out.set_allow_unknown_static_fields(options.allow_unknown_static_fields);
  out.set_reject_unknown_dynamic_fields(options.reject_unknown_dynamic_fields);
  out.set_ignore_unknown_dynamic_fields(options.ignore_unknown_dynamic_fields);
  out.set_admin_address_path(options.admin_address_path);
  out.set_local_address_ip_version(options.local_address_ipv6 ? admin::CommandLineOptions::v6
                                                              : admin::CommandLineOptions::v4);
  out.set_log_level(options.log_level);
  out.set_component_log_level(options.component_log_level);
  out.set_log_format(options.log_format);
  out.set_log_path(options.log_path);
  out.set_service_cluster(options.service_cluster);
  out.set_service_node(options.service_node);
  out.set_service_zone(options.service_zone);
  Set(*out.mutable_file_flush_interval(), options.file_flush_interval);
  Set(*out.mutable_drain_time(), options.drain_time);
  out.set_drain_strategy(options.drain_strategy == DrainStrategy::kGradual ? admin::CommandLineOptions::Gradual
                                                                           : admin::CommandLineOptions::Immediate);
  Set(*out.mutable_parent_shutdown_time(), options.parent_shutdown_time);
  out.set_mode(static_cast<admin::CommandLineOptions::Mode>(options.mode));
  out.set_disable_hot_restart(options.disable_hot_restart);
}

AdminResponse ServerInfo(Server& server) {
  admin::ServerInfo info;
  info.set_version(absl::StrCat("outrigger/", kVersion));
  info.set_state(static_cast<admin::ServerInfo::State>(server.state()));
  const Duration uptime = seconds((server.dispatcher().now() - server.started()) / seconds(1));
  Set(*info.mutable_uptime_current_epoch(), uptime);
  Set(*info.mutable_uptime_all_epochs(), uptime);
  info.set_hot_restart_version("disabled");
  FillOptions(server, static_cast<uint32_t>(server.workers().size()), *info.mutable_command_line_options());
  *info.mutable_node() = server.bootstrap().node();
  if (const LastGoodView last_good = server.last_good(); last_good.in_use) {
    // The published message has no field for it; the node's metadata take anything.
    auto& said = *(*info.mutable_node()->mutable_metadata()->mutable_fields())["outrigger.last_good"]
                      .mutable_struct_value()
                      ->mutable_fields();
    said["in_use"].set_bool_value(true);
    said["generation"].set_number_value(static_cast<double>(last_good.generation));
    said["age_seconds"].set_number_value(static_cast<double>(ToMillis(last_good.age) / 1000));
  }
  return AdminResponse::Json(schema::ToJson(info, {.defaults = true}));
}

void FillDetails(const tls::CertificateInfo& info, WallTime now, admin::CertificateDetails& out) {
  out.set_path(info.path);
  out.set_serial_number(info.serial);
  for (const std::string& name : info.names.dns) out.add_subject_alt_names()->set_dns(name);
  for (const std::string& name : info.names.uri) out.add_subject_alt_names()->set_uri(name);
  for (const std::string& name : info.names.ip) out.add_subject_alt_names()->set_ip_address(name);
  out.set_days_until_expiration(info.DaysUntilExpiration(now));
  Set(*out.mutable_valid_from(), info.not_before);
  Set(*out.mutable_expiration_time(), info.not_after);
}

AdminResponse Certificates(Server& server) {
  admin::Certificates all;
  const WallTime now = server.dispatcher().wall_now();
  for (const CertificateUse& use : CertificatesOf(server.context().snapshot())) {
    admin::Certificate& one = *all.add_certificates();
    for (const tls::CertificateInfo& info : *use.authorities) FillDetails(info, now, *one.add_ca_cert());
    for (const tls::CertificateInfo& info : *use.chain) FillDetails(info, now, *one.add_cert_chain());
  }
  return AdminResponse::Json(schema::ToJson(all, {.defaults = true}));
}

std::vector<const model::Listener*> SortedListeners(const model::Snapshot& snapshot) {
  std::vector<const model::Listener*> listeners;
  for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
    if (snapshot.listeners.Get(i) != nullptr) listeners.push_back(snapshot.listeners.Get(i));
  }
  std::sort(listeners.begin(), listeners.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  return listeners;
}

AdminResponse Listeners(Server& server, const AdminRequest& request) {
  const absl::string_view format = request.Get("format", "text");
  if (format != "text" && format != "json") return AdminResponse::Text("usage: /listeners?format=(text|json)\n", 400);
  const bool json = format == "json";
  admin::Listeners all;
  std::string text;
  for (const model::Listener* listener : SortedListeners(server.context().snapshot())) {
    std::vector<net::Address> addresses = server.sockets().AddressesOf(listener->name);
    if (addresses.empty()) {  // it does not listen yet, or never: a port that is still to be chosen is no address
      addresses = listener->addresses;
      std::erase_if(addresses, [](const net::Address& address) { return address.ip() && address.port() == 0; });
    }
    admin::ListenerStatus& status = *all.add_listener_statuses();
    status.set_name(listener->name);
    for (size_t i = 0; i < addresses.size(); ++i) {
      FillAddress(addresses[i], i == 0 ? *status.mutable_local_address() : *status.add_additional_local_addresses());
      absl::StrAppend(&text, listener->name, "::", addresses[i].ToString(), "\n");
    }
  }
  return json ? AdminResponse::Json(schema::ToJson(all)) : AdminResponse::Text(std::move(text));
}

AdminResponse Memory(Server& server) {
  const MemoryUse use = ReadMemoryUse(server.dispatcher().engine());
  // All of the published fields: the allocator keeps no cache per thread and gives pages back to the system.
  const uint64_t free = use.heap > use.allocated ? use.heap - use.allocated : 0;
  return AdminResponse::Json(absl::StrCat("{\n \"allocated\": \"", use.allocated, "\",\n \"heap_size\": \"", use.heap,
                                          "\",\n \"pageheap_unmapped\": \"0\",\n \"pageheap_free\": \"", free,
                                          "\",\n \"total_thread_cache\": \"0\",\n \"total_physical_bytes\": \"",
                                          use.physical, "\"\n}\n"));
}

}  // namespace

void AddInfoPages(Server& server, AdminPages& pages) {
  pages.Add("/", "this page", false, [&pages](const AdminRequest&) {
    return AdminResponse{200, "text/html; charset=UTF-8", pages.Index()};
  });
  pages.Add("/help", "the list of pages", false, [&pages](const AdminRequest&) {
    return AdminResponse::Text(absl::StrCat("admin commands are:\n", pages.Help()));
  });
  pages.Add("/ready", "200 when it takes traffic, otherwise 503", false, [&server](const AdminRequest&) {
    const bool live = server.state() == Server::State::kLive;
    return AdminResponse::Text(absl::StrCat(StateName(server.state()), "\n"), live ? 200 : 503);
  });
  pages.Add("/server_info", "version, state, uptime, flags, node", false,
            [&server](const AdminRequest&) { return ServerInfo(server); });
  pages.Add("/memory", "bytes in use", false, [&server](const AdminRequest&) { return Memory(server); });
  pages.Add("/certs", "certificates in use and when they expire", false,
            [&server](const AdminRequest&) { return Certificates(server); });
  pages.Add("/listeners", "listeners and their bound addresses; ?format=json", false,
            [&server](const AdminRequest& request) { return Listeners(server, request); });
}

}  // namespace outrigger::server
