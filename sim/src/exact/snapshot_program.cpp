// Writes the integer program of a snapshot. Rows and names are explained in docs/models/exact.md.
#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "exact/snapshot_variables.hpp"

namespace gpusched::sim {

namespace {

using Term = LinearProgram::Term;
using Row = LinearProgram::Row;
using Relation = LinearProgram::Relation;

std::string name_of(const char* kind, std::initializer_list<std::size_t> numbers) {
  std::string name = kind;
  for (const std::size_t number : numbers) {
    name += "_" + std::to_string(number);
  }
  return name;
}

constexpr std::array<const char*, 2> sharing_names = {"ts", "mps"};
constexpr std::array<SnapshotSharing, 2> sharings = {SnapshotSharing::time_slice, SnapshotSharing::mps};

/// Which alternative of which class a node can serve at all, and how.
struct Eligible {
  std::uint32_t job_class = 0;
  std::uint32_t alternative = 0;
  const GpuRequest* request = nullptr;
  int shape = -1;
  MigProfileId profile{};

  bool instance() const { return shape >= 0; }
  bool whole() const { return !instance() && request->num_gpu > 0 && request->gpu_milli == milli_per_unit; }
  bool share() const { return !instance() && request->num_gpu > 0 && request->gpu_milli < milli_per_unit; }
};

class ProgramWriter {
 public:
  ProgramWriter(const Snapshot& snapshot, const SnapshotGroups& groups) : snapshot_(snapshot), groups_(groups) {
    for (const SnapshotNode& node : snapshot.nodes) {
      const Status added = state_.apply({0, NodeAdded{node.spec}});
      GPUSCHED_CHECK(added.ok(), "the snapshot was checked");
    }
    demand_.resize(groups.classes.size());
    out_.groups.resize(groups.groups.size());
  }

  SnapshotProgram write() {
    write_comments();
    add_stays();
    std::size_t group = 0;
    for (std::uint32_t node = 0; node < snapshot_.nodes.size(); ++node) {
      const std::size_t begin = group;
      while (group < groups_.groups.size() && groups_.groups[group].node == node) {
        ++group;
      }
      write_node(node, begin, group);
    }
    write_demand();
    program().comments.push_back("add " + std::to_string(program().constant) + " to the objective");
    return std::move(out_);
  }

 private:
  LinearProgram& program() { return out_.program; }
  const SnapshotAlternative& alternative_of(std::uint32_t job_class, std::uint32_t alternative) const {
    return snapshot_.jobs[groups_.classes[job_class].example].alternatives[alternative];
  }
  void add_row(std::string name, std::vector<Term> terms, Relation relation, std::int64_t right_side) {
    if (!terms.empty()) {
      program().rows.push_back({std::move(name), std::move(terms), relation, right_side});
    }
  }

  void write_comments();
  void add_stays();
  void write_node(std::uint32_t node, std::size_t begin, std::size_t end);
  std::vector<Eligible> eligible_on(std::uint32_t node);
  void add_group_variables(std::size_t group, const std::vector<Eligible>& eligible);
  void add_bins(std::size_t group, const std::vector<Eligible>& eligible);
  void add_uses(std::uint32_t node, const std::vector<Eligible>& eligible);
  VariableIndex add_use(const Eligible& eligible, std::uint32_t node, std::int32_t bin, std::int64_t most);
  void write_group_rows(std::size_t group);
  void write_unit_rows(std::size_t group);
  void write_bin_rows(std::size_t bin);
  void write_supply_rows(std::uint32_t node, std::size_t begin, std::size_t end);
  void write_host_rows(std::uint32_t node);
  void write_demand();

