#include "source/xds/type_state.h"

#include <algorithm>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace outrigger::xds {

void TypeState::WantAll() {
  if (all_) return;
  all_ = true;
  dirty_ = true;
}

void TypeState::Want(const std::string& name) {
  if (!names_.insert(name).second) return;
  dirty_ = true;
  OnWanted(name);
}

void TypeState::Unwant(const std::string& name) {
  if (names_.erase(name) == 0) return;
  if (!all_) held_.erase(name);
  OnUnwanted(name);
  if (asked_) dirty_ = true;
  // Nothing was ever said on this stream and nothing is wanted any more: then there is nothing to say.
  if (!asked_ && !wants_anything()) dirty_ = false;
}

bool TypeState::WantsResource(const Resource& resource) const {
  return Wants(resource.name) || std::any_of(resource.aliases.begin(), resource.aliases.end(),
                                             [&](const std::string& name) { return names_.count(name) != 0; });
}

void TypeState::OnStream(size_t server) {
  server_ = server;
  known_ = !giver_.has_value() || *giver_ == server;
  asked_ = answered_ = false;
  dirty_ = wants_anything();
  OnNewStream();
}

const std::string* TypeState::VersionOf(const std::string& name) const {
  auto at = held_.find(name);
  return at == held_.end() ? nullptr : &at->second;
}

void TypeState::Accept(const std::string& nonce, const std::string& version) {
  version_ = version;
  giver_ = server_;
  known_ = answered_ = dirty_ = true;
  Answer(nonce, nullptr);
}

void TypeState::Refuse(const std::string& nonce, const std::string& detail) {
  answered_ = dirty_ = true;
  Answer(nonce, &detail);
}

std::string TypeState::Serialise(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  {
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace outrigger::xds
