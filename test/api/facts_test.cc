// The messages that are compiled in, against the checked-in table of published facts (tools/api/facts writes it).
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/all_types.h"
#include "outrigger/api/opaque.pb.h"

namespace outrigger::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

std::vector<std::string> Facts() {
  std::ifstream file("test/api/facts.txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line.substr(0, line.find(" | ")));
  }
  return lines;
}

std::string TypeText(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map<", TypeText(*field.message_type()->map_key()), ",",
                        TypeText(*field.message_type()->map_value()), ">");
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return field.message_type()->full_name();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return absl::StrCat("enum:", field.enum_type()->full_name());
  return field.type_name();
}

const DescriptorPool& Pool() {
  EXPECT_GT(AllTypes().size(), 100u);
  return *DescriptorPool::generated_pool();
}

struct FieldFact {
  std::string name, type, oneof;
  int number = 0;
  bool repeated = false;
};

FieldFact ReadField(const std::vector<std::string>& words) {
  FieldFact fact;
  fact.name = words[1];
  EXPECT_TRUE(absl::SimpleAtoi(words[2], &fact.number));
  for (size_t i = 3; i < words.size(); ++i) {
    absl::string_view word = words[i];
    if (word == "repeated") {
      fact.repeated = true;
    } else if (absl::ConsumePrefix(&word, "oneof=")) {
      fact.oneof = std::string(word);
    } else if (fact.type.empty()) {
      fact.type = std::string(word);
    }
  }
  return fact;
}

TEST(Facts, EveryPublishedFieldIsDeclaredWithItsNumberTypeAndOneof) {
  std::string message;
  int fields = 0;
  std::vector<std::string> opaque;
  for (const std::string& line : Facts()) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "message") {
      message = words[1];
      EXPECT_NE(Pool().FindMessageTypeByName(message), nullptr) << message;
    }
    if (words[0] != "field") continue;
    ++fields;
    const FieldFact fact = ReadField(words);
    const Descriptor* type = Pool().FindMessageTypeByName(message);
    const FieldDescriptor* field = type == nullptr ? nullptr : type->FindFieldByName(fact.name);
    ASSERT_NE(field, nullptr) << message << "." << fact.name;
    EXPECT_EQ(field->number(), fact.number) << field->full_name();
    EXPECT_EQ(field->is_repeated() && !field->is_map(), fact.repeated) << field->full_name();
    EXPECT_EQ(field->real_containing_oneof() == nullptr ? "" : field->real_containing_oneof()->name(), fact.oneof)
        << field->full_name();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field->message_type() == Opaque::descriptor()) {
      opaque.push_back(field->full_name());  // by name and number only
    } else {
      EXPECT_EQ(TypeText(*field), fact.type) << field->full_name();
    }
  }
  EXPECT_GT(fields, 2000);
  // Declared with the placeholder: a change of this list is a decision.
  EXPECT_EQ(opaque, (std::vector<std::string>{
                        "envoy.config.rbac.v3.Policy.condition",
                        "envoy.config.rbac.v3.Policy.checked_condition",
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection.error_matcher",
                        "xds.type.v3.CelExpression.parsed_expr",
                        "xds.type.v3.CelExpression.checked_expr",
                        "xds.type.v3.CelExpression.cel_expr_parsed",
                    }));
}

TEST(Facts, EveryEnumHasItsPublishedValues) {
  for (const std::string& line : Facts()) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] != "enum") continue;
    const EnumDescriptor* type = Pool().FindEnumTypeByName(words[1]);
    ASSERT_NE(type, nullptr) << words[1];
    size_t values = 0;
    for (size_t i = 2; i < words.size(); ++i) {
      const std::vector<std::string> parts = absl::StrSplit(words[i], '=');
      if (parts.size() != 2) continue;
      ++values;
      const auto* value = type->FindValueByName(parts[0]);
      ASSERT_NE(value, nullptr) << words[1] << " " << parts[0];
      EXPECT_EQ(absl::StrCat(value->number()), parts[1]) << value->full_name();
    }
    EXPECT_EQ(static_cast<size_t>(type->value_count()), values) << words[1];
  }
}

void Visit(const Descriptor& type, std::set<std::string>& out) {
  if (type.options().map_entry()) return;
  for (int i = 0; i < type.field_count(); ++i) out.insert(type.field(i)->full_name());
  for (int i = 0; i < type.nested_type_count(); ++i) Visit(*type.nested_type(i), out);
}

TEST(Facts, NothingIsDeclaredThatIsNotPublished) {
  std::set<std::string> published, declared;
  std::string message;
  for (const std::string& line : Facts()) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "message") message = words[1];
    if (words[0] == "field") published.insert(absl::StrCat(message, ".", words[1]));
  }
  for (const Descriptor* type : AllTypes()) {
    for (int i = 0; i < type->file()->message_type_count(); ++i) Visit(*type->file()->message_type(i), declared);
  }
  EXPECT_EQ(declared, published);
}

TEST(Facts, EveryServiceHasItsMethods) {
  std::string service;
  int methods = 0;
  for (const std::string& line : Facts()) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "service") service = words[1];
    if (words[0] != "method") continue;
    const auto* type = Pool().FindServiceByName(service);
    if (type == nullptr) continue;  // declared in a file of services alone, which is linked where it is served
    ++methods;
    EXPECT_NE(type->FindMethodByName(words[1]), nullptr) << service << "." << words[1];
  }
  EXPECT_GT(methods, 0);
}

}  // namespace
}  // namespace outrigger::api
