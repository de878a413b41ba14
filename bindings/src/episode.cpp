#include "episode.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <unordered_map>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/pod_names.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

namespace gpusched::python {

namespace {

constexpr auto time_between_looks = std::chrono::milliseconds(50);

double seconds(TimeNs time) { return static_cast<double>(time) / static_cast<double>(ns_per_s); }

float part(double amount, double whole) {
  return whole > 0 ? static_cast<float>(std::clamp(amount / whole, 0.0, 1.0)) : 0.0F;
}

double allocated(const ClusterState& state) {
  const double units = static_cast<double>(state.total_mig_units());
  const double by_units =
      units > 0 ? static_cast<double>(state.used_mig_units()) * static_cast<double>(state.mig_gpus()) / units : 0;
  const double gpus = static_cast<double>(state.used_gpu_milli()) / 1000.0 + by_units;
  return state.total_gpus() > 0 ? gpus / static_cast<double>(state.total_gpus()) : 0;
}

struct NodeStateHash {
  std::size_t operator()(const NodeState* state) const { return hash_value(*state); }
};
struct NodeStateEqual {
  bool operator()(const NodeState* a, const NodeState* b) const { return *a == *b; }
};

/// Every state of nodes on which the policy places the pod, once. The policy's own choice stands for its state.
EpisodeDecision list_choices(Engine& engine, PodId pod, TimeNs now, Bind chosen, std::size_t most) {
  const RequestClassId request = engine.state().pod(pod)->request;
  const NodeId of_policy = chosen.candidate.node;
  EpisodeDecision decision{.pod = pod, .now = now, .choices = {}};
  std::unordered_map<const NodeState*, std::size_t, NodeStateHash, NodeStateEqual> known;
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  const auto nodes = engine.state().nodes();
  std::vector<NodeId> order;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].removed && nodes[i].state.schedulable) {
      order.push_back(NodeId{i});
    }
  }
  std::sort(order.begin(), order.end(),
            [&](NodeId a, NodeId b) { return nodes[a.value].order < nodes[b.value].order; });
  const NodeState& state_of_policy = nodes[of_policy.value].state;
  bool has_policy = false;
  for (const NodeId node : order) {
    const NodeState& state = nodes[node.value].state;
    const auto [at, is_new] = known.emplace(&state, none);
    if (!is_new) {
      if (at->second != none) {
        ++decision.choices[at->second].nodes;
      }
      continue;
    }
    const bool is_policys = state == state_of_policy;
    const Decision there = is_policys ? Decision(chosen) : engine.decide(request, now, std::span(&node, 1));
    const auto* const bind = std::get_if<Bind>(&there);
    if (bind == nullptr) {
      continue;
    }
    if (decision.choices.size() + (has_policy || is_policys ? 0 : 1) >= most) {  // a seat is kept for the policy's
      ++decision.left_out;
      continue;
    }
    if (is_policys) {
      has_policy = true;
      decision.of_policy = decision.choices.size();
    }
    at->second = decision.choices.size();
    decision.choices.push_back({.bind = *bind});
  }
  return decision;
}

/// Largest values of the nodes, by which observations are scaled.
struct Scale {
  double cpu = 0, memory = 0, gpus = 0, gpu_memory = 0;

  explicit Scale(const ClusterState& state) {
    for (const Node& node : state.nodes()) {
      cpu = std::max(cpu, static_cast<double>(node.spec.cpu_milli));
      memory = std::max(memory, static_cast<double>(node.spec.memory_mib));
      gpus = std::max(gpus, static_cast<double>(node.spec.gpus.size()));
      for (const GpuSpec& gpu : node.spec.gpus) {
        gpu_memory = std::max(gpu_memory, static_cast<double>(gpu.memory_mib));
      }
    }
  }
};

double placement_units(const GpuState& gpu) { return gpu_model(GpuModelId{gpu.model}).placement_units; }

/// Free share of a GPU whatever mode it is in: of a cut one its free placement units.
double free_share(const GpuState& gpu) {
  if (gpu.mig_occupancy != 0) {
    const double units = placement_units(gpu);
    return units > 0 ? 1 - std::popcount(gpu.mig_occupancy) / units : 0;
  }
  return gpu.free_milli / 1000.0;
}

