#include <algorithm>
#include <map>

#include "gpusched/extender/verbs.hpp"
#include "gpusched/extender/wire_replies.hpp"

#include "verbs/stopwatch.hpp"

namespace gpusched::extender {

/// The nodes of a call that the view knows, each once, and the rest.
struct Verbs::Offer {
  std::vector<NodeId> nodes;
  std::vector<std::string_view> unknown;
  std::vector<std::string_view> unfit;  ///< a unit of the pod's resource is something else there than it needs

  void leave_out_unfit(const Engine& engine, const LivePod& pod);
};

namespace {

constexpr std::string_view unknown_nodes = "unknown_nodes";
constexpr std::string_view not_seen_yet = "node not yet in the extender's cache";
constexpr std::string_view not_as_needed =
    "a unit of the resource is not what the pod's annotations ask for on this node";
constexpr std::string_view intent_only =
    "pod states intent only and no admission webhook chose a resource for it (label the namespace "
    "gpusched.io/admit=true)";

/// Raw JSON of the chosen nodes where the caller sent whole Nodes.
std::vector<std::string_view> raw_nodes(const FilterArgs& args, std::span<const std::string_view> names) {
  std::map<std::string_view, std::string_view> by_name;
  if (args.has_full_nodes) {
    by_name.insert(args.nodes.begin(), args.nodes.end());
  }
  std::vector<std::string_view> raw;
  for (const std::string_view name : names) {
    if (const auto found = by_name.find(name); found != by_name.end()) {
      raw.push_back(found->second);
    }
  }
  return raw;
}

std::string passing(const FilterArgs& args, std::span<const std::string_view> names,
                    std::span<const NameAndReason> failed, std::span<const NameAndReason> unresolvable) {
  const std::vector<std::string_view> raw = raw_nodes(args, names);
  return encode_filter_result({.full_nodes = args.has_full_nodes,
                               .names = names,
                               .raw_nodes = raw,
                               .failed = failed,
                               .unresolvable = unresolvable,
                               .error = {}});
}

std::string failing(std::string_view error) {
  return encode_filter_result(
      {.full_nodes = false, .names = {}, .raw_nodes = {}, .failed = {}, .unresolvable = {}, .error = error});
}

bool offers(const FilterArgs& args, std::string_view node) {
  return std::find(args.node_names.begin(), args.node_names.end(), node) != args.node_names.end();
}

/// Whether news of these nodes could change the refusal. Those of a gang have rules of their own.
bool lacks_room(const VerbRecord& record) {
  return (record.result == "wait" && record.reason != "gang_waits") || record.reason == unknown_nodes;
}

/// The reason that most nodes give: what a person should read first.
std::string_view main_reason(const Evaluation& evaluation) {
  RejectCounts counts{};
  for (const NodeVerdict& verdict : evaluation.refused) {
    ++counts[static_cast<std::size_t>(verdict.reason)];
  }
  const auto most = std::max_element(counts.begin() + 1, counts.end());
  return *most == 0 ? "" : to_string(static_cast<RejectReason>(most - counts.begin()));
}

}  // namespace

Verbs::Offer Verbs::known_nodes(const FilterArgs& args) const {
  Offer offer;
  offer.nodes.reserve(args.node_names.size());
  std::vector<char> is_offered(view_.engine().state().nodes().size(), 0);
  for (const std::string_view name : args.node_names) {
    const NodeId node = view_.find_node(name);
    if (!node.valid()) {
      offer.unknown.push_back(name);
    } else if (is_offered[node.value] == 0) {
      is_offered[node.value] = 1;
      offer.nodes.push_back(node);
    }
  }
  return offer;
}

void Verbs::Offer::leave_out_unfit(const Engine& engine, const LivePod& pod) {
  if (!pod.intent) {
    return;
  }
  std::vector<NodeId> kept = engine.nodes_that_keep(engine.state().request(pod.request), *pod.intent, nodes);
  std::size_t next = 0;
  for (const NodeId node : nodes) {
    if (next < kept.size() && kept[next] == node) {
      ++next;
    } else {
      unfit.push_back(engine.state().node(node).spec.name);
    }
  }
  nodes = std::move(kept);
}

std::string Verbs::refuse_everywhere(const FilterArgs& args, std::string_view message, VerbRecord& record) {
  std::vector<NameAndReason> all;
  all.reserve(args.node_names.size());
  for (const std::string_view name : args.node_names) {
    all.emplace_back(name, message);
  }
  record.result = "infeasible";
  record.message = message;
  return passing(args, {}, {}, all);
}

std::string Verbs::repeat_place(const FilterArgs& args, const LivePod& pod, VerbRecord& record) {
  const std::string_view node = view_.engine().state().node(pod.node).spec.name;
  if (!offers(args, node)) {
    record.reason = "binding_in_flight";
    return failing("an earlier binding of the pod is still being written");
  }
  record.result = "bind";
  record.node = node;
  return passing(args, std::span(&node, 1), {}, {});
}

std::string Verbs::filter(std::string_view padded_json) {
  const Stopwatch watch;
  VerbRecord record{.verb = "filter", .result = "error", .reason = {}, .ns = {}, .pod = {}, .uid = {}, .node = {}};
  std::string reply;
  const Result<FilterArgs> args = decode_filter_args(padded_json);
  if (!args) {
    record.reason = "malformed";
    reply = failing(args.error().to_string());
  } else if (const std::string refusal = options_.refusal(); !refusal.empty()) {
    record.reason = "not_ready";
    reply = failing(refusal);
  } else {
    reply = consider_patiently(args.value(), record);
  }
  record.duration_ns = watch.elapsed_ns();
  options_.observer(record);
  return reply;
}

/// Looks again whenever there may be room, for a while. Who waited in vain spares those after him: a cluster that is
/// full must not slow kube-scheduler down, which asks for one pod after the other.
std::string Verbs::consider_patiently(const FilterArgs& args, VerbRecord& record) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds impatience{1};
  std::unique_lock lock(mutex_);
  std::string reply = consider(args, record);
  const Clock::time_point start = Clock::now();
  const Clock::time_point until = start < patient_from_ ? start : start + options_.patience;
  while (lacks_room(record) && Clock::now() < until) {
    if (view_.wait_for_room(lock, until)) {
      reply = consider(args, record);
    } else {
      patient_from_ = until + impatience;
    }
  }
  return reply;
}

