// Thread: main
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::server {

struct AdminRequest {
  std::string method;
  std::string path;                                        // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::string body;

  const std::string* Parameter(absl::string_view name) const;
  bool Has(absl::string_view name) const { return Parameter(name) != nullptr; }
  absl::string_view Get(absl::string_view name, absl::string_view otherwise = "") const;
};
AdminRequest ParseAdminTarget(absl::string_view method, absl::string_view target);

struct AdminResponse {
  uint32_t status = 200;
  std::string content_type = "text/plain; charset=UTF-8";
  std::string body;
  std::string allow = {};  // of a 405 (RFC 9110 15.5.6); empty: not sent
  static AdminResponse Json(std::string body) { return {200, "application/json", std::move(body)}; }
  static AdminResponse Text(std::string body, uint32_t status = 200) {
    return {status, "text/plain; charset=UTF-8", std::move(body)};
  }
};

// 405: `wanted` is what the page asks for.
AdminResponse NotAllowed(const AdminRequest& request, absl::string_view wanted);

// The pages of the admin endpoint, by path. Nothing here knows how requests come.
class AdminPages final {
 public:
  using Done = std::function<void(AdminResponse)>;  // once; may be called later, after whoever asked is gone
  struct Page {
    std::string path;      // "/stats"
    std::string what;      // one line for /help
    bool mutates = false;  // POST only
    std::function<void(const AdminRequest&, Done)> handle;
  };
  void Add(Page page);
  // The usual kind, which answers at once.
  void Add(std::string path, std::string what, bool mutates, std::function<AdminResponse(const AdminRequest&)> handle);

  void Handle(const AdminRequest& request, Done done) const;
  std::string Help() const;   // text
  std::string Index() const;  // HTML
  const std::map<std::string, Page>& pages() const { return pages_; }

 private:
  std::map<std::string, Page> pages_;
};

// `text` with the characters that HTML gives a meaning escaped.
std::string EscapeHtml(absl::string_view text);

}  // namespace outrigger::server
