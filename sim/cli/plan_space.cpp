#include "plan_space.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/cluster_builder.hpp"

namespace gpusched::cli {

namespace {

constexpr std::int64_t most_nodes_allowed = 100'000;

bool searches(const PlanArguments& arguments, const char* what) {
  return std::find(arguments.search.begin(), arguments.search.end(), what) != arguments.search.end();
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
    return usage(
        "'" + given + "' in --cluster is not the shape of a node",
        "Write MODEL xGPUS or MODEL:GPUS, for example 'H100-80GB-SXM5 x8' or A100-80GB:8@mig; how many nodes is "
        "for --nodes");
  }
  kind.model = body.substr(0, split);
  if (const auto nodes = sim::parse_cluster_shorthand(kind.cluster(1)); !nodes) {
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
      "Write LO..HI with 1 <= LO <= HI <= " + std::to_string(most_nodes_allowed) + ", for example --nodes 4..24";
  if (!number(low, space.least_nodes) || !number(high, space.most_nodes)) {
    return usage("--nodes '" + text + "' is no range", remedy);
  }
  if (space.least_nodes < 1 || space.most_nodes > most_nodes_allowed || space.least_nodes > space.most_nodes) {
    return usage("--nodes '" + text + "': " + low + ".." + high + " is empty or out of bounds", remedy);
  }
  return {};
}

/// Price of a GPU-hour by catalogue row: --price before --prices.
Result<std::map<std::string, double>> prices_of(const PlanArguments& arguments) {
  std::map<std::string, double> by_model;
  if (!arguments.replay.prices.empty()) {
    Result<std::map<std::string, double>> read = read_prices(arguments.replay.prices);
    if (!read) {
      return read.error();
    }
    for (const auto& [model, price] : read.value()) {
      by_model[std::string(gpu_model(find_gpu_model(model).value()).name)] = price;
    }
  }
  for (const std::string& item : arguments.price) {
    const std::size_t equals = std::min(item.find('='), item.size());
    const Result<GpuModelId> model = find_gpu_model(item.substr(0, equals));
    if (!model) {
      return model.error();
    }
    double price = 0;
    const char* const end = item.data() + item.size();
    const auto [stop, error] = std::from_chars(item.data() + std::min(equals + 1, item.size()), end, price);
    if (error != std::errc() || stop != end || !(price > 0)) {
      return usage("--price '" + item + "' is not MODEL=PRICE with a price above 0", "Write H100-80GB-SXM5=2.95");
    }
    by_model[std::string(gpu_model(model.value()).name)] = price;
  }
  return by_model;
}

/// The shapes times the models to search.
Result<std::vector<ClusterKind>> shapes_to_search(const PlanArguments& arguments,
                                                  const std::map<std::string, double>& prices) {
  Result<std::vector<ClusterKind>> shapes = parse_shapes(arguments.replay.cluster);
  if (!shapes) {
    return shapes;
  }
  std::vector<std::string> models = arguments.models;
  const bool wanted = searches(arguments, "model");
  if (!wanted && (shapes.value().size() > 1 || !models.empty())) {
    return usage("several GPU models or shapes, but --search does not name model", "Add --search nodes,model");
  }
  if (!wanted || (models.empty() && shapes.value().size() > 1)) {
    return shapes;
  }
  for (const auto& [model, price] : prices) {
    if (arguments.models.empty()) {
      models.push_back(model);
    }
  }
  if (models.empty()) {
    return usage("no GPU models to search", "Give --price MODEL=PRICE,... or --models with --prices");
  }
  std::vector<ClusterKind> made;
  for (ClusterKind shape : shapes.value()) {
    for (const std::string& model : models) {
      shape.model = model;
      if (const auto nodes = sim::parse_cluster_shorthand(shape.cluster(1)); !nodes) {
        return nodes.error();
      }
      made.push_back(shape);
    }
  }
  return made;
}

Result<std::vector<std::string>> policies_to_search(const PlanArguments& arguments, bool has_profiles) {
  std::vector<std::string> names = expand_policies(arguments.policies);
  const bool modes = searches(arguments, "sharing"), layouts = searches(arguments, "layout");
  if (names.empty() && modes) {
    names = {"all_whole", "time_slice", "mps", "mig_static", "auto"};
  }
  if (arguments.policies.empty() && layouts) {
    names.erase(std::remove(names.begin(), names.end(), "mig_static"), names.end());
    for (const char* layout : {"mixed", "balanced", "smallest"}) {
      names.push_back("mig_static:layout=" + std::string(layout));
    }
  }
  if (names.empty() && searches(arguments, "policy")) {
    return usage("--search policy needs the policies to choose from", "Give --policy fgd,buddy,... or --policy all");
  }
  if (names.empty()) {
    names = {has_profiles ? "auto" : "placeable_online"};
  }
  if (names.size() > 1 && !modes && !layouts && !searches(arguments, "policy")) {
    return usage("several policies, but --search names neither policy, sharing nor layout",
                 "Add --search nodes,policy, or give one policy");
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

std::vector<sim::PlanKind> PlanSpace::planner_kinds() const {
  std::vector<sim::PlanKind> result;
  for (const ClusterKind& kind : kinds) {
    result.push_back({.name = kind.name(),
                      .least = least_nodes,
                      .most = most_nodes,
                      .cost_per_size = kind.gpus_per_node * (priced ? kind.gpu_price : 1.0)});
  }
  return result;
}

Result<PlanSpace> plan_space(const PlanArguments& arguments, bool has_profiles) {
  PlanSpace space;
  if (Status read = read_range(arguments.nodes, space); !read) {
    return read.error();
  }
  if (!searches(arguments, "nodes") && space.least_nodes != space.most_nodes) {
    return usage("--search does not name nodes, but --nodes is a range", "Add nodes to --search, or give --nodes N");
  }
  const Result<std::map<std::string, double>> prices = prices_of(arguments);
  if (!prices) {
    return prices.error();
  }
  const Result<std::vector<ClusterKind>> shapes = shapes_to_search(arguments, prices.value());
  if (!shapes) {
    return shapes.error();
  }
  const Result<std::vector<std::string>> policies = policies_to_search(arguments, has_profiles);
  if (!policies) {
    return policies.error();
  }
  const std::string first_model = shapes.value().front().model;
  for (ClusterKind kind : shapes.value()) {
    const auto price = prices.value().find(std::string(gpu_model(find_gpu_model(kind.model).value()).name));
    space.priced = price != prices.value().end();
    if (!space.priced && std::any_of(shapes.value().begin(), shapes.value().end(),
                                     [&](const ClusterKind& other) { return other.model != first_model; })) {
      return usage("no price for " + kind.model + ": without prices different GPU models cannot be compared",
                   "Give --price " + kind.model + "=PRICE, per GPU-hour");
    }
    kind.gpu_price = space.priced ? price->second : 0;
    for (const std::string& policy : policies.value()) {
      kind.policy = policy;
      space.kinds.push_back(kind);
    }
  }
  return space;
}

Result<std::string> any_cluster(const PlanArguments& arguments) {
  const Result<std::vector<ClusterKind>> shapes = parse_shapes(arguments.replay.cluster);
  return shapes ? Result<std::string>(shapes.value().front().cluster(1)) : shapes.error();
}

}  // namespace gpusched::cli
