#include "gpusched/io/event_log.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "gpusched/io/job_profile_json.hpp"

#include "event_json.hpp"

namespace gpusched {

using io::Json;

namespace {

constexpr int log_version = 1;
constexpr std::array<const char*, 3> health_names = {"ready", "draining", "down"};

Json base_line(const char* type, TimeNs time_ns) {
  Json json;
  json["type"] = type;
  json["t"] = time_ns;
  return json;
}

/// One event as a line. Numbers of pods become names, numbers of nodes too.
class EventToJson {
 public:
  EventToJson(const ClusterState& state, TimeNs now, const PodNamer& pod_name)
      : state_(state), now_(now), pod_name_(pod_name) {}

  Json operator()(const NodeAdded& e) const {
    Json json = base_line("node_added", now_);
    json.update(io::to_json(e.node));
    return json;
  }
  Json operator()(const NodeChanged& e) const {
    Json json = base_line("node_changed", now_);
    json.update(io::to_json(e.spec));
    return json;
  }
  Json operator()(const NodeRemoved& e) const { return node_line("node_removed", e.node); }
  Json operator()(const HealthChanged& e) const {
    Json json = node_line("health_changed", e.node);
    json["health"] = health_names[static_cast<std::size_t>(e.health)];
    return json;
  }
  Json operator()(const PodSubmitted& e) const {
    Json json = pod_line("pod_submitted", e.pod, e.version);
    json["request"] = e.request.value;
    return json;
  }
  Json operator()(const Reserved& e) const { return place_line("reserved", e.pod, e.placement, 0); }
  Json operator()(const ReservationReleased& e) const { return pod_line("reservation_released", e.pod, 0); }
  Json operator()(const PodBound& e) const { return place_line("pod_bound", e.pod, e.placement, e.version); }
  Json operator()(const PodStarted& e) const { return pod_line("pod_started", e.pod, e.version); }
  Json operator()(const PodFinished& e) const { return pod_line("pod_finished", e.pod, e.version); }
  Json operator()(const PodForgotten& e) const { return pod_line("pod_forgotten", e.pod, 0); }
  Json operator()(const PodEvicted& e) const { return pod_line("pod_evicted", e.pod, e.version); }
  Json operator()(const PodMoveStarted& e) const { return move_line("pod_move_started", e.move); }
  Json operator()(const PodMoved& e) const { return move_line("pod_moved", e.move); }
  Json operator()(const PodMoveFailed& e) const { return move_line("pod_move_failed", e.move); }
  Json operator()(const ProfileLoaded& e) const {
    Json json = base_line("profile_loaded", now_);
    json["file"] = Json::parse(write_job_profiles(std::span(&e.profile, 1)));
    return json;
  }
  Json operator()(const GpuHeld& e) const { return gpu_line("gpu_held", e.node, e.gpu); }
  Json operator()(const GpuReleased& e) const { return gpu_line("gpu_released", e.node, e.gpu); }
  Json operator()(const Tick&) const { return base_line("tick", now_); }

 private:
  Json node_line(const char* type, NodeId node) const {
    Json json = base_line(type, now_);
    json["node"] = state_.node(node).spec.name;
    return json;
  }
  Json gpu_line(const char* type, NodeId node, std::uint16_t gpu) const {
    Json json = node_line(type, node);
    json["gpu"] = gpu;
    return json;
  }
  Json pod_line(const char* type, PodId pod, std::uint64_t version) const {
    Json json = base_line(type, now_);
    json["pod"] = pod_name_(pod);
    if (version != 0) {
      json["version"] = version;
    }
    return json;
  }
  Json place_line(const char* type, PodId pod, const Candidate& place, std::uint64_t version) const {
    Json json = pod_line(type, pod, version);
    json.update(io::to_json(place, state_));
    return json;
  }
  Json move_line(const char* type, const PodMove& move) const {
    Json json = pod_line(type, move.pod, 0);
    json["from"] = io::to_json(move.from, state_);
    json["to"] = io::to_json(move.to, state_);
    return json;
  }

  const ClusterState& state_;
  TimeNs now_;
  const PodNamer& pod_name_;
};

/// Reads a log line by line into a fresh engine.
class Replayer {
 public:
  Status line(const Json& json, std::string_view text);
  LogReplay counts;

 private:
  Status event(const Json& json, const std::string& type);
  Status move_event(const Json& json, const std::string& type, PodId id);
  Status decision(const Json& json, std::string_view text);
  PodId pod(const Json& json, bool add = false);
  Status observe(const Json& json, decltype(Event::what) what);

