#include "api/api_status.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace gpusched::extender {

namespace {

using nlohmann::json;

/// A member of an object; null where there is none.
const json& member(const json& object, const char* key) {
  static const json null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

std::string text(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

int number(const json& value, int most) {
  return value.is_number_integer() ? static_cast<int>(std::clamp<std::int64_t>(value.get<std::int64_t>(), 0, most)) : 0;
}

}  // namespace

ApiStatus read_status(std::string_view text_of_it) {
  constexpr std::size_t most_message_bytes = 1000;
  constexpr int longest_wait_s = 3600;
  ApiStatus status;
  const json root = json::parse(text_of_it.begin(), text_of_it.end(), nullptr, /*allow_exceptions=*/false);
  status.code = number(member(root, "code"), 999);
  status.reason = text(member(root, "reason"));
  status.message = text(member(root, "message"));
  if (status.message.empty()) {
    status.message = std::string(text_of_it.substr(0, 200));
  }
  status.message.resize(std::min(status.message.size(), most_message_bytes));
  const json& details = member(root, "details");
  status.retry_after_s = number(member(details, "retryAfterSeconds"), longest_wait_s);
  // Servers before 1.18 gave no cause.
  status.version_too_large = status.message.rfind("Too large resource version", 0) == 0;
  const json& causes = member(details, "causes");
  for (const json& cause : causes.is_array() ? causes : json::array()) {
    status.version_too_large = status.version_too_large || text(member(cause, "reason")) == "ResourceVersionTooLarge";
  }
  return status;
}

}  // namespace gpusched::extender
