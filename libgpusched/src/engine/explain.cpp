#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "gpusched/cluster/request_check.hpp"
#include "gpusched/engine/explanation.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "engine/caches.hpp"
#include "engine/request_edits.hpp"

namespace gpusched {

namespace {

constexpr std::size_t most_changes = 8;
/// To state a number that was left open is as large an edit as to halve one.
constexpr std::int64_t unstated_size = milli_per_unit / 2;

struct BarRow {
  std::string_view name, sentence;
};
constexpr std::array<BarRow, mode_bar_count> bar_rows = {{
    {"none", "allowed"},
    {"other_mode_named", "the request names another mode"},
    {"isolation", "memory and fault isolation share no context"},
    {"memory_unknown", "neither request nor profile says how much memory it needs"},
    {"trust_domain_none", "MPS needs a trust domain"},
    {"policy", "the policy keeps this class of jobs off it"},
}};

Answer answer_of(const ClusterState& state, const Decision& decision) {
  Answer answer{.outcome = outcome_name(decision), .mode = {}, .mig_profile = {}};
  if (const ModeVerdict* mode = mode_of(decision)) {
    answer.mode = mode->mode;
  }
  const Candidate* const place = candidate_of(decision);
  if (place != nullptr && !place->gpus.empty() && place->gpus[0].profile.valid()) {
    const GpuState& gpu = state.node(place->node).state.gpus[place->gpus[0].gpu];
    answer.mig_profile = gpu_model(GpuModelId{gpu.model}).profiles[place->gpus[0].profile.value].name;
  }
  return answer;
}

/// Looks for edits that change the answer by asking the engine.
class ChangeFinder {
 public:
  using Ask = std::function<Answer(const GpuRequest&)>;

  ChangeFinder(Ask ask, const GpuRequest& asked, Answer now)
      : ask_(std::move(ask)), asked_(asked), now_(std::move(now)) {}

  void try_number(const NumberEdit& edit) {
    const std::int64_t way = edit.limit < edit.start ? -1 : 1;
    const std::int64_t most = std::abs(edit.limit - edit.start);
    const auto value = [&](std::int64_t distance) { return edit.start + way * distance; };
    const auto differs = [&](std::int64_t distance) { return !(ask_(edit.apply(value(distance))) == now_); };
    // Doubling steps find a change near by, if there is one: the answer may change back farther away.
    std::int64_t near = 0;
    std::int64_t far = std::min<std::int64_t>(1, most);
    while (far < most && differs(far) == edit.names_farthest) {
      near = far;
      far = std::min(2 * far, most);
    }
    if (far == 0 || differs(far) == edit.names_farthest || (edit.names_farthest && near == 0)) {
      return;
    }
    while (far - near > 1) {
      const std::int64_t middle = near + (far - near) / 2;
      (differs(middle) == edit.names_farthest ? near : far) = middle;
    }
    const std::int64_t chosen = edit.names_farthest ? near : far;
    const std::int64_t unchanged = edit.names_farthest ? far : near;
    RequestChange change;
    change.field = edit.field;
    change.from = edit.from;
    change.to = edit.text(value(chosen));
    change.request = edit.apply(value(chosen));
    change.one_step_less = unchanged > 0 ? edit.apply(value(unchanged)) : asked_;
    change.size_milli =
        edit.names_farthest ? unstated_size : chosen * milli_per_unit / std::max<std::int64_t>(1, edit.start);
    add(std::move(change));
  }

  void try_word(const WordEdit& edit) {
    RequestChange change;
    change.field = edit.field;
    change.from = edit.from;
    change.to = edit.to;
    change.request = edit.request;
    change.size_milli = edit.size_milli;
    add(std::move(change));
  }

  std::vector<RequestChange> take() {
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const RequestChange& a, const RequestChange& b) { return a.size_milli < b.size_milli; });
    changes_.resize(std::min(changes_.size(), most_changes));
    return std::move(changes_);
  }

 private:
  /// Kept where the answer is another one, and no edit of the same field led to it before.
  void add(RequestChange change) {
    change.answer = ask_(change.request);
    const bool known = std::any_of(changes_.begin(), changes_.end(), [&](const RequestChange& other) {
      return !change.one_step_less && other.field == change.field && other.answer == change.answer;
    });
    const bool is_worse = now_.outcome == "wait" && change.answer.outcome == "infeasible";
    if (!(change.answer == now_) && !known && !is_worse && check_gpu_request(change.request).ok()) {
      changes_.push_back(std::move(change));
    }
  }

  Ask ask_;
  const GpuRequest& asked_;
  Answer now_;
  std::vector<RequestChange> changes_;
};

}  // namespace

std::string_view to_string(ModeBar bar) { return bar_rows[static_cast<std::size_t>(bar)].name; }
std::string_view describe(ModeBar bar) { return bar_rows[static_cast<std::size_t>(bar)].sentence; }

std::string to_string(const Answer& answer) {
  std::string text(answer.outcome);
  text += answer.mode ? " " + std::string(to_string(*answer.mode)) : "";
  text += answer.mig_profile.empty() ? "" : " " + answer.mig_profile;
  return text;
}

std::vector<ModeOption> Engine::explain_modes(RequestClassId request) {
  ModeSearch& search = caches_->modes->search;
  search.sync(state_);
  search.start(state_, request, nullptr);
  const std::array<ModeCandidate, mode_kind_count> best_by_mode = search.best_by_mode();
  std::vector<ModeOption> options;
  for (std::size_t i = 0; i < mode_kind_count; ++i) {
    const ModeCandidate& best = best_by_mode[i];
    ModeOption option{.mode = static_cast<ModeKind>(i),
                      .bar = search.bar(static_cast<ModeKind>(i)),
                      .place = {},
                      .terms = {},
                      .refusals = {}};
    if (best.found()) {
      option.place = search.placement(best);
      option.terms = search.terms(best);
      option.slowdown_milli = std::llround(best.slowdown * 1000.0);
      option.setup_ns = std::llround(best.setup_s * static_cast<double>(ns_per_s));
    } else if (option.bar == ModeBar::none) {
      option.refusals = search.refusals(option.mode);
    }
    options.push_back(std::move(option));
  }
  return options;
}

Explanation Engine::explain(RequestClassId request, TimeNs now) {
  const GpuRequest wanted = state_.request(request);  // a copy: numbering requests moves them
  Explanation explanation{
      .request = wanted, .decision = decide(request, now), .answer = {}, .modes = {}, .changes = {}};
  explanation.answer = answer_of(state_, explanation.decision);
  const JobProfile* const profile = state_.profile(wanted.job_profile);
  explanation.profile_known = profile != nullptr;
  const EditContext context{.profile_memory_mib = profile != nullptr ? profile->memory_peak_mib : 0,
                            .chooses_mode = chooses_mode(request),
                            .is_placed = std::holds_alternative<Bind>(explanation.decision)};
  if (context.chooses_mode) {
    explanation.modes = explain_modes(request);
    explanation.memory_needed_mib = caches_->modes->search.memory_needed_mib();
  }
  ChangeFinder finder([&](const GpuRequest& edited) { return answer_of(state_, decide(intern(edited), now)); }, wanted,
                      explanation.answer);
  for (const NumberEdit& edit : number_edits(state_, wanted, context)) {
    finder.try_number(edit);
  }
  for (const WordEdit& edit : word_edits(state_, wanted, context)) {
    finder.try_word(edit);
  }
  explanation.changes = finder.take();
  return explanation;
}

}  // namespace gpusched
