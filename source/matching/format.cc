#include "source/matching/format.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/matching/json_writer.h"

namespace outrigger::matching {
namespace {

using Kind = FormatValue::Kind;

absl::string_view Cut(absl::string_view text, int32_t max_length) {
  return max_length >= 0 && text.size() > static_cast<size_t>(max_length)
             ? text.substr(0, static_cast<size_t>(max_length))
             : text;
}

// Reused by all formats of the thread: values that have to be made are made here, so the steady state does not
// allocate.
std::string& Scratch() {
  static thread_local std::string scratch;
  return scratch;
}

void AppendTree(const FormatCommand& command, const Value& value, std::string* out) {
  if (value.as_string() != nullptr) {
    const absl::string_view text = Cut(*value.as_string(), command.max_length);
    out->append(text.data(), text.size());
    return;
  }
  const size_t before = out->size();
  AppendJsonValue(value, out);
  // A structure of dynamic metadata is never cut; others are, as the documentation of the operators says.
  const bool whole =
      command.metadata == MetadataKind::kDynamic && (value.as_struct() != nullptr || value.as_list() != nullptr);
  if (!whole && command.max_length >= 0 && out->size() - before > static_cast<size_t>(command.max_length)) {
    out->resize(before + static_cast<size_t>(command.max_length));
  }
}

void AppendCommand(const FormatCommand& command, const FormatSource& source, bool omit_empty, std::string* out) {
  const FormatValue value = Evaluate(command, source, &Scratch());
  switch (value.kind) {
    case Kind::kText: {
      const absl::string_view text = Cut(value.text, command.max_length);
      out->append(text.data(), text.size());
      return;
    }
    case Kind::kNumber:
      absl::StrAppend(out, value.number);
      return;
    case Kind::kBool:
      out->append(value.number != 0 ? "true" : "false");
      return;
    case Kind::kTree:
      if (value.tree->is_null()) break;
      AppendTree(command, *value.tree, out);
      return;
    case Kind::kTime:
      TimeFormat().Append(value.time, out);
      return;
    case Kind::kMissing:
      break;
  }
  if (!omit_empty) out->push_back('-');
}

void AppendParts(const std::vector<FormatPart>& parts, const FormatSource& source, bool omit_empty, std::string* out) {
  for (const FormatPart& part : parts) {
    if (part.command == nullptr) {
      out->append(part.literal);
    } else {
      AppendCommand(*part.command, source, omit_empty, out);
    }
  }
}

}  // namespace

absl::string_view DefaultAccessLogFormat() {
  return "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
         "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
         "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" "
         "\"%UPSTREAM_HOST%\"\n";
}

absl::StatusOr<TextFormat> TextFormat::Create(absl::string_view format, const FormatOptions& options) {
  absl::StatusOr<std::vector<FormatPart>> parts = ParseFormat(format, options);
  if (!parts.ok()) return parts.status();
  auto program = std::make_shared<Program>();
  program->parts = *std::move(parts);
  program->omit_empty = options.omit_empty_values;
  TextFormat out;
  out.program_ = std::move(program);
  return out;
}

void TextFormat::Append(const FormatSource& source, std::string* out) const {
  if (program_ != nullptr) AppendParts(program_->parts, source, program_->omit_empty, out);
}

namespace {

void Visit(const FormatCommand& command, const std::function<void(const FormatCommand&)>& visit) {
  visit(command);
  for (const FormatCommand& choice : command.first_of) Visit(choice, visit);
}

void VisitParts(const std::vector<FormatPart>& parts, const std::function<void(const FormatCommand&)>& visit) {
  for (const FormatPart& part : parts) {
    if (part.command != nullptr) Visit(*part.command, visit);
  }
}

}  // namespace

void TextFormat::ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const {
  if (program_ != nullptr) VisitParts(program_->parts, visit);
}

bool TextFormat::constant() const {
  return program_ == nullptr || program_->parts.empty() ||
         (program_->parts.size() == 1 && program_->parts[0].command == nullptr);
}

// --- JSON

struct JsonFormat::Node {
  enum class Kind : uint8_t { kConstant, kText, kCommand, kStruct, kList };
  Kind kind = Kind::kConstant;
  std::string constant;           // JSON
  std::vector<FormatPart> parts;  // kText, and the one of kCommand
  std::vector<std::string> keys;  // kStruct: `"key":`
  std::vector<Node> items;
  bool omit_empty = false;

