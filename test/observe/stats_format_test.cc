#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "source/observe/schemas/cluster.h"
#include "source/observe/schemas/http_connection.h"
#include "source/observe/schemas/listener.h"
#include "source/observe/schemas/server.h"
#include "source/observe/schemas/xds.h"
#include "source/observe/stats.h"
#include "source/observe/stats_reader.h"
#include "source/observe/tags.h"

namespace outrigger::observe {
namespace {

using Tags = std::vector<std::pair<std::string, std::string>>;

TEST(StatsTextTest, LinesAreSortedAndHistogramsShowIntervalAndAllValues) {
  StatsRegistry registry;
  auto scope = registry.Register<AlternateCodeStats>("cluster.a.external.");
  AlternateCodeStats& stats = registry.main().Get(scope);
  stats.upstream_rq.Inc(200);
  stats.upstream_rq_time.Record(1);

  StatsFormat format;
  format.used_only = true;
  EXPECT_EQ(FormatText(registry.Read(), format),
            "cluster.a.external.upstream_rq_200: 1\n"
            "cluster.a.external.upstream_rq_2xx: 1\n"
            "cluster.a.external.upstream_rq_time: P0(nan,1) P25(nan,1.025) P50(nan,1.05) P75(nan,1.075) P90(nan,1.09) "
            "P95(nan,1.095) P99(nan,1.099) P99.5(nan,1.0995) P99.9(nan,1.0999) P100(nan,1.1)\n");
}

TEST(StatsTextTest, UnusedHistogramsSaySo) {
  StatsRegistry registry;
  auto scope = registry.Register<AlternateCodeStats>("c.");
  registry.main().Get(scope);
  EXPECT_TRUE(absl::StrContains(FormatText(registry.Read(), {}), "c.upstream_rq_time: No recorded values\n"));
}

TEST(StatsTextTest, WhatMostNeverNeedIsShownOnceSomebodyWroteToIt) {
  StatsRegistry registry;
  auto rare = registry.Register<AlternateCodeStats>("cluster.a.canary.");
  auto usual = registry.Register<ClusterBreakerStats>("cluster.a.circuit_breakers.default.");
  EXPECT_FALSE(absl::StrContains(FormatText(registry.Read(), {}), "canary"));
  EXPECT_TRUE(absl::StrContains(FormatText(registry.Read(), {}), "cluster.a.circuit_breakers.default.rq_open: 0\n"));
  registry.main().Get(rare).upstream_rq.Inc(503);
  EXPECT_TRUE(absl::StrContains(FormatText(registry.Read(), {}), "cluster.a.canary.upstream_rq_503: 1\n"));
}

TEST(StatsTextTest, AGaugeThatFellToZeroIsStillUsed) {
  StatsRegistry registry;
  auto scope = registry.Register<ClusterStats>("cluster.a.");
  registry.main().Get(scope).upstream_cx_active.Inc();
  registry.main().Get(scope).upstream_cx_active.Dec();
  StatsFormat format;
  format.used_only = true;
  EXPECT_EQ(FormatText(registry.Read(), format), "cluster.a.upstream_cx_active: 0\n");
}

TEST(StatsTextTest, FilterAndMatcherSelectNames) {
  StatsRegistry registry;
  auto scope = registry.Register<ClusterBreakerStats>("cluster.a.circuit_breakers.default.");
  StatsFormat format;
  format.filter = *NameFilter("default\\.(cx|rq)_open$");
  format.keep = [](absl::string_view name) { return !absl::EndsWith(name, "rq_open"); };
  EXPECT_EQ(FormatText(registry.Read(), format), "cluster.a.circuit_breakers.default.cx_open: 0\n");
}

TEST(StatsTextTest, ABadFilterIsRefusedWithItsReason) {
  EXPECT_FALSE(NameFilter("(").ok());
  EXPECT_FALSE(NameFilter(std::string(100000, 'a')).ok());
}

TEST(StatsJsonTest, NumbersTextsAndHistogramsAreOneArray) {
  StatsRegistry registry;
  auto scope = registry.Register<SubscriptionStats>("x.");
  SubscriptionStats& stats = registry.main().Get(scope);
  stats.version_text.Set("a\"\\\n\xff");
  stats.version.Set(-3);
  stats.update_duration.Record(0);
  StatsFormat format;
  format.used_only = true;
  const std::string json = FormatJson(registry.Read(), format);
  EXPECT_TRUE(
      absl::StartsWith(json,
                       "{\"stats\":[{\"name\":\"x.version_text\",\"value\":\"a\\\"\\\\\\u000a\xEF\xBF\xBD\"},"
                       "{\"name\":\"x.version\",\"value\":-3},{\"histograms\":{\"supported_quantiles\":[0,25,50,75,"
                       "90,95,99,99.5,99.9,100],\"computed_quantiles\":[{\"name\":\"x.update_duration\",\"values\":"
                       "[{\"interval\":null,\"cumulative\":0},"))
      << json;
  EXPECT_TRUE(absl::EndsWith(json, "]}]}}]}")) << json;
}

TEST(StatsPrometheusTest, SeriesOfOneNameStandUnderOneTypeLineWithLabels) {
  StatsRegistry registry;
  auto first = registry.Register<ClusterStats>("cluster.a.");
  auto second = registry.Register<ClusterStats>("cluster.b\"q.");
  registry.main().Get(first).upstream_rq.Inc(200);
  registry.main().Get(second).upstream_rq.Inc(200);
  registry.main().Get(second).upstream_cx_active.Set(2);
  StatsFormat format;
  format.used_only = true;
  auto tags = TagRules::Defaults();
  format.tags = tags.get();
  EXPECT_EQ(FormatPrometheus(registry.Read(), format),
            "# TYPE envoy_cluster_upstream_rq counter\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"b\\\"q\"} 1\n\n"
            "# TYPE envoy_cluster_upstream_rq_xx counter\n"
            "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"a\"} 1\n"
            "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"b\\\"q\"} 1\n\n"
            "# TYPE envoy_cluster_upstream_cx_active gauge\n"
            "envoy_cluster_upstream_cx_active{envoy_cluster_name=\"b\\\"q\"} 2\n\n");
}

TEST(StatsPrometheusTest, HistogramsHaveCumulativeBucketsSumAndCount) {
  StatsRegistry registry;
  auto scope = registry.Register<AlternateCodeStats>("c.");
  registry.main().Get(scope).upstream_rq_time.Record(3);
  registry.main().Get(scope).upstream_rq_time.Record(30);
  const std::vector<BucketSetting> buckets = {{[](absl::string_view) { return true; }, {2, 5, 50}}};
  StatsFormat format;
  format.used_only = true;
  format.buckets = buckets;
  EXPECT_EQ(FormatPrometheus(registry.Read(), format),
            "# TYPE envoy_c_upstream_rq_time histogram\n"
            "envoy_c_upstream_rq_time_bucket{le=\"2\"} 0\n"
            "envoy_c_upstream_rq_time_bucket{le=\"5\"} 1\n"
            "envoy_c_upstream_rq_time_bucket{le=\"50\"} 2\n"
            "envoy_c_upstream_rq_time_bucket{le=\"+Inf\"} 2\n"
            "envoy_c_upstream_rq_time_sum{} 33\n"
            "envoy_c_upstream_rq_time_count{} 2\n\n");
}

TEST(StatsPrometheusTest, TheDefaultBucketsPrintWithoutExponents) {
  StatsRegistry registry;
  auto scope = registry.Register<AlternateCodeStats>("c.");
  registry.main().Get(scope);
  const std::string text = FormatPrometheus(registry.Read(), {});
  EXPECT_TRUE(absl::StrContains(text, "le=\"3600000\"")) << text;
  EXPECT_TRUE(absl::StrContains(text, "le=\"0.5\""));
}

TEST(TagsTest, DefaultRulesTakeWhatThePublishedOnesTake) {
  struct Case {
    const char* full;
    const char* name;
    Tags tags;
  };
  const Case kCases[] = {
      {"cluster.a.upstream_rq_503",
       "cluster.upstream_rq",
       {{"envoy.response_code", "503"}, {"envoy.cluster_name", "a"}}},
      {"http.in.downstream_rq_2xx",
       "http.downstream_rq_xx",
       {{"envoy.response_code_class", "2"}, {"envoy.http_conn_manager_prefix", "in"}}},
      {"http.in.rds.r.one.update_success",
       "http.rds.update_success",
       {{"envoy.http_conn_manager_prefix", "in"}, {"envoy.rds_route_config", "r.one"}}},
      {"listener.0.0.0.0_80.http.in.downstream_rq_5xx",
       "listener.http.downstream_rq_xx",
       {{"envoy.response_code_class", "5"},
        {"envoy.http_conn_manager_prefix", "in"},
        {"envoy.listener_address", "0.0.0.0_80"}}},
      {"listener.[__1]_80.downstream_cx_total",
       "listener.downstream_cx_total",
       {{"envoy.listener_address", "[__1]_80"}}},
      {"listener.admin.downstream_cx_total", "listener.admin.downstream_cx_total", {}},
      {"listener.0.0.0.0_80.worker_3.downstream_cx_total",
       "listener.worker_downstream_cx_total",
       {{"envoy.worker_id", "3"}, {"envoy.listener_address", "0.0.0.0_80"}}},
      {"listener.127.0.0.1_80.ssl.versions.TLSv1.3",
       "listener.ssl.versions",
       {{"envoy.ssl_version", "TLSv1.3"}, {"envoy.listener_address", "127.0.0.1_80"}}},
      {"cluster.a.ssl.ciphers.TLS_AES_128_GCM_SHA256",
       "cluster.ssl.ciphers",
       {{"cipher_suite", "TLS_AES_128_GCM_SHA256"}, {"envoy.cluster_name", "a"}}},
      {"vhost.v.vcluster.c.upstream_rq_total",
       "vhost.vcluster.upstream_rq_total",
       {{"envoy.virtual_cluster", "c"}, {"envoy.virtual_host", "v"}}},
      {"vhost.v.route.r.upstream_rq_200",
       "vhost.route.upstream_rq",
       {{"envoy.response_code", "200"}, {"envoy.virtual_host", "v"}, {"envoy.route", "r"}}},
      {"tcp.t.downstream_cx_total", "tcp.downstream_cx_total", {{"envoy.tcp_prefix", "t"}}},
      {"http.in.fault.aborts_injected", "http.fault.aborts_injected", {{"envoy.http_conn_manager_prefix", "in"}}},
      {"server.uptime", "server.uptime", {}},
  };
  for (const Case& c : kCases) {
    const TaggedName got = TagRules::Defaults()->Extract(c.full);
    EXPECT_EQ(got.name, c.name);
    EXPECT_EQ(got.tags, c.tags) << c.full;
  }
}

TEST(TagsTest, CustomRulesAndFixedValuesJoinTheDefaults) {
  auto rules = TagRules::Create({{"shard", "^cluster\\.(shard_(\\d+)_)", "", false}, {"zone", "", "z1", true}}, false);
  ASSERT_TRUE(rules.ok());
  const TaggedName got = (*rules)->Extract("cluster.shard_12_x.upstream_rq_total");
  EXPECT_EQ(got.name, "cluster.x.upstream_rq_total");
  EXPECT_EQ(got.tags, (Tags{{"zone", "z1"}, {"shard", "12"}}));
}

TEST(TagsTest, AnUnusableRuleIsRefusedByName) {
  for (const TagRule& bad :
       std::vector<TagRule>{{"t", "(", "", false}, {"t", "no_group", "", false}, {"t", "", "", false}}) {
    auto rules = TagRules::Create({bad}, true);
    ASSERT_FALSE(rules.ok());
    EXPECT_TRUE(absl::StrContains(rules.status().message(), "stats_tags[0] \"t\"")) << rules.status();
  }
  EXPECT_TRUE(TagRules::Create({{"envoy.cluster_name", "", "", false}}, false).ok());
}

}  // namespace
}  // namespace outrigger::observe
