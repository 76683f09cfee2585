#include "test/fuzz/differential/message.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace outrigger::http {
namespace {

constexpr size_t kMostBytes = 8 * 1024;
constexpr size_t kMostFields = 20;
constexpr size_t kMostMethod = 64;  // a limit of HTTP/1 alone

std::string Unescape(absl::string_view text, bool* breaks) {
  std::string out(text);
  for (char& c : out) {
    if (c < 1 || c > 3) continue;
    c = c == 1 ? '\r' : c == 2 ? '\n' : '\0';
    *breaks = true;
  }
  *breaks = *breaks || out.find('\0') != std::string::npos || out.find('\r') != std::string::npos;
  return out;
}

bool TakeLine(absl::string_view* text, absl::string_view* line) {
  const size_t end = text->find('\n');
  if (end == absl::string_view::npos) return false;
  *line = text->substr(0, end);
  text->remove_prefix(end + 1);
  return true;
}

absl::string_view Trim(absl::string_view value) {
  while (!value.empty() && (value[0] == ' ' || value[0] == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

bool MeansMoreInOneProtocol(absl::string_view lower) {
  for (absl::string_view name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te",
                                 "http2-settings", "host", "content-length", "trailer", "expect"}) {
    if (lower == name) return true;
  }
  return false;
}

void ReadFields(absl::string_view* text, PlainMessage::Fields* out, bool* breaks) {
  absl::string_view line;
  while (TakeLine(text, &line) && !line.empty()) {
    const size_t tab = line.find('\t');
    bool odd = false;
    std::string name = absl::AsciiStrToLower(Unescape(line.substr(0, tab), &odd));
    if (MeansMoreInOneProtocol(name) || out->size() == kMostFields) continue;
    *breaks = *breaks || odd || name.find(':') != std::string::npos;
    absl::string_view value = tab == absl::string_view::npos ? absl::string_view() : line.substr(tab + 1);
    out->emplace_back(std::move(name), Unescape(Trim(value), breaks));
  }
}

void AppendFields(const PlainMessage::Fields& fields, std::string* out) {
  for (const auto& [name, value] : fields) absl::StrAppend(out, name, ": ", value, "\r\n");
  out->append("\r\n");
}

void AppendInteger(size_t value, uint8_t prefix, uint8_t bits, std::string* out) {  // RFC 7541 5.1
  const size_t most = (1u << bits) - 1;
  if (value < most) {
    out->push_back(static_cast<char>(prefix | value));
    return;
  }
  out->push_back(static_cast<char>(prefix | most));
  for (value -= most; value >= 128; value >>= 7) out->push_back(static_cast<char>(value | 128));
  out->push_back(static_cast<char>(value));
}

void AppendField(absl::string_view name, absl::string_view value, std::string* out) {  // never indexed, plain
  out->push_back(0);
  AppendInteger(name.size(), 0, 7, out);
  absl::StrAppend(out, name);
  AppendInteger(value.size(), 0, 7, out);
  absl::StrAppend(out, value);
}

void AppendFrame(uint8_t type, uint8_t flags, absl::string_view payload, std::string* out) {
  const size_t n = payload.size();
  for (int shift : {16, 8, 0}) out->push_back(static_cast<char>(n >> shift & 255));
  out->push_back(static_cast<char>(type));
  out->push_back(static_cast<char>(flags));
  out->append("\0\0\0\1", 4);
  absl::StrAppend(out, payload);
}

constexpr uint8_t kData = 0, kHeaders = 1, kEndStream = 1, kEndHeaders = 4;

}  // namespace

bool ReadPlainMessage(absl::string_view text, PlainMessage* out) {
  *out = PlainMessage();
  absl::string_view kind, method, authority, path;
  if (text.size() > kMostBytes || !TakeLine(&text, &kind) || !TakeLine(&text, &method) ||
      !TakeLine(&text, &authority) || !TakeLine(&text, &path)) {
    return false;
  }
  out->request = absl::string_view(kind).find('s') == absl::string_view::npos;
  out->length_is_short = kind.find('l') != absl::string_view::npos;
  out->has_length = out->length_is_short || kind.find('c') != absl::string_view::npos;
  out->method = Unescape(method.substr(0, kMostMethod), &out->only_http2);
  if (!out->request && out->method.find(' ') != std::string::npos) out->only_http2 = true;  // a reason phrase begins
  if (out->request) {
    out->authority = Unescape(Trim(authority), &out->only_http2);
    if (out->method != "CONNECT") out->path = Unescape(path, &out->only_http2);
  }
  ReadFields(&text, &out->fields, &out->only_http2);
  if (out->request && out->method == "CONNECT") {  // what follows is a tunnel
    out->has_length = false;
    return true;
  }
  const size_t end = text.find('\4');
  out->body = std::string(text.substr(0, end));
  out->has_trailers = end != absl::string_view::npos && !out->has_length;
  if (!out->has_trailers) return true;
  text.remove_prefix(end + 1);
  ReadFields(&text, &out->trailers, &out->only_http2);
  return true;
}

std::string ToHttp1(const PlainMessage& message) {
  const bool body = !message.body.empty() || message.has_trailers;
  std::string out = message.request ? absl::StrCat(message.method, " ",
                                                   message.method == "CONNECT" ? message.authority : message.path,
                                                   " HTTP/1.1\r\nhost: ", message.authority, "\r\n")
                                    : absl::StrCat("HTTP/1.1 ", message.method, " reason\r\n");
  if (message.has_length) {
    absl::StrAppend(&out, "content-length: ", message.length(), "\r\n");
  } else if (body || !message.request) {
    absl::StrAppend(&out, "transfer-encoding: chunked\r\n");
  }
  AppendFields(message.fields, &out);
  if (message.has_length) return out + message.body;
  if (!body && message.request) return out;
  if (!message.body.empty()) absl::StrAppend(&out, absl::Hex(message.body.size()), "\r\n", message.body, "\r\n");
  out.append("0\r\n");
  AppendFields(message.trailers, &out);
  return out;
}

std::string ToHttp2(const PlainMessage& message) {
  std::string head;
  if (message.request) {
    AppendField(":method", message.method, &head);
    if (message.method != "CONNECT") {
      AppendField(":scheme", "http", &head);
      AppendField(":path", message.path, &head);
    }
    AppendField(":authority", message.authority, &head);
  } else {
    AppendField(":status", message.method, &head);
  }
  if (message.has_length) AppendField("content-length", message.length(), &head);
  for (const auto& [name, value] : message.fields) AppendField(name, value, &head);
  const bool body = !message.body.empty();
  std::string out;
  AppendFrame(kHeaders, kEndHeaders | (body || message.has_trailers ? 0 : kEndStream), head, &out);
  if (body) AppendFrame(kData, message.has_trailers ? 0 : kEndStream, message.body, &out);
  if (message.has_trailers) {
    std::string trailers;
    for (const auto& [name, value] : message.trailers) AppendField(name, value, &trailers);
    AppendFrame(kHeaders, kEndHeaders | kEndStream, trailers, &out);
  }
  return out;
}

}  // namespace outrigger::http
