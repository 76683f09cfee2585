#include "source/config/tls_builder.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/extension/matchers.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
namespace core = envoy::config::core::v3;
using extension::Fault;
using extension::Item;

namespace {

// Errors of tls/ say their fields in text, "tls_certificates[1]: private_key: cause": the same as a path.
absl::Status WithFields(const absl::Status& status) {
  absl::string_view rest = status.message();
  std::string path;
  for (size_t colon = rest.find(": "); colon != absl::string_view::npos; colon = rest.find(": ")) {
    const absl::string_view field = rest.substr(0, colon);
    if (field.find(' ') != absl::string_view::npos || field.find('_') == absl::string_view::npos) break;
    absl::StrAppend(&path, path.empty() ? "" : ".", field);
    rest.remove_prefix(colon + 2);
  }
  // Names of validation settings come without the message that they stand in.
  for (const absl::string_view field : {"trusted_ca", "crl", "verify_", "max_verify_depth"}) {
    if (absl::StartsWith(path, field)) path.insert(0, "validation_context.");
  }
  return status.ok() ? status : Fault(path, rest);
}

// The same for a secret, which is one certificate and not a list.
absl::Status AsSecret(const absl::Status& status) {
  absl::string_view text = status.message();
  if (!absl::ConsumePrefix(&text, "tls_certificates[0]")) return WithFields(status);
  return WithFields(absl::InvalidArgumentError(absl::StrCat("tls_certificate", text)));
}

template <class Context>
absl::StatusOr<std::shared_ptr<const Context>> Made(absl::StatusOr<std::shared_ptr<const Context>> made) {
  if (!made.ok()) return WithFields(made.status());
  return made;
}

// What a DataSource is called on /certs.
std::string OriginText(const core::DataSource& source) {
  switch (source.specifier_case()) {
    case core::DataSource::kFilename:
      return source.filename();
    case core::DataSource::kEnvironmentVariable:
      return absl::StrCat("$", source.environment_variable());
    default:
      return "<inline>";
  }
}

tls::ProtocolVersion VersionOf(tls_v3::TlsParameters::TlsProtocol version) {
  switch (version) {
    case tls_v3::TlsParameters::TLSv1_0:
      return tls::ProtocolVersion::kTls10;
    case tls_v3::TlsParameters::TLSv1_1:
      return tls::ProtocolVersion::kTls11;
    case tls_v3::TlsParameters::TLSv1_2:
      return tls::ProtocolVersion::kTls12;
    case tls_v3::TlsParameters::TLSv1_3:
      return tls::ProtocolVersion::kTls13;
    default:
      return tls::ProtocolVersion::kAuto;
  }
}

tls::ParamsSpec ParamsOf(const tls_v3::TlsParameters& proto) {
  tls::ParamsSpec out;
  out.min_version = VersionOf(proto.tls_minimum_protocol_version());
  out.max_version = VersionOf(proto.tls_maximum_protocol_version());
  out.cipher_suites.assign(proto.cipher_suites().begin(), proto.cipher_suites().end());
  out.ecdh_curves.assign(proto.ecdh_curves().begin(), proto.ecdh_curves().end());
  out.signature_algorithms.assign(proto.signature_algorithms().begin(), proto.signature_algorithms().end());
  return out;
}

absl::StatusOr<tls::CertificateSpec> CertificateOf(const tls_v3::TlsCertificate& proto, BuildContext& context) {
  tls::CertificateSpec out;
  OUTRIGGER_ASSIGN(out.chain_pem, "certificate_chain", context.ReadDataSource(proto.certificate_chain()));
  OUTRIGGER_ASSIGN(const std::string key, "private_key", context.ReadDataSource(proto.private_key()));
  out.key_pem = tls::Secret(key);
  if (proto.has_password()) {
    OUTRIGGER_ASSIGN(const std::string password, "password", context.ReadDataSource(proto.password()));
    out.password = tls::Secret(password);
  }
  if (proto.has_watched_directory()) context.found().dependencies.files.push_back(proto.watched_directory().path());
  out.origin = OriginText(proto.certificate_chain());
  return out;
}

absl::StatusOr<tls::SanMatcher> SanOf(const tls_v3::SubjectAltNameMatcher& proto) {
  tls::SanMatcher out;
  switch (proto.san_type()) {
    case tls_v3::SubjectAltNameMatcher::DNS:
      out.kind = tls::SanKind::kDns;
      break;
    case tls_v3::SubjectAltNameMatcher::URI:
      out.kind = tls::SanKind::kUri;
      break;
    case tls_v3::SubjectAltNameMatcher::IP_ADDRESS:
      out.kind = tls::SanKind::kIp;
      break;
    default:
      return Fault("san_type", "is not supported");
  }
  OUTRIGGER_ASSIGN(out.matcher, "matcher", extension::BuildStringMatcher(proto.matcher()));
  return out;
}

// The deprecated matchers that name no type stand for names of every type.
absl::Status AddUntypedSans(const tls_v3::CertificateValidationContext& proto, tls::ValidationSpec* out) {
  for (int i = 0; i < proto.match_subject_alt_names_size(); ++i) {
    OUTRIGGER_ASSIGN(auto matcher, Item("match_subject_alt_names", i),
                     extension::BuildStringMatcher(proto.match_subject_alt_names(i)));
    for (const tls::SanKind kind : {tls::SanKind::kDns, tls::SanKind::kUri, tls::SanKind::kIp, tls::SanKind::kEmail}) {
      out->san_matchers.push_back({kind, matcher});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<tls::ValidationSpec> ValidationOf(const tls_v3::CertificateValidationContext& proto,
                                                 BuildContext& context) {
  tls::ValidationSpec out;
  if (proto.has_trusted_ca()) {
    OUTRIGGER_ASSIGN(out.trusted_ca_pem, "trusted_ca", context.ReadDataSource(proto.trusted_ca()));
    if (out.trusted_ca_pem.empty()) return Fault("trusted_ca", "is empty");
    out.origin = OriginText(proto.trusted_ca());
  }
  if (proto.has_watched_directory()) context.found().dependencies.files.push_back(proto.watched_directory().path());
  OUTRIGGER_ASSIGN(out.san_matchers, "",
                   extension::ListOf<tls::SanMatcher>("match_typed_subject_alt_names",
                                                      proto.match_typed_subject_alt_names(), SanOf));
  OUTRIGGER_TRY("", AddUntypedSans(proto, &out));
  out.certificate_hashes.assign(proto.verify_certificate_hash().begin(), proto.verify_certificate_hash().end());
  out.spki_hashes.assign(proto.verify_certificate_spki().begin(), proto.verify_certificate_spki().end());
  out.allow_expired_certificate = proto.allow_expired_certificate();
  out.accept_untrusted = proto.trust_chain_verification() == tls_v3::CertificateValidationContext::ACCEPT_UNTRUSTED;
  if (proto.has_max_verify_depth()) out.max_verify_depth = proto.max_verify_depth().value();
  if (!out.san_matchers.empty() && out.trusted_ca_pem.empty()) {
    return Fault("", "names are expected, but there is no trusted_ca to verify certificates with");
  }
  return out;
}

// The secret that `config` names, or null if it has not come. A secret without source belongs to the bootstrap and must
// be there.
absl::StatusOr<const tls_v3::Secret*> SecretOf(const tls_v3::SdsSecretConfig& config, BuildContext& context) {
  const tls_v3::Secret* secret =
      context.known().FindSecret(config.has_sds_config() ? &config.sds_config() : nullptr, config.name());
  if (config.has_sds_config()) {
    context.Subscribe(ResourceKind::kSecret, config.name(), config.sds_config());
  } else if (secret == nullptr) {
    return Fault("name", absl::StrCat("static_resources has no secret \"", config.name(), "\""));
  }
  return secret;
}

absl::Status WrongSecret(const tls_v3::SdsSecretConfig& config, absl::string_view wanted) {
  return Fault("", absl::StrCat("the secret \"", config.name(), "\" is no ", wanted));
}

// tls_certificates and their SDS configs. False: one has not come.
absl::StatusOr<bool> SetCertificates(const tls_v3::CommonTlsContext& proto, BuildContext& context,
                                     std::vector<tls::CertificateSpec>* out) {
  bool complete = true;
  for (int i = 0; i < proto.tls_certificates_size(); ++i) {
    OUTRIGGER_ASSIGN(out->emplace_back(), Item("tls_certificates", i),
                     CertificateOf(proto.tls_certificates(i), context));
  }
  for (int i = 0; i < proto.tls_certificate_sds_secret_configs_size(); ++i) {
    const auto& config = proto.tls_certificate_sds_secret_configs(i);
    const std::string path = Item("tls_certificate_sds_secret_configs", i);
    OUTRIGGER_ASSIGN(const tls_v3::Secret* secret, path, SecretOf(config, context));
    if (secret == nullptr) {
      complete = false;
      continue;
    }
    if (!secret->has_tls_certificate()) return extension::Under(path, WrongSecret(config, "tls_certificate"));
    OUTRIGGER_ASSIGN(auto made, path, CertificateOf(secret->tls_certificate(), context));
    made.origin = config.name();
    out->push_back(std::move(made));
  }
  return complete;
}

absl::StatusOr<bool> SetValidation(const tls_v3::CommonTlsContext& proto, BuildContext& context,
                                   tls::ValidationSpec* out) {
  using Case = tls_v3::CommonTlsContext;
  const tls_v3::SdsSecretConfig* config = nullptr;
  std::string path;
  tls_v3::CertificateValidationContext merged;
  switch (proto.validation_context_type_case()) {
    case Case::kValidationContext: {
      OUTRIGGER_ASSIGN(*out, "validation_context", ValidationOf(proto.validation_context(), context));
      return true;
    }
    case Case::kValidationContextSdsSecretConfig:
      config = &proto.validation_context_sds_secret_config();
      path = "validation_context_sds_secret_config";
      break;
    case Case::kCombinedValidationContext:
      config = &proto.combined_validation_context().validation_context_sds_secret_config();
      path = "combined_validation_context.validation_context_sds_secret_config";
      merged = proto.combined_validation_context().default_validation_context();
      break;
    default:
      return true;
  }
  OUTRIGGER_ASSIGN(const tls_v3::Secret* secret, path, SecretOf(*config, context));
  if (secret == nullptr) return false;
  if (!secret->has_validation_context()) return extension::Under(path, WrongSecret(*config, "validation_context"));
  merged.MergeFrom(secret->validation_context());  // as published: what the secret says wins, lists are joined
  OUTRIGGER_ASSIGN(*out, path, ValidationOf(merged, context));
  out->origin = config->name();
  return true;
}

absl::Status SetTicketKeys(const tls_v3::TlsSessionTicketKeys& proto, BuildContext& context, tls::ServerSpec* out) {
  for (int i = 0; i < proto.keys_size(); ++i) {
    OUTRIGGER_ASSIGN(const std::string key, Item("keys", i), context.ReadDataSource(proto.keys(i)));
    if (key.size() != 80) return Fault(Item("keys", i), absl::StrCat("must be 80 bytes, is ", key.size()));
    out->ticket_keys.emplace_back(key);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SetTickets(const tls_v3::DownstreamTlsContext& proto, BuildContext& context,
                                tls::ServerSpec* out) {
  using Case = tls_v3::DownstreamTlsContext;
  switch (proto.session_ticket_keys_type_case()) {
    case Case::kSessionTicketKeys:
      OUTRIGGER_TRY("session_ticket_keys", SetTicketKeys(proto.session_ticket_keys(), context, out));
      return true;
    case Case::kSessionTicketKeysSdsSecretConfig: {
      const auto& config = proto.session_ticket_keys_sds_secret_config();
      constexpr absl::string_view kPath = "session_ticket_keys_sds_secret_config";
      OUTRIGGER_ASSIGN(const tls_v3::Secret* secret, kPath, SecretOf(config, context));
      if (secret == nullptr) return false;
      if (!secret->has_session_ticket_keys())
        return extension::Under(kPath, WrongSecret(config, "session_ticket_keys"));
      OUTRIGGER_TRY(kPath, SetTicketKeys(secret->session_ticket_keys(), context, out));
      return true;
    }
    case Case::kDisableStatelessSessionResumption:
      out->disable_stateless_resumption = proto.disable_stateless_session_resumption();
      return true;
    default:
      return true;
  }
}

// A certificate whose time has passed, or has not come: peers may refuse it, but that is for them to say.
template <class Context>
void WarnOf(const Context& made, BuildContext& context) {
  for (const std::string& warning : made.Warnings(context.environment().engine.WallNow())) {
    context.Warn(absl::StrCat("common_tls_context: ", warning));
  }
}

absl::StatusOr<Transport<tls::ServerContext>> ServerTls(const tls_v3::DownstreamTlsContext& proto,
                                                        BuildContext& context) {
  // Clients without SNI would be served: ignoring this would change who may talk.
  if (proto.require_sni().value()) return Fault("require_sni", "is not supported");
  const auto& common = proto.common_tls_context();
  Transport<tls::ServerContext> out;
  out.tls = true;
  tls::ServerSpec spec;
  spec.params = ParamsOf(common.tls_params());
  OUTRIGGER_ASSIGN(const bool certificates, "common_tls_context", SetCertificates(common, context, &spec.certificates));
  OUTRIGGER_ASSIGN(const bool validation, "common_tls_context", SetValidation(common, context, &spec.validation));
  spec.alpn.assign(common.alpn_protocols().begin(), common.alpn_protocols().end());
  spec.require_client_certificate = proto.require_client_certificate().value();
  OUTRIGGER_ASSIGN(const bool tickets, "", SetTickets(proto, context, &spec));
  spec.disable_stateful_resumption = proto.disable_stateful_session_resumption();
  if (proto.has_session_timeout()) spec.session_timeout = extension::DurationOf(proto.session_timeout());
  if (!certificates || !validation || !tickets) {
    out.missing = true;
    return out;
  }
  if (spec.certificates.empty()) return Fault("common_tls_context", "a server needs a certificate");
  if (spec.require_client_certificate && !spec.validation.verifies()) {
    return Fault("require_client_certificate", "needs a validation context with a trusted_ca or with pins");
  }
  OUTRIGGER_ASSIGN(out.context, "common_tls_context", Made(context.environment().tls.Server(spec)));
  WarnOf(*out.context, context);
  return out;
}

absl::StatusOr<Transport<tls::ClientContext>> ClientTls(const tls_v3::UpstreamTlsContext& proto,
                                                        BuildContext& context) {
  const auto& common = proto.common_tls_context();
  Transport<tls::ClientContext> out;
  out.tls = true;
  tls::ClientSpec spec;
  spec.params = ParamsOf(common.tls_params());
  if (common.tls_certificates_size() + common.tls_certificate_sds_secret_configs_size() > 1) {
    return Fault("common_tls_context.tls_certificates", "a client shows one certificate at most");
  }
  OUTRIGGER_ASSIGN(const bool certificates, "common_tls_context", SetCertificates(common, context, &spec.certificates));
  OUTRIGGER_ASSIGN(const bool validation, "common_tls_context", SetValidation(common, context, &spec.validation));
  spec.alpn.assign(common.alpn_protocols().begin(), common.alpn_protocols().end());
  spec.sni = proto.sni();
  if (proto.has_max_session_keys()) spec.max_session_keys = proto.max_session_keys().value();
  if (!certificates || !validation) {
    out.missing = true;
    return out;
  }
  OUTRIGGER_ASSIGN(out.context, "common_tls_context", Made(context.environment().tls.Client(spec)));
  WarnOf(*out.context, context);
  return out;
}

// Decodes transport_socket.typed_config: into `tls`, or finds raw_buffer. False: plain.
absl::StatusOr<bool> UnpackSocket(const core::TransportSocket& socket, google::protobuf::Message& tls) {
  if (!socket.has_typed_config()) {
    if (socket.name() == "envoy.transport_sockets.raw_buffer" || socket.name() == "raw_buffer") return false;
    return Fault("typed_config", "is not set");
  }
  if (schema::TypeOf(socket.typed_config().type_url()) ==
      envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer::descriptor()) {
    return false;
  }
  OUTRIGGER_TRY("typed_config", schema::UnpackInto(socket.typed_config(), tls));
  return true;
}

}  // namespace

absl::StatusOr<Transport<tls::ServerContext>> ServerTransportOf(bool given, const core::TransportSocket& socket,
                                                                BuildContext& context) {
  if (!given) return Transport<tls::ServerContext>();
  tls_v3::DownstreamTlsContext proto;
  OUTRIGGER_ASSIGN(const bool tls, "", UnpackSocket(socket, proto));
  if (!tls) return Transport<tls::ServerContext>();
  OUTRIGGER_ASSIGN(auto made, "typed_config", ServerTls(proto, context));
  return made;
}

absl::StatusOr<Transport<tls::ClientContext>> ClientTransportOf(bool given, const core::TransportSocket& socket,
                                                                BuildContext& context) {
  if (!given) return Transport<tls::ClientContext>();
  tls_v3::UpstreamTlsContext proto;
  OUTRIGGER_ASSIGN(const bool tls, "", UnpackSocket(socket, proto));
  if (!tls) return Transport<tls::ClientContext>();
  OUTRIGGER_ASSIGN(auto made, "typed_config", ClientTls(proto, context));
  return made;
}

absl::Status CheckSecret(const tls_v3::Secret& secret, BuildContext& context) {
  switch (secret.type_case()) {
    case tls_v3::Secret::kTlsCertificate: {
      tls::ServerSpec spec;
      OUTRIGGER_ASSIGN(spec.certificates.emplace_back(), "tls_certificate",
                       CertificateOf(secret.tls_certificate(), context));
      const auto made = context.environment().tls.Server(spec);
      return made.ok() ? absl::OkStatus() : AsSecret(made.status());
    }
    case tls_v3::Secret::kValidationContext: {
      tls::ClientSpec spec;
      OUTRIGGER_ASSIGN(spec.validation, "validation_context", ValidationOf(secret.validation_context(), context));
      const auto made = context.environment().tls.Client(spec);
      return made.ok() ? absl::OkStatus() : AsSecret(made.status());
    }
    case tls_v3::Secret::kSessionTicketKeys: {
      tls::ServerSpec spec;
      OUTRIGGER_TRY("session_ticket_keys", SetTicketKeys(secret.session_ticket_keys(), context, &spec));
      return absl::OkStatus();
    }
    default:
      return Fault("", "needs tls_certificate, validation_context or session_ticket_keys");
  }
}

}  // namespace outrigger::config
