#include <algorithm>
#include <array>
#include <charconv>

#include "gpusched/profiler/suite/measurement_plan.hpp"

namespace gpusched::suite {

namespace {

constexpr std::array<std::string_view, 5> way_names = {"alone", "slice", "mig", "time_slice", "mps"};

std::string shortest(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

/// Reads a number that takes up the whole word and lies in [least, most].
template <typename Number>
bool read_number(std::string_view word, Number least, Number most, Number& value) {
  const char* const end = word.data() + word.size();
  const auto [stop, problem] = std::from_chars(word.data(), end, value);
  return problem == std::errc() && stop == end && value >= least && value <= most;
}

Error refused(std::string_view what, std::string_view word, std::string remedy) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::string(what) + " '" + std::string(word) + "'",
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

Status read_way(std::string_view word, PlannedMeasurement& m) {
  const std::size_t colon = word.find(':');
  const std::string_view name = word.substr(0, colon);
  const std::string_view part = colon == std::string_view::npos ? "" : word.substr(colon + 1);
  for (std::size_t i = 0; i < way_names.size(); ++i) {
    if (way_names[i] == name) {
      m.way = static_cast<Way>(i);
      const bool takes_part = m.way == Way::slice || m.way == Way::mig;
      if (takes_part == part.empty()) {
        return refused("way", word, takes_part ? "Name the part: slice:16 (SMs), mig:1g.10gb" : "It has no part");
      }
      m.mig_profile = m.way == Way::mig ? part : "";
      if (m.way == Way::slice && !read_number(part, 1, 1024, m.sms)) {
        return refused("number of SMs", part, "1 to 1024");
      }
      return {};
    }
  }
  return refused("unknown way", word, "alone, slice:SMS, mig:PROFILE, time_slice or mps");
}

Result<PlannedJob> read_job(std::string_view word) {
  PlannedJob job;
  std::string_view name = word;
  if (const std::size_t star = name.find('*'); star != std::string_view::npos) {
    if (!read_number(name.substr(0, star), 1, PlannedMeasurement::most_processes, job.copies)) {
      return refused("number of copies in", word, "1 to " + std::to_string(PlannedMeasurement::most_processes));
    }
    name = name.substr(star + 1);
  }
  if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
    if (!read_number(name.substr(at + 1), 0.01, 0.99, job.load)) {
      return refused("load in", word, "0.01 to 0.99; without '@' items follow each other");
    }
    name = name.substr(0, at);
  }
  const Result<const JobKindInfo*> kind = find_job_kind(name);
  if (!kind) {
    return kind.error();
  }
  if (job.load > 0 && (kind.value()->work == Work::idle || kind.value()->work == Work::holder)) {
    return refused("load in", word, "This job serves no requests");
  }
  job.kind = kind.value();
  return job;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = text.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos) {
      break;
    }
    at = std::min(text.find_first_of(" \t\r", begin), text.size());
    words.push_back(text.substr(begin, at - begin));
  }
  return words;
}

}  // namespace

int PlannedMeasurement::processes() const {
  int sum = 0;
  for (const PlannedJob& job : jobs) {
    sum += job.copies;
  }
  return sum;
}

std::string PlannedMeasurement::text() const {
  std::string out(way_names[static_cast<std::size_t>(way)]);
  if (way == Way::slice) {
    out += ":" + std::to_string(sms);
  } else if (way == Way::mig) {
    out += ":" + mig_profile;
  }
  for (const PlannedJob& job : jobs) {
    out += " ";
    if (job.copies > 1) {
      out += std::to_string(job.copies) + "*";
    }
    out += job.kind->name;
    if (job.load > 0) {
      out += "@" + shortest(job.load);
    }
  }
  if (seconds != default_seconds) {
    out += " seconds=" + shortest(seconds);
  }
  if (repetition > 1) {
    out += " repetition=" + std::to_string(repetition);
  }
  return out;
}

Result<PlannedMeasurement> parse_measurement(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.empty()) {
    return refused("no measurement in", text, "For example: time_slice decode-8@0.5 2*stream");
  }
  PlannedMeasurement m;
  if (Status way = read_way(words[0], m); !way) {
    return way.error();
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.rfind("seconds=", 0) == 0) {
      if (!read_number(word.substr(8), 0.05, 600.0, m.seconds)) {
        return refused("seconds in", word, "0.05 to 600");
      }
    } else if (word.rfind("repetition=", 0) == 0) {
      if (!read_number(word.substr(11), 1, 1000, m.repetition)) {
        return refused("repetition in", word, "1 to 1000");
      }
    } else if (Result<PlannedJob> job = read_job(word); !job) {
      return job.error();
    } else {
      m.jobs.push_back(job.value());
    }
  }
  const bool shared = m.way == Way::time_slice || m.way == Way::mps;
  if (m.processes() == 0 || m.processes() > PlannedMeasurement::most_processes || (!shared && m.processes() > 1)) {
    return refused(
        "number of processes in", text,
        shared ? "1 to " + std::to_string(PlannedMeasurement::most_processes) : "One: nobody shares this way");
  }
  return m;
}

Result<std::vector<PlannedMeasurement>> read_plan(std::string_view text, const std::string& file) {
  std::vector<PlannedMeasurement> plan;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    Result<PlannedMeasurement> measurement = parse_measurement(line);
    if (!measurement) {
      Error error = measurement.error();
      error.file = file;
      error.line = number;
      return error;
    }
    plan.push_back(std::move(measurement.value()));
  }
  return plan;
}

}  // namespace gpusched::suite
