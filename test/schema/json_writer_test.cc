#include "source/schema/json_writer.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/schema/reader.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::schema {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::Metadata;
using envoy::config::core::v3::TypedExtensionConfig;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using testing::HasSubstr;
using testing::Not;

template <class T>
T Read(absl::string_view yaml) {
  T out;
  const absl::Status status = ReadMessage(yaml, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

std::string OneLine(const google::protobuf::Message& message, bool camel_case = false) {
  JsonOptions options;
  options.indent = 0;
  options.camel_case = camel_case;
  return ToJson(message, options);
}

TEST(JsonWriter, PrintsFieldsByNameInOrderOfTheirNumbers) {
  const auto cluster =
      Read<Cluster>("connect_timeout: 0.25s\nname: a\ntype: EDS\nper_connection_buffer_limit_bytes: 5");
  EXPECT_EQ(OneLine(cluster),
            R"({"name":"a","type":"EDS","connect_timeout":"0.250s","per_connection_buffer_limit_bytes":5})");
  EXPECT_EQ(OneLine(cluster, true),
            R"({"name":"a","type":"EDS","connectTimeout":"0.250s","perConnectionBufferLimitBytes":5})");
}

TEST(JsonWriter, IndentsAndLeavesEmptyThingsOnOneLine) {
  EXPECT_EQ(ToJson(Read<Cluster>("name: a\nload_assignment: {cluster_name: a}\nround_robin_lb_config: {}")),
            "{\n \"name\": \"a\",\n \"load_assignment\": {\n  \"cluster_name\": \"a\"\n },\n "
            "\"round_robin_lb_config\": {}\n}");
}

TEST(JsonWriter, SortsMapKeysAndKeepsTypesOfStructs) {
  EXPECT_EQ(OneLine(Read<Metadata>("filter_metadata: {z: {n: 1.5, a: [true, null, 'x']}, b: {}}")),
            R"({"filter_metadata":{"b":{},"z":{"a":[true,null,"x"],"n":1.5}}})");
}

TEST(JsonWriter, EscapesTextAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(JsonString("a\"\\\n\t\x01\xC3\xA9\xFF"), "\"a\\\"\\\\\\n\\t\\u0001\xC3\xA9\xEF\xBF\xBD\"");
}

TEST(JsonWriter, ShowsTheContentOfAnyAndBase64ForUnknownTypes) {
  const auto config = Read<TypedExtensionConfig>(
      "name: a\ntyped_config: {'@type': t/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 3}");
  EXPECT_EQ(OneLine(config),
            R"({"name":"a","typed_config":{"@type":"t/envoy.extensions.filters.http.buffer.v3.Buffer",)"
            R"("max_request_bytes":3}})");
  TypedExtensionConfig unknown;
  unknown.mutable_typed_config()->set_type_url("t/acme.Unknown");
  unknown.mutable_typed_config()->set_value("hi");
  EXPECT_EQ(OneLine(unknown), R"({"typed_config":{"@type":"t/acme.Unknown","value":"aGk="}})");
}

TEST(JsonWriter, RedactsSecretsEverywhereButNotTheNamesOfFiles) {
  const auto secret = Read<Secret>(
      "name: s\ntls_certificate: {certificate_chain: {inline_string: CHAIN}, private_key: {inline_string: KEY}, "
      "password: {inline_bytes: S0VZ}}");
  EXPECT_EQ(OneLine(secret),
            R"({"name":"s","tls_certificate":{"certificate_chain":{"inline_string":"CHAIN"},)"
            R"("private_key":{"inline_string":"[redacted]"},"password":{"inline_bytes":"[redacted]"}}})");
  EXPECT_THAT(OneLine(Read<Secret>("tls_certificate: {private_key: {filename: /k.pem}}")), HasSubstr("/k.pem"));
  EXPECT_THAT(OneLine(Read<Secret>("generic_secret: {secret: {inline_string: KEY}}")), Not(HasSubstr("KEY")));
  EXPECT_THAT(OneLine(Read<Secret>("session_ticket_keys: {keys: [{inline_string: KEY}]}")), Not(HasSubstr("KEY")));
}

TEST(JsonWriter, RedactsSecretsInsideOfAnyAndTypedStruct) {
  TypedExtensionConfig config;
  config.mutable_typed_config()->PackFrom(Read<Secret>("tls_certificate: {private_key: {inline_string: KEY}}"));
  EXPECT_THAT(OneLine(config), Not(HasSubstr("KEY")));

  xds::type::v3::TypedStruct typed;
  typed.set_type_url("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
  ASSERT_TRUE(ReadMessage("{tls_certificate: {private_key: {inline_string: KEY}}}", *typed.mutable_value()).ok());
  config.mutable_typed_config()->PackFrom(typed);
  EXPECT_THAT(OneLine(config), Not(HasSubstr("KEY")));

  config.mutable_typed_config()->set_type_url("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
  config.mutable_typed_config()->set_value("\xFFKEY");
  EXPECT_THAT(OneLine(config), HasSubstr("[redacted]"));
}

TEST(JsonWriter, WritesWhatTheReaderReadsBack) {
  const auto cluster = Read<Cluster>(
      "name: a\nconnect_timeout: -0.000001s\nmetadata: {filter_metadata: {a: {b: 0.1, c: -3e100}}}\n"
      "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 20.125}}}]}\n"
      "transport_socket: {name: x, typed_config: {'@type': t/google.protobuf.Duration, value: 3s}}");
  Cluster back;
  ReadOptions json;
  json.format = Format::kJson;
  ASSERT_TRUE(ReadMessage(ToJson(cluster), back, json).ok());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(cluster, back)) << ToJson(back);
}

}  // namespace
}  // namespace outrigger::schema
