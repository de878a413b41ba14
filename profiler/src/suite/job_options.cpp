#include "gpusched/profiler/suite/job_options.hpp"

#include <array>
#include <charconv>
#include <string_view>

namespace gpusched::suite {

namespace {

constexpr const char* usage = R"(Usage: gpusched-suite-job JOB [OPTION VALUE]...
Runs one synthetic job on GPU 0 and prints JSON lines: the device with the prepared job, then what was measured.

Options:
  --load L      requests arrive that take the share L of the time, 0.01 to 0.99; 1: one after the other (default)
  --items N     mean items of a request (default 4)
  --sms N       run in a green context of N SMs, rounded up to what the device can part
  --seconds S   measure for so long (default 1.2)
  --settle S    work so long before and after it (default 0.2)
  --seed N      of the arrivals (default 1)
  --wait        prepare, then wait for a line on standard input
  --device      print the device and end

Examples:
  gpusched-suite-job --device
  gpusched-suite-job gemm-bf16-large --seconds 3
  gpusched-suite-job decode-8 --load 0.5
  gpusched-suite-job stream --sms 16

Jobs:
)";

/// One option that takes a number.
struct NumberOption {
  std::string_view name;
  double least, most;
  void (*set)(JobOptions& options, double value);
  double (*get)(const JobOptions& options);
};

constexpr std::array<NumberOption, 6> number_options = {{
    {"--load", 0.01, 1, [](JobOptions& o, double v) { o.load = v < 1 ? v : 0; },
     [](const JobOptions& o) { return o.load > 0 ? o.load : 1; }},
    {"--items", 1, 1e6, [](JobOptions& o, double v) { o.mean_items = v; },
     [](const JobOptions& o) { return o.mean_items; }},
    {"--sms", 0, 1024, [](JobOptions& o, double v) { o.sms = static_cast<int>(v); },
     [](const JobOptions& o) { return static_cast<double>(o.sms); }},
    {"--seconds", 0.01, 3600, [](JobOptions& o, double v) { o.seconds = v; },
     [](const JobOptions& o) { return o.seconds; }},
    {"--settle", 0, 60, [](JobOptions& o, double v) { o.settle_s = v; },
     [](const JobOptions& o) { return o.settle_s; }},
    {"--seed", 0, 9007199254740992.0, [](JobOptions& o, double v) { o.seed = static_cast<std::uint64_t>(v); },
     [](const JobOptions& o) { return static_cast<double>(o.seed); }},
}};

std::string shortest(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

Error refused(std::string message) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = "See gpusched-suite-job --help"};
}

Status set_number(const NumberOption& option, const std::string& word, JobOptions& options) {
  double value = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, problem] = std::from_chars(word.data(), end, value);
  if (problem != std::errc() || stop != end || !(value >= option.least && value <= option.most)) {
    return refused(std::string(option.name) + " is '" + word + "', not a number from " + shortest(option.least) +
                   " to " + shortest(option.most));
  }
  option.set(options, value);
  return {};
}

const NumberOption* find_option(std::string_view word) {
  for (const NumberOption& option : number_options) {
    if (option.name == word) {
      return &option;
    }
  }
  return nullptr;
}

}  // namespace

Result<JobOptions> parse_job_options(std::span<const std::string> words) {
  JobOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (const NumberOption* option = find_option(word)) {
      if (++i == words.size()) {
        return refused(word + " has no value");
      }
      if (Status set = set_number(*option, words[i], options); !set) {
        return set.error();
      }
    } else if (word == "--wait") {
      options.wait = true;
    } else if (word == "--device") {
      options.device = true;
    } else if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word.rfind('-', 0) == 0 || options.kind != nullptr) {
      return refused("unknown argument '" + word + "'");
    } else {
      const Result<const JobKindInfo*> kind = find_job_kind(word);
      if (!kind) {
        return kind.error();
      }
      options.kind = kind.value();
    }
  }
  if (options.kind == nullptr && !options.device && !options.help) {
    return refused("no job named");
  }
  return options;
}

std::vector<std::string> job_words(const JobOptions& options) {
  std::vector<std::string> words;
  if (options.kind != nullptr) {
    words.emplace_back(options.kind->name);
  }
  for (const NumberOption& option : number_options) {
    words.emplace_back(option.name);
    words.push_back(shortest(option.get(options)));
  }
  if (options.wait) {
    words.emplace_back("--wait");
  }
  if (options.device) {
    words.emplace_back("--device");
  }
  return words;
}

std::string job_help() {
  std::string text = usage;
  for (const JobKindInfo& kind : job_kinds()) {
    text +=
        "  " + std::string(kind.name) + std::string(18 - kind.name.size(), ' ') + std::string(kind.description) + "\n";
  }
  return text;
}

}  // namespace gpusched::suite
