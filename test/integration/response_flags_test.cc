// Every response flag: how a request gets it, or which later feature will set it.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "source/extension/missing_filter.h"
#include "source/filters/http/fault/factory.h"
#include "source/router/router.h"
#include "test/harness/factory_context.h"
#include "test/harness/loop.h"
#include "test/integration/scripted_backend.h"
#include "test/integration/threaded_proxy.h"
#include "test/simulation/proxy/peer.h"

namespace outrigger::integration {
namespace {

using observe::ResponseFlag;
using simulation::ProxyConfig;
using simulation::Reply;
using simulation::TestClient;
using simulation::TestServer;
using Peer = ScriptedBackend::Peer;

// A client, a proxy and whatever stands behind it; a scenario changes what it needs and sends.
struct Rig {
  event::Dispatcher loop{event::MakeEpollEngine()};
  std::shared_ptr<LogRecorder> log = std::make_shared<LogRecorder>();
  ThreadedProxy proxy;
  std::unique_ptr<ScriptedBackend> backend;
  std::unique_ptr<TestServer> server;
  TestClient::Options client_options;
  std::unique_ptr<TestClient> client;
  ProxyConfig::Cluster cluster;
  ProxyConfig::Listener listener;
  ProxyConfig::Route route{"/", "backend", nullptr};

