// The format parser and evaluation: the first byte chooses the kind of format, the rest is the format.
// stay one line.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "source/matching/format.h"

namespace {

using namespace outrigger::matching;  // NOLINT: a test of one room

class FuzzSource final : public FormatSource {
 public:
  FuzzSource() {
    headers_.Add(outrigger::http::KnownHeader::kPath, "/a%zz?b=%41&c");
    headers_.Add(outrigger::http::KnownHeader::kContentType, "application/grpc");
    headers_.Add(outrigger::http::KnownHeader::kGrpcStatus, "7");
    metadata_["m"] = outrigger::Value(outrigger::Value::Struct{{"k", outrigger::Value(1.5)}});
  }
  const outrigger::http::HeaderMap* RequestHeaders() const override { return &headers_; }
  const outrigger::http::HeaderMap* ResponseHeaders() const override { return &headers_; }
  const outrigger::http::HeaderMap* ResponseTrailers() const override { return nullptr; }
  const outrigger::Metadata* FindMetadata(MetadataKind) const override { return &metadata_; }
  void Get(const FormatCommand& command, std::string* scratch, FormatValue* out) const override {
    if (command.time != nullptr) return out->SetTime(outrigger::WallTime(outrigger::seconds(1460751420)));
    if (command.mask >= 0) return out->SetText("10.1.2.3");
    if (static_cast<int>(command.op) % 2 == 0) return out->SetNumber(static_cast<int64_t>(command.op));
    *scratch = "text \"with\"\r\nlines \xff";
    out->SetText(*scratch);
  }

 private:
  outrigger::Arena arena_;
  outrigger::http::HeaderMap headers_{arena_};
  outrigger::Metadata metadata_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string format(reinterpret_cast<const char*>(data) + 1, size - 1);
  const FuzzSource source;
  FormatOptions options;
  options.omit_empty_values = (data[0] & 4) != 0;
  std::string out;
  if ((data[0] & 3) == 0) {
    const auto made = TextFormat::Create(format, options);
    if (made.ok()) made->Append(source, &out);
  } else if ((data[0] & 3) == 1) {
    const auto made = JsonFormat::Create({{"k", outrigger::Value(format)}}, options);
    if (!made.ok()) return 0;
    made->Append(source, &out);
    if (out.find('\n') != out.size() - 1 || out.find('\xff') != std::string::npos) abort();
  } else {
    const auto made = HeaderFormat::Create(format, options);
    outrigger::Arena arena;
    if (made.ok() && made->Evaluate(source, arena).find_first_of("\r\n") != absl::string_view::npos) abort();
  }
  return 0;
}