  std::optional<Engine> engine_;
  std::map<std::uint32_t, RequestClassId> requests_;  // number in the log -> number here
  std::map<std::string, PodId> pods_;
  std::vector<std::string> names_;
  std::vector<PodId> forgotten_;  // numbers to give again, the last one first
};

Error bad(std::string message) {
  return {.code = ErrorCode::data_loss, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
}

/// Everything in a log is counted but the slowdown that a request tolerates, and profiles, whose reader checks them
/// itself. A fraction elsewhere would be cut, or be larger than any number it is read into.
Status check_whole_numbers(const Json& json, std::string_view key) {
  if (json.is_number_float() && key != "max_slowdown") {
    return bad(std::string(key) + " is " + json.dump() + ", not a whole number");
  }
  if (json.is_structured() && key != "file") {
    for (const auto& [name, value] : json.items()) {
      if (Status whole = check_whole_numbers(value, json.is_array() ? key : std::string_view(name)); !whole) {
        return whole;
      }
    }
  }
  return {};
}

Status Replayer::line(const Json& json, std::string_view text) {
  if (Status whole = check_whole_numbers(json, "the line"); !whole) {
    return whole;
  }
  const auto type = json.at("type").get<std::string>();
  if (type == "header") {
    if (engine_) {
      return bad("a second header");
    }
    if (json.at("version").get<int>() != log_version) {
      return bad("event log version " + json.at("version").dump() + " is not " + std::to_string(log_version));
    }
    Result<EngineOptions> options = io::options_from_json(json);
    if (!options) {
      return options.error();
    }
    Result<Engine> engine = Engine::create(std::move(options).value());
    if (!engine) {
      return engine.error();
    }
    engine_.emplace(std::move(engine).value());
    return {};
  }
  if (!engine_) {
    return bad("the first line must be a header");
  }
  if (type == "request") {
    Result<GpuRequest> request = io::request_from_json(json.at("request"));
    if (!request) {
      return request.error();
    }
    requests_[json.at("id").get<std::uint32_t>()] = engine_->intern(request.value());
    return {};
  }
  return type == "decision" ? decision(json, text) : event(json, type);
}

PodId Replayer::pod(const Json& json, bool add) {
  const auto name = json.at("pod").get<std::string>();
  if (add) {
    const auto [entry, is_new] = pods_.try_emplace(name, PodId{static_cast<std::uint32_t>(names_.size())});
    if (is_new && !forgotten_.empty()) {
      entry->second = forgotten_.back();
      forgotten_.pop_back();
      names_[entry->second.value] = name;
    } else if (is_new) {
      names_.push_back(name);
    }
    return entry->second;
  }
  const auto found = pods_.find(name);
  return found == pods_.end() ? PodId{} : found->second;
}

Status Replayer::observe(const Json& json, decltype(Event::what) what) {
  ++counts.events;
  return engine_->observe({json.at("t").get<TimeNs>(), std::move(what)});
}

Status Replayer::event(const Json& json, const std::string& type) {
  if (type == "node_added") {
    Result<NodeSpec> node = io::node_from_json(json);
    return node ? observe(json, NodeAdded{std::move(node).value()}) : Status(node.error());
  }
  if (type == "node_changed") {
    Result<NodeSpec> node = io::node_from_json(json);
    if (!node) {
      return node.error();
    }
    const NodeId id = engine_->state().find_node(node.value().name);
    return observe(json, NodeChanged{id, std::move(node).value()});
  }
  if (type == "node_removed" || type == "health_changed") {
    const NodeId node = engine_->state().find_node(json.at("node").get<std::string>());
    if (type == "node_removed") {
      return observe(json, NodeRemoved{node});
    }
    const auto health = json.at("health").get<std::string>();
    for (std::size_t i = 0; i < health_names.size(); ++i) {
      if (health == health_names[i]) {
        return observe(json, HealthChanged{node, static_cast<NodeHealth>(i)});
      }
    }
    return bad("unknown health '" + health + "'");
  }
  if (type == "gpu_held" || type == "gpu_released") {
    const NodeId node = engine_->state().find_node(json.at("node").get<std::string>());
    const auto gpu = json.at("gpu").get<std::uint16_t>();
    return type == "gpu_held" ? observe(json, GpuHeld{node, gpu}) : observe(json, GpuReleased{node, gpu});
  }
  if (type == "profile_loaded") {
    const Result<std::vector<JobProfile>> profiles = read_job_profiles(json.at("file").dump(), {});
    if (!profiles) {
      return profiles.error();
    }
    return profiles.value().size() == 1 ? observe(json, ProfileLoaded{profiles.value()[0]})
                                        : Status(bad("a profile_loaded line holds one profile"));
  }
  if (type == "tick") {
    return observe(json, Tick{});
  }
  const std::uint64_t version = json.value("version", std::uint64_t{0});
  if (type == "pod_submitted") {
    const auto request = requests_.find(json.at("request").get<std::uint32_t>());
    if (request == requests_.end()) {
      return bad("request " + json.at("request").dump() + " was not described before");
    }
    return observe(json, PodSubmitted{pod(json, true), request->second, version});
  }
  const PodId id = pod(json);
  if (!id.valid()) {
    return bad("pod '" + json.at("pod").get<std::string>() + "' was not submitted before");
  }
  if (type == "reserved" || type == "pod_bound") {
    Result<Candidate> place = io::candidate_from_json(json, engine_->state());
    if (!place) {
      return place.error();
    }
    return type == "reserved" ? observe(json, Reserved{id, place.value()})
                              : observe(json, PodBound{id, place.value(), version});
  }
  if (type == "pod_move_started" || type == "pod_moved" || type == "pod_move_failed") {
    return move_event(json, type, id);
  }
  if (type == "reservation_released") return observe(json, ReservationReleased{id});
  if (type == "pod_started") return observe(json, PodStarted{id, version});
  if (type == "pod_finished") return observe(json, PodFinished{id, version});
  if (type == "pod_forgotten") {
    pods_.erase(json.at("pod").get<std::string>());
    forgotten_.push_back(id);
    return observe(json, PodForgotten{id});
  }
  if (type == "pod_evicted") return observe(json, PodEvicted{id, version});
  return bad("unknown line type '" + type + "'");
}

Status Replayer::move_event(const Json& json, const std::string& type, PodId id) {
  const Result<Candidate> from = io::candidate_from_json(json.at("from"), engine_->state());
  if (!from) {
    return from.error();
  }
  const Result<Candidate> to = io::candidate_from_json(json.at("to"), engine_->state());
  if (!to) {
    return to.error();
  }
  const PodMove move{.pod = id, .from = from.value(), .to = to.value()};
  if (type == "pod_move_started") return observe(json, PodMoveStarted{move});
  return type == "pod_moved" ? observe(json, PodMoved{move}) : observe(json, PodMoveFailed{move});
}

Status Replayer::decision(const Json& json, std::string_view text) {
  std::vector<PodId> ids;
  std::vector<std::string> names;
  for (const Json& name : json.at("pods")) {
    names.push_back(name.get<std::string>());
    const auto found = pods_.find(names.back());
    const PodRecord* record = found == pods_.end() ? nullptr : engine_->state().pod(found->second);
    if (record == nullptr || record->phase != PodPhase::pending ||
        std::find(ids.begin(), ids.end(), found->second) != ids.end()) {
      return bad("a decision for pod '" + names.back() + "', which does not wait for one, or twice");
    }
    ids.push_back(found->second);
  }
  if (ids.empty()) {
    return bad("a decision without pods");
  }
  std::optional<std::vector<NodeId>> offered;
  std::optional<std::span<const NodeId>> scope;
  if (json.contains("scope")) {
    Result<std::vector<NodeId>> nodes = io::scope_from_ranges(json["scope"].get<std::string>(), engine_->state());
    if (!nodes) {
      return nodes.error();
    }
    scope = offered.emplace(std::move(nodes).value());
  }
  ++counts.decisions;
  const auto now = json.at("t").get<TimeNs>();
  const std::vector<Decision> decisions =
      ids.size() == 1 ? std::vector<Decision>{engine_->decide(engine_->state().pod(ids[0])->request, now, scope)}
                      : engine_->decide_gang(ids, now);
  const std::string computed = io::decision_line(
      engine_->state(), now, names, decisions, [&](PodId id) { return names_[id.value]; }, scope);
  if (computed != text) {
    return Error{
        .code = ErrorCode::data_loss,
        .message = "the decision differs: the log has " + std::string(text) + ", computed anew it is " + computed,
        .file = {},
        .line = 0,
        .remedy = "The log was changed, or written by another version of the policy"};
  }
  return {};
}

}  // namespace

EventLogWriter::EventLogWriter(std::function<void(std::string_view)> sink, PodNamer pod_name)
    : sink_(std::move(sink)), pod_name_(std::move(pod_name)) {}

void EventLogWriter::header(const EngineOptions& options) {
  Json json;
  json["type"] = "header";
  json["version"] = log_version;
  json.update(io::to_json(options));
  sink_(json.dump() + "\n");
}

void EventLogWriter::event(const Engine& engine, const Event& event) {
  if (const auto* submitted = std::get_if<PodSubmitted>(&event.what)) {
    const std::uint32_t id = submitted->request.value;
    if (id >= request_written_.size()) {
      request_written_.resize(id + std::size_t{1}, 0);
    }
    if (request_written_[id] == 0) {
      request_written_[id] = 1;
      Json json;
      json["type"] = "request";
      json["id"] = id;
      json["request"] = io::to_json(engine.state().request(submitted->request));
      sink_(json.dump() + "\n");
    }
  }
  sink_(std::visit(EventToJson(engine.state(), event.time_ns, pod_name_), event.what).dump() + "\n");
}

void EventLogWriter::decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                              std::span<const Decision> decisions, std::optional<std::span<const NodeId>> scope) {
  std::vector<std::string> names;
  for (const PodId pod : pods) {
    names.push_back(pod_name_(pod));
  }
  sink_(io::decision_line(engine.state(), now, names, decisions, pod_name_, scope) + "\n");
}

Result<LogReplay> replay_event_log(std::string_view text, const std::string& file) {
  Replayer replayer;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    Status status =
        end == std::string_view::npos ? Status(bad("the last line does not end: the log is cut off")) : Status();
    if (status.ok()) {
      try {
        status = replayer.line(Json::parse(line), line);
      } catch (const Json::exception& problem) {  // the library's own errors become values here
        status = bad(std::string("not a line of an event log: ") + problem.what());
      }
    }
    if (!status) {
      Error error = status.error();
      error.file = file;
      error.line = line_number;
      return error;
    }
    text = text.substr(end + 1);
  }
  return replayer.counts;
}

}  // namespace gpusched
