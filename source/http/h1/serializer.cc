#include "source/http/h1/serializer.h"

#include <charconv>
#include <cstring>

#include "source/http/authority.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/scan.h"

namespace outrigger::http::h1 {
namespace {

constexpr size_t kFixedBytes = 256;  // start line without its views, connection line, length line, final CRLF

// Writes into one reserved piece of the output. The caller reserved enough: see Bound.
class Cursor {
 public:
  explicit Cursor(char* at) : begin_(at), at_(at) {}
  void Put(absl::string_view text) {
    memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void PutNumber(uint64_t value) { at_ = std::to_chars(at_, at_ + 20, value).ptr; }
  // A value, with what would end the line made harmless.
  void PutValue(absl::string_view value) {
    char* const start = at_;
    Put(value);
    if (IsFieldValue(value)) return;
    for (char* p = start; p < at_; ++p) {
      if (!IsValueByte(static_cast<uint8_t>(*p))) *p = ' ';
    }
  }
  void PutProperCase(absl::string_view name) {
    bool first = true;
    for (char c : name) {
      *at_++ = first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      first = !IsAlphaNumeric(c);
    }
  }
  size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
  static bool IsAlphaNumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }
  char* begin_;
  char* at_;
};

size_t Bound(const HeaderMap& headers) {
  // ": " and CRLF per field; Host and the target's scheme may be written from the same pseudo-header twice.
  return kFixedBytes + headers.byte_size() + 4 * headers.size() + headers.authority().size();
}

void PutName(Cursor& out, absl::string_view name, absl::string_view wire, const Http1Options& options) {
  if (options.preserve_case && !wire.empty()) {
    out.Put(wire);
  } else if (options.proper_case) {
    out.PutProperCase(name);
  } else {
    out.Put(name);
  }
}
void PutLine(Cursor& out, absl::string_view name, absl::string_view value, const Http1Options& options) {
  PutName(out, name, "", options);
  out.Put(": ");
  out.PutValue(value);
  out.Put("\r\n");
}

// A Connection value that filters set: does it name `name`?
bool Nominates(absl::string_view connection, absl::string_view name) {
  while (!connection.empty()) {
    const size_t comma = connection.find(',');
    if (EqualsLower(TrimWhitespace(connection.substr(0, comma)), name)) return true;
    if (comma == absl::string_view::npos) break;
    connection = connection.substr(comma + 1);
  }
  return false;
}

bool SaysClose(const HeaderMap& headers) {
  return headers.Has(KnownHeader::kConnection) && Nominates(headers.GetJoined(KnownHeader::kConnection), "close");
}

struct FieldRules {
  bool request = false;
  bool upgrade = false;
  bool trailers = false;
};

// Pseudo-headers, framing and connection-specific fields are written by the plan, never copied.
bool IsOurs(const HeaderMap::Entry& entry, const FieldRules& rules) {
  switch (entry.known) {
    case KnownHeader::kHost:
      return rules.request || rules.trailers;
    case KnownHeader::kUpgrade:
      return !rules.upgrade;
    case KnownHeader::kConnection:
    case KnownHeader::kKeepAlive:
    case KnownHeader::kProxyConnection:
    case KnownHeader::kTransferEncoding:
    case KnownHeader::kContentLength:
    case KnownHeader::kTe:
    case KnownHeader::kHttp2Settings:
      return true;
    default:
      return entry.name.empty() || entry.name[0] == ':';
  }
}

void PutFields(Cursor& out, const HeaderMap& headers, const FieldRules& rules, const WritePlan& plan,
               const Http1Options& options) {
  const absl::string_view connection =
      headers.Has(KnownHeader::kConnection) ? headers.GetJoined(KnownHeader::kConnection) : absl::string_view();
  bool length_written = false;
  headers.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.known == KnownHeader::kContentLength && plan.write_length && !length_written) {
      length_written = true;  // where the sender had it
      PutName(out, entry.name, entry.wire_name, options);
      out.Put(": ");
      out.PutNumber(plan.length);
      out.Put("\r\n");
      return;
    }
    if (IsOurs(entry, rules)) return;
    if (!connection.empty() && entry.known != KnownHeader::kUpgrade && Nominates(connection, entry.name)) return;
    if (entry.known == KnownHeader::kOther && !IsToken(entry.name)) return;
    PutName(out, entry.name, entry.wire_name, options);
    out.Put(": ");
    out.PutValue(entry.value);
    out.Put("\r\n");
  });
  if (plan.write_length && !length_written) {
    PutName(out, "content-length", "", options);
    out.Put(": ");
    out.PutNumber(plan.length);
    out.Put("\r\n");
  }
}

