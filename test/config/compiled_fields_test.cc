// What configuration says is what the compiled structs say, field by field: for those that no other test sets through a
// whole resource.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "source/base/arena.h"
#include "source/filters/network/http_connection_manager/hcm_config.h"
#include "source/router/router_config.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

class CompiledFieldsTest : public ConfigTest {
 protected:
  // With `fields` of the listener at its top level, and `manager` of its connection manager, indented by six.
  const model::Listener& ListenerWith(absl::string_view fields, absl::string_view manager = "") {
    return Compiled(absl::StrCat(HttpListener("in", 0, absl::StrCat(kInlineRoutes, manager)), fields));
  }
  const model::Listener& Compiled(absl::string_view listener) {
    EXPECT_TRUE(builder_->Set(Yaml<Cluster>(kBackend), {"1", false}).ok());
    const auto set = builder_->Set(Yaml<Listener>(listener), {"1", false});
    EXPECT_TRUE(set.ok()) << set.status();
    snapshot_ = builder_->Build();
    const model::Listener* made = ListenerOf(*snapshot_, "in");
    if (made == nullptr) std::abort();
    return *made;
  }
  const filters::hcm::HcmConfig& ManagerWith(absl::string_view fields) {
    const auto& filters = ListenerWith("", fields).chains[0]->filters;
    return *static_cast<const filters::hcm::HcmConfig*>(filters.back().config.get());
  }
  const model::ClusterSettings& ClusterWith(absl::string_view fields) {
    const auto set = builder_->Set(Yaml<Cluster>(absl::StrCat(kBackend, fields)), {"1", false});
    EXPECT_TRUE(set.ok()) << set.status();
    snapshot_ = builder_->Build();
    for (uint32_t i = 0; i < snapshot_->clusters.size(); ++i) {
      if (snapshot_->clusters.Get(i) != nullptr) return *snapshot_->clusters.Get(i)->config->settings;
    }
    std::abort();
  }
  const model::RouteTable& RoutesWith(absl::string_view routes) { return *ManagerWithRoutes(routes).routes; }
  const filters::hcm::HcmConfig& ManagerWithRoutes(absl::string_view routes) {
    const auto& filters = Compiled(HttpListener("in", 0, routes)).chains[0]->filters;
    return *static_cast<const filters::hcm::HcmConfig*>(filters.back().config.get());
  }

  std::shared_ptr<const model::Snapshot> snapshot_;
};

TEST_F(CompiledFieldsTest, OfAListener) {
  const model::Listener& made = ListenerWith(R"(
drain_type: MODIFY_ONLY
listener_filters_timeout: 2s
continue_on_listener_filters_timeout: true
transparent: true
freebind: true
tcp_fast_open_queue_length: 17
max_connections_to_accept_per_socket_event: 3
bind_to_port: false
socket_options:
- {description: mark, level: 1, name: 36, int_value: 5, state: STATE_LISTENING}
- {description: bytes, level: 1, name: 25, buf_value: bG8=, state: STATE_BOUND}
)");
  EXPECT_FALSE(made.drain_on_healthcheck_fail);
  EXPECT_EQ(made.listener_filters_timeout, seconds(2));
  EXPECT_TRUE(made.continue_on_listener_filters_timeout);
  EXPECT_TRUE(made.transparent);
  EXPECT_TRUE(made.freebind);
  EXPECT_EQ(made.tcp_fast_open, 17u);
  EXPECT_EQ(made.max_accepts_per_event, 3u);
  EXPECT_FALSE(made.bind_to_port);
  ASSERT_EQ(made.socket_options.size(), 2u);
  EXPECT_EQ(made.socket_options[0].state, net::SocketOption::State::kListening);
  EXPECT_EQ(made.socket_options[1].state, net::SocketOption::State::kBound);
  EXPECT_EQ(made.socket_options[1].value, "lo");
  EXPECT_FALSE(ListenerWith("deprecated_v1: {bind_to_port: false}\n").bind_to_port);
}

