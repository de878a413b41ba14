#include "gpusched/sim/readers/arrival_order.hpp"

#include <algorithm>
#include <charconv>

#include "gpusched/sim/readers/openb.hpp"

#include "readers/file_text.hpp"

namespace gpusched::sim {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

class OrderParser {
 public:
  OrderParser(const std::string& file, std::size_t pods, std::size_t nodes) : file_(file), pods_(pods), nodes_(nodes) {}

  Result<ArrivalOrder> parse(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      const std::string_view key = take_word(line);
      if (key.empty() || key.front() == '#') {
        continue;
      }
      if (Status status = parse_line(key, line); !status.ok()) {
        return status.error();
      }
    }
    if (!has_arrivals_) {
      return error(ErrorCode::data_loss, "no line 'arrivals'");
    }
    return order_;
  }

 private:
  Error error(ErrorCode code, std::string message) const {
    return {.code = code, .message = std::move(message), .file = file_, .line = line_, .remedy = ""};
  }

  Status parse_line(std::string_view key, std::string_view rest) {
    if (key == "arrivals") {
      return parse_numbers(key, rest, pods_, has_arrivals_, order_.arrivals);
    }
    if (key != "node_rank") {
      return error(ErrorCode::invalid_argument,
                   "line begins with '" + std::string(key.substr(0, 60)) + "', not with arrivals or node_rank");
    }
    if (Status status = parse_numbers(key, rest, nodes_, has_ranks_, order_.node_rank); !status.ok()) {
      return status;
    }
    return check_permutation();
  }

  Status parse_numbers(std::string_view key, std::string_view rest, std::size_t bound, bool& seen,
                       std::vector<std::uint32_t>& numbers) {
    if (seen) {
      return error(ErrorCode::already_exists, "a second line '" + std::string(key) + "'");
    }
    seen = true;
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      std::uint32_t number = 0;
      const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
      if (problem != std::errc() || end != word.data() + word.size() || number >= bound) {
        return error(ErrorCode::invalid_argument, std::string(key) + " holds '" + std::string(word.substr(0, 60)) +
                                                      "', not an index below " + std::to_string(bound));
      }
      numbers.push_back(number);
    }
    return {};
  }

  Status check_permutation() const {
    std::vector<bool> taken(nodes_, false);
    for (const std::uint32_t rank : order_.node_rank) {
      if (taken[rank]) {
        return error(ErrorCode::invalid_argument, "node_rank gives rank " + std::to_string(rank) + " twice");
      }
      taken[rank] = true;
    }
    if (order_.node_rank.size() != nodes_) {
      return error(ErrorCode::invalid_argument, "node_rank has " + std::to_string(order_.node_rank.size()) +
                                                    " ranks for " + std::to_string(nodes_) + " nodes");
    }
    return {};
  }

  const std::string& file_;
  std::size_t pods_, nodes_;
  ArrivalOrder order_;
  bool has_arrivals_ = false;
  bool has_ranks_ = false;
  int line_ = 0;
};

}  // namespace

Result<ArrivalOrder> parse_order(std::string_view text, const std::string& file, std::size_t pods, std::size_t nodes) {
  return OrderParser(file, pods, nodes).parse(text);
}

Result<ArrivalOrder> read_order(const std::string& path, std::size_t pods, std::size_t nodes) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) {
    return text.error();
  }
  return parse_order(text.value(), path, pods, nodes);
}

Status take_order(const std::string& path, const Trace& trace, SimulationOptions& options) {
  const Result<ArrivalOrder> order = read_order(path, trace.jobs.size(), trace.nodes.size());
  if (!order) {
    return order.error();
  }
  // The file counts rows of the pod list; the trace is in order of time.
  const std::vector<std::uint32_t> rows = jobs_in_file_order(trace);
  for (const std::uint32_t row : order.value().arrivals) {
    options.arrival_order.push_back(rows[row]);
  }
  options.node_ranks.assign(order.value().node_rank.begin(), order.value().node_rank.end());
  options.queue = QueueDiscipline::reject;
  return {};
}

}  // namespace gpusched::sim