double taken_by(const GpuAssignment& part, const GpuState& gpu) {
  return part.range.size > 0 ? part.range.size / placement_units(gpu) : part.share_milli / 1000.0;
}

[[noreturn]] void refuse_question() {
  raise({.code = ErrorCode::invalid_argument,
         .message = "this episode is over",
         .file = {},
         .line = 0,
         .remedy = "Call reset()"});
}

// Lengths of the axes of an observation; libgpusched/rl.py says what they mean.
constexpr py::ssize_t candidate_features = 8, gpu_features = 4, job_features = 7, cluster_features = 3;

constexpr TimeNs never = -1;

using Floats = py::array_t<float>;

void describe_gpus(const EpisodeChoice& choice, const Node& node, const Scale& scale, std::size_t row, Floats& gpus) {
  auto cell = gpus.mutable_unchecked<3>();
  const auto shown = std::min(node.state.gpus.size(), static_cast<std::size_t>(gpus.shape(1)));
  for (std::size_t i = 0; i < shown; ++i) {
    const GpuState& gpu = node.state.gpus[i];
    const auto at = static_cast<py::ssize_t>(i);
    const auto line = static_cast<py::ssize_t>(row);
    cell(line, at, 0) = part(free_share(gpu), 1);
    cell(line, at, 1) = part(std::popcount(gpu.mig_occupancy), placement_units(gpu));
    cell(line, at, 2) = part(gpu.free_memory_mib, scale.gpu_memory);
  }
  for (const GpuAssignment& share : choice.bind.candidate.gpus) {
    if (share.gpu < shown) {
      cell(static_cast<py::ssize_t>(row), share.gpu, 3) += part(taken_by(share, node.state.gpus[share.gpu]), 1);
    }
  }
}

void describe_node(const EpisodeChoice& choice, const Node& node, const Scale& scale, double all_nodes, std::size_t row,
                   Floats& candidates) {
  double free = 0, most = 0, idle = 0, cut = 0;
  for (const GpuState& gpu : node.state.gpus) {
    free += free_share(gpu);
    most = std::max(most, free_share(gpu));
    idle += gpu.idle() ? 1 : 0;
    cut += gpu.mig_occupancy != 0 ? 1 : 0;
  }
  const auto count = static_cast<double>(node.state.gpus.size());
  const std::array<float, candidate_features> features = {
      part(static_cast<double>(node.state.cpu_free_milli), scale.cpu),
      part(static_cast<double>(node.state.memory_free_mib), scale.memory),
      part(count, scale.gpus),
      part(free, count),
      part(most, 1),
      part(idle, count),
      part(cut, count),
      part(choice.nodes, all_nodes)};
  auto cell = candidates.mutable_unchecked<2>();
  for (std::size_t i = 0; i < features.size(); ++i) {
    cell(static_cast<py::ssize_t>(row), static_cast<py::ssize_t>(i)) = features[i];
  }
}

void describe_job(const EpisodeDecision& decision, const ClusterState& state, const Scale& scale, double waited_s,
                  Floats& job) {
  constexpr double patience_s = 3600;  // where the feature is one half
  const GpuRequest& request = state.request(state.pod(decision.pod)->request);
  const Candidate& place = decision.choices.front().bind.candidate;
  const Node& node = state.node(place.node);
  double units = 0;
  for (const GpuAssignment& share : place.gpus) {
    units += share.range.size > 0 ? taken_by(share, node.state.gpus[share.gpu]) : 0;
  }
  const std::array<float, job_features> features = {part(request.num_gpu, scale.gpus),
                                                    part(request.num_gpu > 0 ? request.gpu_milli : 0, 1000),
                                                    part(request.gpu_memory_mib, scale.gpu_memory),
                                                    part(units, scale.gpus),
                                                    part(static_cast<double>(request.cpu_milli), scale.cpu),
                                                    part(static_cast<double>(request.memory_mib), scale.memory),
                                                    part(waited_s, waited_s + patience_s)};
  std::copy(features.begin(), features.end(), job.mutable_data());
}

}  // namespace

EpisodeMeter::EpisodeMeter(const sim::Trace& trace) {
  for (const sim::TraceJob& job : trace.jobs) {
    window_end_ = std::max(window_end_, job.submit_ns);
  }
  window_s_ = seconds(window_end_);
}