TEST_F(CompiledFieldsTest, OfAFilterChainMatch) {
  const model::Listener& made = Compiled(HttpListener("in", 0, kInlineRoutes, R"(filter_chain_match:
    direct_source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]
    source_type: EXTERNAL
    source_ports: [7, 8]
    application_protocols: [h2])"));
  const model::FilterChainMatch& match = made.chains[0]->match;
  ASSERT_EQ(match.direct_source.size(), 1u);
  EXPECT_TRUE(match.direct_source[0].Contains(*IpAddress::Parse("10.9.9.9")));
  EXPECT_EQ(match.source_type, model::FilterChainMatch::SourceType::kExternal);
  EXPECT_EQ(match.source_ports, (std::vector<uint32_t>{7, 8}));
  EXPECT_EQ(match.application_protocols, std::vector<std::string>{"h2"});
}

TEST_F(CompiledFieldsTest, OfAConnectionManager) {
  const filters::hcm::HcmConfig& made = ManagerWith(R"(
      add_user_agent: true
      delayed_close_timeout: 3s
      generate_request_id: false
      strip_matching_host_port: true
      strip_trailing_host_dot: true
      append_x_forwarded_port: true
      access_log_options: {flush_access_log_on_new_request: true}
      internal_address_config: {unix_sockets: true}
      set_current_client_cert_details: {subject: true, cert: true, chain: true, dns: true}
      tracing: {client_sampling: {value: 20}, overall_sampling: {value: 30}}
      scheme_header_transformation: {scheme_to_overwrite: https}
)");
  EXPECT_TRUE(made.add_user_agent);
  EXPECT_EQ(made.delayed_close_timeout, seconds(3));
  EXPECT_FALSE(made.generate_request_id);
  EXPECT_TRUE(made.strip_matching_port);
  EXPECT_TRUE(made.strip_trailing_host_dot);
  EXPECT_TRUE(made.append_x_forwarded_port);
  EXPECT_TRUE(made.log_on_new_request);
  EXPECT_TRUE(made.internal_unix_sockets);
  EXPECT_TRUE(made.client_cert_details.cert && made.client_cert_details.chain && made.client_cert_details.dns);
  EXPECT_FALSE(made.client_cert_details.uri);
  EXPECT_EQ(made.sampling.client_percent, 20u);
  EXPECT_EQ(made.sampling.overall_percent, 30u);
  EXPECT_EQ(made.scheme_overwrite, "https");
}

TEST_F(CompiledFieldsTest, OfTheCodecs) {
  const filters::hcm::HcmConfig& made = ManagerWith(R"(
      http_protocol_options:
        allow_absolute_url: false
        allow_chunked_length: true
        header_key_format: {proper_case_words: {}}
      http2_protocol_options:
        hpack_table_size: 1000
        allow_connect: true
        max_outbound_frames: 2000
        max_outbound_control_frames: 300
        max_consecutive_inbound_frames_with_empty_payload: 5
        max_inbound_priority_frames_per_stream: 6
        max_inbound_window_update_frames_per_data_frame_sent: 7
        override_stream_error_on_invalid_http_message: true
        connection_keepalive:
          interval: 10s
          timeout: 2s
          interval_jitter: {value: 33}
          connection_idle_interval: 4s
)");
  EXPECT_FALSE(made.http1.allow_absolute_url);
  EXPECT_TRUE(made.http1.allow_chunked_length);
  EXPECT_TRUE(made.http1.proper_case);
  EXPECT_EQ(made.http2.hpack_table_size, 1000u);
  EXPECT_TRUE(made.http2.allow_connect);
  EXPECT_EQ(made.http2.max_outbound_frames, 2000u);
  EXPECT_EQ(made.http2.max_outbound_control_frames, 300u);
  EXPECT_EQ(made.http2.max_consecutive_inbound_frames_with_empty_payload, 5u);
  EXPECT_EQ(made.http2.max_inbound_priority_frames_per_stream, 6u);
  EXPECT_EQ(made.http2.max_inbound_window_update_frames_per_data_frame_sent, 7u);
  EXPECT_TRUE(made.http2.stream_error_on_invalid_http_message);
  EXPECT_EQ(made.http2.keepalive_interval, seconds(10));
  EXPECT_EQ(made.http2.keepalive_timeout, seconds(2));
  EXPECT_EQ(made.http2.keepalive_jitter_percent, 33u);
  EXPECT_EQ(made.http2.connection_idle_interval, seconds(4));
}

