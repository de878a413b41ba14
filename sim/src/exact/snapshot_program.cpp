// Writes the integer program of a snapshot. Rows and names are explained in docs/models/exact.md.
#include <string>

#include "gpusched/base/check.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "exact/snapshot_node_writer.hpp"

namespace gpusched::sim {

namespace {

using Relation = LinearProgram::Relation;

/// Which alternatives a node serves, by the filter of the engine.
class EligibleFinder {
 public:
  EligibleFinder(const Snapshot& snapshot, const SnapshotGroups& groups) : snapshot_(snapshot), groups_(groups) {
    for (const SnapshotNode& node : snapshot.nodes) {
      const Status added = state_.apply({0, NodeAdded{node.spec}});
      GPUSCHED_CHECK(added.ok(), "the snapshot was checked");
    }
  }

  std::vector<Eligible> on(std::uint32_t node) {
    std::vector<Eligible> result;
    const Node& on = state_.node(NodeId{node});
    for (std::uint32_t c = 0; c < groups_.classes.size(); ++c) {
      const auto& alternatives = snapshot_.jobs[groups_.classes[c].example].alternatives;
      for (std::uint32_t a = 0; a < alternatives.size(); ++a) {
        const RequestClassId kind = state_.intern(alternatives[a].request);
        if (filter_.static_reason(state_, kind, on.state.shape) != RejectReason::none) {
          continue;
        }
        Eligible eligible{.job_class = c, .alternative = a, .request = &alternatives[a].request};
        if (!eligible.request->mig_profile.empty()) {
          const ResolvedProfile& profile =
              filter_.resolve(state_, kind, static_cast<std::uint16_t>(on.spec.gpus[0].model.value));
          eligible.shape = profile.shape;
          eligible.profile = profile.profile;
        }
        result.push_back(eligible);
      }
    }
    return result;
  }

 private:
  const Snapshot& snapshot_;
  const SnapshotGroups& groups_;
  ClusterState state_;
  RequestFilter filter_;
};

void add_stays(const Snapshot& snapshot, const SnapshotGroups& groups, SnapshotProgram& out, ProgramSums& sums) {
  for (std::size_t i = 0; i < groups.stays.size(); ++i) {
    const Stay& stay = groups.stays[i];
    const SnapshotJob& job = snapshot.jobs[stay.jobs[0]];
    const auto count = static_cast<std::int64_t>(stay.jobs.size());
    // Leaving costs the move: all of them to begin with, less one move for each that stays.
    out.program.constant += count * stay.move_cost_milli;
    out.stays.push_back(
        out.program.add({.name = name_of("stay", {i}),
                         .cost = job.alternatives[stay.alternative].penalty_milli - stay.move_cost_milli,
                         .lower = stay.pinned ? count : 0,
                         .upper = count}));
    sums.demand[stay.job_class].push_back({out.stays.back(), 1});
  }
}

/// Every job of a class stays, gets something, or is rejected.
void write_demand(const Snapshot& snapshot, const SnapshotGroups& groups, SnapshotProgram& out, ProgramSums& sums) {
  for (std::size_t i = 0; i < groups.classes.size(); ++i) {
    const JobClass& jobs = groups.classes[i];
    const std::int64_t count = static_cast<std::int64_t>(jobs.newcomers.size()) + jobs.residents;
    out.rejects.push_back(out.program.add(
        {.name = name_of("reject", {i}), .cost = snapshot.jobs[jobs.example].reject_cost_milli, .upper = count}));
    sums.demand[i].push_back({out.rejects.back(), 1});
    out.program.rows.push_back({name_of("class", {i}), std::move(sums.demand[i]), Relation::equal, count});
  }
}

/// GPUs in use cost their price, counted by kind: a solver that may branch on these few counts is done far sooner than
/// one that sees each GPU alone.
void charge_gpus(SnapshotProgram& out, ProgramSums& sums) {
  for (auto& [kind, terms] : sums.in_use) {
    const std::string name = name_of("gpus", {kind.first, static_cast<std::size_t>(kind.second)});
    terms.push_back({out.program.add({.name = name, .cost = kind.second}), -1});
    out.program.rows.push_back({"in_use_" + name, std::move(terms), Relation::at_most, 0});
  }
}

std::vector<std::string> comments_of(const Snapshot& snapshot, const SnapshotGroups& groups, std::int64_t constant) {
  std::vector<std::string> lines = {"Cheapest plan of a snapshot; names are explained in docs/models/exact.md",
                                    "add " + std::to_string(constant) + " to the objective"};
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    lines.push_back("node " + std::to_string(i) + " = " + snapshot.nodes[i].spec.name);
  }
  for (std::size_t i = 0; i < groups.classes.size(); ++i) {
    lines.push_back("class " + std::to_string(i) + " = jobs like " + snapshot.jobs[groups.classes[i].example].id);
  }
  return lines;
}

}  // namespace

SnapshotProgram make_snapshot_program(const Snapshot& snapshot, const SnapshotGroups& groups,
                                      std::size_t most_patterns) {
  SnapshotProgram out;
  ProgramSums sums;
  sums.demand.resize(groups.classes.size());
  out.groups.resize(groups.groups.size());
  add_stays(snapshot, groups, out, sums);
  EligibleFinder eligible(snapshot, groups);
  std::size_t group = 0;
  for (std::uint32_t node = 0; node < snapshot.nodes.size(); ++node) {
    group = SnapshotNodeWriter(snapshot, groups, node, group, out, sums).write(eligible.on(node), most_patterns);
  }
  write_demand(snapshot, groups, out, sums);
  charge_gpus(out, sums);
  out.program.comments = comments_of(snapshot, groups, out.program.constant);
  return out;
}

}  // namespace gpusched::sim