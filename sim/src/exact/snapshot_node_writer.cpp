#include "exact/snapshot_node_writer.hpp"

#include <algorithm>
#include <array>

#include "gpusched/model/mig_lattice.hpp"

namespace gpusched::sim {

namespace {

using Term = LinearProgram::Term;
using Relation = LinearProgram::Relation;

constexpr std::array<SnapshotSharing, 2> sharings = {SnapshotSharing::time_slice, SnapshotSharing::mps};
std::string name_of(SnapshotSharing sharing) { return sharing == SnapshotSharing::mps ? "mps" : "ts"; }

}  // namespace

std::string name_of(const char* kind, std::initializer_list<std::size_t> numbers) {
  std::string name = kind;
  for (const std::size_t number : numbers) {
    name += "_" + std::to_string(number);
  }
  return name;
}

SnapshotNodeWriter::SnapshotNodeWriter(const Snapshot& snapshot, const SnapshotGroups& groups, std::uint32_t node,
                                       std::size_t first_group, SnapshotProgram& out, ProgramSums& sums)
    : snapshot_(snapshot),
      groups_(groups),
      node_(node),
      spec_(snapshot.nodes[node].spec),
      begin_(first_group),
      end_(first_group),
      first_bin_(out.bins.size()),
      first_pool_(out.pools.size()),
      first_use_(out.uses.size()),
      out_(out),
      sums_(sums) {
  while (end_ < groups.groups.size() && groups.groups[end_].node == node) {
    ++end_;
  }
}

std::size_t SnapshotNodeWriter::write(std::vector<Eligible> eligible, std::size_t most_patterns) {
  eligible_ = std::move(eligible);
  for (std::size_t group = begin_; group < end_; ++group) {
    add_group(group);
  }
  for (const SnapshotSharing sharing : sharings) {
    add_sharing(sharing, most_patterns);
  }
  add_uses();
  for (std::size_t group = begin_; group < end_; ++group) {
    write_roles(group);
    write_units(group);
  }
  write_vacant();
  write_instances();
  write_pools();
  for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
    write_bin(bin);
  }
  write_host();
  return end_;
}

void SnapshotNodeWriter::add_group(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  GroupVariables& variables = out_.groups[index];
  const auto size = static_cast<std::int64_t>(group.gpus.size());
  const bool cut_now = !group.parts.empty() && group.parts[0].part.range.size > 0;
  if (cut_now || any_eligible([](const Eligible& e) { return e.instance(); })) {
    variables.cut = program().add({.name = name_of("cut", {index}), .upper = size});
    for (const MigPlacement& placement : MigLattice::of(spec_.gpus[0].model).placements()) {
      const bool wanted = any_eligible([&](const Eligible& e) { return e.shape == placement.shape; });
      const std::string name = name_of(
          "make", {index, static_cast<std::size_t>(placement.shape), static_cast<std::size_t>(placement.range.start)});
      variables.placements.push_back(wanted ? program().add({.name = name, .upper = size}) : no_variable);
    }
  }
  const bool never_vacant = std::any_of(group.parts.begin(), group.parts.end(),
                                        [&](const StayPart& part) { return groups_.stays[part.stay].pinned; });
  if (!never_vacant && any_eligible([](const Eligible& e) { return e.whole() || e.share(); })) {
    variables.vacant = program().add({.name = name_of("vacant", {index}), .upper = size});
  }
}

VariableIndex SnapshotNodeWriter::add_bin(std::int32_t group, SnapshotSharing sharing) {
  const std::string name = name_of("open", {out_.bins.size()});
  const VariableIndex open = program().add({.name = name, .upper = 1});
  out_.bins.push_back({.node = node_, .group = group, .sharing = sharing, .open = open});
  in_use().push_back({open, 1});
  return open;
}

/// The ways to share a GPU: beside residents, and on vacant GPUs by pattern, or one by one where patterns are too many.
void SnapshotNodeWriter::add_sharing(SnapshotSharing sharing, std::size_t most_patterns) {
  for (std::size_t group = begin_; group < end_; ++group) {
    const auto& parts = groups_.groups[group].parts;
    if (groups_.groups[group].holds_shares() &&
        sharing_of(request_of(groups_.stays[parts[0].stay]), spec_.sharing) == sharing) {
      add_bin(static_cast<std::int32_t>(group), sharing);
    }
  }
  SharePool pool{.node = node_, .sharing = sharing};
  for (const Eligible& e : eligible_) {
    if (e.share() && sharing_of(*e.request, spec_.sharing) == sharing &&
        std::find(pool.sizes.begin(), pool.sizes.end(), e.size()) == pool.sizes.end()) {
      pool.sizes.push_back(e.size());
    }
  }
  if (pool.sizes.empty()) {
    return;
  }
  const auto patterns = share_patterns(pool.sizes, room(), most_patterns);
  const auto gpus = static_cast<std::int64_t>(spec_.gpus.size());
  if (!patterns) {
    VariableIndex before = no_variable;
    for (std::int64_t i = 0; i < gpus; ++i) {
      const VariableIndex open = add_bin(-1, sharing);
      if (before != no_variable) {  // vacant GPUs are opened in order: fewer ways to say the same
        add_row(name_of("order", {out_.bins.size()}), {{before, 1}, {open, -1}}, Relation::at_least, 0);
      }
      before = open;
    }
    return;
  }
  pool.patterns = *patterns;
  for (std::size_t i = 0; i < pool.patterns.size(); ++i) {
    const std::string name = name_of("shared", {out_.pools.size(), i}) + "_" + name_of(sharing);
    pool.counts.push_back(program().add({.name = name, .upper = gpus}));
    in_use().push_back({pool.counts.back(), 1});
  }
  out_.pools.push_back(std::move(pool));
}