  static absl::Status Compile(const Value& value, const FormatOptions& options, int depth, Node* out);
  static absl::Status CompileText(const std::string& text, const FormatOptions& options, Node* out);
  // False if there is nothing to show and it is to be left out (then nothing was appended).
  bool Append(const FormatSource& source, std::string* out) const;
  bool AppendCommandValue(const FormatSource& source, std::string* out) const;
  void AppendItems(const FormatSource& source, std::string* out) const;
  void ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const {
    VisitParts(parts, visit);
    for (const Node& item : items) item.ForEachCommand(visit);
  }
};

absl::Status JsonFormat::Node::CompileText(const std::string& text, const FormatOptions& options, Node* out) {
  absl::StatusOr<std::vector<FormatPart>> parts = ParseFormat(text, options);
  if (!parts.ok()) return parts.status();
  out->parts = *std::move(parts);
  if (out->parts.empty() || (out->parts.size() == 1 && out->parts[0].command == nullptr)) {
    AppendJsonString(out->parts.empty() ? "" : out->parts[0].literal, &out->constant);
  } else {
    out->kind = out->parts.size() == 1 ? Kind::kCommand : Kind::kText;
  }
  return absl::OkStatus();
}

absl::Status JsonFormat::Node::Compile(const Value& value, const FormatOptions& options, int depth, Node* out) {
  constexpr int kMaxDepth = 64;
  if (depth > kMaxDepth) return absl::InvalidArgumentError(absl::StrCat("json_format is deeper than ", kMaxDepth));
  out->omit_empty = options.omit_empty_values;
  const auto add = [&](const Value& item, const std::string& where) {
    out->items.emplace_back();
    const absl::Status status = Compile(item, options, depth + 1, &out->items.back());
    return status.ok() ? status : absl::InvalidArgumentError(absl::StrCat(where, ": ", status.message()));
  };
  if (value.as_string() != nullptr) return CompileText(*value.as_string(), options, out);
  if (const Value::Struct* fields = value.as_struct()) {
    out->kind = Kind::kStruct;
    for (const auto& [key, field] : *fields) {
      out->keys.emplace_back();
      AppendJsonString(key, &out->keys.back());
      out->keys.back().push_back(':');
      if (absl::Status status = add(field, absl::StrCat("\"", key, "\"")); !status.ok()) return status;
    }
  } else if (const Value::List* list = value.as_list()) {
    out->kind = Kind::kList;
    for (const Value& item : *list) {
      if (absl::Status status = add(item, absl::StrCat("[", out->items.size(), "]")); !status.ok()) return status;
    }
  } else {
    AppendJsonValue(value, &out->constant);
  }
  return absl::OkStatus();
}

bool JsonFormat::Node::AppendCommandValue(const FormatSource& source, std::string* out) const {
  const FormatCommand& command = *parts[0].command;
  const FormatValue value = Evaluate(command, source, &Scratch());
  switch (value.kind) {
    case FormatValue::Kind::kText:
      AppendJsonString(Cut(value.text, command.max_length), out);
      return true;
    case FormatValue::Kind::kNumber:
      absl::StrAppend(out, value.number);
      return true;
    case FormatValue::Kind::kBool:
      out->append(value.number != 0 ? "true" : "false");
      return true;
    case FormatValue::Kind::kTree:
      if (value.tree->as_string() != nullptr) {
        AppendJsonString(Cut(*value.tree->as_string(), command.max_length), out);
      } else {
        AppendJsonValue(*value.tree, out);
      }
      return true;
    case FormatValue::Kind::kTime:
      out->push_back('"');
      TimeFormat().Append(value.time, out);
      out->push_back('"');
      return true;
    case FormatValue::Kind::kMissing:
      break;
  }
  if (omit_empty) return false;
  out->append("null");
  return true;
}

void JsonFormat::Node::AppendItems(const FormatSource& source, std::string* out) const {
  out->push_back(kind == Kind::kStruct ? '{' : '[');
  bool first = true;
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t before = out->size();
    if (!first) out->push_back(',');
    if (kind == Kind::kStruct) out->append(keys[i]);
    if (items[i].Append(source, out)) {
      first = false;
    } else {
      out->resize(before);
    }
  }
  out->push_back(kind == Kind::kStruct ? '}' : ']');
}

