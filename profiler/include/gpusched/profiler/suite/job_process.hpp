#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/flat_object.hpp"

namespace gpusched::suite {

/// One running gpusched-suite-job, spoken to line by line. Ends with this object: what still runs is killed.
class JobProcess {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Environment = std::vector<std::pair<std::string, std::string>>;

  /// Starts the program with these words; `environment` is added to that of this process. Standard error goes to the
  /// file. io where it cannot start.
  static Result<JobProcess> start(const std::filesystem::path& program, const std::vector<std::string>& words,
                                  const Environment& environment, const std::filesystem::path& error_file);
  ~JobProcess();
  JobProcess(JobProcess&& other) noexcept;
  JobProcess& operator=(JobProcess&& other) noexcept;

  /// Waits for the next line, which has to be an object with "event": event. data_loss says what came instead, that the
  /// process ended and how, with what it said on standard error, or that nothing came in time.
  Result<FlatObject> read_event(const std::string& event, Moment deadline);

  /// Lets it start. Needs SIGPIPE to be ignored: the process may be gone.
  void release();

  /// Waits for its end. Only an exit with 0 is ok; data_loss as above.
  Status wait_for_end(Moment deadline);

 private:
  JobProcess(int pid, int in, int out, std::filesystem::path error_file)
      : pid_(pid), in_(in), out_(out), error_file_(std::move(error_file)) {}
  Error failure(const std::string& what) const;
  /// Waits until the process ended: what it says of its end.
  std::string reap(Moment deadline);

  int pid_ = -1;
  int in_ = -1, out_ = -1;  // ends of the pipes to its standard input and from its standard output
  std::string buffer_;      // read and not yet a line
  std::filesystem::path error_file_;
};

}  // namespace gpusched::suite