  ~Rig() { client.reset(); }
  observe::StatsRegistry& registry() { return proxy.registry(); }
  void Backend(std::function<void(Peer&)> serve) {
    backend = std::make_unique<ScriptedBackend>([serve](Peer& peer, int) { serve(peer); });
    cluster.endpoints = {*net::Address::ParseIp("127.0.0.1", backend->port())};
  }
  void Hcm(std::function<void(filters::hcm::HcmConfig&)> change) { listener.hcm = std::move(change); }
  void Start() {
    listener.hcm = [this, more = listener.hcm](filters::hcm::HcmConfig& hcm) {
      hcm.access_logs.push_back(log);
      if (more) more(hcm);
    };
    proxy.config().SetCluster("backend", cluster);
    proxy.config().SetRoutes({route});
    proxy.config().SetListener(listener);
    proxy.Start();
    client = std::make_unique<TestClient>(loop, proxy.address(), client_options);
  }
  // Starts the proxy and makes one call; the log's line once there is one.
  LogRecorder::Line Call(simulation::Call call = {}) {
    Start();
    client->Send(std::move(call));
    return Wait();
  }
  LogRecorder::Line Wait() {
    harness::RunUntil(
        loop, [this] { return log->Has(); }, seconds(10));
    return log->Take();
  }
};

void Silent(Peer& peer) {
  peer.ReadRequest();
  peer.WaitForEnd();
}

struct Row {
  std::function<LogRecorder::Line(Rig&)> scenario;
  const char* later = nullptr;  // the feature that will set it
};

LogRecorder::Line LocalReset(Rig& rig) {
  rig.Backend([](Peer& peer) {
    peer.ReadRequest();
    peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    peer.WaitForEnd();
  });
  rig.Hcm([](filters::hcm::HcmConfig& hcm) { hcm.stream_idle_timeout = seconds(1); });  // too late for another answer
  return rig.Call();
}

LogRecorder::Line RemoteReset(Rig& rig) {
  TestServer::Options options;
  options.protocol = http::Protocol::kHttp2;
  options.answer = [](const simulation::Incoming&) {
    Reply reply;
    reply.fault = Reply::Fault::kResetStream;
    return reply;
  };
  rig.server = std::make_unique<TestServer>(rig.loop, *net::Address::ParseIp("127.0.0.1", 0), options);
  rig.cluster.endpoints = {rig.server->address()};
  rig.cluster.protocol = model::UpstreamProtocol::kHttp2;
  return rig.Call();
}

LogRecorder::Line ConnectFailure(Rig& rig) {
  {
    ScriptedBackend gone([](Peer&, int) {});
    rig.cluster.endpoints = {*net::Address::ParseIp("127.0.0.1", gone.port())};
  }
  return rig.Call();
}

LogRecorder::Line DownstreamLeaves(Rig& rig) {
  rig.Backend(Silent);
  rig.Start();
  rig.client->Send({});
  harness::RunUntil(rig.loop, [&] { return rig.backend->connections() > 0; });
  rig.client->Abort();
  return rig.Wait();
}

LogRecorder::Line RetriesUsedUp(Rig& rig) {
  rig.Backend([](Peer& peer) {
    while (!peer.ReadRequest().empty()) peer.Write("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n");
  });
  rig.route.change = [](model::ForwardAction& forward) {
    auto policy = std::make_shared<model::RetryPolicy>();
    policy->on = model::kRetry5xx;
    policy->back_off_base = policy->back_off_max = milliseconds(1);
    forward.retry = policy;
  };
  return rig.Call();
}

LogRecorder::Line BadEnvoyHeader(Rig& rig) {
  rig.Backend(Silent);
  rig.Hcm([](filters::hcm::HcmConfig& hcm) {
    hcm.use_remote_address = true;  // only internal clients may say such things at all
    hcm.internal_addresses = matching::CidrSet({*matching::CidrRange::Parse("127.0.0.0/8")});
    auto strict = std::make_shared<router::RouterConfig>();
    strict->strict_check_headers = {"x-envoy-max-retries"};
    std::vector<http::FilterSpec> filters;
    filters.push_back(http::MakeFilterSpec<router::Router>(strict, true));
    hcm.chain = std::make_shared<http::FilterChainSpec>(std::move(filters));
  });
  simulation::Call call;
  call.headers = {{"x-envoy-max-retries", "many"}};
  return rig.Call(call);
}

LogRecorder::Line UpstreamStreamTooLong(Rig& rig) {
  rig.Backend(Silent);
  rig.cluster.change = [](model::ClusterConfig& cluster) {
    cluster.settings.Edit().max_stream_duration = milliseconds(50);
  };
  return rig.Call();
}

// Only HTTP/2 can end one stream and keep the connection.
LogRecorder::Line DownstreamResets(Rig& rig) {
  rig.Backend(Silent);
  rig.client_options.protocol = http::Protocol::kHttp2;
  rig.Start();
  TestClient::Exchange& call = rig.client->Send({});
  harness::RunUntil(rig.loop, [&] { return rig.backend->connections() > 0; });
  call.Cancel();
  return rig.Wait();
}

LogRecorder::Line Fault(Rig& rig, std::function<void(envoy::extensions::filters::http::fault::v3::HTTPFault&)> set) {
  rig.Backend([](Peer& peer) {
    while (!peer.ReadRequest().empty()) peer.Write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  harness::FakeFactoryContext context(rig.registry());
  envoy::extensions::filters::http::fault::v3::HTTPFault proto;
  set(proto);
  http::FilterSpec fault = *filters::kFaultFactory.create(proto, context);
  fault.name = "fault";
  rig.Hcm([fault](filters::hcm::HcmConfig& hcm) {
    std::vector<http::FilterSpec> filters = {fault};
    filters.push_back(http::MakeFilterSpec<router::Router>(std::make_shared<router::RouterConfig>(), true));
    hcm.chain = std::make_shared<http::FilterChainSpec>(std::move(filters));
  });
  return rig.Call();
}

LogRecorder::Line DelayedByFault(Rig& rig) {
  return Fault(rig, [](auto& fault) {
    fault.mutable_delay()->mutable_fixed_delay()->set_nanos(1000 * 1000);
    fault.mutable_delay()->mutable_percentage()->set_numerator(100);
  });
}

LogRecorder::Line AbortedByFault(Rig& rig) {
  return Fault(rig, [](auto& fault) {
    fault.mutable_abort()->set_http_status(418);
    fault.mutable_abort()->mutable_percentage()->set_numerator(100);
  });
}

// A filter whose configuration is discovered and has not come.
LogRecorder::Line MissingConfiguration(Rig& rig) {
  rig.Backend(Silent);
  rig.Hcm([](filters::hcm::HcmConfig& hcm) {
    std::vector<http::FilterSpec> filters;
    filters.push_back(extension::MissingHttpFilter(/*last=*/false));
    filters.push_back(http::MakeFilterSpec<router::Router>(std::make_shared<router::RouterConfig>(), true));
    hcm.chain = std::make_shared<http::FilterChainSpec>(std::move(filters));
  });
  return rig.Call();
}

LogRecorder::Line DownstreamNonsense(Rig& rig) {
  rig.Backend(Silent);
  rig.Hcm([](filters::hcm::HcmConfig& hcm) { hcm.codec_options.max_header_count = 3; });
  simulation::Call call;
  for (int i = 0; i < 10; ++i) call.headers.emplace_back("x-" + std::string(1, static_cast<char>('a' + i)), "1");
  return rig.Call(call);
}

std::map<ResponseFlag, Row> Table() {
  std::map<ResponseFlag, Row> rows;
  const auto set = [&](ResponseFlag flag, std::function<LogRecorder::Line(Rig&)> scenario) {
    rows[flag] = {std::move(scenario), nullptr};
  };
  const auto later = [&](ResponseFlag flag, const char* feature) { rows[flag] = {nullptr, feature}; };
  set(ResponseFlag::kNoHealthyUpstream, [](Rig& rig) { return rig.Call(); });
  set(ResponseFlag::kUpstreamRequestTimeout, [](Rig& rig) {
    rig.Backend(Silent);
    rig.route.change = [](model::ForwardAction& forward) { forward.timeout = milliseconds(50); };
    return rig.Call();
  });
  set(ResponseFlag::kLocalReset, LocalReset);
  set(ResponseFlag::kUpstreamRemoteReset, RemoteReset);
  set(ResponseFlag::kUpstreamConnectionFailure, ConnectFailure);
  set(ResponseFlag::kUpstreamConnectionTermination, [](Rig& rig) {
    rig.Backend([](Peer& peer) { peer.ReadRequest(); });
    return rig.Call();
  });
  set(ResponseFlag::kUpstreamOverflow, [](Rig& rig) {
    rig.Backend(Silent);
    rig.cluster.change = [](model::ClusterConfig& cluster) {
      for (size_t i = 0; i < 2; ++i)
        cluster.circuit_breakers->Put(i, std::make_shared<model::CircuitBreaker>(1, 0, 1, 0));
    };
    return rig.Call();
  });
  set(ResponseFlag::kNoRouteFound, [](Rig& rig) {
    rig.Backend(Silent);
    rig.route.prefix = "/elsewhere";
    return rig.Call();
  });
  set(ResponseFlag::kNoClusterFound, [](Rig& rig) {
    rig.Backend(Silent);
    rig.route.cluster = "unknown";
    return rig.Call();
  });
  set(ResponseFlag::kDownstreamConnectionTermination, DownstreamLeaves);
  set(ResponseFlag::kUpstreamRetryLimitExceeded, RetriesUsedUp);
  set(ResponseFlag::kStreamIdleTimeout, [](Rig& rig) {
    rig.Backend(Silent);
    rig.Hcm([](filters::hcm::HcmConfig& hcm) { hcm.stream_idle_timeout = milliseconds(50); });
    return rig.Call();
  });
  set(ResponseFlag::kDurationTimeout, [](Rig& rig) {
    rig.Backend(Silent);
    rig.Hcm([](filters::hcm::HcmConfig& hcm) { hcm.max_stream_duration = milliseconds(50); });
    return rig.Call();
  });
  set(ResponseFlag::kUpstreamProtocolError, [](Rig& rig) {
    rig.Backend([](Peer& peer) {
      peer.ReadRequest();
      peer.Write("no such protocol\r\n\r\n");
      peer.WaitForEnd();
    });
    return rig.Call();
  });
  set(ResponseFlag::kInvalidEnvoyRequestHeaders, BadEnvoyHeader);
  set(ResponseFlag::kDownstreamProtocolError, DownstreamNonsense);
  set(ResponseFlag::kUpstreamMaxStreamDurationReached, UpstreamStreamTooLong);
  set(ResponseFlag::kDownstreamRemoteReset, DownstreamResets);
  set(ResponseFlag::kOverloadManager, [](Rig& rig) {
    rig.Backend(Silent);
    rig.proxy.facts().overload.Set(overload::Point::kRejectRequest, 1);
    return rig.Call();
  });
  set(ResponseFlag::kDelayInjected, DelayedByFault);
  set(ResponseFlag::kFaultInjected, AbortedByFault);
  set(ResponseFlag::kNoFilterConfigFound, MissingConfiguration);

  later(ResponseFlag::kFailedLocalHealthCheck, "health check filter");
  later(ResponseFlag::kRateLimited, "local and global rate limits");
  later(ResponseFlag::kUnauthorizedExternalService, "external authorization");
  later(ResponseFlag::kRateLimitServiceError, "global rate limits");
  later(ResponseFlag::kResponseFromCacheFilter, "cache filter");
  later(ResponseFlag::kDnsResolutionFailed, "dynamic forward proxy");
  later(ResponseFlag::kDropOverload, "EDS drop_overloads");
  later(ResponseFlag::kUnconditionalDropOverload, "EDS drop_overloads");
  return rows;
}

TEST(ResponseFlagsTest, EachFlagHasAScenarioOrALaterFeature) {
  const std::map<ResponseFlag, Row> rows = Table();
  for (int i = 0; i < static_cast<int>(ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<ResponseFlag>(i);
    const auto row = rows.find(flag);
    ASSERT_NE(row, rows.end()) << observe::LongName(flag) << " has no row";
    EXPECT_TRUE((row->second.scenario == nullptr) != (row->second.later == nullptr)) << observe::LongName(flag);
  }
}

class ResponseFlagScenarioTest : public testing::TestWithParam<int> {};

TEST_P(ResponseFlagScenarioTest, IsLogged) {
  const auto flag = static_cast<ResponseFlag>(GetParam());
  const Row row = Table()[flag];
  if (row.scenario == nullptr) GTEST_SKIP() << "later: " << row.later;
  Rig rig;
  const LogRecorder::Line line = row.scenario(rig);
  EXPECT_TRUE(line.set.Has(flag)) << "expected " << observe::ShortName(flag) << ", logged " << line.flags << " "
                                  << line.details;
  EXPECT_FALSE(line.details.empty());
}

INSTANTIATE_TEST_SUITE_P(Flags, ResponseFlagScenarioTest, testing::Range(0, static_cast<int>(ResponseFlag::kCount)),
                         [](const auto& of) {
                           return std::string(observe::LongName(static_cast<ResponseFlag>(of.param)));
                         });

}  // namespace
}  // namespace outrigger::integration
