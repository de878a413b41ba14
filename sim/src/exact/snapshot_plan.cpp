// Turns counts of the program into a place for every job.
#include <algorithm>
#include <map>
#include <tuple>

#include "gpusched/model/mig_lattice.hpp"

#include "exact/snapshot_variables.hpp"

namespace gpusched::sim {

namespace {

/// An instance that runs or is made on a GPU of a group.
struct Interval {
  SliceRange range{};
  int shape = -1;          ///< of one that is made; else -1
  std::int32_t part = -1;  ///< of a Stay; else -1
};

/// What the newcomers of a node may take.
struct NodeSupply {
  std::map<std::uint32_t, std::vector<GpuAssignment>> instances{};  ///< by shape
  std::vector<std::uint16_t> vacant{};                              ///< GPUs
};

class PlanReader {
 public:
  PlanReader(const Snapshot& snapshot, const SnapshotGroups& groups, const SnapshotProgram& program,
             std::span<const std::int64_t> values)
      : snapshot_(snapshot), groups_(groups), program_(program), values_(values) {
    plan_.choices.resize(snapshot.jobs.size());
    supply_.resize(snapshot.nodes.size());
    gpu_of_bin_.resize(program.bins.size());
    seats_.resize(program.pools.size());
  }

  SnapshotPlan read() {
    for (std::size_t group = 0; group < groups_.groups.size(); ++group) {
      take_group(group);
    }
    keep_single_stays();
    share_vacant();
    collect_pending();
    for (const Use& use : program_.uses) {
      for (std::int64_t i = 0; i < value(use.count); ++i) {
        serve(use);
      }
    }
    return std::move(plan_);
  }

 private:
  std::int64_t value(VariableIndex variable) const { return variable == no_variable ? 0 : values_[variable]; }

  void keep(const Stay& stay, std::size_t member) {
    const std::uint32_t job = stay.jobs[member];
    plan_.choices[job] = {static_cast<std::int32_t>(stay.alternative), snapshot_.jobs[job].residence->placement};
  }

  /// Stays of a single job stay as a whole, wherever they have parts.
  void keep_single_stays() {
    for (std::size_t i = 0; i < groups_.stays.size(); ++i) {
      if (groups_.stays[i].jobs.size() == 1 && value(program_.stays[i]) == 1) {
        keep(groups_.stays[i], 0);
      }
    }
  }

  void take_group(std::size_t index);
  std::size_t cut(std::size_t index, std::size_t next);
  void share_vacant();
  std::uint16_t take_vacant(std::uint32_t node) {
    std::vector<std::uint16_t>& vacant = supply_[node].vacant;
    const std::uint16_t gpu = vacant.back();
    vacant.pop_back();
    return gpu;
  }
  std::uint16_t device_for(const Use& use) {
    if (use.source != UseSource::pattern) {
      return use.source == UseSource::bin ? gpu_of_bin_[use.index] : take_vacant(use.node);
    }
    std::vector<std::uint16_t>& seats = seats_[use.index][use.size];
    const std::uint16_t gpu = seats.back();
    seats.pop_back();
    return gpu;
  }
  void collect_pending();
  void serve(const Use& use);