void PutEnding(Cursor& out, const WritePlan& plan, bool te, const Http1Options& options) {
  if (plan.framing == Framing::kChunked) PutLine(out, "transfer-encoding", "chunked", options);
  if (te) PutLine(out, "te", "trailers", options);
  if (plan.upgrade) {
    PutLine(out, "connection", te ? "upgrade, te" : "upgrade", options);
  } else if (plan.close) {
    PutLine(out, "connection", te ? "close, te" : "close", options);
  } else if (plan.keep_alive) {
    PutLine(out, "connection", "keep-alive", options);
  } else if (te) {
    PutLine(out, "connection", "te", options);
  }
  out.Put("\r\n");
}

bool IsPlainTarget(absl::string_view target) {
  const char* end = target.data() + target.size();
  return !target.empty() && ScanTarget(target.data(), end) == end;
}

// Method, target and authority must make exactly one request line and one Host.
bool IsSendable(const HeaderMap& headers) {
  const absl::string_view method = headers.method();
  const absl::string_view path = headers.path();
  if (!IsToken(method)) return false;
  Authority parts;
  if (!ParseAuthority(headers.authority(), &parts)) return false;
  if (method == "CONNECT") return parts.port != 0;
  if (path == "*") return method == "OPTIONS";
  return IsPlainTarget(path) && path[0] == '/';
}

// The map's Content-Length if it is one number.
bool OwnLength(const HeaderMap& headers, uint64_t* length) {
  const absl::string_view text = headers.Get(KnownHeader::kContentLength);
  return text.data() != nullptr && ParseContentLength(text, length) && headers.Count(KnownHeader::kContentLength) == 1;
}

}  // namespace

WritePlan PlanResponse(const HeaderMap& headers, bool end, const AnswerTo& request) {
  WritePlan plan;
  const uint32_t status = headers.status();
  plan.close = !request.keep_alive || SaysClose(headers);
  if (status == 101) {
    plan.upgrade = plan.tunnel = true;
    plan.close = false;
    return plan;
  }
  if (request.connect && status >= 200 && status < 300) {
    plan.tunnel = true;
    plan.close = false;
    return plan;
  }
  const bool has_length = OwnLength(headers, &plan.length);
  if (status == 204 || status < 200) {
    plan.write_length = false;
  } else if (request.head || status == 304) {
    plan.write_length = has_length;
  } else if (end) {
    plan.broken = has_length && plan.length > 0;
    plan.write_length = true;
  } else if (has_length) {
    plan.framing = Framing::kLength;
    plan.write_length = true;
  } else if (request.peer_http10) {
    plan.framing = Framing::kUntilClose;
    plan.close = true;
  } else {
    plan.framing = Framing::kChunked;
  }
  if (plan.broken) plan.close = true;
  plan.keep_alive = request.peer_http10 && !plan.close;
  return plan;
}

WritePlan PlanRequest(const HeaderMap& headers, bool end) {
  WritePlan plan;
  const absl::string_view method = headers.method();
  if (method == "CONNECT") {
    plan.tunnel = true;
    return plan;
  }
  plan.close = SaysClose(headers);
  plan.upgrade = !end && headers.Has(KnownHeader::kUpgrade) && headers.Has(KnownHeader::kConnection) &&
                 Nominates(headers.GetJoined(KnownHeader::kConnection), "upgrade");
  const bool has_length = OwnLength(headers, &plan.length);
  if (end) {
    // Methods whose content means nothing need no "content-length: 0" (RFC 9110 8.6).
    const bool silent =
        method == "GET" || method == "HEAD" || method == "DELETE" || method == "OPTIONS" || method == "TRACE";
    plan.broken = has_length && plan.length > 0;
    plan.write_length = has_length || !silent;
  } else if (has_length) {
    plan.framing = Framing::kLength;
    plan.write_length = true;
  } else if (!plan.upgrade) {
    plan.framing = Framing::kChunked;
  }
  return plan;
}

