#include "source/filters/network/http_connection_manager/request_preparation.h"

#include <gtest/gtest.h>

#include "test/harness/fake_tls.h"

namespace outrigger::filters::hcm {
namespace {

using http::HeaderMap;
using http::KnownHeader;
using Fact = net::TlsInfo::Fact;

class RequestPreparationTest : public testing::Test {
 protected:
  Refusal Canonicalize(absl::string_view authority, absl::string_view path, uint16_t local_port = 8443) {
    headers_.Clear();
    headers_.Add(KnownHeader::kMethod, "GET");
    headers_.Add(KnownHeader::kScheme, "https");
    headers_.Add(KnownHeader::kAuthority, authority);
    headers_.Add(KnownHeader::kPath, path);
    return CanonicalizeRequest(config_, local_port, headers_);
  }
  std::string Xfcc() {
    PrepareClientCert(config_, &tls_, headers_);
    return std::string(headers_.Get(KnownHeader::kXForwardedClientCert));
  }
  Arena arena_;
  HeaderMap headers_{arena_};
  HcmConfig config_;
  harness::FakeTls tls_;
};

TEST_F(RequestPreparationTest, TheMatchingPortIsTheOneThatTheClientConnectedTo) {
  config_.strip_matching_port = true;
  Canonicalize("a.example:8443", "/");
  EXPECT_EQ(headers_.authority(), "a.example");
  Canonicalize("a.example:443", "/");
  EXPECT_EQ(headers_.authority(), "a.example:443") << "not this listener's";
  Canonicalize("[::1]:8443", "/");
  EXPECT_EQ(headers_.authority(), "[::1]");
  Canonicalize("a.example:80", "/", 80);
  EXPECT_EQ(headers_.authority(), "a.example");
}

TEST_F(RequestPreparationTest, ARedirectToTheCanonicalPathStaysOnThisHost) {
  config_.path.escaped_slashes = matching::PathPolicy::EscapedSlashes::kUnescapeAndRedirect;
  const Refusal plain = Canonicalize("a.example", "/a%2Fb");
  EXPECT_EQ(plain.status, 307u);
  EXPECT_EQ(plain.location, "/a/b");
  const Refusal host = Canonicalize("a.example", "/%2Fevil.example/x");
  EXPECT_EQ(host.status, 307u);
  EXPECT_EQ(host.location, "/.//evil.example/x");
}

TEST_F(RequestPreparationTest, NamesInACertificateCannotAddElementsToXfcc) {
  config_.forward_client_cert = ForwardClientCert::kSanitizeSet;
  config_.client_cert_details.uri = config_.client_cert_details.dns = true;
  tls_.peer_facts[Fact::kUriSans] = {"spiffe://a/b", "spiffe://a/b,By=x;URI=spiffe://a/admin"};
  tls_.peer_facts[Fact::kDnsSans] = {"q\"uote\\"};
  EXPECT_EQ(Xfcc(), "URI=spiffe://a/b;URI=\"spiffe://a/b,By=x;URI=spiffe://a/admin\";DNS=\"q\\\"uote\\\\\"");
}

TEST_F(RequestPreparationTest, XfccOfAPeerWithoutCertificateIsTakenAway) {
  for (const auto how : {ForwardClientCert::kSanitize, ForwardClientCert::kForwardOnly,
                         ForwardClientCert::kAppendForward, ForwardClientCert::kSanitizeSet}) {
    headers_.Clear();
    headers_.Add(KnownHeader::kXForwardedClientCert, "URI=spiffe://a/admin");
    config_.forward_client_cert = how;
    tls_.presented = false;
    EXPECT_EQ(Xfcc(), "");
    headers_.Add(KnownHeader::kXForwardedClientCert, "URI=spiffe://a/admin");
    PrepareClientCert(config_, nullptr, headers_);
    EXPECT_FALSE(headers_.Has(KnownHeader::kXForwardedClientCert));
  }
}

TEST_F(RequestPreparationTest, WithoutPortKnowsBrackets) {
  EXPECT_EQ(WithoutPort("a:80"), "a");
  EXPECT_EQ(WithoutPort("a"), "a");
  EXPECT_EQ(WithoutPort("[::1]:80"), "[::1]");
  EXPECT_EQ(WithoutPort("[::1]"), "[::1]");
}

}  // namespace
}  // namespace outrigger::filters::hcm