void EpisodeMeter::on_event(const Engine& engine, const Event& event) {
  integral_s_ += share_ * seconds(std::max<TimeNs>(0, std::min(event.time_ns, window_end_) - last_));
  last_ = std::max(last_, event.time_ns);
  share_ = allocated(engine.state());
  if (const auto* submitted = std::get_if<PodSubmitted>(&event.what)) {
    submitted_.resize(std::max(submitted_.size(), submitted->pod.value + std::size_t{1}), never);
    TimeNs& first = submitted_[submitted->pod.value];
    first = first == never ? event.time_ns : first;
  }
}

void EpisodeMeter::on_decision(const Engine&, TimeNs, std::span<const PodId> pods,
                               std::span<const Decision> decisions) {
  if (decisions.size() != pods.size() || candidate_of(decisions.back()) == nullptr) {
    return;
  }
  for (const PodId pod : pods) {
    has_started_.resize(std::max(has_started_.size(), pod.value + std::size_t{1}), 0);
    started_ += has_started_[pod.value] == 0 ? 1 : 0;
    has_started_[pod.value] = 1;
  }
}

double EpisodeMeter::allocation(TimeNs now) const {
  const double open_s = share_ * seconds(std::max<TimeNs>(0, std::min(now, window_end_) - last_));
  return window_s_ > 0 ? (integral_s_ + open_s) / window_s_ : 0;
}

EpisodeHandle::EpisodeHandle(const TraceHandle& trace, const py::dict& settings, std::size_t most_choices)
    : trace_(trace.trace),
      options_(options_from(*trace.trace, settings)),
      most_choices_(most_choices),
      meter_(*trace.trace),
      observers_{&meter_} {
  options_.decision_maker = [this](Engine& engine, PodId pod, TimeNs now) { return ask(engine, pod, now); };
  names_ = sim::pod_names(*trace_, options_);
  simulation_.emplace(unwrap([&] {
    const py::gil_scoped_release release;
    return sim::Simulation::create(*trace_, options_, observers_);
  }()));
}

EpisodeHandle::~EpisodeHandle() {
  const py::gil_scoped_release release;  // a policy in Python may be at work in the other thread
  give_up();
}

/// Without the GIL.
void EpisodeHandle::give_up() {
  {
    const std::scoped_lock lock(mutex_);
    given_up_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

/// In the replay's thread.
void EpisodeHandle::play() {
  try {
    while (!given_up_ && simulation_->step()) {
    }
  } catch (const GivenUp&) {
  } catch (...) {
    failure_ = std::current_exception();
  }
  const std::scoped_lock lock(mutex_);
  over_ = true;
  pending_.reset();
  turn_ = Turn::agent;
  changed_.notify_all();
}

/// In the replay's thread.
Decision EpisodeHandle::ask(Engine& engine, PodId pod, TimeNs now) {
  Decision of_policy = engine.decide(engine.state().pod(pod)->request, now);
  const auto* const bind = std::get_if<Bind>(&of_policy);
  if (bind == nullptr) {
    return of_policy;  // nowhere to go, or only by evicting or moving somebody
  }
  EpisodeDecision decision = list_choices(engine, pod, now, *bind, most_choices_);
  std::unique_lock lock(mutex_);
  pending_ = std::move(decision);
  turn_ = Turn::agent;
  changed_.notify_all();
  changed_.wait(lock, [&] { return turn_ == Turn::replay || given_up_; });
  if (given_up_) {
    throw GivenUp();
  }
  const auto choice = static_cast<std::size_t>(answer_);
  Decision answer =
      answer_ >= 0 && choice < pending_->choices.size() ? Decision(pending_->choices[choice].bind) : Decision(Wait{});
  pending_.reset();
  return answer;
}

bool EpisodeHandle::advance(std::int64_t answer) {
  if (over_) {
    refuse_question();
  }
  {
    const py::gil_scoped_release release;
    {
      const std::scoped_lock lock(mutex_);
      answer_ = answer;
      turn_ = Turn::replay;
    }
    changed_.notify_all();
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { play(); });
    }
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, time_between_looks, [&] { return turn_ == Turn::agent; })) {
      lock.unlock();
      const bool interrupted = [] {
        const py::gil_scoped_acquire acquire;
        return PyErr_CheckSignals() != 0;  // the exception waits in this thread's state
      }();
      if (interrupted) {
        give_up();
        const py::gil_scoped_acquire acquire;
        throw py::error_already_set();
      }
      lock.lock();
    }
  }
  if (failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  return !over_;
}

