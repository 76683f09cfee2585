#include "source/schema/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.pb.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace outrigger::schema {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::Metadata;
using envoy::config::core::v3::Node;
using envoy::config::core::v3::TypedExtensionConfig;
using envoy::extensions::filters::http::buffer::v3::Buffer;
using testing::HasSubstr;

template <class T>
T Read(absl::string_view text, ReadOptions options = {}) {
  T out;
  const absl::Status status = ReadMessage(text, out, options);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

template <class T>
std::string ErrorOf(absl::string_view text, ReadOptions options = {}) {
  T out;
  const absl::Status status = ReadMessage(text, out, options);
  EXPECT_FALSE(status.ok()) << out.ShortDebugString();
  return std::string(status.message());
}

TEST(Reader, TellsSourceLinePathAndCauseOfAWrongType) {
  ReadOptions options;
  options.source = "bootstrap.yaml";
  EXPECT_EQ(ErrorOf<Bootstrap>("static_resources:\n  clusters:\n  - name:\n    - a\n", options),
            "bootstrap.yaml:4: static_resources.clusters[0].name: expected a string, found a list");
}

TEST(Reader, TakesKeysInSnakeCaseAndInCamelCase) {
  EXPECT_EQ(Read<Cluster>("connect_timeout: 2s").connect_timeout().seconds(), 2);
  EXPECT_EQ(Read<Cluster>("connectTimeout: 2s").connect_timeout().seconds(), 2);
  EXPECT_THAT(ErrorOf<Cluster>("connect_timeout: 2s\nconnectTimeout: 3s"), HasSubstr("are the same field"));
}

TEST(Reader, TakesOneValueWhereAListIsDue) {
  const auto cluster = Read<Cluster>(
      "load_assignment:\n  cluster_name: a\n  endpoints:\n    lb_endpoints:\n      endpoint: {hostname: h}\n");
  ASSERT_EQ(cluster.load_assignment().endpoints_size(), 1);
  EXPECT_EQ(cluster.load_assignment().endpoints(0).lb_endpoints(0).endpoint().hostname(), "h");
  EXPECT_EQ(Read<envoy::config::route::v3::VirtualHost>("domains: '*'").domains(0), "*");
}

TEST(Reader, TakesEnumNamesInAnyCaseAndNumbers) {
  EXPECT_EQ(Read<Cluster>("type: strict_dns").type(), Cluster::STRICT_DNS);
  EXPECT_EQ(Read<Cluster>("lb_policy: Round_Robin\ntype: EDS").type(), Cluster::EDS);
  EXPECT_EQ(Read<Cluster>("type: 2").type(), Cluster::LOGICAL_DNS);
  EXPECT_THAT(ErrorOf<Cluster>("type: DNS"),
              HasSubstr("type: no such value of envoy.config.cluster.v3.Cluster.DiscoveryType"));
}

TEST(Reader, TakesDurationsAsTextAndAsObject) {
  const auto text = Read<Cluster>("connect_timeout: 1.5s").connect_timeout();
  EXPECT_EQ(text.seconds(), 1);
  EXPECT_EQ(text.nanos(), 500'000'000);
  EXPECT_EQ(Read<Cluster>("connect_timeout: {nanos: 500000000}").connect_timeout().nanos(), 500'000'000);
  EXPECT_EQ(Read<Cluster>("connect_timeout: -0.25s").connect_timeout().nanos(), -250'000'000);
  for (const char* bad : {"5", "1.5", "1m", "1.0000000001s", "s", "--1s", "999999999999s", "[1s]"}) {
    EXPECT_THAT(ErrorOf<Cluster>(absl::StrCat("connect_timeout: ", bad)),
                HasSubstr("connect_timeout: expected a duration"));
  }
}

TEST(Reader, TakesWrappersAsTheirValueOrAsObject) {
  EXPECT_EQ(Read<Cluster>("per_connection_buffer_limit_bytes: 32768").per_connection_buffer_limit_bytes().value(),
            32768u);
  EXPECT_EQ(Read<Cluster>("per_connection_buffer_limit_bytes: {value: 1}").per_connection_buffer_limit_bytes().value(),
            1u);
  EXPECT_FALSE(Read<Cluster>("per_connection_buffer_limit_bytes: null").has_per_connection_buffer_limit_bytes());
  EXPECT_TRUE(Read<Cluster>("per_connection_buffer_limit_bytes: 0").has_per_connection_buffer_limit_bytes());
}

TEST(Reader, TakesNumbersAlsoFromStringsButNotOutOfRange) {
  const auto read = [](const char* value) {
    return Read<Buffer>(absl::StrCat("max_request_bytes: ", value)).max_request_bytes().value();
  };
  EXPECT_EQ(read("\"8080\""), 8080u);
  EXPECT_EQ(read("1e3"), 1000u);
  EXPECT_EQ(read("5.0"), 5u);
  EXPECT_EQ(read("0x10"), 16u);
  EXPECT_EQ(read("4294967295"), 4294967295u);
  for (const char* bad :
       {"4294967296", "-1", "1.5", "many", "true", "[1]", "99999999999999999999999", "''", "08", "0x"}) {
    EXPECT_THAT(ErrorOf<Buffer>(absl::StrCat("max_request_bytes: ", bad)),
                HasSubstr("max_request_bytes: expected a whole number"));
  }
}

TEST(Reader, KeepsQuotedScalarsAsStringsAndRefusesPlainNumbersForStrings) {
  EXPECT_EQ(Read<Cluster>("name: \"123\"").name(), "123");
  EXPECT_EQ(Read<Cluster>("name: 'true'").name(), "true");
  EXPECT_EQ(ErrorOf<Cluster>("name: 123"), "line 1: name: expected a string, found a number (put it in quotes)");
  EXPECT_EQ(ErrorOf<Cluster>("name: true"), "line 1: name: expected a string, found a boolean (put it in quotes)");
  const auto metadata = Read<Metadata>(
      "filter_metadata: {a: {q: '1', n: 1, b: true, s: on, e: '', z: null, big: 12345678901234567890, l: [1.5, x]}}");
  const auto& fields = metadata.filter_metadata().at("a").fields();
  EXPECT_EQ(fields.at("q").string_value(), "1");
  EXPECT_EQ(fields.at("n").number_value(), 1);
  EXPECT_TRUE(fields.at("b").bool_value());
  EXPECT_TRUE(fields.at("s").bool_value());
  EXPECT_EQ(fields.at("e").kind_case(), google::protobuf::Value::kStringValue);
  EXPECT_EQ(fields.at("z").kind_case(), google::protobuf::Value::kNullValue);
  EXPECT_EQ(fields.at("big").string_value(), "12345678901234567890");
  EXPECT_EQ(fields.at("l").list_value().values(0).number_value(), 1.5);
  EXPECT_EQ(fields.at("l").list_value().values(1).string_value(), "x");
}

TEST(Reader, TakesBytesInBothBase64Alphabets) {
  using envoy::config::core::v3::DataSource;
  EXPECT_EQ(Read<DataSource>("inline_bytes: aGk=").inline_bytes(), "hi");
  EXPECT_EQ(Read<DataSource>("inline_bytes: aGk").inline_bytes(), "hi");
  EXPECT_EQ(Read<DataSource>("inline_bytes: _-8=").inline_bytes(), "\xFF\xEF");
  EXPECT_THAT(ErrorOf<DataSource>("inline_bytes: 'a b'"), HasSubstr("inline_bytes: expected bytes in base64"));
}

TEST(Reader, PacksAnyByItsTypeAndNestsThem) {
  const auto config = Read<TypedExtensionConfig>(R"(
name: outer
typed_config:
  "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: inner
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 7}
)");
  TypedExtensionConfig inner;
  Buffer buffer;
  ASSERT_TRUE(config.typed_config().UnpackTo(&inner));
  ASSERT_TRUE(inner.typed_config().UnpackTo(&buffer));
  EXPECT_EQ(buffer.max_request_bytes().value(), 7u);
}

