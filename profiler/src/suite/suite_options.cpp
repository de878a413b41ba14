#include <array>
#include <charconv>

#include "gpusched/profiler/suite/suite_session.hpp"

namespace gpusched::suite {

namespace {

Status set_minutes(SuiteOptions& options, const std::string& word) {
  const char* const end = word.data() + word.size();
  const auto [stop, problem] = std::from_chars(word.data(), end, options.minutes);
  if (problem != std::errc() || stop != end || !(options.minutes > 0 && options.minutes <= 10'000)) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "--minutes is '" + word + "', not a number above 0",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  return {};
}

template <std::string SuiteOptions::*member>
Status set_text(SuiteOptions& options, const std::string& word) {
  options.*member = word;
  return {};
}

constexpr std::array<SuiteOptionInfo, 7> table = {{
    {"--out", "DIR", "folder for results.jsonl; a run goes on where an earlier one in it stopped",
     set_text<&SuiteOptions::out>},
    {"--minutes", "M", "begin no measurement that would end later than this (default 9)", set_minutes},
    {"--plan", "FILE", "measure the lines of this file, in their order, instead of the default plan",
     set_text<&SuiteOptions::plan_file>},
    {"--only", "TEXT", "only measurements whose line holds TEXT; may be given again",
     [](SuiteOptions& options, const std::string& word) {
       options.only.push_back(word);
       return Status();
     }},
    {"--list", "", "print the plan and its time, measure nothing",
     [](SuiteOptions& options, const std::string&) {
       options.list = true;
       return Status();
     }},
    {"--gpu", "MODEL", "whose slices --list shows where there is no GPU (default H100-80GB-SXM5)",
     set_text<&SuiteOptions::gpu>},
    {"--job", "PROGRAM", "the program of the jobs (default: gpusched-suite-job beside this one)",
     set_text<&SuiteOptions::job_program>},
}};

}  // namespace

std::span<const SuiteOptionInfo> suite_options() { return table; }

std::string_view suite_examples() {
  return R"(Examples:
  gpusched-profile suite --list
  gpusched-profile suite --out results
  gpusched-profile suite --out results --minutes 3 --only alone
  gpusched-profile suite --list --plan plan.txt)";
}

}  // namespace gpusched::suite
