#include "exact/snapshot_groups.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "gpusched/base/intern_table.hpp"

namespace gpusched::sim {

namespace {

/// What makes a class.
struct ClassKey {
  std::vector<SnapshotAlternative> alternatives;
  std::int64_t reject_cost_milli = 0;

  friend bool operator==(const ClassKey&, const ClassKey&) = default;
};

std::uint64_t hash_value(const ClassKey& key) {
  std::uint64_t hash = static_cast<std::uint64_t>(key.reject_cost_milli);
  for (const SnapshotAlternative& alternative : key.alternatives) {
    hash = mix_bits(hash ^ gpusched::hash_value(alternative.request)) ^
           static_cast<std::uint64_t>(alternative.penalty_milli);
  }
  return hash;
}

void find_classes(const Snapshot& snapshot, SnapshotGroups& groups) {
  InternTable<ClassKey> keys;
  for (std::uint32_t i = 0; i < snapshot.jobs.size(); ++i) {
    const SnapshotJob& job = snapshot.jobs[i];
    const std::uint32_t index = keys.intern({job.alternatives, job.reject_cost_milli});
    if (index == groups.classes.size()) {
      groups.classes.push_back({.example = i});
    }
    groups.class_of_job.push_back(index);
    if (job.residence) {
      ++groups.classes[index].residents;
    } else {
      groups.classes[index].newcomers.push_back(i);
    }
  }
}

/// One part of a resident on one GPU.
struct Holding {
  std::uint32_t job = 0;
  GpuAssignment part{};
  std::size_t parts_of_job = 1;

  bool whole() const { return part.share_milli == milli_per_unit; }
};

/// Groups the GPUs of one node and makes the Stays of its residents.
class NodeGrouper {
 public:
  NodeGrouper(const Snapshot& snapshot, SnapshotGroups& groups, std::uint32_t node)
      : snapshot_(snapshot), groups_(groups), node_(node), holdings_(snapshot.nodes[node].spec.gpus.size()) {}

  void add_resident(std::uint32_t job) {
    const Candidate& placement = snapshot_.jobs[job].residence->placement;
    for (const GpuAssignment& part : placement.gpus) {
      holdings_[part.gpu].push_back({.job = job, .part = part, .parts_of_job = placement.gpus.size()});
    }
    if (placement.gpus.empty()) {
      add_stay(job);  // CPU only
    }
  }

  void finish() {
    for (std::uint16_t gpu = 0; gpu < holdings_.size(); ++gpu) {
      std::vector<Holding>& held = holdings_[gpu];
      std::sort(held.begin(), held.end(), [](const Holding& a, const Holding& b) {
        return std::tuple(a.part.range.start, a.job) < std::tuple(b.part.range.start, b.job);
      });
      const auto [entry, is_new] = group_of_.try_emplace(signature_of(gpu), groups_.groups.size());
      if (is_new) {
        groups_.groups.push_back({.node = node_});
      }
      GpuGroup& group = groups_.groups[entry->second];
      group.gpus.push_back(gpu);
      for (std::size_t i = 0; i < held.size(); ++i) {
        if (is_new) {
          group.parts.push_back({.stay = stay_of(held[i]), .part = held[i].part});
        } else if (held[i].parts_of_job == 1) {
          groups_.stays[group.parts[i].stay].jobs.push_back(held[i].job);
        }
      }
    }
  }

 private:
  using Signature = std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>>;

  /// Equal for GPUs that may change places. Instances and whole GPUs of jobs of one part may; the GPUs that one job
  /// holds whole may among each other; anything else is one of its kind.
  Signature signature_of(std::uint16_t gpu) const {
    Signature signature;
    for (const Holding& held : holdings_[gpu]) {
      const SnapshotResidence& residence = *snapshot_.jobs[held.job].residence;
      const bool instance = held.part.range.size > 0;
      const bool may_change = held.parts_of_job == 1 && (instance || held.whole());
      const std::int64_t who = may_change ? -1 : held.whole() ? std::int64_t{held.job} : std::int64_t{1} << 40 | gpu;
      signature.emplace_back(groups_.class_of_job[held.job] * 2 + (residence.pinned ? 1 : 0), residence.alternative,
                             residence.move_cost_milli, held.part.range.start, who);
    }
    return signature;
  }

  std::uint32_t add_stay(std::uint32_t job) {
    const SnapshotResidence& residence = *snapshot_.jobs[job].residence;
    groups_.stays.push_back({.job_class = groups_.class_of_job[job],
                             .alternative = residence.alternative,
                             .node = node_,
                             .pinned = residence.pinned,
                             .move_cost_milli = residence.move_cost_milli,
                             .jobs = {job}});
    return static_cast<std::uint32_t>(groups_.stays.size() - 1);
  }

  std::uint32_t stay_of(const Holding& held) {
    if (held.parts_of_job == 1) {
      return add_stay(held.job);
    }
    const auto [entry, is_new] = stay_of_job_.try_emplace(held.job, 0);
    if (is_new) {
      entry->second = add_stay(held.job);
    }
    return entry->second;
  }

  const Snapshot& snapshot_;
  SnapshotGroups& groups_;
  std::uint32_t node_;
  std::vector<std::vector<Holding>> holdings_;  // by GPU
  std::map<Signature, std::size_t> group_of_;
  std::map<std::uint32_t, std::uint32_t> stay_of_job_;
};

}  // namespace

SnapshotGroups group_snapshot(const Snapshot& snapshot) {
  SnapshotGroups groups;
  find_classes(snapshot, groups);
  std::vector<std::vector<std::uint32_t>> residents(snapshot.nodes.size());
  for (std::uint32_t i = 0; i < snapshot.jobs.size(); ++i) {
    if (const auto& residence = snapshot.jobs[i].residence) {
      residents[residence->placement.node.value].push_back(i);
    }
  }
  for (std::uint32_t node = 0; node < snapshot.nodes.size(); ++node) {
    NodeGrouper grouper(snapshot, groups, node);
    for (const std::uint32_t job : residents[node]) {
      grouper.add_resident(job);
    }
    grouper.finish();
  }
  return groups;
}

}  // namespace gpusched::sim
