// Calls the Echo service over gRPC and prints the answers. See README.md.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "examples/mesh/echo.grpc.pb.h"

namespace outrigger::examples {
namespace {

struct Flags {
  std::string target, authority, text = "hello";
  uint32_t count = 1, stream = 0;
};

constexpr char kUsage[] =
    "usage: call --target IP:PORT [--authority HOST] [--text TEXT] [--count N | --stream N]\n"
    "  --target xds:///HOST  without a sidecar: the file that GRPC_XDS_BOOTSTRAP names says which control plane knows "
    "HOST\n"
    "  --count N   N unary calls one after the other; with more than one, only a summary is printed\n"
    "  --stream N  one call answered by a stream of N messages\n";

bool Parse(int count, char** words, Flags* flags) {
  for (int i = 1; i + 1 < count; i += 2) {
    const absl::string_view name = words[i];
    const std::string value = words[i + 1];
    if (name == "--target") {
      flags->target = value;
    } else if (name == "--authority") {
      flags->authority = value;
    } else if (name == "--text") {
      flags->text = value;
    } else if (name == "--count") {
      if (!absl::SimpleAtoi(value, &flags->count)) return false;
    } else if (name == "--stream") {
      if (!absl::SimpleAtoi(value, &flags->stream)) return false;
    } else {
      return false;
    }
  }
  return !flags->target.empty() && count % 2 == 1;
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
}

void Print(const echo::v1::SayReply& reply) {
  std::printf("service=%s version=%s caller=%s text=%s number=%u\n", reply.service().c_str(), reply.version().c_str(),
              reply.caller().c_str(), reply.text().c_str(), reply.number());
}

void Complain(const grpc::Status& status) {
  std::printf("grpc-status=%d message=%s\n", static_cast<int>(status.error_code()), status.error_message().c_str());
}

int Stream(echo::v1::Echo::Stub& stub, const Flags& flags) {
  grpc::ClientContext context;
  SetDeadline(context);
  echo::v1::RepeatRequest request;
  request.set_text(flags.text);
  request.set_times(flags.stream);
  const auto reader = stub.Repeat(&context, request);
  echo::v1::SayReply reply;
  uint32_t seen = 0;
  while (reader->Read(&reply)) {
    ++seen;
    if (seen == 1 || seen == flags.stream) Print(reply);
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) Complain(status);
  std::printf("%u messages\n", seen);
  return status.ok() && seen == flags.stream ? 0 : 1;
}

int Unary(echo::v1::Echo::Stub& stub, const Flags& flags) {
  std::map<std::string, uint32_t> versions;
  uint32_t failed = 0;
  for (uint32_t i = 0; i < flags.count; ++i) {
    grpc::ClientContext context;
    SetDeadline(context);
    echo::v1::SayRequest request;
    request.set_text(flags.text);
    echo::v1::SayReply reply;
    const grpc::Status status = stub.Say(&context, request, &reply);
    if (!status.ok()) {
      if (++failed <= 3) Complain(status);
    } else {
      ++versions[reply.version()];
      if (flags.count == 1) Print(reply);
    }
  }
  if (flags.count > 1) {
    std::printf("%u calls, %u failed", flags.count, failed);
    for (const auto& [version, n] : versions) std::printf(", %s: %u", version.c_str(), n);
    std::printf("\n");
  }
  return failed == 0 ? 0 : 1;
}

int Run(const Flags& flags) {
  grpc::ChannelArguments arguments;
  if (!flags.authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, flags.authority);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const bool xds = absl::StartsWith(flags.target, "xds:");
  // With xds: the control plane says whether there is mutual TLS.
  const auto plain = grpc::InsecureChannelCredentials();
  const auto channel = grpc::CreateCustomChannel(xds ? flags.target : "ipv4:" + flags.target,
                                                 xds ? grpc::XdsCredentials(plain) : plain, arguments);
  const auto stub = echo::v1::Echo::NewStub(channel);
  return flags.stream > 0 ? Stream(*stub, flags) : Unary(*stub, flags);
}

}  // namespace
}  // namespace outrigger::examples

int main(int count, char** words) {
  outrigger::examples::Flags flags;
  if (!outrigger::examples::Parse(count, words, &flags)) {
    std::fputs(outrigger::examples::kUsage, stderr);
    return 2;
  }
  return outrigger::examples::Run(flags);
}
