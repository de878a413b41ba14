#include "reshape/transport.hpp"

#include <algorithm>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/successive_shortest_path_nonnegative_weights.hpp>

namespace gpusched::reshape {

namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;

struct Arc {
  std::int64_t capacity = 0;
  std::int64_t residual = 0;
  std::int64_t cost = 0;
  Traits::edge_descriptor reverse{};
};

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Arc>;

/// Larger than any sum of pods that leave their node: losses decide first.
constexpr std::int64_t loss_weight = 1'000'000;

/// source -> supplies -> (the own node's groups | a hub -> all groups) -> sink.
class Network {
 public:
  Network(const std::vector<Supply>& supplies, const std::vector<PlaceGroup>& groups)
      : supplies_(supplies), groups_(groups), graph_(supplies.size() + groups.size() + 3) {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      add(group(g), sink(), groups[g].places, groups[g].loss * loss_weight);
      from_hub_.push_back(add(hub(), group(g), groups[g].places, 0));
    }
    for (std::size_t s = 0; s < supplies.size(); ++s) {
      add(source(), supply(s), supplies[s].pods, 0);
      to_hub_.push_back(add(supply(s), hub(), supplies[s].pods, 1));
      for (std::size_t g = 0; g < groups.size(); ++g) {
        if (groups[g].node == supplies[s].node) {
          within_.push_back({.supply = s, .group = g, .arc = add(supply(s), group(g), supplies[s].pods, 0)});
        }
      }
    }
  }

  std::optional<std::vector<Shipment>> solve() {
    boost::successive_shortest_path_nonnegative_weights(graph_, source(), sink(),
                                                        boost::capacity_map(boost::get(&Arc::capacity, graph_))
                                                            .residual_capacity_map(boost::get(&Arc::residual, graph_))
                                                            .weight_map(boost::get(&Arc::cost, graph_))
                                                            .reverse_edge_map(boost::get(&Arc::reverse, graph_)));
    std::vector<Shipment> shipments;
    std::vector<std::int64_t> waiting;
    for (std::size_t s = 0; s < supplies_.size(); ++s) {
      waiting.push_back(supplies_[s].pods);
    }
    for (const Within& way : within_) {
      send(shipments, waiting, way.supply, way.group, flow(way.arc));
    }
    std::size_t s = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      std::int64_t open = flow(from_hub_[g]);
      for (; open > 0 && s<supplies_.size(); s += open> 0 ? 1 : 0) {
        const std::int64_t pods = std::min(open, flow(to_hub_[s]) - sent_to_hub(s));
        send(shipments, waiting, s, g, pods);
        hub_sent_[s] += pods;
        open -= pods;
      }
    }
    const bool all = std::all_of(waiting.begin(), waiting.end(), [](std::int64_t pods) { return pods == 0; });
    return all ? std::optional(std::move(shipments)) : std::nullopt;
  }

 private:
  struct Within {
    std::size_t supply, group;
    Traits::edge_descriptor arc;
  };

  std::size_t source() const { return 0; }
  std::size_t sink() const { return 1; }
  std::size_t hub() const { return 2; }
  std::size_t supply(std::size_t index) const { return 3 + index; }
  std::size_t group(std::size_t index) const { return 3 + supplies_.size() + index; }

  Traits::edge_descriptor add(std::size_t from, std::size_t to, std::int64_t capacity, std::int64_t cost) {
    const auto forth = boost::add_edge(from, to, graph_).first;
    const auto back = boost::add_edge(to, from, graph_).first;
    graph_[forth] = {.capacity = capacity, .residual = capacity, .cost = cost, .reverse = back};
    graph_[back] = {.capacity = 0, .residual = 0, .cost = -cost, .reverse = forth};
    return forth;
  }
  std::int64_t flow(const Traits::edge_descriptor& arc) const { return graph_[arc].capacity - graph_[arc].residual; }
  std::int64_t& sent_to_hub(std::size_t supply) {
    hub_sent_.resize(supplies_.size(), 0);
    return hub_sent_[supply];
  }
  static void send(std::vector<Shipment>& shipments, std::vector<std::int64_t>& waiting, std::size_t supply,
                   std::size_t group, std::int64_t pods) {
    if (pods > 0) {
      shipments.push_back({.supply = supply, .group = group, .pods = pods});
      waiting[supply] -= pods;
    }
  }

  const std::vector<Supply>& supplies_;
  const std::vector<PlaceGroup>& groups_;
  Graph graph_;
  std::vector<Traits::edge_descriptor> from_hub_, to_hub_;
  std::vector<Within> within_;
  std::vector<std::int64_t> hub_sent_;
};

}  // namespace

std::optional<std::vector<Shipment>> ship(const std::vector<Supply>& supplies, const std::vector<PlaceGroup>& groups) {
  return Network(supplies, groups).solve();
}

}  // namespace gpusched::reshape
