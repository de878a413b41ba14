#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>

#include "gpusched/extender/verbs.hpp"
#include "gpusched/extender/wire_replies.hpp"

#include "verbs/stopwatch.hpp"

namespace gpusched::extender {

namespace {

/// What the victims of one node cost, smaller is better: kube-scheduler's order of criteria, and last how much of the
/// node's resource stays unused.
struct Price {
  std::int64_t pdb_violations = 0;
  std::int64_t highest_priority = std::numeric_limits<std::int64_t>::min();
  std::int64_t sum_of_priorities = 0;  // above the lowest there is: more victims never cost less
  std::size_t victims = 0;
  std::int64_t units_left = 0;

  auto key() const { return std::tuple(pdb_violations, highest_priority, sum_of_priorities, victims, units_left); }
};

/// nullopt: the pod would not fit there all the same.
std::optional<Price> price_of(ClusterView& view, const LivePod& pod, const NodeVictims& candidate) {
  const NodeId node = view.find_node(candidate.node);
  if (!node.valid() || candidate.pod_uids.empty()) {
    return std::nullopt;
  }
  const ClusterState& state = view.engine().state();
  const NodeSpec& spec = state.node(node).spec;
  const GpuRequest& wanted = state.request(pod.request);
  const auto resource = find_resource(spec.resources, wanted);
  if (!resource || !state.node(node).state.schedulable) {
    return std::nullopt;
  }
  Price price{.pdb_violations = candidate.pdb_violations, .victims = candidate.pod_uids.size()};
  std::int64_t free = state.resource_free(node, *resource);
  for (const std::string& uid : candidate.pod_uids) {
    const LivePod* victim = view.find_pod(uid);
    if (victim == nullptr) {
      continue;  // holds nothing that we count
    }
    const GpuRequest& held = state.request(victim->request);
    price.highest_priority = std::max<std::int64_t>(price.highest_priority, held.priority);
    price.sum_of_priorities += held.priority - std::int64_t{std::numeric_limits<std::int32_t>::min()};
    if (victim->node == node && find_resource(spec.resources, held) == resource) {
      free += held.num_gpu;
    }
  }
  price.units_left = free - wanted.num_gpu;
  return price.units_left >= 0 ? std::optional(price) : std::nullopt;
}

}  // namespace

std::string Verbs::preempt(std::string_view padded_json) {
  const Stopwatch watch;
  VerbRecord record{.verb = "preempt", .result = "none", .reason = {}, .ns = {}, .pod = {}, .uid = {}, .node = {}};
  const Result<PreemptArgs> args = decode_preempt_args(padded_json);
  std::vector<NodeVictims> chosen;
  if (args && !args.value().pod.uid.empty() && options_.refusal().empty()) {
    const std::lock_guard lock(mutex_);
    const LivePod& pod = view_.submit(args.value().pod, options_.now());
    // For one pod of a gang nobody is evicted: the others may find no room all the same.
    const bool may_evict = pod.problem.empty() && !pod.states_intent_only && pod.gang.empty();
    record.ns = pod.ns;
    record.pod = pod.name;
    record.uid = pod.uid;
    record.nodes = args.value().candidates.size();
    std::optional<Price> best;
    for (const NodeVictims& candidate : args.value().candidates) {
      const auto price = may_evict ? price_of(view_, pod, candidate) : std::nullopt;
      if (price && (!best || price->key() < best->key())) {
        best = price;
        chosen.assign(1, candidate);
      }
    }
    if (best) {
      record.result = "victims";
      record.node = chosen[0].node;
    }
  } else {
    record.result = "error";
    record.reason = args && !args.value().pod.uid.empty() ? "not_ready" : "malformed";
  }
  record.duration_ns = watch.elapsed_ns();
  options_.observer(record);
  return encode_preempt_result(chosen);
}

}  // namespace gpusched::extender