std::string Verbs::consider(const FilterArgs& args, VerbRecord& record) {
  record = {.verb = "filter",
            .result = "error",
            .reason = {},
            .ns = args.pod.ns,
            .pod = args.pod.name,
            .uid = args.pod.uid,
            .node = {},
            .nodes = args.node_names.size(),
            .has_full_nodes = args.has_full_nodes};
  if (args.pod.uid.empty()) {
    record.reason = "malformed";
    return failing("Pod.metadata.uid is missing");
  }
  const TimeNs now = options_.now();
  LivePod& pod = view_.submit(args.pod, now);
  std::string reply = decide(args, pod, now, record);
  pod.last_decision = std::string(record.result) + (record.node.empty() ? "" : " on " + record.node) +
                      (record.reason.empty() ? "" : ": " + record.reason) +
                      (record.message.empty() ? "" : ": " + record.message);
  if (lacks_room(record) || record.reason == "gang_waits") {
    view_.note_refusal();
  }
  return reply;
}

std::string Verbs::decide(const FilterArgs& args, LivePod& pod, TimeNs now, VerbRecord& record) {
  const bool keeps_place =
      pod.stage == PodStage::held && !pod.gang.empty() && offers(args, view_.engine().state().node(pod.node).spec.name);
  if (keeps_place || pod.stage == PodStage::binding) {
    // The fate of an earlier binding is not known: only where it went may the pod go now.
    return repeat_place(args, pod, record);
  }
  if (pod.stage == PodStage::held) {
    view_.release(pod, now);  // an earlier attempt failed after filter: it asks again
  }
  if (pod.stage == PodStage::bound) {
    record.reason = "bound";
    return failing("pod is bound to a node already");
  }
  if (!pod.problem.empty()) {
    record.reason = "not_understood";
    return refuse_everywhere(args, pod.problem, record);
  }
  if (pod.states_intent_only) {
    record.reason = "intent_only";
    return refuse_everywhere(args, intent_only, record);
  }
  if (const std::string_view why = gang_waits(pod, now); !why.empty()) {
    return refuse_gang(args, why, record);
  }
  Offer offer = known_nodes(args);
  offer.leave_out_unfit(view_.engine(), pod);
  return answer(args, pod, offer, now, record);
}

