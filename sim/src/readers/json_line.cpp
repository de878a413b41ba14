#include "readers/json_line.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "gpusched/base/json_string.hpp"

namespace gpusched::sim {

/// Called by the parser for each token. The parser keeps its own stack, so depth costs it nothing; we stop at two,
/// below the document at sixteen, because those who read it may not.
class JsonLineHandler {
 public:
  explicit JsonLineHandler(JsonLine& line) : line_(line) {}

  bool null() { return in_document_ ? document_value("null") : value(""); }
  bool boolean(bool flag) { return in_document_ ? document_value(flag ? "true" : "false") : value(flag ? "1" : "0"); }
  bool number_integer(std::int64_t number) { return number_text(std::to_string(number)); }
  bool number_unsigned(std::uint64_t number) { return number_text(std::to_string(number)); }
  bool number_float(double, const std::string& text) { return number_text(text); }
  bool string(std::string& text) {
    if (!in_document_) {
      return value(std::move(text));
    }
    separate();
    append_json_string(text, document());
    return true;
  }
  bool binary(std::vector<std::uint8_t>&) { return fail("binary value"); }

  bool start_object(std::size_t) { return open(true); }
  bool end_object() { return close('}'); }
  bool start_array(std::size_t) { return depth_ == 0 ? fail("an array, not an object") : open(false); }
  bool end_array() { return close(']'); }

  bool key(std::string& name) {
    if (depth_ == 1) {
      in_document_ = name == JsonLine::document_key;
      line_.entries_.push_back({std::move(name), {}});
    } else if (in_document_) {
      separate();
      append_json_string(name, document());
      document() += ':';
    } else {
      inner_key_ = std::move(name);
    }
    return true;
  }

  template <typename Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    return fail("not valid JSON at character " + std::to_string(position));
  }

 private:
  bool fail(std::string problem) {
    if (line_.problem_.empty()) {
      line_.problem_ = std::move(problem);
    }
    return false;
  }

  std::string& document() { return line_.entries_.back().value; }

  /// A comma where the document goes on behind a value.
  void separate() {
    const std::string& text = document();
    if (!text.empty() && text.back() != '{' && text.back() != '[' && text.back() != ':') {
      document() += ',';
    }
  }

  bool document_value(std::string_view text) {
    separate();
    document() += text;
    return true;
  }

  bool number_text(std::string text) { return in_document_ ? document_value(text) : value(std::move(text)); }

  bool open(bool object) {
    if (in_document_) {
      separate();
      document() += object ? '{' : '[';
      return ++depth_ <= max_document_depth || fail("'" + line_.entries_.back().key + "' is nested too deep");
    }
    if (++depth_ > 2) {
      return fail("'" + line_.entries_.back().key + "' is nested too deep");
    }
    if (depth_ == 2) {
      inner_is_object_ = object;
    }
    return true;
  }

  bool close(char bracket) {
    --depth_;
    if (in_document_ && depth_ >= 1) {
      document() += bracket;
    }
    return true;
  }

  bool value(std::string text) {
    if (depth_ == 0) {
      return fail("a single value, not an object");
    }
    std::string& target = line_.entries_.back().value;
    if (depth_ == 1) {
      target = std::move(text);
      return true;
    }
    if (text.find('|') != std::string::npos || inner_key_.find_first_of("|=") != std::string::npos) {
      return fail("'" + line_.entries_.back().key + "' holds a '|' or '=', which maps and sets of GTF cannot");
    }
    target += target.empty() ? "" : "|";
    target += inner_is_object_ ? inner_key_ + "=" + text : text;
    return true;
  }

  static constexpr int max_document_depth = 16;

  JsonLine& line_;
  int depth_ = 0;
  bool inner_is_object_ = false;
  bool in_document_ = false;  // below the value of document_key
  std::string inner_key_;
};

bool JsonLine::parse(std::string_view text) {
  entries_.clear();
  problem_.clear();
  JsonLineHandler handler(*this);
  const bool complete = nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  if (!complete && problem_.empty()) {
    problem_ = "not valid JSON";
  }
  return complete;
}

std::string_view JsonLine::find(std::string_view key) const {
  const auto place = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return place == entries_.end() ? std::string_view() : std::string_view(place->value);
}

bool is_json_number(std::string_view text) {
  const auto digits = [&text]() {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
      ++count;
    }
    text.remove_prefix(count);
    return count;
  };
  if (text == "-0" || text.size() > 300) {
    return false;
  }
  if (text.substr(0, 1) == "-") {
    text.remove_prefix(1);
  }
  const bool leading_zero = text.substr(0, 1) == "0";
  const std::size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) {
    return false;
  }
  if (text.substr(0, 1) == ".") {
    text.remove_prefix(1);
    if (digits() == 0) {
      return false;
    }
  }
  return text.empty();
}

}  // namespace gpusched::sim
