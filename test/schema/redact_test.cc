#include "source/schema/redact.h"

#include <gtest/gtest.h>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"

namespace outrigger::schema {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::listener::v3::Listener;

TEST(RedactTest, AKeyIsTakenOutAndItsCertificateStays) {
  tls::Secret secret;
  secret.set_name("cert");
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_string("public");
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string("private");
  Redact(secret);
  EXPECT_EQ(secret.tls_certificate().certificate_chain().inline_string(), "public");
  EXPECT_EQ(secret.tls_certificate().private_key().inline_string(), "[redacted]");
  EXPECT_EQ(secret.name(), "cert");
}

TEST(RedactTest, TheNameOfAFileStays) {
  tls::Secret secret;
  secret.mutable_tls_certificate()->mutable_private_key()->set_filename("/etc/key.pem");
  Redact(secret);
  EXPECT_EQ(secret.tls_certificate().private_key().filename(), "/etc/key.pem");
}

TEST(RedactTest, AnAnyInsideOfAnotherMessageIsLookedInto) {
  tls::DownstreamTlsContext context;
  auto* certificate = context.mutable_common_tls_context()->add_tls_certificates();
  certificate->mutable_private_key()->set_inline_bytes("private");
  Listener listener;
  listener.set_name("in");
  listener.add_filter_chains()->mutable_transport_socket()->mutable_typed_config()->PackFrom(context);
  Redact(listener);
  EXPECT_EQ(listener.SerializeAsString().find("private"), std::string::npos);
  tls::DownstreamTlsContext shown;
  ASSERT_TRUE(listener.filter_chains(0).transport_socket().typed_config().UnpackTo(&shown));
  EXPECT_EQ(shown.common_tls_context().tls_certificates(0).private_key().inline_bytes(), "[redacted]");
}

TEST(RedactTest, WhatShouldDecodeAndDoesNotLosesItsContent) {
  Listener listener;
  auto& any = *listener.add_filter_chains()->mutable_transport_socket()->mutable_typed_config();
  any.PackFrom(tls::DownstreamTlsContext());
  any.set_value("\xff private");
  Redact(listener);
  EXPECT_EQ(listener.filter_chains(0).transport_socket().typed_config().value(), "");
}

}  // namespace
}  // namespace outrigger::schema