TEST(Reader, PacksWellKnownTypesInAnyByTheirValue) {
  const auto config = Read<TypedExtensionConfig>(
      R"({"name": "x", "typed_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "v"}})");
  google::protobuf::StringValue value;
  ASSERT_TRUE(config.typed_config().UnpackTo(&value));
  EXPECT_EQ(value.value(), "v");
}

TEST(Reader, NamesThePathInsideOfAnAny) {
  EXPECT_EQ(ErrorOf<TypedExtensionConfig>(
                "typed_config:\n  '@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer\n  "
                "max_request_bytes: x\n"),
            "line 3: typed_config.max_request_bytes: expected a whole number from 0 to 4294967295, found a string");
  EXPECT_EQ(ErrorOf<TypedExtensionConfig>("typed_config: {a: 1}"), "line 1: typed_config: \"@type\" is missing");
}

TEST(Reader, KeepsAnAnyOfUnknownTypeForTheValidator) {
  const auto config = Read<TypedExtensionConfig>("typed_config: {'@type': type.googleapis.com/acme.Unknown, a: 1}");
  EXPECT_EQ(config.typed_config().type_url(), "type.googleapis.com/acme.Unknown");
  google::protobuf::Struct content;
  ASSERT_TRUE(content.ParseFromString(config.typed_config().value()));
  EXPECT_EQ(content.fields().at("a").number_value(), 1);
  EXPECT_EQ(content.fields_size(), 1);
}