  const Snapshot& snapshot_;
  const SnapshotGroups& groups_;
  SnapshotProgram out_;
  ClusterState state_;
  RequestFilter filter_;
  std::vector<std::vector<Term>> demand_;      // by class
  std::size_t first_bin_ = 0, first_use_ = 0;  // of the current node
};

void ProgramWriter::write_comments() {
  auto& lines = program().comments;
  lines.push_back("Cheapest plan of a snapshot; names are explained in docs/models/exact.md");
  for (std::size_t i = 0; i < snapshot_.nodes.size(); ++i) {
    lines.push_back("node " + std::to_string(i) + " = " + snapshot_.nodes[i].spec.name);
  }
  for (std::size_t i = 0; i < groups_.classes.size(); ++i) {
    lines.push_back("class " + std::to_string(i) + " = jobs like " + snapshot_.jobs[groups_.classes[i].example].id);
  }
}

void ProgramWriter::add_stays() {
  for (std::size_t i = 0; i < groups_.stays.size(); ++i) {
    const Stay& stay = groups_.stays[i];
    const auto count = static_cast<std::int64_t>(stay.jobs.size());
    // Leaving costs the move: all of them to begin with, less one move for each that stays.
    program().constant += count * stay.move_cost_milli;
    out_.stays.push_back(
        program().add({.name = name_of("stay", {i}),
                       .cost = alternative_of(stay.job_class, stay.alternative).penalty_milli - stay.move_cost_milli,
                       .lower = stay.pinned ? count : 0,
                       .upper = count}));
    demand_[stay.job_class].push_back({out_.stays.back(), 1});
  }
}

std::vector<Eligible> ProgramWriter::eligible_on(std::uint32_t node) {
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

void ProgramWriter::write_node(std::uint32_t node, std::size_t begin, std::size_t end) {
  const std::vector<Eligible> eligible = eligible_on(node);
  first_bin_ = out_.bins.size();
  first_use_ = out_.uses.size();
  for (std::size_t group = begin; group < end; ++group) {
    add_group_variables(group, eligible);
    add_bins(group, eligible);
  }
  add_uses(node, eligible);
  for (std::size_t group = begin; group < end; ++group) {
    write_group_rows(group);
    write_unit_rows(group);
  }
  for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
    write_bin_rows(bin);
  }
  write_supply_rows(node, begin, end);
  write_host_rows(node);
}

void ProgramWriter::add_group_variables(std::size_t index, const std::vector<Eligible>& eligible) {
  const GpuGroup& group = groups_.groups[index];
  GroupVariables& variables = out_.groups[index];
  const auto most = static_cast<std::int64_t>(group.gpus.size());
  const std::int64_t price_milli = snapshot_.nodes[group.node].price_milli;
  const bool cut_now = !group.parts.empty() && group.parts[0].part.range.size > 0;
  const auto wants_instance = [](const Eligible& e) { return e.instance(); };
  if (cut_now || std::any_of(eligible.begin(), eligible.end(), wants_instance)) {
    variables.cut = program().add({.name = name_of("cut", {index}), .cost = price_milli, .upper = most});
    const MigLattice& lattice = MigLattice::of(snapshot_.nodes[group.node].spec.gpus[0].model);
    for (const MigPlacement& placement : lattice.placements()) {
      const bool wanted =
          std::any_of(eligible.begin(), eligible.end(), [&](const Eligible& e) { return e.shape == placement.shape; });
      variables.placements.push_back(
          wanted ? program().add({.name = name_of("make", {index, static_cast<std::size_t>(placement.shape),
                                                           static_cast<std::size_t>(placement.range.start)}),
                                  .upper = most})
                 : no_variable);
    }
  }
  if (std::any_of(eligible.begin(), eligible.end(), [](const Eligible& e) { return e.whole(); })) {
    variables.whole = program().add({.name = name_of("whole", {index}), .cost = price_milli, .upper = most});
  }
}

void ProgramWriter::add_bins(std::size_t index, const std::vector<Eligible>& eligible) {
  const GpuGroup& group = groups_.groups[index];
  const NodeSharing node_sharing = snapshot_.nodes[group.node].spec.sharing;
  for (const SnapshotSharing sharing : sharings) {
    const bool wanted = std::any_of(eligible.begin(), eligible.end(), [&](const Eligible& e) {
      return e.share() && sharing_of(*e.request, node_sharing) == sharing;
    });
    const bool held = group.holds_shares() && [&] {
      const Stay& stay = groups_.stays[group.parts[0].stay];
      return sharing_of(alternative_of(stay.job_class, stay.alternative).request, node_sharing) == sharing;
    }();
    VariableIndex before = no_variable;
    for (std::size_t i = 0; i < (wanted || held ? group.gpus.size() : 0); ++i) {
      const char* const kind = sharing_names[static_cast<std::size_t>(sharing)];
      const std::string name = name_of("open", {index}) + "_" + kind + name_of("", {i});
      const VariableIndex open =
          program().add({.name = name, .cost = snapshot_.nodes[group.node].price_milli, .upper = 1});
      out_.bins.push_back({.group = static_cast<std::uint32_t>(index), .sharing = sharing, .open = open});
      if (before != no_variable) {  // equal GPUs are opened in order: fewer ways to say the same
        add_row("order_" + name, {{before, 1}, {open, -1}}, Relation::at_least, 0);
      }
      before = open;
    }
  }
}

VariableIndex ProgramWriter::add_use(const Eligible& eligible, std::uint32_t node, std::int32_t bin,
                                     std::int64_t most) {
  const JobClass& jobs = groups_.classes[eligible.job_class];
  most = std::min(most, static_cast<std::int64_t>(jobs.newcomers.size()) + jobs.residents);
  std::string name = name_of("use", {eligible.job_class, eligible.alternative, node});
  name += bin < 0 ? std::string() : name_of("", {static_cast<std::size_t>(bin)});
  const VariableIndex count = program().add(
      {.name = name, .cost = alternative_of(eligible.job_class, eligible.alternative).penalty_milli, .upper = most});
  out_.uses.push_back({.job_class = eligible.job_class,
                       .alternative = eligible.alternative,
                       .node = node,
                       .bin = bin,
                       .shape = eligible.shape,
                       .profile = eligible.profile,
                       .count = count});
  demand_[eligible.job_class].push_back({count, 1});
  return count;
}

void ProgramWriter::add_uses(std::uint32_t node, const std::vector<Eligible>& eligible) {
  const NodeSpec& spec = snapshot_.nodes[node].spec;
  for (const Eligible& e : eligible) {
    if (!e.share()) {
      add_use(e, node, -1, LinearProgram::unbounded);
      continue;
    }
    for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
      if (out_.bins[bin].sharing != sharing_of(*e.request, spec.sharing)) {
        continue;
      }
      std::int64_t most = milli_per_unit / e.request->gpu_milli;
      const std::int64_t memory_mib = groups_.groups[out_.bins[bin].group].memory_mib;
      if (e.request->gpu_memory_mib > 0) {
        most = std::min(most, memory_mib / e.request->gpu_memory_mib);
      }
      most = spec.replicas > 0 ? std::min(most, std::int64_t{spec.replicas}) : most;
      if (most == 0) {
        continue;
      }
      const VariableIndex count = add_use(e, node, static_cast<std::int32_t>(bin), most);
      const LinearProgram::Variable& variable = program().variables[count];
      // Implied by the rows of the bin for whole numbers, but not for fractions: a nearer bound.
      add_row("link_" + variable.name, {{count, 1}, {out_.bins[bin].open, -variable.upper}}, Relation::at_most, 0);
    }
  }
}

void ProgramWriter::write_group_rows(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  const GroupVariables& variables = out_.groups[index];
  const auto size = static_cast<std::int64_t>(group.gpus.size());
  std::vector<Term> roles;
  for (const VariableIndex variable : {variables.cut, variables.whole}) {
    if (variable != no_variable) {
      roles.push_back({variable, 1});
    }
  }
  for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
    if (out_.bins[bin].group == index) {
      roles.push_back({out_.bins[bin].open, 1});
    }
  }
  if (group.holds_whole()) {
    const std::uint32_t stay = group.parts[0].stay;
    const std::int64_t gpus_each = size / static_cast<std::int64_t>(groups_.stays[stay].jobs.size());
    roles.push_back({out_.stays[stay], gpus_each});
    program().variables[out_.stays[stay]].cost += gpus_each * snapshot_.nodes[group.node].price_milli;
  }
  add_row(name_of("roles", {index}), std::move(roles), Relation::at_most, size);
}