std::string Verbs::answer(const FilterArgs& args, LivePod& pod, const Offer& offer, TimeNs now, VerbRecord& record) {
  const Decision decision = view_.decide(pod, offer.nodes, now);
  record.result = outcome_name(decision);
  std::vector<NameAndReason> failed;
  std::vector<NameAndReason> unresolvable;
  const auto name_of = [&](NodeId node) -> std::string_view { return view_.engine().state().node(node).spec.name; };
  const auto* bind = std::get_if<Bind>(&decision);
  const bool in_gang = !pod.gang.empty();
  if (in_gang && bind != nullptr && !hold_gang(pod, decision, offer.nodes, now, record)) {
    return refuse_gang(args, "no room for all pods of the pod group at once", record);
  }
  if (bind != nullptr && (in_gang || options_.candidates == 1)) {
    const std::string_view chosen = name_of(bind->candidate.node);
    if (!in_gang && pod.may_be_held(now)) {  // else bind looks for itself whether there still is room
      view_.hold(pod, decision, PodStage::held, now);
    }
    record.node = chosen;
    return passing(args, std::span(&chosen, 1), {}, {});
  }
  const Evaluation evaluation = view_.engine().evaluate(pod.request, offer.nodes);
  if (in_gang) {
    release_gang(pod, now);  // one without a place: none has
  }
  std::vector<std::string_view> names;
  const std::size_t most = options_.candidates == 0 ? evaluation.ranked.size() : options_.candidates;
  for (std::size_t i = 0; i < std::min(most, evaluation.ranked.size()); ++i) {
    names.push_back(name_of(evaluation.ranked[i].node));
  }
  if (names.empty()) {  // else nobody reads why the others are out, and kube-scheduler pays for each of them
    for (const NodeVerdict& verdict : evaluation.refused) {
      (is_final(verdict.reason) ? unresolvable : failed).emplace_back(name_of(verdict.node), describe(verdict.reason));
    }
    for (const std::string_view name : offer.unknown) {
      failed.emplace_back(name, not_seen_yet);
    }
    for (const std::string_view name : offer.unfit) {
      unresolvable.emplace_back(name, not_as_needed);
    }
  }
  if (bind != nullptr) {
    record.node = name_of(bind->candidate.node);
  } else {
    record.reason = !evaluation.refused.empty() ? main_reason(evaluation)
                    : offer.unfit.empty()       ? unknown_nodes
                                                : std::string_view("intent_not_kept");
  }
  return passing(args, names, failed, unresolvable);
}

std::string Verbs::prioritize(std::string_view padded_json) {
  const Stopwatch watch;
  VerbRecord record{.verb = "prioritize", .result = "error", .reason = {}, .ns = {}, .pod = {}, .uid = {}, .node = {}};
  std::string reply = encode_priorities({});
  const Result<FilterArgs> args = decode_filter_args(padded_json);
  if (!args || args.value().pod.uid.empty()) {
    record.reason = "malformed";
  } else if (!options_.refusal().empty()) {
    record.reason = "not_ready";
  } else {
    reply = score(args.value(), record);
  }
  record.duration_ns = watch.elapsed_ns();
  options_.observer(record);
  return reply;
}

std::string Verbs::score(const FilterArgs& args, VerbRecord& record) {
  const std::lock_guard lock(mutex_);
  record.result = "scored";
  record.nodes = args.node_names.size();
  record.ns = args.pod.ns;
  record.pod = args.pod.name;
  record.uid = args.pod.uid;
  const LivePod& pod = view_.submit(args.pod, options_.now());
  const std::vector<NodeVerdict> ranked = view_.engine().evaluate(pod.request, known_nodes(args).nodes).ranked;
  // Equal costs score equally; the steps between different ones are equal, from 10 down to 0.
  std::vector<std::int64_t> steps(ranked.size(), 0);
  for (std::size_t i = 1; i < ranked.size(); ++i) {
    steps[i] = steps[i - 1] + (ranked[i].cost != ranked[i - 1].cost ? 1 : 0);
  }
  std::vector<HostScore> scores;
  scores.reserve(ranked.size());
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    scores.push_back({.host = view_.engine().state().node(ranked[i].node).spec.name,
                      .score = steps.back() == 0 ? 10 : 10 * (steps.back() - steps[i]) / steps.back()});
  }
  return encode_priorities(scores);
}

}  // namespace gpusched::extender