TEST_F(CompiledFieldsTest, OfACluster) {
  const model::ClusterSettings& made = ClusterWith(R"(
lb_policy: LEAST_REQUEST
least_request_lb_config: {choice_count: 4, active_request_bias: {default_value: 0.5, runtime_key: nobody.sets.it}}
common_lb_config:
  close_connections_on_host_set_change: true
  healthy_panic_threshold: {value: 20}
  zone_aware_lb_config: {fail_traffic_on_panic: true}
close_connections_on_host_health_failure: true
dns_jitter: 0.5s
dns_failure_refresh_rate: {base_interval: 2s, max_interval: 9s}
upstream_connection_options: {tcp_keepalive: {keepalive_probes: 4, keepalive_time: 50, keepalive_interval: 6}}
)");
  EXPECT_EQ(made.lb.policy, model::LbPolicy::kLeastRequest);
  EXPECT_EQ(made.lb.choice_count, 4u);
  EXPECT_EQ(made.lb.active_request_bias, 0.5);
  EXPECT_TRUE(made.lb.close_connections_on_host_set_change);
  EXPECT_TRUE(made.lb.fail_traffic_on_panic);
  EXPECT_TRUE(made.close_connections_on_host_health_failure);
  EXPECT_EQ(made.dns.jitter, milliseconds(500));
  EXPECT_EQ(made.dns.failure_base, seconds(2));
  EXPECT_EQ(made.dns.failure_max, seconds(9));
  EXPECT_TRUE(made.keepalive.on);
  EXPECT_EQ(made.keepalive.probes, 4u);
  EXPECT_EQ(made.keepalive.time_s, 50u);
  EXPECT_EQ(made.keepalive.interval_s, 6u);
}

TEST_F(CompiledFieldsTest, OfTheProtocolOfACluster) {
  const model::ClusterSettings& made = ClusterWith(R"(
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true, override_auto_sni_header: X-Sni}
    explicit_http_config: {http_protocol_options: {send_fully_qualified_url: true}}
)");
  EXPECT_TRUE(made.auto_sni);
  EXPECT_TRUE(made.auto_san_validation);
  EXPECT_EQ(made.override_auto_sni_header, "x-sni");
  EXPECT_TRUE(made.http1.send_fully_qualified_url);
}

TEST_F(CompiledFieldsTest, OfARoute) {
  const model::RouteTable& table = RoutesWith(R"(
      route_config:
        name: local
        internal_only_headers: [X-Inside]
        ignore_path_parameters_in_path_matching: true
        max_direct_response_body_size_bytes: 5
        virtual_hosts:
        - name: all
          domains: ["*"]
          routes:
          - match: {prefix: /short}
            direct_response: {status: 200, body: {inline_string: hello}}
          - match: {prefix: /}
            route:
              cluster: backend
              max_stream_duration: {grpc_timeout_header_max: 9s, grpc_timeout_header_offset: 1s}
              request_mirror_policies: [{cluster: backend, disable_shadow_host_suffix_append: true}]
              retry_policy:
                retry_on: retriable-status-codes
                retriable_status_codes: [418, 429]
                retriable_request_headers: [{name: x-again, present_match: true}]
                rate_limited_retry_back_off:
                  max_interval: 7s
                  reset_headers: [{name: Retry-After, format: SECONDS}, {name: x-reset, format: UNIX_TIMESTAMP}]
)");
  EXPECT_EQ(table.internal_only_headers, std::vector<std::string>{"x-inside"});
  EXPECT_TRUE(table.ignore_path_parameters);
  const auto& action = std::get<model::ForwardAction>(table.virtual_hosts[0].routes[1].action);
  EXPECT_EQ(action.grpc_timeout_header_max, seconds(9));
  EXPECT_EQ(action.grpc_timeout_header_offset, seconds(1));
  ASSERT_EQ(action.mirrors.size(), 1u);
  EXPECT_TRUE(action.mirrors[0].disable_host_suffix);
  ASSERT_NE(action.retry, nullptr);
  EXPECT_EQ(action.retry->retriable_status_codes, (std::vector<uint32_t>{418, 429}));
  EXPECT_EQ(action.retry->retriable_request_headers.size(), 1u);
  EXPECT_EQ(action.retry->rate_limited_max, seconds(7));
  ASSERT_EQ(action.retry->rate_limited_reset_headers.size(), 2u);
  EXPECT_EQ(action.retry->rate_limited_reset_headers[0].name, "retry-after");
  EXPECT_TRUE(action.retry->rate_limited_reset_headers[1].unix_timestamp);
}

