#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/base/units.hpp"
#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/model/job_profile.hpp"

namespace gpusched::sim {

/// Columns that the format keeps but nothing here interprets, by column index of the table's `extra_columns`; may be
/// shorter, the rest is empty. They carry a source's own fields through conversions without loss.
using ExtraValues = std::vector<std::string>;

using gpusched::NodeSharing;

/// A row of nodes.csv (docs/formats/gtf.md).
struct TraceNode {
  std::string id;
  std::string gpu_model;  ///< as written; empty for CPU-only nodes
  std::int32_t num_gpu = 0;
  std::int64_t gpu_memory_mib = 0;  ///< per GPU; 0 = as the model says
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  NodeSharing sharing = NodeSharing::any;
  std::int32_t replicas = 0;                                ///< of each shared GPU; 0 = not stated
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted by key; zone, rack, pool and the like included
  std::optional<double> price_per_hour;                     ///< of one GPU, in the currency of the metadata
  std::optional<double> idle_w, active_w;                   ///< per GPU
  std::optional<TimeNs> available_from_ns, available_to_ns;
  ExtraValues extra;

  friend bool operator==(const TraceNode&, const TraceNode&) = default;
};

/// What many rows of jobs.csv have in common; rows point to it by index.
struct JobSpec {
  std::string kind = "pod";  ///< pod, batch, service, session
  GpuRequest request;        ///< of one replica
  std::int32_t replicas = 1;
  std::int32_t gang_min = 0;  ///< of a row with several replicas: all or this many; 0 = no gang
  /// By which profile the job really runs, where the scheduler is told another one or none; empty = the request's.
  std::string true_profile;
  std::string tenant, user, queue, qos;

  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

/// A row of jobs.csv.
struct TraceJob {
  std::string id;
  TimeNs submit_ns = 0;
  TimeNs duration_ns = -1;         ///< alone on the reference device; -1 = stays until the end
  TimeNs max_wait_ns = -1;         ///< leaves the queue after this long; -1 = never
  std::uint32_t spec = 0;          ///< into Trace::specs
  std::int32_t gang = -1;          ///< into Trace::gangs; -1 = alone
  std::uint32_t extra = no_extra;  ///< into Trace::job_extra

  static constexpr std::uint32_t no_extra = 0xffffffffU;
  friend bool operator==(const TraceJob&, const TraceJob&) = default;
};

/// A row of events.csv: something that happens to a target at a time.
struct TraceEvent {
  TimeNs time_ns = 0;
  std::string target;     ///< node (gpu and wider targets: rejected by reason until something reads them)
  std::string target_id;  ///< a node id, or `NODE/GPU`
  std::string event;      ///< down, up, drain
  std::string cause;
  TimeNs duration_ns = -1;  ///< up again by itself after this long; -1 = until an `up` row
  ExtraValues extra;

  friend bool operator==(const TraceEvent&, const TraceEvent&) = default;
};

/// A cluster and what arrives at it.
struct Trace {
  std::map<std::string, std::string> metadata;  ///< `#key: value` lines
  std::vector<TraceNode> nodes;                 ///< in file order
  std::vector<std::string> node_extra_columns;  ///< names, with x_ in GTF
  std::vector<JobSpec> specs;
  std::vector<TraceJob> jobs;        ///< by submit time; equal times in file order
  std::vector<JobProfile> profiles;  ///< that specs name; each name once, each one valid
  std::vector<std::string> gangs;
  std::vector<std::string> job_extra_columns;
  std::vector<ExtraValues> job_extra;
  std::vector<TraceEvent> events;  ///< by time; equal times in file order
  std::vector<std::string> event_extra_columns;

  friend bool operator==(const Trace&, const Trace&) = default;
};

/// What a reader did with rows, profiles among them: `read == kept + sum of dropped`. Nothing is lost silently.
struct ReadReport {
  std::int64_t read = 0;
  std::int64_t kept = 0;
  std::map<std::string, std::int64_t> dropped;   ///< by reason
  std::map<std::string, std::int64_t> doubtful;  ///< kept, but probably not as meant; by reason
  std::vector<std::string> examples;             ///< the first few, "FILE:LINE: MESSAGE"
};

}  // namespace gpusched::sim