void ProgramWriter::write_unit_rows(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  const GroupVariables& variables = out_.groups[index];
  if (variables.cut == no_variable) {
    return;
  }
  const MigLattice& lattice = MigLattice::of(snapshot_.nodes[group.node].spec.gpus[0].model);
  std::vector<std::uint64_t> covered_by(static_cast<std::size_t>(lattice.units()), 0);  // bits over placements
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    for (std::size_t unit = 0; unit < covered_by.size(); ++unit) {
      covered_by[unit] |= std::uint64_t{lattice.placements()[p].range.mask() >> unit & 1U} << p;
    }
  }
  for (std::size_t unit = 0; unit < covered_by.size(); ++unit) {
    const bool implied = std::any_of(covered_by.begin(), covered_by.end(), [&](const std::uint64_t& other) {
      const auto at = static_cast<std::size_t>(&other - covered_by.data());
      return at != unit && (covered_by[unit] & ~other) == 0 && (covered_by[unit] != other || at < unit);
    });
    if (implied) {
      continue;  // whatever takes this unit takes the other, too
    }
    std::map<VariableIndex, std::int64_t> terms;  // a job may hold two instances of one GPU
    for (std::size_t p = 0; p < variables.placements.size(); ++p) {
      if (variables.placements[p] != no_variable && (covered_by[unit] >> p & 1U) != 0) {
        terms[variables.placements[p]] += 1;
      }
    }
    for (const StayPart& part : group.parts) {
      if ((part.part.range.mask() >> unit & 1U) != 0) {
        terms[out_.stays[part.stay]] += 1;
      }
    }
    std::vector<Term> row;
    for (const auto& [variable, coefficient] : terms) {
      row.push_back({variable, coefficient});
    }
    if (!row.empty()) {
      row.push_back({variables.cut, -1});
      add_row(name_of("unit", {index, unit}), std::move(row), Relation::at_most, 0);
    }
  }
}