TEST_F(CompiledFieldsTest, OfWhatARouteMatches) {
  const model::RouteTable& table = RoutesWith(R"(
      route_config:
        name: local
        virtual_hosts:
        - name: all
          domains: ["*"]
          routes:
          - match: {prefix: /, cookies: [{name: kind, string_match: {exact: new}}, {name: old, string_match: {exact: x}, invert_match: true}]}
            direct_response: {status: 201}
          - match: {prefix: /, tls_context: {presented: true, validated: false}}
            direct_response: {status: 202}
          - match:
              prefix: /
              dynamic_metadata:
              - filter: f
                path: [{key: k}]
                value: {or_match: {value_matchers: [{double_match: {range: {start: 1, end: 2}}}, {double_match: {exact: 7}}, {bool_match: true}, {null_match: {}}, {list_match: {one_of: {string_match: {exact: in}}}}]}}
            direct_response: {status: 203}
          - match: {prefix: /}
            direct_response: {status: 204}
)");
  const auto route_of = [&table](const std::string& cookie, bool presented, bool validated, const Value* metadata) {
    Arena arena;
    http::HeaderMap headers(arena);
    headers.AddCopy(http::KnownHeader::kMethod, "GET");
    headers.AddCopy(http::KnownHeader::kPath, "/");
    headers.AddCopy(http::KnownHeader::kAuthority, "a");
    if (!cookie.empty()) headers.AddCopy(http::HeaderName(absl::string_view("cookie")), cookie);
    Metadata all;
    if (metadata != nullptr) all["f"] = Value(Value::Struct{{"k", *metadata}});
    matching::RouteInput input;
    input.headers = &headers;
    input.metadata = &all;
    input.tls_presented = presented;
    input.tls_validated = validated;
    const auto found = table.matcher.Match(input);
    return found ? 201 + found.route : 0;
  };
  EXPECT_EQ(route_of("kind=new", false, false, nullptr), 201);
  EXPECT_EQ(route_of("kind=new; old=x", false, false, nullptr), 204);
  EXPECT_EQ(route_of("", true, false, nullptr), 202);
  EXPECT_EQ(route_of("", true, true, nullptr), 204);
  for (const Value& value :
       {Value(1.5), Value(7.0), Value(true), Value(), Value(Value::List{Value(std::string("in"))})}) {
    EXPECT_EQ(route_of("", false, false, &value), 203);
  }
  for (const Value& value : {Value(2.5), Value(false), Value(Value::List{Value(std::string("out"))})}) {
    EXPECT_EQ(route_of("", false, false, &value), 204);
  }
}

TEST_F(CompiledFieldsTest, OfTheRouter) {
  std::string listener = HttpListener("in", 0, kInlineRoutes);
  const size_t at = listener.find("filters.http.router.v3.Router}");
  ASSERT_NE(at, std::string::npos);
  listener.insert(at + 29, ", suppress_envoy_headers: true, respect_expected_rq_timeout: true");
  const auto& filters = Compiled(listener).chains[0]->filters;
  const auto& manager = *static_cast<const filters::hcm::HcmConfig*>(filters.back().config.get());
  const auto& made = *static_cast<const router::RouterConfig*>(manager.chain->filters().back().config.get());
  EXPECT_TRUE(made.suppress_envoy_headers);
  EXPECT_TRUE(made.respect_expected_rq_timeout);
}

}  // namespace
}  // namespace outrigger::config
