#include "source/server/admin/pages.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace outrigger::server {

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Percent-decoding; what is no escape stays as it is.
std::string Decode(absl::string_view text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' && plus_is_space ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

AdminResponse NotAllowed(const AdminRequest& request, absl::string_view wanted) {
  AdminResponse response =
      AdminResponse::Text(absl::StrCat("Method ", request.method, " not allowed, ", wanted, " required."), 405);
  response.allow = wanted == "GET" ? "GET, HEAD, POST" : std::string(wanted);
  return response;
}

const std::string* AdminRequest::Parameter(absl::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

absl::string_view AdminRequest::Get(absl::string_view name, absl::string_view otherwise) const {
  const std::string* value = Parameter(name);
  return value == nullptr ? otherwise : absl::string_view(*value);
}

AdminRequest ParseAdminTarget(absl::string_view method, absl::string_view target) {
  AdminRequest request;
  request.method = std::string(method);
  target = absl::ClippedSubstr(target, 0, target.find('#'));
  const size_t question = target.find('?');
  request.path = Decode(absl::ClippedSubstr(target, 0, question), false);
  if (question == absl::string_view::npos) return request;
  for (absl::string_view pair : absl::StrSplit(absl::ClippedSubstr(target, question + 1), '&', absl::SkipEmpty())) {
    const size_t equals = pair.find('=');
    request.query.emplace_back(
        Decode(absl::ClippedSubstr(pair, 0, equals), true),
        equals == absl::string_view::npos ? "" : Decode(absl::ClippedSubstr(pair, equals + 1), true));
  }
  return request;
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

void AdminPages::Add(Page page) {
  std::string path = page.path;
  pages_.insert_or_assign(std::move(path), std::move(page));
}

void AdminPages::Add(std::string path, std::string what, bool mutates,
                     std::function<AdminResponse(const AdminRequest&)> handle) {
  Add(Page{std::move(path), std::move(what), mutates,
           [handle = std::move(handle)](const AdminRequest& request, Done done) { done(handle(request)); }});
}

void AdminPages::Handle(const AdminRequest& request, Done done) const {
  std::string path = request.path;
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  auto at = pages_.find(path);
  if (at == pages_.end()) {
    return done(AdminResponse::Text(absl::StrCat("invalid path. admin commands are:\n", Help()), 404));
  }
  const Page& page = at->second;
  if (page.mutates && request.method != "POST") {
    return done(NotAllowed(request, "POST"));
  }
  if (!page.mutates && request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    return done(NotAllowed(request, "GET"));
  }
  page.handle(request, std::move(done));
}

std::string AdminPages::Help() const {
  std::string text;
  for (const auto& [path, page] : pages_) {
    absl::StrAppend(&text, "  ", path, page.mutates ? " (POST)" : "", ": ", page.what, "\n");
  }
  return text;
}

std::string AdminPages::Index() const {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Outrigger admin</title>\n"
      "<style>body{font:16px sans-serif;margin:2em}td{padding:.2em 1em .2em 0}form{margin:0}</style></head>\n"
      "<body><h1>Outrigger</h1>\n<table>\n";
  for (const auto& [path, page] : pages_) {
    const std::string escaped = EscapeHtml(path);
    const std::string name =
        page.mutates ? absl::StrCat("<form method=\"post\" action=\"", escaped.substr(1), "\"><button>", escaped,
                                    "</button></form>")
                     : absl::StrCat("<a href=\"", path.size() > 1 ? escaped.substr(1) : ".", "\">", escaped, "</a>");
    absl::StrAppend(&html, "<tr><td>", name, "</td><td>", EscapeHtml(page.what), "</td></tr>\n");
  }
  absl::StrAppend(&html, "</table></body></html>\n");
  return html;
}

}  // namespace outrigger::server
