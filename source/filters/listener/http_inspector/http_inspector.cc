#include "source/filters/listener/http_inspector/http_inspector.h"

namespace outrigger::filters {

net::ListenerFilter::Verdict HttpInspector::OnBytes(absl::string_view seen, bool, net::AcceptedSocket& socket,
                                                    size_t*) {
  using net::ApplicationProtocol;
  switch (net::DetectHttp(seen)) {
    case net::HttpDetection::kNeedMore:
      return Verdict::kNeedMore;
    case net::HttpDetection::kHttp10:
      stats_.http10_found.Inc();
      socket.properties.application = ApplicationProtocol::kHttp10;
      return Verdict::kContinue;
    case net::HttpDetection::kHttp11:
      stats_.http11_found.Inc();
      socket.properties.application = ApplicationProtocol::kHttp1;
      return Verdict::kContinue;
    case net::HttpDetection::kHttp2:
      stats_.http2_found.Inc();
      socket.properties.application = ApplicationProtocol::kHttp2;
      return Verdict::kContinue;
    case net::HttpDetection::kNotHttp:
      stats_.http_not_found.Inc();
      return Verdict::kContinue;
  }
  return Verdict::kContinue;
}

}  // namespace outrigger::filters