void SnapshotNodeWriter::add_use(Use use, std::int64_t most) {
  const JobClass& jobs = groups_.classes[use.job_class];
  use.node = node_;
  use.count =
      program().add({.name = name_of("use", {out_.uses.size(), use.job_class, use.alternative, node_}),
                     .cost = snapshot_.jobs[jobs.example].alternatives[use.alternative].penalty_milli,
                     .upper = std::min(most, static_cast<std::int64_t>(jobs.newcomers.size()) + jobs.residents)});
  sums_.demand[use.job_class].push_back({use.count, 1});
  out_.uses.push_back(use);
}

void SnapshotNodeWriter::add_uses() {
  for (const Eligible& e : eligible_) {
    Use use{.job_class = e.job_class, .alternative = e.alternative, .profile = e.profile};
    if (!e.share()) {
      use.source = e.instance() ? UseSource::instance : e.whole() ? UseSource::whole : UseSource::host;
      use.index = e.instance() ? static_cast<std::uint32_t>(e.shape) : 0;
      add_use(use, LinearProgram::unbounded);
      continue;
    }
    const SnapshotSharing sharing = sharing_of(*e.request, spec_.sharing);
    for (std::size_t i = first_pool_; i < out_.pools.size(); ++i) {
      const auto& sizes = out_.pools[i].sizes;
      if (out_.pools[i].sharing == sharing) {
        use.source = UseSource::pattern;
        use.index = static_cast<std::uint32_t>(i);
        use.size = static_cast<std::uint32_t>(std::find(sizes.begin(), sizes.end(), e.size()) - sizes.begin());
        add_use(use, LinearProgram::unbounded);
      }
    }
    for (std::size_t i = first_bin_; i < out_.bins.size(); ++i) {
      if (out_.bins[i].sharing == sharing) {
        use.source = UseSource::bin;
        use.index = static_cast<std::uint32_t>(i);
        add_use(use, most_shares(e.size(), room()));
      }
    }
  }
}

/// A GPU has one role: cut, shared or held whole by those who are there, or vacant.
void SnapshotNodeWriter::write_roles(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  const auto size = static_cast<std::int64_t>(group.gpus.size());
  std::vector<Term> roles;
  if (out_.groups[index].cut != no_variable) {
    roles.push_back({out_.groups[index].cut, 1});
    in_use().push_back(roles.back());
  }
  if (group.holds_whole()) {
    const std::uint32_t stay = group.parts[0].stay;
    roles.push_back({out_.stays[stay], size / static_cast<std::int64_t>(groups_.stays[stay].jobs.size())});
    in_use().push_back(roles.back());
  }
  for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
    if (out_.bins[bin].group == static_cast<std::int32_t>(index)) {
      roles.push_back({out_.bins[bin].open, 1});
    }
  }
  if (out_.groups[index].vacant != no_variable) {
    roles.push_back({out_.groups[index].vacant, 1});
  }
  add_row(name_of("roles", {index}), std::move(roles), Relation::at_most, size);
}

