#include "source/extension/missing_filter.h"

#include <memory>

#include "source/http/stream.h"

namespace outrigger::extension {

namespace {

class MissingFilter final : public http::Filter {
 public:
  struct Config {};
  MissingFilter(const Config&, http::Stream&) {}
  http::FilterStatus OnRequestHeaders(http::Stream& stream, http::HeaderMap&, bool) override {
    stream.info().flags.Set(observe::ResponseFlag::kNoFilterConfigFound);
    http::LocalReply reply;
    reply.status = 500;
    reply.details = "filter_config_missing";
    stream.SendLocalReply(reply);
    return http::FilterStatus::kAnswered;
  }
};

}  // namespace

http::FilterSpec MissingHttpFilter(bool last) {
  http::FilterSpec spec =
      http::MakeFilterSpec<MissingFilter>(std::make_shared<const MissingFilter::Config>(), /*terminal=*/last);
  spec.type = "missing";
  return spec;
}

}  // namespace outrigger::extension
