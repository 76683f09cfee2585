// Facts of the upstream connection's certificates in access logs: which are asked for, and what they are.
#include "source/model/record_source.h"
#include "source/model/record_values.h"

namespace outrigger::model {

using matching::FormatCommand;
using matching::FormatValue;
using matching::Operator;
using Fact = net::TlsInfo::Fact;

namespace {

// A command about upstream certificates: whose, and which fact; or one about the connection.
struct UpstreamTlsOperand {
  enum class Of : uint8_t { kNothing, kPeer, kLocal, kConnection } of = Of::kNothing;
  Fact fact = Fact::kCount;
};

UpstreamTlsOperand OperandOf(Operator op) {
  using Of = UpstreamTlsOperand::Of;
  switch (op) {
    case Operator::kUpstreamTlsVersion:
    case Operator::kUpstreamTlsCipher:
    case Operator::kUpstreamTlsSessionId:
    case Operator::kUpstreamServerName:
      return {Of::kConnection, Fact::kCount};
    case Operator::kUpstreamPeerSubject:
      return {Of::kPeer, Fact::kSubject};
    case Operator::kUpstreamPeerIssuer:
      return {Of::kPeer, Fact::kIssuer};
    case Operator::kUpstreamPeerCert:
      return {Of::kPeer, Fact::kPemEncoded};
    case Operator::kUpstreamPeerCertVStart:
      return {Of::kPeer, Fact::kNotBefore};
    case Operator::kUpstreamPeerCertVEnd:
      return {Of::kPeer, Fact::kNotAfter};
    case Operator::kUpstreamPeerUriSan:
      return {Of::kPeer, Fact::kUriSans};
    case Operator::kUpstreamPeerDnsSan:
      return {Of::kPeer, Fact::kDnsSans};
    case Operator::kUpstreamPeerIpSan:
      return {Of::kPeer, Fact::kIpSans};
    case Operator::kUpstreamLocalUriSan:
      return {Of::kLocal, Fact::kUriSans};
    case Operator::kUpstreamLocalDnsSan:
      return {Of::kLocal, Fact::kDnsSans};
    case Operator::kUpstreamLocalIpSan:
      return {Of::kLocal, Fact::kIpSans};
    default:
      return {};
  }
}

}  // namespace

http::UpstreamTls::Wish UpstreamTlsWishOf(const FormatCommand& command) {
  const UpstreamTlsOperand operand = OperandOf(command.op);
  switch (operand.of) {
    case UpstreamTlsOperand::Of::kPeer:
      return http::UpstreamTls::PeerFact(operand.fact);
    case UpstreamTlsOperand::Of::kLocal:
      return http::UpstreamTls::LocalFact(operand.fact);
    case UpstreamTlsOperand::Of::kConnection:
      return http::UpstreamTls::kConnection;
    case UpstreamTlsOperand::Of::kNothing:
      break;
  }
  return 0;
}

bool RecordSource::GetUpstreamTls(const FormatCommand& command, FormatValue* out) const {
  const UpstreamTlsOperand operand = OperandOf(command.op);
  if (operand.of == UpstreamTlsOperand::Of::kNothing) return false;
  const http::UpstreamTls* tls = record_.info->upstream.tls;
  if (tls == nullptr) return true;
  if (operand.of != UpstreamTlsOperand::Of::kConnection) {
    const auto& facts = operand.of == UpstreamTlsOperand::Of::kPeer ? tls->peer : tls->local;
    SetIfAny(facts[static_cast<size_t>(operand.fact)], out);
    return true;
  }
  SetIfAny(command.op == Operator::kUpstreamTlsVersion     ? tls->version
           : command.op == Operator::kUpstreamTlsCipher    ? tls->cipher
           : command.op == Operator::kUpstreamTlsSessionId ? tls->session_id
                                                           : tls->server_name,
           out);
  return true;
}

}  // namespace outrigger::model
