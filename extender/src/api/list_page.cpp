#include "api/list_page.hpp"

#include <simdjson.h>

#include "gpusched/extender/wire.hpp"

namespace gpusched::extender {

namespace {

using simdjson::ondemand::object;
using simdjson::ondemand::parser;

Error no_json(const char* what, const simdjson::simdjson_error& problem) {
  return {.code = ErrorCode::data_loss,
          .message = std::string(what) + ": " + problem.what(),
          .file = {},
          .line = 0,
          .remedy = {}};
}

void read_metadata(object metadata, std::string& resource_version, std::string* next) {
  for (auto field : metadata) {
    const std::string_view key = field.unescaped_key();
    if (key == "resourceVersion") {
      resource_version = std::string(std::string_view(field.value().get_string()));
    } else if (key == "continue" && next != nullptr) {
      *next = std::string(std::string_view(field.value().get_string()));
    }
  }
}

/// simdjson's raw JSON reaches to the next token.
std::string_view without_space_after(std::string_view json) {
  return json.substr(0, json.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

Status read_list_page(std::string body, ListPage& page, const std::function<void(std::string_view)>& take) {
  const std::size_t size = body.size();
  body.append(wire_padding, ' ');
  try {
    parser json_parser;
    auto document = json_parser.iterate(body.data(), size, body.size());
    bool has_items = false;
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "metadata") {
        read_metadata(field.value().get_object(), page.resource_version, &page.next);
      } else if (key == "items") {
        has_items = true;
        auto value = field.value();
        if (value.type() == simdjson::ondemand::json_type::null) {
          continue;
        }
        for (auto item : value.get_array()) {
          take(without_space_after(item.get_object().value().raw_json()));
        }
      }
    }
    if (!has_items) {
      return Error{
          .code = ErrorCode::data_loss, .message = "a list without items", .file = {}, .line = 0, .remedy = {}};
    }
  } catch (const simdjson::simdjson_error& problem) {  // the library's own errors become values here
    return no_json("a list", problem);
  }
  return {};
}

Result<WatchLine> read_watch_line(std::string_view line) {
  constexpr std::size_t most_kept_bytes = std::size_t{4} << 20;
  thread_local parser json_parser;
  if (json_parser.capacity() > most_kept_bytes && line.size() <= most_kept_bytes) {
    json_parser = parser();  // one huge object must not hold its memory for ever
  }
  WatchLine event;
  try {
    auto document = json_parser.iterate(line.data(), line.size(), line.size() + wire_padding);
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "type") {
        event.type = std::string(std::string_view(field.value().get_string()));
      } else if (key == "object") {
        object content = field.value().get_object();
        for (auto inner : content) {
          if (std::string_view(inner.unescaped_key()) == "metadata") {
            read_metadata(inner.value().get_object(), event.resource_version, nullptr);
          }
        }
        content.reset();
        event.object = without_space_after(content.raw_json());
      }
    }
  } catch (const simdjson::simdjson_error& problem) {  // the library's own errors become values here
    return no_json("a watch event", problem);
  }
  // Skipped subtrees are not validated: an object may seem to end at a bracket.
  if (event.type.empty() || event.object.empty() || event.object.back() != '}') {
    return Error{.code = ErrorCode::data_loss,
                 .message = "a watch event without type or object",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  return event;
}

bool is_older_version(std::string_view a, std::string_view b) {
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos &&
           (text.size() == 1 || text.front() != '0');
  };
  return is_number(a) && is_number(b) && (a.size() != b.size() ? a.size() < b.size() : a < b);
}

}  // namespace gpusched::extender
