#include <cstring>

#include "source/http/h1/parser.h"

// Turns a parsed section into a HeaderMap: the block is copied once, the entries are views of the copy.
namespace outrigger::http::h1 {
namespace {

class Builder {
 public:
  Builder(const Head& head, const char* wire_block, HeaderMap& map) : head_(head), map_(map) {
    copy_ = map.arena().Copy(absl::string_view(head.block, head.size)).data();
    if (wire_block != nullptr) wire_ = map.arena().Copy(absl::string_view(wire_block, head.size)).data();
  }

  // A view of the parsed block as a view of the copy; static text stays what it is.
  absl::string_view Moved(absl::string_view view) const {
    if (view.data() < head_.block || view.data() >= head_.block + head_.size) return map_.arena().Copy(view);
    return absl::string_view(copy_ + (view.data() - head_.block), view.size());
  }
  absl::string_view Wire(absl::string_view name) const {
    if (wire_ == nullptr || name.empty()) return absl::string_view();
    const char* spelled = wire_ + (name.data() - head_.block);
    if (memcmp(spelled, name.data(), name.size()) == 0) return absl::string_view();
    return absl::string_view(spelled, name.size());
  }
  void AddFields() {
    for (const Field& field : head_.fields) {
      if (field.drop) continue;
      const absl::string_view name(copy_ + field.name, field.name_size);
      const absl::string_view value(copy_ + field.value, field.value_size);
      const absl::string_view wire = Wire(absl::string_view(head_.block + field.name, field.name_size));
      map_.AddWire(field.known, name, value, wire);
    }
  }

 private:
  const Head& head_;
  HeaderMap& map_;
  const char* copy_;
  const char* wire_ = nullptr;
};

}  // namespace

void BuildRequestHeaders(const Head& head, const char* wire_block, absl::string_view default_scheme, HeaderMap& map) {
  Builder builder(head, wire_block, map);
  map.Add(KnownHeader::kMethod, builder.Moved(head.method));
  if (!head.connect) map.Add(KnownHeader::kScheme, head.scheme.empty() ? default_scheme : head.scheme);
  // The entry remembers how the Host field was spelled.
  map.AddWire(KnownHeader::kAuthority, KnownHeaderName(KnownHeader::kAuthority), builder.Moved(head.authority),
              builder.Wire(head.host_name));
  if (!head.connect) {
    const absl::string_view path = builder.Moved(head.path);
    map.Add(KnownHeader::kPath, head.path_needs_slash ? map.arena().Concat("/", path) : path);
  }
  builder.AddFields();
  if (head.upgrade) map.Add(KnownHeader::kConnection, "upgrade");
  if (head.te_trailers) map.Add(KnownHeader::kTe, "trailers");
}

void BuildResponseHeaders(const Head& head, const char* wire_block, HeaderMap& map) {
  map.SetStatus(head.status);
  Builder(head, wire_block, map).AddFields();
  if (head.upgrade) map.Add(KnownHeader::kConnection, "upgrade");
}

void BuildTrailers(const Head& head, const char* wire_block, HeaderMap& map) {
  Builder(head, wire_block, map).AddFields();
}

}  // namespace outrigger::http::h1
