#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/sim/exact/linear_program.hpp"

#include "exact/snapshot_variables.hpp"

namespace gpusched::sim {

/// KIND_NUMBER_NUMBER...: names of variables and rows.
std::string name_of(const char* kind, std::initializer_list<std::size_t> numbers);

/// An alternative of a class that a node can serve at all, and how.
struct Eligible {
  std::uint32_t job_class = 0;
  std::uint32_t alternative = 0;
  const GpuRequest* request = nullptr;
  int shape = -1;
  MigProfileId profile{};

  bool instance() const { return shape >= 0; }
  bool whole() const { return !instance() && request->num_gpu > 0 && request->gpu_milli == milli_per_unit; }
  bool share() const { return !instance() && request->num_gpu > 0 && request->gpu_milli < milli_per_unit; }
  ShareSize size() const { return {request->gpu_milli, request->gpu_memory_mib}; }
};

/// What all nodes add to.
struct ProgramSums {
  std::vector<std::vector<LinearProgram::Term>> demand;  ///< by class
  /// GPUs that hold anything, by model and price.
  std::map<std::pair<std::uint32_t, std::int64_t>, std::vector<LinearProgram::Term>> in_use;
};

/// Variables and rows of one node.
class SnapshotNodeWriter {
 public:
  SnapshotNodeWriter(const Snapshot& snapshot, const SnapshotGroups& groups, std::uint32_t node,
                     std::size_t first_group, SnapshotProgram& out, ProgramSums& sums);

  /// Index behind the node's groups.
  std::size_t write(std::vector<Eligible> eligible, std::size_t most_patterns);

 private:
  using Term = LinearProgram::Term;
  using Relation = LinearProgram::Relation;

  LinearProgram& program() { return out_.program; }
  const GpuRequest& request_of(std::uint32_t job_class, std::uint32_t alternative) const {
    return snapshot_.jobs[groups_.classes[job_class].example].alternatives[alternative].request;
  }
  const GpuRequest& request_of(const Use& use) const { return request_of(use.job_class, use.alternative); }
  const GpuRequest& request_of(const Stay& stay) const { return request_of(stay.job_class, stay.alternative); }
  std::span<const Use> uses() const { return std::span(out_.uses).subspan(first_use_); }
  ShareRoom room() const { return {spec_.gpus[0].memory_mib, spec_.replicas}; }
  std::vector<Term>& in_use() { return sums_.in_use[{spec_.gpus[0].model.value, snapshot_.nodes[node_].price_milli}]; }
  template <typename Predicate>
  bool any_eligible(const Predicate& predicate) const {
    return std::any_of(eligible_.begin(), eligible_.end(), predicate);
  }
  void add_row(std::string name, std::vector<Term> terms, Relation relation, std::int64_t right_side) {
    if (!terms.empty()) {
      program().rows.push_back({std::move(name), std::move(terms), relation, right_side});
    }
  }

  void add_group(std::size_t index);
  void add_sharing(SnapshotSharing sharing, std::size_t most_patterns);
  VariableIndex add_bin(std::int32_t group, SnapshotSharing sharing);
  void add_uses();
  void add_use(Use use, std::int64_t most);
  void write_roles(std::size_t index);
  void write_units(std::size_t index);
  void write_vacant();
  void write_instances();
  void write_pools();
  void write_bin(std::size_t index);
  void write_host();

  const Snapshot& snapshot_;
  const SnapshotGroups& groups_;
  std::uint32_t node_;
  const NodeSpec& spec_;
  std::size_t begin_, end_;  // groups
  std::size_t first_bin_, first_pool_, first_use_;
  SnapshotProgram& out_;
  ProgramSums& sums_;
  std::vector<Eligible> eligible_;
};

}  // namespace gpusched::sim
