#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {
namespace {

Trace generated(const std::map<std::string, std::string>& parameters, std::uint64_t seed) {
  Result<Trace> trace = generate_trace("mixed-day", parameters, seed);
  EXPECT_TRUE(trace.ok()) << trace.error().to_string();
  return std::move(trace).value();
}

/// GPUs of all replicas; instances by their eighths of the memory.
double gpus_of(const JobSpec& spec) {
  static const std::map<std::string, double> eighths = {{"1g.10gb", 1}, {"1g.20gb", 2}, {"2g.20gb", 2},
                                                        {"3g.40gb", 4}, {"4g.40gb", 4}, {"7g.80gb", 8}};
  const GpuRequest& request = spec.request;
  return request.mig_profile.empty() ? spec.replicas * request.num_gpu * request.gpu_milli / 1000.0
                                     : spec.replicas * eighths.at(request.mig_profile) / 8;
}

/// Time mean of the demand if nothing waits, over the GPUs, by queue and in all ("").
std::map<std::string, double> demand_of(const Trace& trace, double span_s) {
  double gpus = 0;
  for (const TraceNode& node : trace.nodes) {
    gpus += node.num_gpu;
  }
  std::map<std::string, double> demand;
  for (const TraceJob& job : trace.jobs) {
    const JobSpec& spec = trace.specs[job.spec];
    const double left_s = span_s - static_cast<double>(job.submit_ns) / 1e9;
    const double held_s = job.duration_ns < 0 ? left_s : std::min(left_s, static_cast<double>(job.duration_ns) / 1e9);
    demand[spec.queue] += gpus_of(spec) * held_s / span_s / gpus;
    demand[""] += gpus_of(spec) * held_s / span_s / gpus;
  }
  return demand;
}

TEST(MixedDayTest, OffersTheLoadThatWasAskedForOnAverage) {
  std::map<std::string, double> mean;
  constexpr int seeds = 6;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const auto& [queue, demand] : demand_of(generated({{"days", "30"}, {"load", "0.8"}}, seed), 30 * 86'400.0)) {
      mean[queue] += demand / seeds;
    }
  }
  EXPECT_NEAR(mean[""], .8, .8 * .05);
  EXPECT_NEAR(mean["train"], .24 * .8, .24 * .8 * .15);
  EXPECT_NEAR(mean["gang"], .20 * .8, .20 * .8 * .15);
  EXPECT_NEAR(mean["dev"], .10 * .8, .10 * .8 * .15);
  EXPECT_NEAR(mean["service-mig"], .10 * .8, .10 * .8 * .25);
}

/// Variance over mean of a day's training arrivals in hourly windows.
double hourly_dispersion(const Trace& trace, std::size_t hours) {
  std::vector<double> counts(hours);
  for (const TraceJob& job : trace.jobs) {
    if (trace.specs[job.spec].queue == "train") {
      counts.at(static_cast<std::size_t>(job.submit_ns / (3600 * ns_per_s))) += 1;
    }
  }
  double mean = 0;
  for (const double count : counts) {
    mean += count / static_cast<double>(hours);
  }
  double variance = 0;
  for (const double count : counts) {
    variance += (count - mean) * (count - mean) / static_cast<double>(hours - 1);
  }
  return variance / mean;
}

// The excess over 1 of Venus' index of dispersion has a part from batches, which a lower rate keeps, and a part from
// the rate's changes, in proportion to it; the law as a whole is tested in cox_arrivals_test.cpp.
TEST(MixedDayTest, SubmitsTrainingFarLessEvenlyThanPoisson) {
  EXPECT_GT(hourly_dispersion(generated({{"days", "60"}}, 1), 60 * 24), 8);
}

