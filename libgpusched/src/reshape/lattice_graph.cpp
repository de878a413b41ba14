#include "gpusched/reshape/lattice_graph.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <tuple>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/dijkstra_shortest_paths_no_color_map.hpp>
#include <boost/graph/filtered_graph.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <boost/property_map/function_property_map.hpp>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

using StateId = MigLattice::StateId;
using BoostGraph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, boost::no_property, LatticeStep>;
using Edge = boost::graph_traits<BoostGraph>::edge_descriptor;

int count(std::uint32_t bits) { return std::popcount(bits); }
std::uint32_t bit(int placement) { return 1U << placement; }

/// Of moving the pods of these instances.
std::int64_t move_cost(const MigLattice& lattice, std::uint32_t instances, const LatticeCosts& costs) {
  std::int64_t cost = 0;
  for (; instances != 0; instances &= instances - 1) {
    const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(std::countr_zero(instances))];
    cost += costs.move + costs.move_unit * placement.range.size;
  }
  return cost;
}

/// Everything that prices a step on the way between two fixed layouts.
struct Journey {
  const MigLattice* lattice;
  const std::vector<std::uint32_t>* shape_bits;
  std::uint32_t from, to, busy;
  LatticeCosts costs;

  bool leads_on(const LatticeStep& step) const {
    const std::uint32_t changes = step.create ? to & ~from : from & ~to;
    return (changes & bit(step.placement)) != 0;
  }
  /// Whether destroying the instance leaves a pod without a place: more pods of its shape have left than instances
  /// are there in which one may stay.
  bool interrupts(std::uint32_t placed, int placement) const {
    if ((busy & bit(placement)) == 0) {
      return false;
    }
    const int shape = lattice->placements()[static_cast<std::size_t>(placement)].shape;
    const std::uint32_t same_shape = (*shape_bits)[static_cast<std::size_t>(shape)];
    const int left = count(busy & same_shape & ~placed) + 1;
    return left > count(placed & to & same_shape & ~busy);
  }
  std::int64_t price(std::uint32_t placed, const LatticeStep& step) const {
    if (step.create) {
      return costs.create;
    }
    const bool moves = (busy & bit(step.placement)) != 0;
    return costs.destroy + (moves ? move_cost(*lattice, bit(step.placement), costs) : 0) +
           (interrupts(placed, step.placement) ? costs.interruption : 0);
  }
};

}  // namespace

struct LatticeGraph::Graph {
  BoostGraph edges;

  std::vector<std::int64_t> costs_to_go(const Journey& journey, StateId to) const;
  LatticePath cheapest(const Journey& journey, StateId from, StateId to) const;
};

struct LatticeGraph::Target {
  StateId state = 0;
  std::int64_t least_cost = 0;  // without interruptions
  int creatable = 0;
};

/// Backwards from the end, so that the walk from the start can choose among equally cheap steps by a rule of ours:
/// no path depends on how a heap orders what is equal.
std::vector<std::int64_t> LatticeGraph::Graph::costs_to_go(const Journey& journey, StateId to) const {
  const auto backwards = boost::make_reverse_graph(edges);
  const auto step_of = [this](const auto& edge) -> const LatticeStep& { return edges[edge.underlying_descx]; };
  const auto keep = [&](const auto& edge) { return journey.leads_on(step_of(edge)); };
  using Keep = std::function<bool(const boost::graph_traits<decltype(backwards)>::edge_descriptor&)>;
  const boost::filtered_graph<std::remove_const_t<decltype(backwards)>, Keep> interval(backwards, Keep(keep));
  const auto weight =
      boost::make_function_property_map<typename boost::graph_traits<decltype(backwards)>::edge_descriptor,
                                        std::int64_t>([&](const auto& edge) {
        const auto source = static_cast<StateId>(boost::source(edge.underlying_descx, edges));
        return journey.price(journey.lattice->placed(source), step_of(edge));
      });
  std::vector<std::int64_t> to_go(boost::num_vertices(edges));
  boost::dijkstra_shortest_paths_no_color_map(interval, to,
                                              boost::weight_map(weight).distance_map(boost::make_iterator_property_map(
                                                  to_go.begin(), boost::get(boost::vertex_index, edges))));
  return to_go;
}

LatticePath LatticeGraph::Graph::cheapest(const Journey& journey, StateId from, StateId to) const {
  const std::vector<std::int64_t> to_go = costs_to_go(journey, to);
  LatticePath path{.target = to, .steps = {}, .moves = 0, .interruptions = 0, .cost = to_go[from]};
  StateId at = from;
  while (at != to) {
    const std::uint32_t placed = journey.lattice->placed(at);
    // Edges are in the order of creation: creations first, each by placement.
    const auto [first, end] = boost::out_edges(at, edges);
    const auto next = std::find_if(first, end, [&](const Edge& edge) {
      const LatticeStep& step = edges[edge];
      return journey.leads_on(step) && journey.price(placed, step) + to_go[boost::target(edge, edges)] == to_go[at];
    });
    GPUSCHED_CHECK(next != end, "a cheapest path ends before its target");
    const LatticeStep step = edges[*next];
    if (!step.create && (journey.busy & bit(step.placement)) != 0) {
      ++path.moves;
      path.interruptions += journey.interrupts(placed, step.placement) ? 1 : 0;
    }
    path.steps.push_back(step);
    at = static_cast<StateId>(boost::target(*next, edges));
  }
  return path;
}