size_t WriteRequestHead(const HeaderMap& headers, const WritePlan& plan, const Http1Options& options, Buffer& buffer) {
  if (!IsSendable(headers)) return 0;
  size_t room = 0;
  Cursor out(buffer.Reserve(Bound(headers), &room));
  const absl::string_view method = headers.method();
  const absl::string_view authority = headers.authority();
  out.Put(method);
  out.Put(" ");
  if (method == "CONNECT") {
    out.Put(authority);
  } else if (options.send_fully_qualified_url && headers.path() != "*") {
    out.Put(headers.scheme() == "https" ? "https://" : "http://");
    out.Put(authority);
    out.Put(headers.path());
  } else {
    out.Put(headers.path());
  }
  out.Put(" HTTP/1.1\r\n");
  const HeaderMap::Entry* entry = headers.Find(KnownHeader::kAuthority);
  PutName(out, "host", entry->wire_name, options);
  out.Put(": ");
  out.PutValue(authority);
  out.Put("\r\n");
  FieldRules rules;
  rules.request = true;
  rules.upgrade = plan.upgrade;
  PutFields(out, headers, rules, plan, options);
  const absl::string_view te = headers.Get(KnownHeader::kTe);
  PutEnding(out, plan, EqualsLower(te, "trailers") && !plan.tunnel, options);
  buffer.Commit(out.size());
  return out.size();
}

size_t WriteResponseHead(const HeaderMap& headers, const WritePlan& plan, const Http1Options& options, Buffer& buffer) {
  size_t room = 0;
  Cursor out(buffer.Reserve(Bound(headers), &room));
  uint32_t status = headers.status();
  if (status < 100 || status > 999) status = 500;
  out.Put("HTTP/1.1 ");
  out.PutNumber(status);
  out.Put(" ");
  out.Put(ReasonPhrase(status));
  out.Put("\r\n");
  FieldRules rules;
  rules.upgrade = plan.upgrade || status == 426;
  PutFields(out, headers, rules, plan, options);
  PutEnding(out, plan, /*te=*/false, options);
  buffer.Commit(out.size());
  return out.size();
}

size_t WriteInterim(const HeaderMap& headers, const Http1Options& options, Buffer& buffer) {
  return WriteResponseHead(headers, WritePlan(), options, buffer);
}

size_t WriteChunk(Buffer& body, Buffer& out) {
  if (body.empty()) return 0;
  char line[20];
  char* end = std::to_chars(line, line + 16, body.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const size_t head = static_cast<size_t>(end - line);
  const size_t total = head + body.size() + 2;
  out.Append(absl::string_view(line, head));
  out.Append(std::move(body));
  out.Append("\r\n");
  return total;
}

size_t WriteLastChunk(Buffer& out) {
  constexpr absl::string_view kLast = "0\r\n\r\n";
  out.Append(kLast);
  return kLast.size();
}

size_t WriteTrailers(const HeaderMap& trailers, const Http1Options& options, Buffer& buffer) {
  size_t room = 0;
  Cursor out(buffer.Reserve(Bound(trailers), &room));
  out.Put("0\r\n");
  FieldRules rules;
  rules.trailers = true;
  PutFields(out, trailers, rules, WritePlan(), options);
  out.Put("\r\n");
  buffer.Commit(out.size());
  return out.size();
}

size_t WriteRefusal(uint32_t status, bool head, Buffer& buffer) {
  size_t room = 0;
  Cursor out(buffer.Reserve(kFixedBytes, &room));
  const absl::string_view reason = ReasonPhrase(status);
  out.Put("HTTP/1.1 ");
  out.PutNumber(status);
  out.Put(" ");
  out.Put(reason);
  out.Put("\r\ncontent-type: text/plain\r\ncontent-length: ");
  out.PutNumber(reason.size());
  // RFC 9110 15.5.22: 426 says what to upgrade to.
  out.Put(status == 426 ? "\r\nupgrade: HTTP/1.1\r\nconnection: upgrade, close\r\n\r\n"
                        : "\r\nconnection: close\r\n\r\n");
  if (!head) out.Put(reason);
  buffer.Commit(out.size());
  return out.size();
}

}  // namespace outrigger::http::h1
