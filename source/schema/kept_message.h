// Thread: main
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "google/protobuf/message.h"

namespace outrigger::schema {

// A message that is needed while it is taken and seldom afterwards. Packed, it is the bytes that came and no more,
// shared by all copies; whoever looks then has it parsed again. Without bytes packing changes nothing.
class KeptMessage {
 public:
  KeptMessage() = default;
  KeptMessage(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  template <class Proto>
  KeptMessage(std::shared_ptr<Proto> message,  // NOLINT(google-explicit-constructor)
              std::shared_ptr<const std::string> bytes = nullptr)
      : message_(std::move(message)),
        prototype_(message_ == nullptr ? nullptr : PrototypeOf(*message_)),
        bytes_(std::move(bytes)) {}
  // Packed from the start. The bytes parse as a message of that type, whose typed structs expand: somebody has tried.
  static KeptMessage OfBytes(const google::protobuf::Message& type, std::shared_ptr<const std::string> bytes);

  // Null: there is none. Hold it as long as you look at it. Bytes that do not parse after all (a bug, counted) give an
  // empty one.
  std::shared_ptr<const google::protobuf::Message> Get() const { return message_ != nullptr ? message_ : Parsed(); }
  // Null: only the message itself is there.
  const std::shared_ptr<const std::string>& bytes() const { return bytes_; }
  bool packed() const { return message_ == nullptr; }
  void Pack() {
    if (bytes_ != nullptr) message_ = nullptr;
  }
  friend bool operator==(const KeptMessage& kept, std::nullptr_t) { return kept.prototype_ == nullptr; }
  friend bool operator!=(const KeptMessage& kept, std::nullptr_t) { return kept.prototype_ != nullptr; }

 private:
  static const google::protobuf::Message* PrototypeOf(const google::protobuf::Message& message);
  std::shared_ptr<const google::protobuf::Message> Parsed() const;

  std::shared_ptr<const google::protobuf::Message> message_;  // null: packed
  const google::protobuf::Message* prototype_ = nullptr;      // of its type
  std::shared_ptr<const std::string> bytes_;
};

}  // namespace outrigger::schema