void ProgramWriter::write_bin_rows(std::size_t index) {
  const ShareBin& bin = out_.bins[index];
  const GpuGroup& group = groups_.groups[bin.group];
  const NodeSpec& spec = snapshot_.nodes[group.node].spec;
  std::vector<Term> share, memory, seats;
  const auto add = [&](VariableIndex count, const GpuRequest& request) {
    share.push_back({count, request.gpu_milli});
    seats.push_back({count, 1});
    if (request.gpu_memory_mib > 0) {
      memory.push_back({count, request.gpu_memory_mib});
    }
  };
  for (std::size_t i = first_use_; i < out_.uses.size(); ++i) {
    const Use& use = out_.uses[i];
    if (use.bin == static_cast<std::int32_t>(index)) {
      add(use.count, alternative_of(use.job_class, use.alternative).request);
    }
  }
  for (const StayPart& part : group.parts) {
    const Stay& stay = groups_.stays[part.stay];
    const GpuRequest& request = alternative_of(stay.job_class, stay.alternative).request;
    if (group.holds_shares() && sharing_of(request, spec.sharing) == bin.sharing) {
      add(out_.stays[part.stay], request);
      add_row(name_of("link_stay", {part.stay}), {{out_.stays[part.stay], 1}, {bin.open, -1}}, Relation::at_most, 0);
    }
  }
  const auto close = [&](const char* kind, std::vector<Term> terms, std::int64_t room) {
    if (!terms.empty()) {
      terms.push_back({bin.open, -room});
      add_row(name_of(kind, {index}), std::move(terms), Relation::at_most, 0);
    }
  };
  close("share", std::move(share), milli_per_unit);
  close("memory", std::move(memory), group.memory_mib);
  if (spec.replicas > 0) {
    close("seats", std::move(seats), spec.replicas);
  }
}

