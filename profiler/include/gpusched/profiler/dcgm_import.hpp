#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/device_sample.hpp"
#include "gpusched/profiler/measured_job.hpp"

namespace gpusched::profiler {

/// What a text holds.
enum class DcgmFormat {
  automatic,   ///< told apart by its first line that is no comment
  prometheus,  ///< the text exposition format, one scrape after the other, as dcgm-exporter serves it
  csv,  ///< a table with a head: one column per field, or columns metric and value; also what `dcgmi dmon` prints
};

/// What became of the lines.
struct ImportReport {
  struct Bad {
    std::int64_t count = 0;
    std::string file{};  ///< of the first one
    int line = 0;
  };
  std::int64_t lines = 0;            ///< without empty ones and comments
  std::int64_t used = 0;             ///< gave a value
  std::int64_t other = 0;            ///< of fields that profiles do not need, or with no value at that time
  std::map<std::string, Bad> bad{};  ///< by reason; lines == used + other + the counts of these
};

/// Collects DCGM's counters of one or many GPUs, instances and pods from texts, and makes one job of each.
/// Fields are known by their old and new names ("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO") and by those of
/// `dcgmi dmon` ("SMACT"): NVIDIA, "DCGM API Reference", field identifiers.
class DcgmImport {
 public:
  /// Reads one text. Bad lines are counted and left out. invalid_argument where nothing of it can be understood, or
  /// when there are more than a hundred thousand series.
  Status add(std::string_view text, const std::string& file, DcgmFormat format);

  const ImportReport& report() const { return report_; }

  /// One judged job per series, in the order of their keys: of a GPU with instances the instances alone, where pods are
  /// named the pods alone, and no GPU without a pod on which nothing ran. `job` says what no counter does and, unless
  /// empty, how all are called; `gpu_model`: of GPUs whose texts do not name it; `from`: who imports what.
  std::vector<MeasuredJob> finish(const JobDescription& job, std::optional<GpuModelId> gpu_model,
                                  const Provenance& from) const;

  /// One value of one field; without a time it belongs to the scrape in which it stands.
  struct Value {
    std::string_view field{};
    std::map<std::string, std::string> labels{};
    double value = 0;
    std::optional<std::int64_t> at_ms{};
  };

 private:
  /// What is told of one GPU or instance, and one pod or none.
  struct Series {
    std::string device{};  ///< host and GPU
    std::string gpu{}, model_name{}, instance_id{}, instance_profile{}, pod{};
    std::map<std::int64_t, DeviceSample> samples{};  ///< by milliseconds, or by the number of the scrape
  };
  /// What stands beside what.
  struct Neighbours {
    std::set<std::string> with_instances{};  ///< devices
    std::set<std::string> with_pods{};       ///< devices and instances
    std::set<std::string> shared{};          ///< keys of pods for whose device another pod is named at the same time
  };
  using Place = std::pair<const std::string&, int>;  ///< file and line

  Status read_prometheus(std::string_view text, const std::string& file);
  Status read_table(std::string_view text, const std::string& file);
  /// Takes the values of one line; the first that is bad makes the line bad.
  Status take_line(const std::vector<Value>& values, Place place);
  Status take(const Value& value);
  void next_scrape_if_seen(const std::string& mark);
  void bad(const std::string& reason, Place place);
  Neighbours find_neighbours() const;

  std::map<std::string, Series> series_;  // by their key
  std::set<std::string> seen_;            // what this scrape has: keys and fields of values, heads of metrics
  ImportReport report_;
  std::int64_t scrape_ = 0;
  bool timed_ = true;  // every value had its time
};

}  // namespace gpusched::profiler
