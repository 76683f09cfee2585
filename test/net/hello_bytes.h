// Thread: test
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

// ClientHello messages, built byte by byte.
namespace outrigger::net {

inline std::string BigEndian(size_t value, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
inline std::string Prefixed(int width, const std::string& body) { return BigEndian(body.size(), width) + body; }

inline std::string ServerNameExtension(const std::string& name) {
  return Prefixed(2, std::string(1, '\0') + Prefixed(2, name));
}
inline std::string AlpnExtension(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) list += Prefixed(1, protocol);
  return Prefixed(2, list);
}
inline std::string Extensions(const std::vector<std::pair<int, std::string>>& extensions) {
  std::string out;
  for (const auto& [type, body] : extensions) out += BigEndian(static_cast<size_t>(type), 2) + Prefixed(2, body);
  return out;
}
inline std::string HelloBody(const std::string& extensions, bool with_extensions = true) {
  std::string body = "\x03\x03" + std::string(32, 'r') + Prefixed(1, std::string(32, 's'));
  body += Prefixed(2, std::string("\x13\x01\x13\x02", 4)) + Prefixed(1, std::string(1, '\0'));
  return with_extensions ? body + Prefixed(2, extensions) : body;
}
inline std::string Message(const std::string& body) { return "\x01" + Prefixed(3, body); }
inline std::string Records(const std::string& message, size_t piece = 16384) {
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece) {
    out += "\x16\x03\x01" + Prefixed(2, message.substr(at, std::min(piece, message.size() - at)));
  }
  return out;
}
inline std::string Hello(const std::vector<std::pair<int, std::string>>& extensions) {
  return Records(Message(HelloBody(Extensions(extensions))));
}

}  // namespace outrigger::net