const EpisodeDecision& EpisodeHandle::pending() const {
  if (!pending_) {
    refuse_question();
  }
  return *pending_;
}

double EpisodeHandle::allocation() const { return meter_.allocation(simulation_->now()); }

py::dict EpisodeHandle::observation(std::size_t most_gpus) const {
  const ClusterState& state = simulation_->state();
  const Scale scale(state);
  const auto rows = static_cast<py::ssize_t>(most_choices_);
  Floats candidates(std::array<py::ssize_t, 2>{rows, candidate_features});
  Floats gpus(std::array<py::ssize_t, 3>{rows, static_cast<py::ssize_t>(most_gpus), gpu_features});
  Floats job(job_features), cluster(cluster_features);
  py::array_t<std::int8_t> mask(rows + 1);
  for (py::array* array : std::initializer_list<py::array*>{&candidates, &gpus, &job, &cluster, &mask}) {
    std::memset(array->mutable_data(), 0, static_cast<std::size_t>(array->nbytes()));
  }
  cluster.mutable_at(0) = part(allocated(state), 1);
  cluster.mutable_at(1) = part(static_cast<double>(state.active_gpus()), static_cast<double>(state.total_gpus()));
  cluster.mutable_at(2) = part(static_cast<double>(arrived()), static_cast<double>(arrivals()));
  if (pending_) {
    for (std::size_t i = 0; i < pending_->choices.size(); ++i) {
      const EpisodeChoice& choice = pending_->choices[i];
      const Node& node = state.node(choice.bind.candidate.node);
      describe_node(choice, node, scale, static_cast<double>(state.nodes().size()), i, candidates);
      describe_gpus(choice, node, scale, i, gpus);
      mask.mutable_at(static_cast<py::ssize_t>(i)) = 1;
    }
    describe_job(*pending_, state, scale, seconds(pending_->now - meter_.submitted(pending_->pod)), job);
  }
  mask.mutable_at(rows) = 1;
  py::dict observation;
  observation["job"] = job;
  observation["cluster"] = cluster;
  observation["candidates"] = candidates;
  observation["gpus"] = gpus;
  observation["action_mask"] = mask;
  return observation;
}

py::dict EpisodeHandle::question() const {
  const EpisodeDecision& decision = pending();
  const ClusterState& state = simulation_->state();
  const GpuRequest& request = state.request(state.pod(decision.pod)->request);
  py::list nodes;
  for (const EpisodeChoice& choice : decision.choices) {
    nodes.append(state.node(choice.bind.candidate.node).spec.name);
  }
  py::dict question;
  question["job"] = names_[decision.pod.value];
  question["request"] = request;
  question["time_s"] = seconds(decision.now);
  question["nodes"] = nodes;
  question["policy_action"] = decision.of_policy;
  question["left_out"] = decision.left_out;
  return question;
}

ResultHandle EpisodeHandle::finish() {
  if (!over_ || !simulation_) {
    raise({.code = ErrorCode::invalid_argument,
           .message = "the episode is not over",
           .file = {},
           .line = 0,
           .remedy = "Step until terminated is True"});
  }
  ResultHandle result{.trace = trace_, .result = simulation_->finish(), .pod_names = {}, .decisions = {}, .curve = {}};
  return result;
}

void bind_episode(py::module_& module) {
  py::class_<EpisodeHandle>(module, "Episode")
      .def(py::init<const TraceHandle&, const py::dict&, std::size_t>(), py::arg("trace"), py::arg("settings"),
           py::arg("most_choices"))
      .def("advance", &EpisodeHandle::advance, py::arg("answer"))
      .def("observation", &EpisodeHandle::observation, py::arg("most_gpus"))
      .def("question", &EpisodeHandle::question)
      .def("finish", &EpisodeHandle::finish)
      .def_property_readonly("allocation", &EpisodeHandle::allocation, "Share of GPU time allocated so far.")
      .def_property_readonly("started", &EpisodeHandle::started, "Jobs.")
      .def_property_readonly("arrived", &EpisodeHandle::arrived)
      .def_property_readonly("arrivals", &EpisodeHandle::arrivals);
}

}  // namespace gpusched::python