TEST(Reader, TurnsTypedStructIntoTheTypeItNames) {
  for (const char* type : {"udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"}) {
    for (const char* key : {"type_url", "typeUrl"}) {
      const auto config = Read<TypedExtensionConfig>(
          absl::StrCat("typed_config:\n  '@type': type.googleapis.com/", type, "\n  ", key,
                       ": type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener\n  "
                       "value: {buffer_size_kb: 64}\n"));
      envoy::extensions::bootstrap::internal_listener::v3::InternalListener listener;
      ASSERT_TRUE(config.typed_config().UnpackTo(&listener));
      EXPECT_EQ(listener.buffer_size_kb().value(), 64u);
    }
  }
}

TEST(Reader, RefusesUnknownFieldsUnlessAskedToCollectThem) {
  EXPECT_EQ(ErrorOf<Cluster>("name: a\nnmae: b"), "line 2: nmae: no such field in envoy.config.cluster.v3.Cluster");
  std::vector<UnknownField> unknown;
  ReadOptions options;
  options.unknown = &unknown;
  EXPECT_EQ(Read<Cluster>("name: a\nload_assignment: {policy: {nmae: b}}", options).name(), "a");
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_EQ(unknown[0].path, "load_assignment.policy.nmae");
  EXPECT_EQ(unknown[0].line, 2u);
}

TEST(Reader, RefusesTwoMembersOfAOneof) {
  EXPECT_THAT(ErrorOf<envoy::config::core::v3::DataSource>("inline_string: a\nfilename: b"),
              HasSubstr("exclude each other"));
}

TEST(Reader, RefusesTheSameKeyTwice) {
  EXPECT_EQ(ErrorOf<Cluster>("name: a\nname: b"), "line 2: the key \"name\" is there twice");
  ReadOptions json;
  json.format = Format::kJson;
  EXPECT_EQ(ErrorOf<Cluster>("{\"name\": \"a\",\n\"name\": \"b\"}", json), "line 2: the key \"name\" is there twice");
}

TEST(Reader, ReadsMapsWithKeysThatNeedQuotesInPaths) {
  const auto host = Read<envoy::config::route::v3::VirtualHost>(
      "typed_per_filter_config: {a.b: {'@type': "
      "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute, disabled: true}}");
  EXPECT_EQ(host.typed_per_filter_config().size(), 1u);
  EXPECT_EQ(ErrorOf<envoy::config::route::v3::VirtualHost>("typed_per_filter_config: {a.b: 3}"),
            "line 1: typed_per_filter_config[\"a.b\"]: expected an object with \"@type\", found a number");
}