bool JsonFormat::Node::Append(const FormatSource& source, std::string* out) const {
  switch (kind) {
    case Kind::kConstant:
      out->append(constant);
      return true;
    case Kind::kCommand:
      return AppendCommandValue(source, out);
    case Kind::kText: {
      static thread_local std::string text;
      text.clear();
      AppendParts(parts, source, omit_empty, &text);
      AppendJsonString(text, out);
      return true;
    }
    case Kind::kStruct:
    case Kind::kList:
      AppendItems(source, out);
      return true;
  }
  return true;
}

absl::StatusOr<JsonFormat> JsonFormat::Create(const Value::Struct& format, const FormatOptions& options) {
  auto root = std::make_shared<Node>();
  if (absl::Status status = Node::Compile(Value(format), options, 0, root.get()); !status.ok()) return status;
  JsonFormat out;
  out.root_ = std::move(root);
  return out;
}

void JsonFormat::Append(const FormatSource& source, std::string* out) const {
  if (root_ == nullptr) return;
  root_->Append(source, out);
  out->push_back('\n');
}

void JsonFormat::ForEachCommand(const std::function<void(const FormatCommand&)>& visit) const {
  if (root_ != nullptr) root_->ForEachCommand(visit);
}

// --- headers

absl::StatusOr<HeaderFormat> HeaderFormat::Create(absl::string_view format, FormatOptions options) {
  if (format.find_first_of("\r\n\0", 0, 3) != absl::string_view::npos) {
    return absl::InvalidArgumentError("a header value must not contain a line end or NUL");
  }
  options.omit_empty_values = true;
  absl::StatusOr<TextFormat> text = TextFormat::Create(format, options);
  if (!text.ok()) return text.status();
  HeaderFormat out;
  out.format_ = *std::move(text);
  return out;
}

namespace {

// Values come from metadata and peers too: none may end a header line.
absl::string_view InOneLine(absl::string_view text, bool own, Arena& arena) {
  constexpr absl::string_view kForbidden("\r\n\0", 3);
  if (text.find_first_of(kForbidden) == absl::string_view::npos) return own ? text : arena.Copy(text);
  const absl::string_view copy = arena.Copy(text);
  char* const begin = const_cast<char*>(copy.data());  // the copy just made
  std::replace_if(
      begin, begin + copy.size(), [&](char c) { return kForbidden.find(c) != absl::string_view::npos; }, ' ');
  return copy;
}

}  // namespace

absl::string_view HeaderFormat::Evaluate(const FormatSource& source, Arena& arena) const {
  if (format_.program_ == nullptr || format_.program_->parts.empty()) return "";
  const std::vector<FormatPart>& parts = format_.program_->parts;
  if (constant()) return parts[0].literal;
  if (parts.size() == 1) {
    const FormatCommand& command = *parts[0].command;
    std::string& scratch = Scratch();
    const FormatValue value = matching::Evaluate(command, source, &scratch);
    if (value.kind == FormatValue::Kind::kMissing) return "";
    if (value.kind == FormatValue::Kind::kText) {
      const absl::string_view text = Cut(value.text, command.max_length);
      const bool made = text.data() >= scratch.data() && text.data() <= scratch.data() + scratch.size();
      return InOneLine(text, !made, arena);
    }
  }
  static thread_local std::string text;
  text.clear();
  format_.Append(source, &text);
  return InOneLine(text, false, arena);
}

}  // namespace outrigger::matching
