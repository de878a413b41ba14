#pragma once

#include <array>
#include <string>
#include <vector>

#include "gpusched/base/philox.hpp"
#include "gpusched/cluster/request_check.hpp"
#include "gpusched/engine/engine.hpp"

#include "cluster_builders.hpp"

namespace gpusched::test {

/// Random GPUs, job profiles and jobs that state intent, the same for equal seeds.
class RandomModeCluster {
 public:
  explicit RandomModeCluster(std::uint64_t seed, const std::string& policy = "auto", ReshapeOptions reshape = {})
      : draws_(seed, StreamPurpose::request),
        engine_(Engine::create({.policy = parse_policy(policy).value(),
                                .seed = seed,
                                .target = {},
                                .preemption = true,
                                .reshape = reshape})
                    .value()) {
    for (std::uint32_t i = 0; i < profile_count; ++i) {
      observe({0, ProfileLoaded{random_profile("p" + std::to_string(i))}});
    }
    constexpr std::array models = {"A100-80GB", "H100-80GB-SXM5", "A30", "L4"};
    const std::uint32_t nodes = 1 + below(3);
    for (std::uint32_t i = 0; i < nodes; ++i) {
      const auto sharing = below(6) == 0 ? static_cast<NodeSharing>(below(5)) : NodeSharing::any;
      observe({0, NodeAdded{gpu_node("n" + std::to_string(i), models[below(models.size())],
                                     static_cast<int>(1 + below(3)), sharing)}});
    }
  }

  Engine& engine() { return engine_; }
  const std::vector<Event>& events() const { return events_; }
  std::uint32_t below(std::size_t bound) { return draws_.next_below(static_cast<std::uint32_t>(bound)); }

  /// One that does not contradict itself.
  GpuRequest random_intent() {
    GpuRequest request = any_intent();
    while (!check_gpu_request(request).ok()) {
      request = any_intent();
    }
    return request;
  }

  GpuRequest any_intent() {
    GpuRequest request = whole_request(1);
    request.job_class = static_cast<JobClass>(1 + below(4));
    if (below(5) > 0) {
      request.job_profile = "p" + std::to_string(below(profile_count));
    }
    if (below(3) == 0) {
      request.gpu_memory_mib = 1024 * (1 + below(90));
    }
    if (below(4) > 0) {
      request.max_slowdown = 1 + 0.001 * below(below(2) == 0 ? 600 : 6000);
    }
    if (below(3) == 0) {
      request.isolation = static_cast<Isolation>(below(3));
    }
    if (below(2) == 0) {
      request.trust_domain = below(2) == 0 ? "ours" : "theirs";
    }
    if (below(6) == 0) {
      request.mode = static_cast<SharingMode>(1 + below(4));
    }
    if (below(8) == 0) {
      request.gpu_models = {below(2) == 0 ? "A100-80GB" : "L4"};
    }
    request.cpu_milli = below(3) == 0 ? 1000 * below(17) : 0;
    request.memory_mib = below(3) == 0 ? 1024 * below(65) : 0;
    request.priority = below(4) == 0 ? static_cast<std::int32_t>(below(3)) : 0;
    return request;
  }

  /// A job arrives; it starts where there is a place, or where a move makes one. Returns the decision.
  Decision arrive(const GpuRequest& request) {
    const RequestClassId id = engine_.intern(request);
    const PodId pod{pods_++};
    observe({0, PodSubmitted{pod, id, 0}});
    const Decision decision = engine_.decide(id, 0);
    if (const auto* reshape = std::get_if<ReshapeThenBind>(&decision)) {
      observe({0, PodMoved{reshape->move}});
    }
    const Candidate* place = std::holds_alternative<PreemptThenBind>(decision) ? nullptr : candidate_of(decision);
    if (place != nullptr) {
      observe({0, PodBound{pod, *place, 0}});
      running_.push_back(pod);
    } else {
      observe({0, PodFinished{pod, 0}});
    }
    return decision;
  }

  /// A random running job ends, if there is one.
  void leave() {
    if (!running_.empty()) {
      std::swap(running_[below(running_.size())], running_.back());
      observe({0, PodFinished{running_.back(), 0}});
      running_.pop_back();
    }
  }

  void observe(const Event& event) {
    const Status status = engine_.observe(event);
    GPUSCHED_CHECK(status.ok(), status.error().to_string());
    events_.push_back(event);
  }

 private:
  static constexpr std::uint32_t profile_count = 12;

  double unit(double least, double most) { return least + (most - least) * draws_.next_unit(); }

  JobProfile random_profile(const std::string& name) {
    JobProfile profile;
    profile.name = name;
    profile.gpu_model = model_named("A100-80GB");
    profile.engine_active.mean = unit(0.2, 1);
    profile.dram_active.mean = unit(0.02, 0.9);
    if (below(4) > 0) {
      profile.sm_active = Activity{.mean = unit(0.05, 1)};
    }
    if (below(2) == 0) {
      profile.kind = JobKind::service;
      profile.request_load = Activity{.mean = unit(0.01, 0.6)};
      profile.service_time_ms = unit(2, 200);
    } else if (below(2) == 0) {
      profile.duty_cycle = unit(0.002, 0.5);
    }
    profile.memory_peak_mib = 512 + below(below(4) == 0 ? 90'000 : 20'000);
    profile.source = "test";
    return profile;
  }

  Philox draws_;
  Engine engine_;
  std::vector<Event> events_;
  std::vector<PodId> running_;
  std::uint32_t pods_ = 0;
};

}  // namespace gpusched::test
