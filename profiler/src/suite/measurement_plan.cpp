#include "gpusched/profiler/suite/measurement_plan.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::suite {

namespace {

/// The steps of the plan, in the order of their value.
class PlanBuilder {
 public:
  explicit PlanBuilder(const PlanTarget& target) : target_(target) {
    for (const JobKindInfo& kind : job_kinds()) {
      if (kind.in_pairs) {
        kinds_.push_back(&kind);
      }
    }
  }

  std::vector<PlannedMeasurement> build() {
    if (!target_.mig_profiles.empty()) {
      instances();
      return std::move(plan_);
    }
    alone(1);
    if (target_.cublas) {  // what the best library makes of the same products
      for (const std::string_view name : {"cublas-bf16", "cublas-fp32"}) {
        add({.way = Way::alone, .jobs = {{named(name), 0, 1}}});
        add({.way = Way::time_slice, .jobs = {{named(name), 0, 2}}});
      }
    }
    add({.way = Way::time_slice, .jobs = {{named("idle"), 0, 4}}});
    copies_of_two(Way::time_slice, kinds_);
    slices();
    pairs(Way::time_slice, kinds_);
    served();
    tails(Way::time_slice);
    alone(2);
    if (target_.mps) {
      copies_of_two(Way::mps, few());
      pairs(Way::mps, few());
      tails(Way::mps);
    }
    many();
    add({.way = Way::time_slice, .jobs = {{named("holder"), 0, 1}, {named("gemm-bf16-large"), 0, 1}}});
    alone(3);
    repeated_pairs();
    return std::move(plan_);
  }

 private:
  static const JobKindInfo* named(std::string_view name) {
    const Result<const JobKindInfo*> kind = find_job_kind(name);
    GPUSCHED_CHECK(kind.ok(), std::string(name));
    return kind.value();
  }

  void add(PlannedMeasurement measurement) { plan_.push_back(std::move(measurement)); }

  /// Compute and memory, large and small, one of each: the jobs of the parts that cost too much for all.
  static std::vector<const JobKindInfo*> few() {
    return {named("gemm-bf16-large"), named("gemm-bf16-small"), named("stream"), named("decode-8"), named("conv")};
  }

  void alone(int repetition) {
    for (const JobKindInfo* kind : kinds_) {
      add({.way = Way::alone, .jobs = {{kind, 0, 1}}, .repetition = repetition});
    }
  }

  void copies_of_two(Way way, const std::vector<const JobKindInfo*>& kinds) {
    for (const JobKindInfo* kind : kinds) {
      add({.way = way, .jobs = {{kind, 0, 2}}});
    }
  }

  void pairs(Way way, const std::vector<const JobKindInfo*>& kinds) {
    // Neighbours at growing distance in the table, so that a plan cut short has every job in some pair.
    for (std::size_t distance = 1; distance < kinds.size(); ++distance) {
      for (std::size_t i = 0; i + distance < kinds.size(); ++i) {
        add({.way = way, .jobs = {{kinds[i], 0, 1}, {kinds[i + distance], 0, 1}}});
      }
    }
  }

  void slices() {
    for (const int sms : target_.slice_sms) {
      for (const JobKindInfo* kind : kinds_) {
        add({.way = Way::slice, .sms = sms, .jobs = {{kind, 0, 1}}});
      }
    }
  }

  void instances() {
    for (const int repetition : {1, 2, 3}) {
      for (const std::string& profile : target_.mig_profiles) {
        for (const JobKindInfo* kind : kinds_) {
          add({.way = Way::mig, .mig_profile = profile, .jobs = {{kind, 0, 1}}, .repetition = repetition});
        }
      }
    }
  }

  /// Requests from 10 to 100 % of the time; 100 % is the job without a load.
  void served() {
    constexpr double seconds = 2.5;  // queues take longer to show their mean
    for (const double load : {0.1, 0.25, 0.5, 0.75, 0.9}) {
      for (const std::string_view name : {"decode-8", "conv"}) {
        add({.way = Way::alone, .jobs = {{named(name), load, 1}}, .seconds = seconds});
      }
      add({.way = Way::time_slice,
           .jobs = {{named("decode-8"), load, 1}, {named("gemm-bf16-large"), 0, 1}},
           .seconds = seconds});
    }
    for (const double load : {0.1, 0.25, 0.45}) {
      add({.way = Way::time_slice,
           .jobs = {{named("decode-8"), load, 1}, {named("conv"), load, 1}},
           .seconds = seconds});
    }
  }

  /// The latency of a short job beside kernels that take their time.
  void tails(Way way) {
    for (const std::string_view name : {"launches", "gemm-bf16-small", "decode-1"}) {
      add({.way = way, .jobs = {{named(name), 0.2, 1}, {named("gemm-fp32-long"), 0, 1}}, .seconds = 2});
    }
  }

  void many() {
    for (int copies = 3; copies <= 8; ++copies) {
      add({.way = Way::time_slice, .jobs = {{named("gemm-bf16-large"), 0, copies}}});
    }
    for (const std::string_view name : {"gemm-bf16-small", "stream", "decode-8", "launches"}) {
      for (const int copies : {4, 8}) {
        add({.way = Way::time_slice, .jobs = {{named(name), 0, copies}}});
      }
    }
    if (target_.mps) {
      for (const std::string_view name : {"gemm-bf16-small", "decode-8"}) {
        for (const int copies : {4, 8}) {
          add({.way = Way::mps, .jobs = {{named(name), 0, copies}}});
        }
      }
    }
  }

  void repeated_pairs() {
    for (const JobKindInfo* kind : kinds_) {
      add({.way = Way::time_slice, .jobs = {{kind, 0, 2}}, .repetition = 2});
    }
  }

  const PlanTarget& target_;
  std::vector<const JobKindInfo*> kinds_;
  std::vector<PlannedMeasurement> plan_;
};

}  // namespace

std::vector<int> green_context_sms(std::string_view gpu_name) {
  const Result<GpuModelId> id = find_gpu_model(gpu_name);
  if (!id) {
    return {};
  }
  constexpr int granularity = 8;  // SMs, from compute capability 9.0 on; on 8.x an 8 is possible too
  const GpuModel& model = gpu_model(id.value());
  std::set<int> counts;
  for (const MigProfile& profile : model.profiles) {
    // A label has the SMs of the profile it names; 1g.20gb is the same slice with more memory.
    if (!profile.sm_count || profile.is_label() || profile.compute_slices == model.compute_slices ||
        (profile.compute_slices == 1 && profile.memory_units > 1)) {
      continue;
    }
    counts.insert(*profile.sm_count / granularity * granularity);
    counts.insert((*profile.sm_count + granularity - 1) / granularity * granularity);
  }
  counts.erase(0);
  return {counts.begin(), counts.end()};
}

std::vector<PlannedMeasurement> default_plan(const PlanTarget& target) { return PlanBuilder(target).build(); }

double working_seconds(const PlannedMeasurement& measurement, double settle_s) {
  return measurement.seconds + 2 * settle_s;
}

}  // namespace gpusched::suite
