#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"

namespace gpusched::suite {

/// What one process of gpusched-suite-job does; its command line.
struct JobOptions {
  const JobKindInfo* kind = nullptr;  ///< none: print the device, or help
  double load = 0;         ///< 0: items follow each other; else requests arrive, and take this share of the time
  double mean_items = 4;   ///< of a request
  int sms = 0;             ///< of the green context to run in; 0: the whole device
  double seconds = 1.2;    ///< measured
  double settle_s = 0.2;   ///< worked before and after, not measured: neighbours start and end a little apart
  std::uint64_t seed = 1;  ///< of the arrivals
  bool wait = false;       ///< start when a line arrives on standard input
  bool device = false;     ///< print the device and end
  bool help = false;
};

/// Reads the words after the program's name. invalid_argument and not_found name the word and what is allowed.
Result<JobOptions> parse_job_options(std::span<const std::string> words);

/// The words that parse_job_options() reads back to an equal value.
std::vector<std::string> job_words(const JobOptions& options);

/// What --help prints.
std::string job_help();

}  // namespace gpusched::suite
