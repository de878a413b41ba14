// Pod groups by label: all their pods hold a place at once, or none does.
#include "gpusched/extender/verbs.hpp"

namespace gpusched::extender {

std::string Verbs::refuse_gang(const FilterArgs& args, std::string_view why, VerbRecord& record) {
  std::string reply = refuse_everywhere(args, why, record);
  record.result = "wait";
  record.reason = "gang_waits";
  return reply;
}

std::string_view Verbs::gang_waits(const LivePod& pod, TimeNs now) {
  if (pod.gang.empty()) {
    return {};
  }
  std::int64_t present = 0;
  bool rests = false;
  for (LivePod* member : view_.gang_of(pod)) {
    present += member->is_gated ? 0 : 1;
    if (member->stage == PodStage::pending && !member->may_be_held(now)) {
      // What others reject each time must leave its places to others for as long as it had them.
      const bool is_over = now >= member->holds_end_ns + view_.options().hold_ns;
      member->holds_end_ns = is_over ? -1 : member->holds_end_ns;
      rests = rests || !is_over;
    }
  }
  if (present < pod.gang_size) {
    return "the pod group has fewer pods than it needs (gpusched.io/gang-size)";
  }
  return rests ? "the pod group had its places for holdSeconds without being bound; others come first for as long" : "";
}

bool Verbs::hold_gang(LivePod& pod, const Decision& decision, std::span<const NodeId> scope, TimeNs now,
                      VerbRecord& record) {
  view_.hold(pod, decision, PodStage::held, now);
  for (LivePod* member : view_.gang_of(pod)) {
    if (member->stage != PodStage::pending || member->is_gated) {
      continue;
    }
    const bool is_understood = member->problem.empty() && !member->states_intent_only;
    // Where kube-scheduler may place this pod, its fellows may go too; if not, they are asked for again one by one.
    const Decision place = is_understood ? view_.decide(*member, scope, now) : Decision(Wait{});
    if (!std::holds_alternative<Bind>(place)) {
      release_gang(pod, now);
      record.held_others = false;
      return false;
    }
    view_.hold(*member, place, PodStage::held, now);
    record.held_others = true;
  }
  return true;
}

void Verbs::release_gang(const LivePod& pod, TimeNs now) {
  for (LivePod* member : view_.gang_of(pod)) {
    if (member->stage == PodStage::held) {
      view_.release(*member, now);
    }
  }
}

}  // namespace gpusched::extender
