// Thread: main
#pragma once

#include <memory>
#include <string>

#include "source/grpc/server_call.h"
#include "source/http/filter.h"
#include "source/http/stream.h"
#include "source/server/admin/pages.h"

namespace outrigger::server {

// The terminal HTTP filter of the admin listener: gathers the request, asks the pages, sends the answer; gRPC calls go
// to their method. So the admin endpoint has the codecs, limits, statistics and access logs of any other listener.
class AdminFilter final : public http::Filter {
 public:
  struct Config {
    const AdminPages* pages;  // outlives the listener
    std::shared_ptr<const grpc::MethodTable> methods;
  };
  AdminFilter(const Config& config, http::Stream& stream);
  ~AdminFilter() override;

  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap& headers, bool end) override;
  http::FilterStatus OnRequestBody(http::Stream& stream, Buffer& body, bool end) override;
  http::FilterStatus OnRequestTrailers(http::Stream& stream, http::HeaderMap& trailers) override;
  void OnDownstreamAboveHigh(http::Stream&) override {}
  void OnDownstreamBelowLow(http::Stream&) override;

 private:
  http::FilterStatus Ask(http::Stream& stream);
  void Answer(AdminResponse response);

  static constexpr size_t kMostBody = 1024 * 1024;
  const AdminPages& pages_;
  http::Stream* stream_;
  const std::shared_ptr<const grpc::MethodTable> methods_;
  std::unique_ptr<grpc::ServerCall> call_;  // null: a page is asked for
  AdminRequest request_;
  std::shared_ptr<AdminFilter*> alive_;  // null inside once this is gone: an answer may come late
};

}  // namespace outrigger::server
