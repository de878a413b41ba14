#include "import/csv_table.hpp"

namespace gpusched::profiler {

namespace {

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string()
                                         : std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

}  // namespace

bool split_csv(std::string_view line, std::vector<std::string>& cells) {
  cells.clear();
  for (;;) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] != '"') {
      const std::size_t comma = line.find(',');
      cells.push_back(trimmed(line.substr(0, comma)));
      if (comma == std::string_view::npos) {
        return true;
      }
      line.remove_prefix(comma + 1);
      continue;
    }
    std::string cell;
    std::size_t at = begin + 1;
    for (; at < line.size() && (line[at] != '"' || (at + 1 < line.size() && line[at + 1] == '"')); ++at) {
      at += line[at] == '"';
      cell += line[at];
    }
    if (at >= line.size()) {
      return false;
    }
    cells.push_back(std::move(cell));
    const std::size_t comma = line.find(',', at + 1);
    if (comma == std::string_view::npos) {
      return trimmed(line.substr(at + 1)).empty();
    }
    if (!trimmed(line.substr(at + 1, comma - at - 1)).empty()) {
      return false;
    }
    line.remove_prefix(comma + 1);
  }
}

std::vector<std::string> split_dmon(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t begin = line.find_first_not_of(" \t"); begin != std::string_view::npos;) {
    const std::size_t end = line.find_first_of(" \t", begin);
    words.emplace_back(line.substr(begin, end - begin));
    begin = end == std::string_view::npos ? end : line.find_first_not_of(" \t", end);
  }
  if (words.size() >= 2 && words[0].starts_with("GPU")) {
    words[0] += " " + words[1];
    words.erase(words.begin() + 1);
  }
  return words;
}

}  // namespace gpusched::profiler
