// Thread: any
#pragma once

#include <cstdint>

// What bounds a message beyond CodecOptions (header bytes and count). Reaching one refuses the message with the detail
// named beside it.
namespace outrigger::http::h1 {

inline constexpr uint32_t kMaxMethodBytes = 64;                 // http1.codec_error
inline constexpr uint32_t kMaxConnectionOptions = 64;           // each is looked for: http1.connection_header_rejected
inline constexpr uint32_t kMaxChunkLineBytes = 1024;            // http1.chunk_line_too_large
inline constexpr uint32_t kMaxChunkExtensionBytes = 16 * 1024;  // per message: http1.chunk_extensions_too_large
inline constexpr uint32_t kMaxInterimResponses = 64;            // per exchange: http1.too_many_interim_responses
inline constexpr uint64_t kMaxDiscardBytes = 64 * 1024;  // rest of a request body thrown away to keep a connection
inline constexpr uint32_t kMaxIdleSeconds = 1'000'000;   // longer ones that "Keep-Alive: timeout" says count as this
inline constexpr uint32_t kMaxLeadingEmptyLines = 1;     // before a request line (RFC 9112 2.2)
// Work of one turn; the rest waits until others had theirs.
inline constexpr uint32_t kChunksPerTurn = 1024;
inline constexpr uint32_t kRequestsPerTurn = 8;                  // pipelined ones that are answered at once
inline constexpr uint64_t kMaxContentLength = (1ULL << 63) - 1;  // also of one chunk

}  // namespace outrigger::http::h1
