#include "gpusched/model/job_profile.hpp"

#include <charconv>
#include <cmath>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

// Beyond these a number is a mistake of unit. A slice may be a little faster than the whole GPU: ParvaGPU
// measured 1.09.
constexpr double max_slice_speed = 2;
constexpr double max_mps_demand = 100;
constexpr double max_service_time_ms = 86'400'000;
constexpr double max_power_w = 100'000;
constexpr std::int64_t max_memory_mib = std::int64_t{1} << 30;

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return {buffer, end};
}

/// Checks fields one after the other; the first problem counts.
class ProfileChecker {
 public:
  explicit ProfileChecker(const JobProfile& profile) : profile_(profile) {}

  void problem(std::string_view field, const std::string& value, std::string_view what, std::string remedy) {
    if (status_.ok()) {
      status_ = Error{.code = ErrorCode::invalid_argument,
                      .message = "job profile '" + profile_.name + "': " + std::string(field) + " is " + value + ", " +
                                 std::string(what),
                      .file = {},
                      .line = 0,
                      .remedy = std::move(remedy)};
    }
  }

  void range(std::string_view field, double value, double least, double most, std::string_view remedy) {
    if (!std::isfinite(value)) {
      problem(field, number(value), "not a finite number", std::string(remedy));
    } else if (value < least) {
      problem(field, number(value), "below " + number(least), std::string(remedy));
    } else if (value > most) {
      problem(field, number(value), "above " + number(most), std::string(remedy));
    }
  }

  void activity(std::string_view field, const Activity& activity) {
    constexpr std::string_view remedy = "Activities are shares of time between 0 and 1, not per cent";
    const std::string name(field);
    range(name + ".mean", activity.mean, 0, 1, remedy);
    double last = 0;
    const std::pair<const char*, const std::optional<double>*> quantiles[] = {
        {".p50", &activity.p50}, {".p90", &activity.p90}, {".p95", &activity.p95}, {".p99", &activity.p99}};
    for (const auto& [suffix, value] : quantiles) {
      if (*value) {
        range(name + suffix, **value, 0, 1, remedy);
        if (**value < last) {
          problem(name + suffix, number(**value), "below the quantile before it, " + number(last),
                  "Quantiles do not fall");
        }
        last = **value;
      }
    }
  }

  Status take() { return std::move(status_); }
  bool ok() const { return status_.ok(); }

 private:
  const JobProfile& profile_;
  Status status_;
};

void check_service(const JobProfile& profile, ProfileChecker& checker) {
  const bool service = profile.kind == JobKind::service;
  const auto presence = [&](std::string_view field, bool present) {
    if (service && !present) {
      checker.problem(field, "missing", "and a service needs it", "Give it, or kind closed for a job without requests");
    } else if (!service && present) {
      checker.problem(field, "there", "and a closed job has no requests", "Leave it out, or give kind service");
    }
  };
  presence("request_load", profile.request_load.has_value());
  presence("service_time_ms", profile.service_time_ms.has_value());
  if (profile.request_load) {
    checker.activity("request_load", *profile.request_load);
  }
  if (profile.service_time_ms) {
    // A thousandth: predictions count in microseconds.
    checker.range("service_time_ms", *profile.service_time_ms, 0.001, max_service_time_ms,
                  "It is the time of one request, in milliseconds");
  }
}

void check_slice_speeds(const JobProfile& profile, ProfileChecker& checker) {
  const std::string* last = nullptr;
  for (const SliceSpeed& entry : profile.slice_speeds) {
    const std::string field = "slice_speeds." + entry.profile;
    if (!(entry.speed > 0)) {
      checker.problem(field, number(entry.speed), "not above 0", "Leave out slices on which the job does not run");
    }
    checker.range(field, entry.speed, 0, max_slice_speed, "It is the speed relative to the whole GPU");
    if (last != nullptr && entry.profile <= *last) {
      checker.problem(field, "after '" + *last + "'", "twice or out of order", "Sort by profile name, each one once");
    }
    last = &entry.profile;
    if (const Result<MigProfileId> known = find_mig_profile(profile.gpu_model, entry.profile); !known) {
      checker.problem(field, "of no profile of the GPU", known.error().message, known.error().remedy);
    }
  }
}

}  // namespace

const char* to_string(JobKind kind) { return kind == JobKind::service ? "service" : "closed"; }

Status check_job_profile(const JobProfile& profile) {
  ProfileChecker checker(profile);
  if (profile.name.empty()) {
    checker.problem("name", "empty", "and requests name profiles by it", "Give the profile a name");
  }
  if (profile.revision < 1) {
    checker.problem("revision", std::to_string(profile.revision), "below 1", "It counts the measurements, from 1");
  }
  if (!profile.gpu_model.valid() || profile.gpu_model.value >= gpu_catalog().size()) {
    checker.problem("gpu_model", "not set", "no row of the catalogue", "'gpusched-sim list models' names them");
    return checker.take();
  }
  checker.activity("engine_active", profile.engine_active);
  if (profile.sm_active) {
    checker.activity("sm_active", *profile.sm_active);
  }
  checker.activity("dram_active", profile.dram_active);
  if (profile.tensor_active) {
    checker.activity("tensor_active", *profile.tensor_active);
  }
  checker.range("memory_peak_mib", static_cast<double>(profile.memory_peak_mib), 1, static_cast<double>(max_memory_mib),
                "It is the largest footprint in MiB, without the CUDA context");
  checker.range("duty_cycle", profile.duty_cycle, 0, 1, "It is the share of its life in which the job has work");
  check_service(profile, checker);
  if (profile.power_w) {
    checker.range("power_w", *profile.power_w, 0, max_power_w, "It is a mean in watts");
  }
  if (profile.mps_demand) {
    checker.range("mps_demand", *profile.mps_demand, 0, max_mps_demand,
                  "It is the slowdown of one copy beside another one under MPS, minus 1");
  }
  check_slice_speeds(profile, checker);
  return checker.take();
}

std::optional<double> measured_speed(const JobProfile& profile, std::string_view mig_profile) {
  for (const SliceSpeed& entry : profile.slice_speeds) {
    if (entry.profile == mig_profile) {
      return entry.speed;
    }
  }
  return std::nullopt;
}

}  // namespace gpusched
