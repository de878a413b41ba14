#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "gpusched/extender/http_server.hpp"

namespace gpusched::test {

/// FNV-1a: tells whether a body came whole and in order.
inline std::string checksum(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return std::to_string(hash);
}

/// Text without a period that a shifted buffer could hide in.
inline std::string long_text(std::size_t size, std::uint32_t seed = 1) {
  std::string text(size, ' ');
  for (char& c : text) {
    seed = seed * 1664525u + 1013904223u;
    c = static_cast<char>('!' + (seed >> 24) % 90);
  }
  return text;
}

/// What the tests serve: /echo the body, /sum its checksum, /who the client, /slow after 300 ms, /large 3 MB, /throw,
/// /gone 404 with a text; else method and target.
inline extender::HttpReply answer(const extender::HttpRequest& request) {
  // Parsers read this far. The address sanitizer ends the test when it is not ours.
  volatile char past_the_end = 0;
  for (int i = 0; i < 64; ++i) {
    past_the_end = *(request.body.data() + request.body.size() + i);
  }
  (void)past_the_end;
  if (request.target == "/echo") {
    return {.status = 200, .content_type = "application/json", .body = std::string(request.body)};
  }
  if (request.target == "/sum") {
    return {.status = 200, .content_type = "text/plain", .body = checksum(request.body)};
  }
  if (request.target == "/who") {
    return {.status = 200, .content_type = "text/plain", .body = "<" + std::string(request.client_name) + ">"};
  }
  if (request.target == "/slow") {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return {.status = 200, .content_type = "text/plain", .body = "slow"};
  }
  if (request.target == "/large") {
    return {.status = 200, .content_type = "text/plain", .body = long_text(3'000'000)};
  }
  if (request.target == "/throw") {
    throw std::runtime_error("handler failed");
  }
  if (request.target == "/gone") {
    return {.status = 404, .content_type = "text/plain", .body = "no such page"};
  }
  return {.status = 200,
          .content_type = "text/plain",
          .body = std::string(request.method) + " " + std::string(request.target)};
}

inline std::unique_ptr<extender::HttpServer> serve(extender::HttpServerOptions options = {},
                                                   extender::HttpHandler handler = answer) {
  auto server = extender::HttpServer::start(std::move(options), std::move(handler));
  if (!server) {
    ADD_FAILURE() << server.error().to_string();
    std::abort();
  }
  return std::move(server).value();
}

}  // namespace gpusched::test