LatticeGraph::LatticeGraph(const MigLattice& lattice) : lattice_(&lattice), graph_(std::make_unique<Graph>()) {
  const int placements = static_cast<int>(lattice.placements().size());
  for (std::size_t shape = 0; shape < lattice.shapes().size(); ++shape) {
    shape_bits_.push_back(0);
    for (int p = 0; p < placements; ++p) {
      const bool same = lattice.placements()[static_cast<std::size_t>(p)].shape == static_cast<int>(shape);
      shape_bits_.back() |= same ? bit(p) : 0U;
    }
  }
  graph_->edges = BoostGraph(lattice.state_count());
  for (StateId state = 0; state < lattice.state_count(); ++state) {
    for (const bool create : {true, false}) {
      for (int p = 0; p < placements; ++p) {
        const StateId next = create ? lattice.after_create(state, p) : lattice.after_destroy(state, p);
        if (next != MigLattice::no_state) {
          boost::add_edge(state, next, LatticeStep{.create = create, .placement = p}, graph_->edges);
        }
      }
    }
  }
}

LatticeGraph::~LatticeGraph() = default;
LatticeGraph::LatticeGraph(LatticeGraph&&) noexcept = default;
LatticeGraph& LatticeGraph::operator=(LatticeGraph&&) noexcept = default;

const LatticeGraph& LatticeGraph::of(GpuModelId id) {
  static const std::vector<std::optional<LatticeGraph>> graphs = [] {
    std::vector<std::optional<LatticeGraph>> all;
    for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
      all.emplace_back();
      if (gpu_catalog()[i].has_lattice()) {
        all.back().emplace(MigLattice::of(GpuModelId{i}));
      }
    }
    return all;
  }();
  GPUSCHED_CHECK(gpu_model(id).has_lattice(), std::string(gpu_model(id).name) + " has no lattice");
  return *graphs[id.value];
}

std::uint32_t LatticeGraph::edge_count() const { return static_cast<std::uint32_t>(boost::num_edges(graph_->edges)); }

int LatticeGraph::distance(StateId from, StateId to) const {
  std::vector<int> steps(lattice_->state_count(), 0);
  const auto map = boost::make_iterator_property_map(steps.begin(), boost::get(boost::vertex_index, graph_->edges));
  boost::breadth_first_search(
      graph_->edges, from,
      boost::visitor(boost::make_bfs_visitor(boost::record_distances(map, boost::on_tree_edge()))));
  return steps[to];
}

bool LatticeGraph::holds(StateId state, BusyInstances busy, int shape) const {
  const std::uint32_t placed = lattice_->placed(state);
  if ((placed & busy.pinned) != busy.pinned) {
    return false;
  }
  for (std::size_t s = 0; s < shape_bits_.size(); ++s) {
    const int pods = count((busy.movable | busy.pinned) & shape_bits_[s]) + (static_cast<int>(s) == shape ? 1 : 0);
    if (count(placed & shape_bits_[s]) < pods) {
      return false;
    }
  }
  return true;
}

std::optional<LatticePath> LatticeGraph::to_layout(StateId from, BusyInstances busy, StateId to,
                                                   const LatticeCosts& costs) const {
  if (!holds(to, busy, -1)) {
    return std::nullopt;
  }
  const Journey journey{.lattice = lattice_,
                        .shape_bits = &shape_bits_,
                        .from = lattice_->placed(from),
                        .to = lattice_->placed(to),
                        .busy = busy.movable | busy.pinned,
                        .costs = costs};
  return graph_->cheapest(journey, from, to);
}

std::vector<LatticeGraph::Target> LatticeGraph::targets(StateId from, BusyInstances busy, int shape, int most_moves,
                                                        const LatticeCosts& costs) const {
  std::vector<Target> result;
  const std::uint32_t start = lattice_->placed(from);
  for (StateId state = 0; state < lattice_->state_count(); ++state) {
    const std::uint32_t placed = lattice_->placed(state);
    if (count(busy.movable & ~placed) <= most_moves && holds(state, busy, shape)) {
      result.push_back({.state = state,
                        .least_cost = costs.create * count(placed & ~start) + costs.destroy * count(start & ~placed) +
                                      move_cost(*lattice_, busy.movable & ~placed, costs),
                        .creatable = lattice_->creatable_count(state)});
    }
  }
  std::sort(result.begin(), result.end(), [](const Target& a, const Target& b) {
    return std::tuple(a.least_cost, -a.creatable, a.state) < std::tuple(b.least_cost, -b.creatable, b.state);
  });
  return result;
}

std::optional<LatticePath> LatticeGraph::to_room(StateId from, BusyInstances busy, int shape, int most_moves,
                                                 const LatticeCosts& costs) const {
  std::optional<LatticePath> best;
  for (const Target& target : targets(from, busy, shape, most_moves, costs)) {
    if (best && target.least_cost >= best->cost) {
      break;
    }
    std::optional<LatticePath> path = to_layout(from, busy, target.state, costs);
    if (!best || path->cost < best->cost) {
      best = std::move(path);
    }
  }
  return best;
}

}  // namespace gpusched
