#include "http/reply_head.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gpusched::extender {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 19> reasons{{
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
}};

}  // namespace

std::string reply_head(int status, std::string_view content_type, std::size_t body_bytes, bool close) {
  const auto* const found =
      std::find_if(reasons.begin(), reasons.end(), [&](const auto& row) { return row.first == status; });
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head += found == reasons.end() ? std::string_view() : found->second;
  head += "\r\n";
  if (body_bytes > 0) {
    head += "Content-Type: ";
    head += content_type;
    head += "\r\n";
  }
  head += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
  head += close ? "Connection: close\r\n\r\n" : "\r\n";
  return head;
}

}  // namespace gpusched::extender