TEST(Reader, ResolvesAnchorsAliasesMergeKeysAndDropsIgnoredNodes) {
  const auto node = Read<Bootstrap>(
      "static_resources:\n  clusters:\n  - &a {name: a, connect_timeout: 1s}\n  - {<<: *a, name: b}\n  - *a\nnode: "
      "!ignore {nonsense: 1}\n");
  ASSERT_EQ(node.static_resources().clusters_size(), 3);
  EXPECT_EQ(node.static_resources().clusters(1).name(), "b");
  EXPECT_EQ(node.static_resources().clusters(1).connect_timeout().seconds(), 1);
  EXPECT_EQ(node.static_resources().clusters(2).name(), "a");
  EXPECT_FALSE(node.has_node());
}

TEST(Reader, ReportsSeveralErrorsOnePerLine) {
  EXPECT_EQ(ErrorOf<Cluster>("name: 1\nalt_stat_name: 2"),
            "line 1: name: expected a string, found a number (put it in quotes)\n"
            "line 2: alt_stat_name: expected a string, found a number (put it in quotes)");
}

TEST(Reader, ReadsJsonStrictly) {
  ReadOptions json;
  json.format = Format::kJson;
  EXPECT_EQ(Read<Cluster>(R"({"name": "a\u00e9\ud83d\ude00\n\/", "connectTimeout": "1s"})", json).name(),
            "a\u00e9\U0001F600\n/");
  for (const char* bad :
       {"{name: \"a\"}", "{\"name\": 'a'}", "{\"name\": \"a\",}", "{\"name\": \"a\"} x", "{\"name\": tru}", "{\"name\"",
        "{\"name\": \"\\ud800\"}", "{\"name\": \"\t\"}", "{\"name\": 01}", "{\"name\": 1.}", "{\"name\": -}", ""}) {
    ErrorOf<Cluster>(bad, json);
  }
}

TEST(Reader, RefusesHostileTexts) {
  const auto repeat = [](absl::string_view what, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) absl::StrAppend(&out, what);
    return out;
  };
  ReadOptions json;
  json.format = Format::kJson;
  EXPECT_THAT(ErrorOf<Cluster>(absl::StrCat(repeat("[", 1000), repeat("]", 1000))),
              HasSubstr("nested deeper than 100 levels"));
  ErrorOf<Cluster>(repeat("[", 100000));
  EXPECT_THAT(ErrorOf<Cluster>(repeat("[", 100000), json), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(ErrorOf<Cluster>(repeat("{\"a\":", 100000), json), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(ErrorOf<Cluster>(absl::string_view("name: a\0b", 9)), HasSubstr("NUL"));
  EXPECT_THAT(ErrorOf<Cluster>("name: a\nalt_stat_name: \"\xC0\x80\""), HasSubstr("line 2: not valid UTF-8"));
  EXPECT_THAT(ErrorOf<Cluster>("name: \"a\\0b\""), HasSubstr("NUL"));
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) absl::StrAppend(&laughs, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  EXPECT_THAT(ErrorOf<Cluster>(laughs), HasSubstr("with aliases replaced"));
  EXPECT_THAT(ErrorOf<Cluster>("a: &a [*a]"), HasSubstr("line 1"));
  ReadOptions small;
  small.limits.max_bytes = 100;
  EXPECT_THAT(ErrorOf<Cluster>(absl::StrCat("name: ", repeat("x", 200)), small),
              HasSubstr("more than the limit of 100"));
  EXPECT_THAT(ErrorOf<Cluster>("a: b\n---\nc: d\n"), HasSubstr("second document"));
  EXPECT_THAT(ErrorOf<Cluster>("[a]: b"), HasSubstr("a key must be a text"));
  ErrorOf<Cluster>("name: [a\nb: c");
}

TEST(Reader, ReadsAMegabyteOfOneScalar) {
  EXPECT_EQ(Read<Cluster>(absl::StrCat("name: \"", std::string(1 << 20, 'x'), "\"")).name().size(), size_t{1} << 20);
}

}  // namespace
}  // namespace outrigger::schema
