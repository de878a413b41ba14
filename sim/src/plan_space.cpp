#include "gpusched/sim/plan_space.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/cluster_builder.hpp"

namespace gpusched::sim {

namespace {

constexpr std::int64_t most_nodes_allowed = 100'000;

Error refusal(std::string message, std::string remedy) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

bool searches(const PlanQuery& query, const char* what) {
  return std::find(query.search.begin(), query.search.end(), what) != query.search.end();
}

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// "MODEL xGPUS" or MODEL:GPUS, with or without @SHARING. The shorthand's reader judges the rest.
Result<ClusterKind> parse_shape(std::string text) {
  const std::string given = text;
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const std::size_t at = std::min(text.find('@'), text.size());
  const std::string body = text.substr(0, at);
  const std::size_t split = body.find(':') != std::string::npos ? body.find(':') : body.rfind('x');
  ClusterKind kind;
  kind.sharing = text.substr(at);
  const std::size_t letters = body.find_first_not_of("0123456789");
  const bool counted = letters != std::string::npos && letters > 0 && body[letters] == 'x';
  const char* const end = body.data() + body.size();
  const char* const digits = split == std::string::npos ? end : body.data() + split + 1;
  const auto [stop, error] = std::from_chars(digits, end, kind.gpus_per_node);
  if (counted || error != std::errc() || stop != end) {
    return refusal(
        "'" + given + "' is not the shape of a node",
        "Write MODEL xGPUS or MODEL:GPUS, for example 'H100-80GB-SXM5 x8' or A100-80GB:8@mig; how many nodes is "
        "a question apart");
  }
  kind.model = body.substr(0, split);
  if (const auto nodes = parse_cluster_shorthand(kind.cluster(1)); !nodes) {
    return nodes.error();
  }
  return kind;
}

Result<std::vector<ClusterKind>> parse_shapes(const std::string& text) {
  std::vector<ClusterKind> shapes;
  for (const std::string& part : parts_of(text)) {
    Result<ClusterKind> shape = parse_shape(part);
    if (!shape) {
      return shape.error();
    }
    shapes.push_back(std::move(shape).value());
  }
  return shapes;
}

Status read_range(const std::string& text, PlanSpace& space) {
  const std::size_t dots = text.find("..");
  const std::string low = text.substr(0, dots), high = dots == std::string::npos ? low : text.substr(dots + 2);
  const auto number = [](const std::string& digits, std::int64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const std::string remedy =
      "Write LO..HI with 1 <= LO <= HI <= " + std::to_string(most_nodes_allowed) + ", for example 4..24";
  if (!number(low, space.least_nodes) || !number(high, space.most_nodes)) {
    return refusal("nodes '" + text + "' is no range", remedy);
  }
  if (space.least_nodes < 1 || space.most_nodes > most_nodes_allowed || space.least_nodes > space.most_nodes) {
    return refusal("nodes '" + text + "': " + low + ".." + high + " is empty or out of bounds", remedy);
  }
  return {};
}

/// The shapes times the models to search.
Result<std::vector<ClusterKind>> shapes_to_search(const PlanQuery& query) {
  Result<std::vector<ClusterKind>> shapes = parse_shapes(query.shapes);
  if (!shapes) {
    return shapes;
  }
  std::vector<std::string> models = query.models;
  const bool wanted = searches(query, "model");
  if (!wanted && (shapes.value().size() > 1 || !models.empty())) {
    return refusal("several GPU models or shapes, but the search does not name model", "Search nodes,model");
  }
  if (!wanted || (models.empty() && shapes.value().size() > 1)) {
    return shapes;
  }
  for (const auto& [model, price] : query.prices) {
    if (query.models.empty()) {
      models.push_back(model);
    }
  }
  if (models.empty()) {
    return refusal("no GPU models to search", "Name them, or give prices of GPU models");
  }
  std::vector<ClusterKind> made;
  for (ClusterKind shape : shapes.value()) {
    for (const std::string& model : models) {
      shape.model = model;
      if (const auto nodes = parse_cluster_shorthand(shape.cluster(1)); !nodes) {
        return nodes.error();
      }
      made.push_back(shape);
    }
  }
  return made;
}

Result<std::vector<std::string>> policies_to_search(const PlanQuery& query, bool has_profiles) {
  std::vector<std::string> names = query.policies;
  const bool modes = searches(query, "sharing"), layouts = searches(query, "layout");
  if (names.empty() && modes) {
    names = {"all_whole", "time_slice", "mps", "mig_static", "auto"};
  }
  if (query.policies.empty() && layouts) {
    names.erase(std::remove(names.begin(), names.end(), "mig_static"), names.end());
    for (const char* layout : {"mixed", "balanced", "smallest"}) {
      names.push_back("mig_static:layout=" + std::string(layout));
    }
  }
  if (names.empty() && searches(query, "policy")) {
    return refusal("a search of policies needs the policies to choose from", "Name several, such as fgd,buddy");
  }
  if (names.empty()) {
    names = {has_profiles ? "auto" : "placeable_online"};
  }
  if (names.size() > 1 && !modes && !layouts && !searches(query, "policy")) {
    return refusal("several policies, but the search names neither policy, sharing nor layout",
                   "Search nodes,policy, or give one policy");
  }
  return names;
}

}  // namespace

std::string ClusterKind::name() const {
  return policy + " on " + model + ":" + std::to_string(gpus_per_node) + sharing;
}

std::string ClusterKind::cluster(std::int64_t nodes) const {
  return std::to_string(nodes) + "x" + model + ":" + std::to_string(gpus_per_node) + sharing;
}

std::vector<PlanKind> PlanSpace::planner_kinds() const {
  std::vector<PlanKind> result;
  for (const ClusterKind& kind : kinds) {
    result.push_back({.name = kind.name(),
                      .least = least_nodes,
                      .most = most_nodes,
                      .cost_per_size = kind.gpus_per_node * (priced ? kind.gpu_price : 1.0)});
  }
  return result;
}

Result<PlanSpace> plan_space(const PlanQuery& query, bool has_profiles) {
  PlanSpace space;
  if (Status read = read_range(query.nodes, space); !read) {
    return read.error();
  }
  if (!searches(query, "nodes") && space.least_nodes != space.most_nodes) {
    return refusal("the search does not name nodes, but nodes is a range",
                   "Search nodes as well, or give one number of nodes");
  }
  const Result<std::vector<ClusterKind>> shapes = shapes_to_search(query);
  if (!shapes) {
    return shapes.error();
  }
  const Result<std::vector<std::string>> policies = policies_to_search(query, has_profiles);
  if (!policies) {
    return policies.error();
  }
  const std::string first_model = shapes.value().front().model;
  for (ClusterKind kind : shapes.value()) {
    const auto price = query.prices.find(std::string(gpu_model(find_gpu_model(kind.model).value()).name));
    space.priced = price != query.prices.end();
    if (!space.priced && std::any_of(shapes.value().begin(), shapes.value().end(),
                                     [&](const ClusterKind& other) { return other.model != first_model; })) {
      return refusal("no price for " + kind.model + ": without prices different GPU models cannot be compared",
                     "Give the price of a GPU-hour of " + kind.model);
    }
    kind.gpu_price = space.priced ? price->second : 0;
    for (const std::string& policy : policies.value()) {
      kind.policy = policy;
      space.kinds.push_back(kind);
    }
  }
  return space;
}

Result<std::string> any_cluster(const PlanQuery& query) {
  const Result<std::vector<ClusterKind>> shapes = parse_shapes(query.shapes);
  return shapes ? Result<std::string>(shapes.value().front().cluster(1)) : shapes.error();
}

}  // namespace gpusched::sim
