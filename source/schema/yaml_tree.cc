// The one file that is compiled with exceptions: yaml-cpp throws. Nothing leaves ParseYaml but its result.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "source/schema/tree.h"

namespace outrigger::schema {
namespace {

// Thrown by the builder out of yaml-cpp's parser.
struct Refused : std::exception {
  explicit Refused(TreeError why) : error(std::move(why)) {}
  TreeError error;
};

uint32_t LineAt(const YAML::Mark& mark) { return mark.is_null() ? 0 : static_cast<uint32_t>(mark.line + 1); }

size_t CountNodes(const Node& node) {
  size_t count = 1;
  for (const Node& item : node.items) count += CountNodes(item);
  return count;
}

size_t DepthOf(const Node& node) {
  size_t depth = 0;
  for (const Node& item : node.items) depth = std::max(depth, 1 + DepthOf(item));
  return depth;
}

// Makes the tree out of parser events. The open lists and objects stand on a stack.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const TreeLimits& limits) : limits_(limits) {}

  Node& root() { return root_; }
  bool seen_document() const { return seen_document_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_document_) throw Refused({LineAt(mark), "a second document; one is expected"});
    seen_document_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.line = LineAt(mark);
    Add(std::move(node), anchor, false);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.line = LineAt(mark);
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    node.text = value;
    if (!node.quoted && ClassifyPlain(value) == PlainKind::kNull) node.kind = Node::Kind::kNull;
    if (value.find('\0') != std::string::npos) throw Refused({node.line, "a NUL character is not text"});
    Add(std::move(node), anchor, tag == "!ignore");
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refused({LineAt(mark), "an alias inside of what it stands for"});
    const Anchored& target = known->second;
    Grow(target.nodes, mark);
    if (open_.size() + target.depth > limits_.max_depth) TooDeep(LineAt(mark));
    Node copy = target.node;
    Add(std::move(copy), YAML::NullAnchor, false, /*counted=*/true);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Node::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Node::Kind::kObject, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Anchored {
    Node node;
    size_t nodes = 0;
    size_t depth = 0;
  };
  struct OpenNode {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool ignored = false;
    bool key_pending = false;  // an object that has read a key and waits for its value
    bool drop_value = false;   // that key was tagged !ignore
    Node::Key key;
    absl::flat_hash_set<std::string> seen;
  };

  [[noreturn]] void TooDeep(uint32_t line) {
    throw Refused({line, absl::StrCat("nested deeper than ", limits_.max_depth, " levels")});
  }

  void Grow(size_t nodes, const YAML::Mark& mark) { Grow(nodes, LineAt(mark)); }
  void Grow(size_t nodes, uint32_t line) {
    nodes_ += nodes;
    if (nodes_ > limits_.max_nodes) {
      throw Refused({line, absl::StrCat("more than ", limits_.max_nodes, " values, with aliases replaced")});
    }
  }

  void Open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (open_.size() >= limits_.max_depth) TooDeep(LineAt(mark));
    OpenNode open;
    open.node.kind = kind;
    open.node.line = LineAt(mark);
    open.anchor = anchor;
    open.ignored = tag == "!ignore";
    if (WantsKey()) throw Refused({LineAt(mark), "a key must be a text"});
    open_.push_back(std::move(open));
  }

  void Close() {
    OpenNode done = std::move(open_.back());
    open_.pop_back();
    if (done.node.kind == Node::Kind::kObject) Merge(done);
    Add(std::move(done.node), done.anchor, done.ignored);
  }

  bool WantsKey() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::kObject && !open_.back().key_pending;
  }

  void Add(Node node, YAML::anchor_t anchor, bool ignored, bool counted = false) {
    if (!counted) Grow(1, node.line);
    if (anchor != YAML::NullAnchor) {
      const size_t nodes = CountNodes(node);
      Grow(nodes, node.line);  // the copy kept for aliases
      anchors_[anchor] = {node, nodes, DepthOf(node)};
    }
    if (open_.empty()) {
      if (!ignored) root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (WantsKey()) return TakeKey(parent, std::move(node), ignored);
    const bool dropped = ignored || parent.drop_value;
    parent.drop_value = false;
    parent.key_pending = false;
    if (dropped) return;
    if (parent.node.kind == Node::Kind::kObject) parent.node.keys.push_back(std::move(parent.key));
    parent.node.items.push_back(std::move(node));
  }

  void TakeKey(OpenNode& parent, Node node, bool ignored) {
    if (node.kind != Node::Kind::kScalar && node.kind != Node::Kind::kNull) {
      throw Refused({node.line, "a key must be a text"});
    }
    if (!parent.seen.insert(node.text).second) {
      throw Refused({node.line, absl::StrCat("the key \"", node.text, "\" is there twice")});
    }
    parent.key = {std::move(node.text), node.line};
    parent.key_pending = true;
    parent.drop_value = ignored;
  }

  // The merge key: what it holds is added unless the object says otherwise itself.
  void Merge(OpenNode& open) {
    Node& node = open.node;
    for (size_t i = 0; i < node.keys.size(); ++i) {
      if (node.keys[i].text != "<<") continue;
      const Node value = std::move(node.items[i]);
      node.keys.erase(node.keys.begin() + static_cast<ptrdiff_t>(i));
      node.items.erase(node.items.begin() + static_cast<ptrdiff_t>(i));
      const bool one = value.kind == Node::Kind::kObject;
      if (one) MergeOne(open, value);
      for (const Node& item : one ? std::vector<Node>() : value.items) MergeOne(open, item);
      if (!one && value.kind != Node::Kind::kList)
        throw Refused({value.line, "<< needs an object or a list of objects"});
      return;
    }
  }

  void MergeOne(OpenNode& open, const Node& value) {
    if (value.kind != Node::Kind::kObject) throw Refused({value.line, "<< needs an object or a list of objects"});
    for (size_t i = 0; i < value.keys.size(); ++i) {
      if (!open.seen.insert(value.keys[i].text).second) continue;
      Grow(CountNodes(value.items[i]), value.line);
      open.node.keys.push_back(value.keys[i]);
      open.node.items.push_back(value.items[i]);
    }
  }

  const TreeLimits& limits_;
  Node root_;
  bool seen_document_ = false;
  size_t nodes_ = 0;
  std::vector<OpenNode> open_;
  absl::flat_hash_map<YAML::anchor_t, Anchored> anchors_;
};

}  // namespace

bool ParseYaml(absl::string_view text, const TreeLimits& limits, Node& out, TreeError& error) {
  if (!CheckText(text, limits, error)) return false;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(limits);
    while (parser.HandleNextDocument(builder)) {
    }
    out = std::move(builder.root());
    return true;
  } catch (const Refused& refused) {
    error = refused.error;
  } catch (const YAML::Exception& exception) {
    error = {LineAt(exception.mark), exception.msg};
  } catch (const std::exception& exception) {
    error = {0, exception.what()};
  } catch (...) {
    error = {0, "the YAML parser gave up"};
  }
  return false;
}

}  // namespace outrigger::schema