  const Snapshot& snapshot_;
  const SnapshotGroups& groups_;
  const SnapshotProgram& program_;
  std::span<const std::int64_t> values_;
  SnapshotPlan plan_;
  std::vector<NodeSupply> supply_;                              // by node
  std::vector<std::uint16_t> gpu_of_bin_;                       // by bin
  std::vector<std::vector<std::vector<std::uint16_t>>> seats_;  // by pool and size: GPUs
  std::vector<std::vector<std::uint32_t>> pending_;             // by class: jobs without a place, the next one last
};

/// Gives each GPU of a group its role: held whole, cut, shared by residents, vacant.
void PlanReader::take_group(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  std::size_t next = 0;  // GPUs before it have a role
  if (group.holds_whole()) {
    const Stay& stay = groups_.stays[group.parts[0].stay];
    const auto staying = static_cast<std::size_t>(value(program_.stays[group.parts[0].stay]));
    for (std::size_t member = 0; member < staying; ++member) {
      keep(stay, member);
    }
    next = staying * (group.gpus.size() / stay.jobs.size());
  }
  next = cut(index, next);
  for (std::size_t bin = 0; bin < program_.bins.size(); ++bin) {
    if (program_.bins[bin].group == static_cast<std::int32_t>(index) && value(program_.bins[bin].open) == 1) {
      gpu_of_bin_[bin] = group.gpus[next++];
    }
  }
  for (std::int64_t i = 0; i < value(program_.groups[index].vacant); ++i) {
    supply_[group.node].vacant.push_back(group.gpus[next++]);
  }
}

/// Lays the instances of a group out on its GPUs, from `next` on; returns the first GPU that is not cut.
std::size_t PlanReader::cut(std::size_t index, std::size_t next) {
  const GpuGroup& group = groups_.groups[index];
  std::vector<Interval> intervals;
  for (std::size_t part = 0; part < group.parts.size(); ++part) {
    const std::int64_t staying =
        group.parts[part].part.range.size > 0 ? value(program_.stays[group.parts[part].stay]) : 0;
    intervals.insert(intervals.end(), static_cast<std::size_t>(staying),
                     {.range = group.parts[part].part.range, .part = static_cast<std::int32_t>(part)});
  }
  const auto& placements = program_.groups[index].placements;
  const MigLattice* lattice =
      placements.empty() ? nullptr : &MigLattice::of(snapshot_.nodes[group.node].spec.gpus[0].model);
  for (std::size_t p = 0; p < placements.size(); ++p) {
    intervals.insert(intervals.end(), static_cast<std::size_t>(value(placements[p])),
                     {.range = lattice->placements()[p].range, .shape = lattice->placements()[p].shape});
  }
  // At most as many overlap anywhere as GPUs are cut, and then first come, first served by start needs no more GPUs.
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const Interval& a, const Interval& b) { return a.range.start < b.range.start; });
  std::vector<int> free_from;  // by cut GPU: its first unit that is still free
  for (const Interval& interval : intervals) {
    const auto found =
        std::find_if(free_from.begin(), free_from.end(), [&](int unit) { return unit <= interval.range.start; });
    const auto member = next + static_cast<std::size_t>(found - free_from.begin());
    const int end = interval.range.start + interval.range.size;
    if (found == free_from.end()) {
      free_from.push_back(end);
    } else {
      *found = end;
    }
    if (interval.part < 0) {
      GpuAssignment made;
      made.gpu = group.gpus[member];
      made.range = interval.range;
      supply_[group.node].instances[static_cast<std::uint32_t>(interval.shape)].push_back(made);
    } else if (const Stay& stay = groups_.stays[group.parts[static_cast<std::size_t>(interval.part)].stay];
               stay.jobs.size() > 1) {
      keep(stay, member);  // any member will do: all GPUs of the group hold such a job at the same place
    }
  }
  return next + free_from.size();
}

/// Opens vacant GPUs for sharing: the seats of each size by GPU.
void PlanReader::share_vacant() {
  for (std::size_t bin = 0; bin < program_.bins.size(); ++bin) {
    if (program_.bins[bin].group < 0 && value(program_.bins[bin].open) == 1) {
      gpu_of_bin_[bin] = take_vacant(program_.bins[bin].node);
    }
  }
  for (std::size_t i = 0; i < program_.pools.size(); ++i) {
    const SharePool& pool = program_.pools[i];
    seats_[i].resize(pool.sizes.size());
    for (std::size_t pattern = 0; pattern < pool.patterns.size(); ++pattern) {
      for (std::int64_t n = 0; n < value(pool.counts[pattern]); ++n) {
        const std::uint16_t gpu = take_vacant(pool.node);
        for (std::size_t size = 0; size < pool.sizes.size(); ++size) {
          seats_[i][size].insert(seats_[i][size].end(), static_cast<std::size_t>(pool.patterns[pattern][size]), gpu);
        }
      }
    }
  }
}

void PlanReader::collect_pending() {
  pending_.resize(groups_.classes.size());
  for (std::size_t c = 0; c < groups_.classes.size(); ++c) {
    const auto& newcomers = groups_.classes[c].newcomers;
    pending_[c].assign(newcomers.rbegin(), newcomers.rend());
  }
  for (const Stay& stay : groups_.stays) {  // those that move come before those that only arrive
    for (const std::uint32_t job : stay.jobs) {
      if (plan_.choices[job].alternative == SnapshotPlan::rejected) {
        pending_[stay.job_class].push_back(job);
      }
    }
  }
}

void PlanReader::serve(const Use& use) {
  const std::uint32_t job = pending_[use.job_class].back();
  pending_[use.job_class].pop_back();
  const GpuRequest& request = snapshot_.jobs[job].alternatives[use.alternative].request;
  SnapshotPlan::Choice& choice = plan_.choices[job];
  choice.alternative = static_cast<std::int32_t>(use.alternative);
  choice.placement.node = NodeId{use.node};
  for (std::int32_t i = 0; i < request.num_gpu; ++i) {
    GpuAssignment part;
    if (use.source == UseSource::instance) {
      auto& instances = supply_[use.node].instances[use.index];
      part = instances.back();
      part.profile = use.profile;
      instances.pop_back();
    } else {
      part.share_milli = static_cast<std::uint16_t>(request.gpu_milli);
      part.memory_mib = request.gpu_milli < milli_per_unit ? static_cast<std::int32_t>(request.gpu_memory_mib) : 0;
      part.gpu = device_for(use);
    }
    choice.placement.gpus.push_back(part);
  }
}

}  // namespace

SnapshotPlan read_snapshot_plan(const Snapshot& snapshot, const SnapshotGroups& groups, const SnapshotProgram& program,
                                std::span<const std::int64_t> values) {
  return PlanReader(snapshot, groups, program, values).read();
}

}  // namespace gpusched::sim