void ProgramWriter::write_supply_rows(std::uint32_t node, std::size_t begin, std::size_t end) {
  std::map<int, std::vector<Term>> by_shape;  // -1: whole GPUs
  for (std::size_t i = first_use_; i < out_.uses.size(); ++i) {
    const Use& use = out_.uses[i];
    const GpuRequest& request = alternative_of(use.job_class, use.alternative).request;
    if (use.bin < 0 && request.num_gpu > 0) {
      by_shape[use.shape].push_back({use.count, request.num_gpu});
    }
  }
  for (auto& [shape, terms] : by_shape) {
    for (std::size_t group = begin; group < end; ++group) {
      const GroupVariables& variables = out_.groups[group];
      if (shape < 0 && variables.whole != no_variable) {
        terms.push_back({variables.whole, -1});
      }
      for (std::size_t p = 0; shape >= 0 && p < variables.placements.size(); ++p) {
        const MigLattice& lattice = MigLattice::of(snapshot_.nodes[node].spec.gpus[0].model);
        if (lattice.placements()[p].shape == shape) {
          terms.push_back({variables.placements[p], -1});
        }
      }
    }
    add_row(shape < 0 ? name_of("wholes", {node}) : name_of("shape", {node, static_cast<std::size_t>(shape)}),
            std::move(terms), Relation::at_most, 0);
  }
}

void ProgramWriter::write_host_rows(std::uint32_t node) {
  std::vector<Term> cpu, memory;
  const auto add = [&](VariableIndex count, const GpuRequest& request) {
    if (request.cpu_milli > 0) {
      cpu.push_back({count, request.cpu_milli});
    }
    if (request.memory_mib > 0) {
      memory.push_back({count, request.memory_mib});
    }
  };
  for (std::size_t i = first_use_; i < out_.uses.size(); ++i) {
    add(out_.uses[i].count, alternative_of(out_.uses[i].job_class, out_.uses[i].alternative).request);
  }
  for (std::size_t i = 0; i < groups_.stays.size(); ++i) {
    if (groups_.stays[i].node == node) {
      add(out_.stays[i], alternative_of(groups_.stays[i].job_class, groups_.stays[i].alternative).request);
    }
  }
  const NodeSpec& spec = snapshot_.nodes[node].spec;
  add_row(name_of("cpu", {node}), std::move(cpu), Relation::at_most, spec.cpu_milli);
  add_row(name_of("host", {node}), std::move(memory), Relation::at_most, spec.memory_mib);
}

void ProgramWriter::write_demand() {
  for (std::size_t i = 0; i < groups_.classes.size(); ++i) {
    const JobClass& jobs = groups_.classes[i];
    const std::int64_t count = static_cast<std::int64_t>(jobs.newcomers.size()) + jobs.residents;
    out_.rejects.push_back(program().add(
        {.name = name_of("reject", {i}), .cost = snapshot_.jobs[jobs.example].reject_cost_milli, .upper = count}));
    demand_[i].push_back({out_.rejects.back(), 1});
    add_row(name_of("class", {i}), std::move(demand_[i]), Relation::equal, count);
  }
}

}  // namespace

SnapshotProgram make_snapshot_program(const Snapshot& snapshot, const SnapshotGroups& groups) {
  return ProgramWriter(snapshot, groups).write();
}

}  // namespace gpusched::sim
