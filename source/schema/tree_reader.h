// Thread: any
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/schema/field_path.h"
#include "source/schema/reader.h"
#include "source/schema/tree.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {

// Fills messages from a tree by reflection. One object per text; private to the reader.
class TreeReader {
 public:
  explicit TreeReader(const ReadOptions& options) : options_(options) {}

  void ReadMessage(const Node& node, google::protobuf::Message& out);

  // One line each.
  const std::vector<std::string>& errors() const { return errors_; }
  FieldPath& path() { return path_; }

 private:
  void Error(uint32_t line, absl::string_view message);
  void WrongKind(const Node& node, absl::string_view expected);

  void ReadObject(const Node& node, google::protobuf::Message& out);
  void ReadKey(const Node::Key& key, const Node& value, const google::protobuf::FieldDescriptor& field,
               google::protobuf::Message& out);
  void Unknown(const Node::Key& key, const google::protobuf::Descriptor& type);
  void ReadField(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  void ReadList(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  void ReadMap(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  // Sets the field, or adds to it if it is repeated.
  void ReadOne(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  void ReadNumber(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  void ReadEnum(const Node& node, const google::protobuf::FieldDescriptor& field, google::protobuf::Message& out);
  bool ReadString(const Node& node, std::string& out);

  // True if `out` is one of the types that have a form of their own; it has been read then.
  bool ReadWellKnown(const Node& node, google::protobuf::Message& out);
  void ReadDuration(const Node& node, google::protobuf::Message& out);
  void ReadTimestamp(const Node& node, google::protobuf::Message& out);
  void ReadWrapper(const Node& node, google::protobuf::Message& out);
  void ReadStruct(const Node& node, google::protobuf::Struct& out);
  void ReadValue(const Node& node, google::protobuf::Value& out);
  void ReadListValue(const Node& node, google::protobuf::ListValue& out);
  void ReadAny(const Node& node, google::protobuf::Any& out);
  // The content of an Any or TypedStruct of the type named by `type_url`.
  void ReadTyped(const Node& node, absl::string_view type_url, google::protobuf::Any& out);

  const ReadOptions& options_;
  FieldPath path_;
  std::vector<std::string> errors_;
  int strict_ = 0;  // how many strict messages are open
};

// xds.type.v3.TypedStruct and udpa.type.v1.TypedStruct.
bool IsTypedStruct(const google::protobuf::Descriptor& type);

}  // namespace outrigger::schema