/// Over each placement unit lie at most as many instances as GPUs are cut.
void SnapshotNodeWriter::write_units(std::size_t index) {
  const GpuGroup& group = groups_.groups[index];
  const GroupVariables& variables = out_.groups[index];
  if (variables.cut == no_variable) {
    return;
  }
  const MigLattice& lattice = MigLattice::of(spec_.gpus[0].model);
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

/// Vacant GPUs serve whole requests and shares.
void SnapshotNodeWriter::write_vacant() {
  std::vector<Term> terms;
  for (const Use& use : uses()) {
    if (use.source == UseSource::whole) {
      terms.push_back({use.count, request_of(use).num_gpu});
      in_use().push_back(terms.back());
    }
  }
  for (std::size_t pool = first_pool_; pool < out_.pools.size(); ++pool) {
    for (const VariableIndex count : out_.pools[pool].counts) {
      terms.push_back({count, 1});
    }
  }
  for (std::size_t bin = first_bin_; bin < out_.bins.size(); ++bin) {
    if (out_.bins[bin].group < 0) {
      terms.push_back({out_.bins[bin].open, 1});
    }
  }
  for (std::size_t group = begin_; group < end_; ++group) {
    if (out_.groups[group].vacant != no_variable) {
      terms.push_back({out_.groups[group].vacant, -1});
    }
  }
  add_row(name_of("vacants", {node_}), std::move(terms), Relation::at_most, 0);
}

/// As many instances of a shape are made as jobs get.
void SnapshotNodeWriter::write_instances() {
  std::map<std::uint32_t, std::vector<Term>> by_shape;
  for (const Use& use : uses()) {
    if (use.source == UseSource::instance) {
      by_shape[use.index].push_back({use.count, request_of(use).num_gpu});
    }
  }
  for (auto& [shape, terms] : by_shape) {
    const MigLattice& lattice = MigLattice::of(spec_.gpus[0].model);
    for (std::size_t group = begin_; group < end_; ++group) {
      for (std::size_t p = 0; p < out_.groups[group].placements.size(); ++p) {
        if (lattice.placements()[p].shape == static_cast<int>(shape)) {
          terms.push_back({out_.groups[group].placements[p], -1});
        }
      }
    }
    add_row(name_of("shape", {node_, shape}), std::move(terms), Relation::at_most, 0);
  }
}

/// As many shares of a size are there as patterns give.
void SnapshotNodeWriter::write_pools() {
  for (std::size_t index = first_pool_; index < out_.pools.size(); ++index) {
    const SharePool& pool = out_.pools[index];
    for (std::size_t size = 0; size < pool.sizes.size(); ++size) {
      std::vector<Term> terms;
      for (const Use& use : uses()) {
        if (use.source == UseSource::pattern && use.index == index && use.size == size) {
          terms.push_back({use.count, 1});
        }
      }
      for (std::size_t i = 0; i < pool.patterns.size(); ++i) {
        if (pool.patterns[i][size] > 0) {
          terms.push_back({pool.counts[i], -pool.patterns[i][size]});
        }
      }
      add_row(name_of("size", {index, size}), std::move(terms), Relation::at_most, 0);
    }
  }
}

/// One GPU has so much to share, so much memory, so many seats.
void SnapshotNodeWriter::write_bin(std::size_t index) {
  const ShareBin& bin = out_.bins[index];
  std::vector<Term> share, memory, seats;
  const auto add = [&](VariableIndex count, const GpuRequest& request) {
    share.push_back({count, request.gpu_milli});
    seats.push_back({count, 1});
    if (request.gpu_memory_mib > 0) {
      memory.push_back({count, request.gpu_memory_mib});
    }
    // Implied by the rows below for whole numbers, but not for fractions: a nearer bound.
    const LinearProgram::Variable& variable = program().variables[count];
    add_row("link_" + variable.name, {{count, 1}, {bin.open, -variable.upper}}, Relation::at_most, 0);
  };
  for (const Use& use : uses()) {
    if (use.source == UseSource::bin && use.index == index) {
      add(use.count, request_of(use));
    }
  }
  if (bin.group >= 0) {
    for (const StayPart& part : groups_.groups[static_cast<std::size_t>(bin.group)].parts) {
      add(out_.stays[part.stay], request_of(groups_.stays[part.stay]));
    }
  }
  const auto close = [&](const char* kind, std::vector<Term> terms, std::int64_t most) {
    if (!terms.empty()) {
      terms.push_back({bin.open, -most});
      add_row(name_of(kind, {index}), std::move(terms), Relation::at_most, 0);
    }
  };
  close("share", std::move(share), milli_per_unit);
  close("memory", std::move(memory), spec_.gpus[0].memory_mib);
  if (spec_.replicas > 0) {
    close("seats", std::move(seats), spec_.replicas);
  }
}

void SnapshotNodeWriter::write_host() {
  std::vector<Term> cpu, memory;
  const auto add = [&](VariableIndex count, const GpuRequest& request) {
    if (request.cpu_milli > 0) {
      cpu.push_back({count, request.cpu_milli});
    }
    if (request.memory_mib > 0) {
      memory.push_back({count, request.memory_mib});
    }
  };
  for (const Use& use : uses()) {
    add(use.count, request_of(use));
  }
  for (std::size_t i = 0; i < groups_.stays.size(); ++i) {
    if (groups_.stays[i].node == node_) {
      add(out_.stays[i], request_of(groups_.stays[i]));
    }
  }
  add_row(name_of("cpu", {node_}), std::move(cpu), Relation::at_most, spec_.cpu_milli);
  add_row(name_of("host", {node_}), std::move(memory), Relation::at_most, spec_.memory_mib);
}

}  // namespace gpusched::sim
