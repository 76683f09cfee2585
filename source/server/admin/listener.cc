#include "source/server/admin/listener.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/server/admin/filter.h"

namespace outrigger::server {

namespace {

std::unique_ptr<net::NetworkFilter> MakeManager(const std::shared_ptr<const void>& config,
                                                model::DownstreamContext& context) {
  return std::make_unique<filters::hcm::ConnectionManager>(
      std::static_pointer_cast<const filters::hcm::HcmConfig>(config), context);
}

std::shared_ptr<const model::Listener> MakeListener(const AdminListener::Settings& settings, const AdminPages& pages,
                                                    observe::StatsRegistry& registry) {
  auto manager = std::make_shared<filters::hcm::HcmConfig>();
  manager->stat_prefix = "admin";
  manager->stats = registry.Register<observe::HttpConnectionStats>("http.admin.");
  manager->listener_stats = registry.Register<observe::HttpListenerStats>("listener.admin.http.admin.");
  manager->http1_stats = registry.Register<observe::Http1Stats>("http1.");
  manager->http2_stats = registry.Register<observe::Http2Stats>("http2.");
  manager->access_logs = settings.access_logs;
  manager->use_remote_address = true;
  manager->generate_request_id = false;
  std::vector<http::FilterSpec> filters;
  filters.push_back(http::MakeFilterSpec<AdminFilter>(
      std::make_shared<const AdminFilter::Config>(AdminFilter::Config{&pages, settings.methods}), true));
  filters.back().name = filters.back().type = "admin";
  manager->chain = std::make_shared<const http::FilterChainSpec>(std::move(filters));

  auto chain = std::make_shared<model::FilterChain>();
  chain->name = "admin";
  model::NetworkFilterSpec spec;
  spec.name = spec.type = "envoy.filters.network.http_connection_manager";
  spec.terminal = true;
  spec.config = std::shared_ptr<const void>(std::move(manager));
  spec.make = MakeManager;
  chain->filters.push_back(std::move(spec));

  auto listener = std::make_shared<model::Listener>();
  listener->name = "admin";
  listener->addresses.push_back(settings.address);
  listener->default_chain = std::move(chain);
  listener->reuse_port = false;
  listener->ignore_global_conn_limit = true;
  listener->bypass_overload = true;
  listener->stats = registry.Register<observe::ListenerStats>("listener.admin.");
  if (auto matcher = model::FilterChainMatcher::Build({}); matcher.ok()) listener->matcher = *std::move(matcher);
  return listener;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminListener>> AdminListener::Start(const Settings& settings, const AdminPages& pages,
                                                                    upstream::WorkerContext& main,
                                                                    observe::StatsRegistry& registry) {
  net::ListenOptions options;
  options.reuse_port = false;
  auto socket = net::ListenSocket::Bind(main.dispatcher().engine(), settings.address, options, 1);
  if (!socket.ok()) {
    return absl::Status(socket.status().code(),
                        absl::StrCat("admin.address: ", settings.address.ToString(), ": ", socket.status().message()));
  }
  if (absl::Status listening = (*socket)->Listen(); !listening.ok()) {
    return absl::Status(listening.code(),
                        absl::StrCat("admin.address: ", settings.address.ToString(), ": ", listening.message()));
  }
  std::shared_ptr<const model::Listener> config = MakeListener(settings, pages, registry);
  auto listener = std::make_unique<WorkerListener>(main, 0, config, DrainPlan{});
  listener->Update(config, {*socket}, nullptr);  // there is no connection yet that followed anything
  return std::unique_ptr<AdminListener>(new AdminListener(*std::move(socket), std::move(listener)));
}

AdminListener::AdminListener(std::shared_ptr<net::ListenSocket> socket, std::unique_ptr<WorkerListener> listener)
    : socket_(std::move(socket)), listener_(std::move(listener)) {}

AdminListener::~AdminListener() {
  listener_->StopAccepting();
  listener_->CloseConnections();
}

}  // namespace outrigger::server
