#include "source/control_plane/resources/resource_file.h"

#include <google/protobuf/any.pb.h>

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/control_plane/resources/text_line.h"
#include "source/schema/reader.h"
#include "source/schema/typed_struct.h"
#include "source/schema/validator.h"

namespace outrigger::control_plane {
namespace {

using schema::Node;

constexpr size_t kMostResources = 10'000;

class FileReader {
 public:
  FileReader(const std::string& source, ResourceFile& out, std::vector<std::string>& errors)
      : source_(source), out_(out), errors_(errors) {}

  void Read(const Node& root) {
    if (root.kind == Node::Kind::kNull) return;  // an empty file, or comments only
    if (root.kind == Node::Kind::kList) return ReadList(root);
    if (root.kind != Node::Kind::kObject) return Error(root.line, "expected an object or a list of resources");
    if (root.Find("@type") != nullptr) return ReadOne(root, "");
    for (size_t i = 0; i < root.keys.size() && i < root.items.size(); ++i) {
      const std::string& key = root.keys[i].text;
      if (key == "resources") {
        if (root.items[i].kind == Node::Kind::kList) {
          ReadList(root.items[i]);
        } else if (root.items[i].kind == Node::Kind::kObject) {
          ReadOne(root.items[i], "resources");
        } else if (root.items[i].kind != Node::Kind::kNull) {
          Error(root.items[i].line, "resources: expected a list");
        }
      } else if (key == "nodes") {
        ReadNodes(root.items[i]);
      } else if (key != "version_info" && key != "versionInfo" && key != "type_url" && key != "typeUrl") {
        Error(root.keys[i].line, absl::StrCat(key, ": expected nodes, resources, or a resource with \"@type\""));
      }
    }
  }

 private:
  void Error(uint32_t line, absl::string_view message) {
    errors_.push_back(absl::StrCat(source_, ":", line, ": ", message));
  }

  void ReadNodes(const Node& node) {
    if (node.kind != Node::Kind::kObject) return Error(node.line, "nodes: expected an object with ids or clusters");
    for (size_t i = 0; i < node.keys.size() && i < node.items.size(); ++i) {
      if (node.keys[i].text == "ids") {
        ReadNames(node.items[i], "nodes.ids", out_.ids);
      } else if (node.keys[i].text == "clusters") {
        ReadNames(node.items[i], "nodes.clusters", out_.clusters);
      } else {
        Error(node.keys[i].line, absl::StrCat("nodes.", node.keys[i].text, ": expected ids or clusters"));
      }
    }
    if (out_.ids.empty() && out_.clusters.empty()) Error(node.line, "nodes: names nobody");
  }

  void ReadNames(const Node& node, absl::string_view path, std::vector<std::string>& names) {
    if (node.kind == Node::Kind::kScalar) return names.push_back(node.text);
    for (const Node& item : node.items) {
      if (node.kind != Node::Kind::kList || item.kind != Node::Kind::kScalar || item.text.empty()) {
        return Error(item.line, absl::StrCat(path, ": expected a list of names"));
      }
      names.push_back(item.text);
    }
    if (names.empty()) Error(node.line, absl::StrCat(path, ": expected a list of names"));
  }

  void ReadList(const Node& list) {
    for (size_t i = 0; i < list.items.size(); ++i) ReadOne(list.items[i], absl::StrCat("resources[", i, "]"));
  }

  void ReadOne(const Node& node, const std::string& where) {
    if (out_.entries.size() >= kMostResources) {
      if (!full_) Error(node.line, absl::StrCat(where, ": more than ", kMostResources, " resources in one file"));
      full_ = true;
      return;
    }
    if (node.Find("@type") == nullptr) return Error(node.line, absl::StrCat(where, ": has no \"@type\""));
    google::protobuf::Any any;
    schema::ReadOptions options;
    options.source = source_;
    const absl::Status read = schema::ReadNode(node, any, options);
    if (!read.ok()) {
      for (absl::string_view line : absl::StrSplit(read.message(), '\n')) errors_.emplace_back(line);
      return;
    }
    auto content = schema::UnpackAny(any);
    if (!content.ok()) return Error(node.line, absl::StrCat(where, ": ", content.status().message()));
    Check(node, where, **content);
  }

  void Check(const Node& node, const std::string& where, google::protobuf::Message& message) {
    schema::ValidateOptions options;
    options.check_support = false;
    const schema::ValidationResult result = schema::Validate(message, options);
    for (const schema::Finding& finding : result.errors) {
      Error(LineOfPath(node, finding.path),
            absl::StrCat(where, where.empty() || finding.path.empty() ? "" : ".", schema::ToString(finding)));
    }
    if (!result.ok()) return;
    auto resource = MakeResource(message);
    if (!resource.ok()) return Error(node.line, absl::StrCat(where, ": ", resource.status().message()));
    auto placed = std::make_shared<Resource>(**resource);
    placed->place = absl::StrCat(source_, ":", node.line);
    for (Resource::Reference& reference : placed->references) {
      reference.place = absl::StrCat(source_, ":", LineOfPath(node, reference.path));
    }
    out_.entries.push_back({std::move(placed), node.line});
  }

  const std::string& source_;
  ResourceFile& out_;
  std::vector<std::string>& errors_;
  bool full_ = false;
};

}  // namespace

void ReadResourceFile(absl::string_view text, const std::string& source, ResourceFile& out,
                      std::vector<std::string>& errors) {
  schema::ReadOptions options;
  options.source = source;
  Node root;
  const absl::Status parsed = schema::ParseText(text, options, root);
  if (!parsed.ok()) {
    errors.emplace_back(parsed.message());
    return;
  }
  FileReader(source, out, errors).Read(root);
}

}  // namespace outrigger::control_plane
