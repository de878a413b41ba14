#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/intern_table.hpp"

namespace gpusched {

/// How a claim wants its GPU. `unstated` leaves the choice to the scheduler; anything else always wins.
enum class SharingMode : std::uint8_t { unstated, whole, mig, time_slice, mps };

/// What kind of job it is. A policy that chooses modes plans each kind its own way; others only report it.
enum class JobClass : std::uint8_t { unknown, always_on, burst, batch, dev };
inline constexpr std::size_t job_class_count = 5;

/// What a job needs between itself and its neighbours.
enum class Isolation : std::uint8_t { none, memory, fault };

/// What one pod asks for. A value: equal requests are interchangeable for every policy.
struct GpuRequest {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::int32_t num_gpu = 0;         ///< devices or MIG instances; 0 = CPU only
  std::int32_t gpu_milli = 0;       ///< share of each device, 1..1000; 1000 = the whole device; 0 without GPUs
  std::int64_t gpu_memory_mib = 0;  ///< device memory per share or instance; 0 = not stated
  std::string mig_profile;          ///< NVIDIA's name ("1g.10gb"), resolved per GPU model; empty = no MIG instance
  SharingMode mode = SharingMode::unstated;
  std::vector<std::string> gpu_models;                           ///< allowed; empty = any
  std::vector<std::pair<std::string, std::string>> node_labels;  ///< required, sorted by key
  std::int32_t priority = 0;                                     ///< Kubernetes PriorityClass value; higher first
  bool preemptible = true;                                       ///< may be evicted for a higher priority
  JobClass job_class = JobClass::unknown;
  Isolation isolation = Isolation::none;
  double max_slowdown = 0;   ///< tolerated against alone on the whole GPU; 0 = not stated
  std::string job_profile;   ///< name of a JobProfile; empty = unknown
  std::string trust_domain;  ///< only pods of one domain may share an MPS server; empty = with nobody

  friend bool operator==(const GpuRequest&, const GpuRequest&) = default;
};

std::uint64_t hash_value(const GpuRequest& request);

/// True for a request that says what it needs instead of which share or slice: how it gets a GPU is the scheduler's
/// choice. It asks for one device; a policy that does not choose modes gives it a whole one.
bool states_intent(const GpuRequest& request);

/// Requests that no policy can tell apart, numbered by first appearance.
using RequestClassTable = InternTable<GpuRequest>;

}  // namespace gpusched
