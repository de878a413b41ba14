#pragma once

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <time.h>

#include "gpusched/base/result.hpp"

/// What the programs that print a table have in common: options, runs on all cores, clocks.
namespace gpusched::bench {

/// An option "--name VALUE" as --help shows it.
struct TableOption {
  std::string_view name;
  std::string_view default_value;
  std::string_view help;
};

/// The options of a table program. Prints --help, and usage errors with exit code 2.
class TableArguments {
 public:
  TableArguments(std::string_view about, std::vector<TableOption> options)
      : about_(about), options_(std::move(options)) {}

  /// An exit code when there is nothing more to do.
  std::optional<int> parse(int argc, const char* const* argv) {
    for (const TableOption& option : options_) {
      values_[option.name] = option.default_value;
    }
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word == "--help" || word == "-h") {
        print_help();
        return 0;
      }
      const std::string_view name = word.substr(0, 2) == "--" ? word.substr(2) : std::string_view{};
      const auto found = values_.find(name);
      if (found == values_.end() || i + 1 == argc) {
        std::cerr << (found == values_.end() ? "unknown option " : "no value for ") << word << "\n";
        print_help();
        return 2;
      }
      found->second = argv[++i];
    }
    return std::nullopt;
  }

  const std::string& text(std::string_view name) const { return values_.find(name)->second; }

  /// Parts between commas. A part with '=' and no ':' continues the policy before it: "fgd:target=95,tie=rank,buddy".
  std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> parts;
    const std::string& all = text(name);
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = std::min(all.find(',', begin), all.size());
      const std::string part = all.substr(begin, end - begin);
      if (!parts.empty() && part.find('=') != std::string::npos && part.find(':') == std::string::npos) {
        parts.back() += "," + part;
      } else {
        parts.push_back(part);
      }
      begin = end + 1;
    }
    return parts;
  }

  /// "42-44" or "42" as first and last; nothing when it is neither.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> range(std::string_view name) const {
    const std::string& all = text(name);
    std::pair<std::uint64_t, std::uint64_t> result;
    const char* const end = all.data() + all.size();
    auto parsed = std::from_chars(all.data(), end, result.first);
    result.second = result.first;
    if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, result.second);
    }
    const bool good = parsed.ec == std::errc{} && parsed.ptr == end && result.first <= result.second;
    return good ? std::optional(result) : std::nullopt;
  }

 private:
  void print_help() const {
    std::cout << about_ << "\n\n";
    for (const TableOption& option : options_) {
      std::cout << "  --" << option.name << " "
                << std::string(option.name.size() < 12 ? 12 - option.name.size() : 1, ' ') << option.help
                << " (default: " << option.default_value << ")\n";
    }
  }

  std::string_view about_;
  std::vector<TableOption> options_;
  std::map<std::string_view, std::string, std::less<>> values_;
};

/// The seeds of each cell: options "seeds" (how many) and "first-seed".
struct TableSeeds {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// Nothing, and a message, where they are no numbers.
inline std::optional<TableSeeds> seeds_of(const TableArguments& arguments) {
  const auto count = arguments.range("seeds");
  const auto first = arguments.range("first-seed");
  if (!count || !first || count->first == 0) {
    std::cerr << "--seeds and --first-seed are whole numbers\n";
    return std::nullopt;
  }
  return TableSeeds{.first = first->first, .count = count->first};
}

inline std::string data_dir() {
  const char* const dir = std::getenv("GPUSCHED_DATA_DIR");
  return dir != nullptr && *dir != '\0' ? dir : "../shared/data";
}

/// Calls run(0) .. run(count - 1) on all cores, in order of index as cores get free. Rethrows the first exception.
template <typename Run>
void on_all_cores(std::size_t count, const Run& run) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr problem;
  std::mutex problem_mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        run(i);
      } catch (...) {
        const std::lock_guard lock(problem_mutex);
        problem = problem ? problem : std::current_exception();
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = std::max(1U, std::thread::hardware_concurrency()); i > 1; --i) {
      threads.emplace_back(work);
    }
    work();
  }
  if (problem) {
    std::rethrow_exception(problem);
  }
}

/// CPU seconds that the calling thread has used.
inline double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// CPU seconds, user and system, that the process has used.
inline double process_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Seconds since the watch was made.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// run(cell, seed) for each cell under each seed, on all cores: a Row each, the seeds of a cell side by side; or the
/// first error in that order.
template <typename Row, typename Run>
Result<std::vector<Row>> cells_times_seeds(std::size_t cells, const TableSeeds& seeds, const Run& run) {
  std::vector<Row> rows(cells * seeds.count);
  std::vector<Status> statuses(rows.size());
  on_all_cores(rows.size(), [&](std::size_t i) {
    Result<Row> row = run(i / seeds.count, seeds.first + i % seeds.count);
    statuses[i] = row ? Status() : Status(row.error());
    rows[i] = row ? std::move(row).value() : Row{};
  });
  for (const Status& status : statuses) {
    if (!status) {
      return status.error();
    }
  }
  return rows;
}

}  // namespace gpusched::bench