TEST(MixedDayTest, HasEveryKindOfRequestInTheShippedTrace) {
  const Trace trace = generated({}, 1);
  std::set<JobClass> classes;
  std::set<std::string> profiles;
  bool share = false;
  bool cpu_only = false;
  bool multi_node = false;
  for (const TraceJob& job : trace.jobs) {
    const JobSpec& spec = trace.specs[job.spec];
    classes.insert(spec.request.job_class);
    share = share || (spec.request.gpu_milli > 0 && spec.request.gpu_milli < 1000);
    cpu_only = cpu_only || spec.request.num_gpu == 0;
    multi_node = multi_node || (spec.gang_min == 2 && spec.request.num_gpu == 8);
    profiles.insert(spec.request.mig_profile);
  }
  EXPECT_EQ(classes, (std::set<JobClass>{JobClass::always_on, JobClass::burst, JobClass::batch, JobClass::dev}));
  EXPECT_EQ(profiles.size(), 7U);  // six, and none
  EXPECT_TRUE(share && cpu_only && multi_node);
  EXPECT_EQ(trace.nodes.size(), 8U);
  EXPECT_EQ(trace.events.size(), 3U);
}

TEST(MixedDayTest, FitsEveryRequestOnSomeEmptyNode) {
  const Trace trace = generated({{"days", "5"}}, 2);
  for (const JobSpec& spec : trace.specs) {
    const GpuRequest& request = spec.request;
    const auto fitting = std::count_if(trace.nodes.begin(), trace.nodes.end(), [&](const TraceNode& node) {
      const GpuModel& model = gpu_model(find_gpu_model(node.gpu_model).value());
      const bool mig = !request.mig_profile.empty();
      const bool allowed = request.gpu_models.empty() || request.gpu_models.front() == node.gpu_model;
      const bool sharing =
          mig ? node.sharing == NodeSharing::mig || (node.sharing == NodeSharing::any && model.has_lattice())
              : request.num_gpu == 0 || node.sharing != NodeSharing::mig;
      const bool labels = request.node_labels.empty() || request.node_labels == node.labels;
      return allowed && sharing && labels && request.num_gpu <= node.num_gpu && request.cpu_milli <= node.cpu_milli &&
             request.memory_mib <= node.memory_mib && request.gpu_memory_mib <= model.memory_mib.value();
    });
    EXPECT_GE(fitting, spec.gang_min > 0 ? spec.gang_min : 1) << spec.queue << " " << request.mig_profile;
  }
}

TEST(MixedDayTest, TakesOneModelForAllNodesAndLeavesOutMigWhereItHasNone) {
  const Trace mig = generated({{"model", "H200-141GB"}}, 1);
  const Trace plain = generated({{"model", "L40S-48GB"}}, 1);
  const auto wants_mig = [](const JobSpec& spec) { return !spec.request.mig_profile.empty(); };
  EXPECT_TRUE(std::any_of(mig.specs.begin(), mig.specs.end(), wants_mig));
  EXPECT_FALSE(std::any_of(plain.specs.begin(), plain.specs.end(), wants_mig));
  for (const TraceNode& node : plain.nodes) {
    EXPECT_EQ(node.gpu_model, "L40S-48GB");
  }
  const GpuModelId h200 = find_gpu_model("H200-141GB").value();
  for (const JobSpec& spec : mig.specs) {
    EXPECT_TRUE(spec.request.mig_profile.empty() || find_mig_profile(h200, spec.request.mig_profile).ok());
  }
}

TEST(MixedDayTest, NeverStagesTwoEventsOnOneNodeAtATime) {
  const Trace trace = generated({{"days", "20"}, {"nodes", "12"}}, 3);
  std::map<std::string, TimeNs> busy_until_ns;
  for (const TraceEvent& event : trace.events) {
    EXPECT_GE(event.time_ns, busy_until_ns[event.target_id]) << event.target_id;
    busy_until_ns[event.target_id] = event.time_ns + event.duration_ns;
  }
  EXPECT_EQ(trace.events.size(), 20U * 6U);
}

}  // namespace
}  // namespace gpusched::sim
