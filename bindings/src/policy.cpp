#include <algorithm>
#include <cmath>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/compat.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

/// Costs of a policy in Python may have fractions; they are compared in millionths.
constexpr std::int64_t units_per_cost = 1'000'000;
constexpr std::int64_t most_cost = 1'000'000'000'000;

/// What one call of score() sees: the nodes to score and the request. Good for the length of the call.
class NodesView {
 public:
  void open(const ScoringContext& context, RequestClassId request, const NodeBatch& nodes) {
    context_ = &context;
    request_ = request;
    nodes_ = &nodes;
  }
  void close() { nodes_ = nullptr; }
  std::size_t size() const { return nodes().size(); }
  const GpuRequest& request() const { return nodes(), context_->state.request(request_); }

  /// Largest number of GPUs of a node here.
  std::size_t width() const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      most = std::max(most, nodes()[i].gpus.size());
    }
    return most;
  }
  /// Shape (nodes,): `value(node)`.
  template <typename Value>
  py::array_t<std::int64_t> by_node(Value value) const {
    const NodeBatch& all = nodes();
    py::array_t<std::int64_t> result(static_cast<py::ssize_t>(all.size()));
    std::int64_t* cell = result.mutable_data();
    for (std::size_t i = 0; i < all.size(); ++i) {
      *cell++ = value(all[i]);
    }
    return result;
  }
  /// Shape (nodes, width()): `value(node, gpu)`, -1 behind a node's last GPU.
  template <typename Value>
  py::array_t<std::int64_t> by_gpu(Value value) const {
    const NodeBatch& all = nodes();
    const std::size_t columns = width();
    py::array_t<std::int64_t> result({all.size(), columns});
    std::int64_t* cell = result.mutable_data();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const NodeState& node = all[i];
      for (const GpuState& gpu : node.gpus) {
        *cell++ = value(node, gpu);
      }
      cell = std::fill_n(cell, columns - node.gpus.size(), -1);
    }
    return result;
  }

 private:
  const NodeBatch& nodes() const {
    if (nodes_ == nullptr) {
      raise({.code = ErrorCode::invalid_argument,
             .message = "this view was of a call of score() that has returned",
             .file = {},
             .line = 0,
             .remedy = "Copy what you need of it during the call"});
    }
    return *nodes_;
  }

  const ScoringContext* context_ = nullptr;
  RequestClassId request_;
  const NodeBatch* nodes_ = nullptr;
};

[[noreturn]] void refuse_scores(const std::string& why) {
  raise({.code = ErrorCode::invalid_argument,
         .message = "score() returned " + why,
         .file = {},
         .line = 0,
         .remedy = "Return one finite cost per node, an array of shape (len(view),), or one per GPU, of shape "
                   "(len(view), GPUs); smaller is better"});
}

/// The array that score() returned. Whole numbers are read where they are: what numpy would make of them as doubles
/// costs more than all the rest of a call.
class Costs {
 public:
  explicit Costs(const py::object& returned) {
    if (py::isinstance<py::array_t<std::int64_t, py::array::c_style>>(returned)) {
      array_ = py::reinterpret_borrow<py::array>(returned);
      whole_ = static_cast<const std::int64_t*>(array_.data());
      return;
    }
    auto converted = py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(returned);
    if (!converted) {
      PyErr_Clear();
      refuse_scores("a " + std::string(py::str(py::type::of(returned).attr("__name__"))) + ", which is no array");
    }
    real_ = converted.data();
    array_ = std::move(converted);
  }

  const py::array& array() const { return array_; }
  std::int64_t units(std::size_t index) const {
    if (whole_ != nullptr) {
      const std::int64_t cost = whole_[index];
      if (cost > most_cost || cost < -most_cost) {
        refuse_scores("the cost " + std::to_string(cost));
      }
      return cost * units_per_cost;
    }
    const double cost = real_[index];
    if (!(std::abs(cost) <= static_cast<double>(most_cost))) {
      refuse_scores("the cost " + std::to_string(cost));
    }
    return static_cast<std::int64_t>(std::llround(cost * static_cast<double>(units_per_cost)));
  }

 private:
  py::array array_;
  const std::int64_t* whole_ = nullptr;
  const double* real_ = nullptr;  // where it is not whole_
};

/// A policy whose scores come from a Python object.
class PythonPolicy final : public PlacementPolicy {
 public:
  /// `score`: the method, which is called with a view and returns costs.
  PythonPolicy(PolicyTraits traits, std::shared_ptr<py::object> score)
      : PlacementPolicy(std::move(traits)), score_(std::move(score)) {}
  ~PythonPolicy() override {
    const py::gil_scoped_acquire acquire;
    view_object_ = py::object();
  }

  void on_arrival(const ScoringContext&, RequestClassId) override { start_new_epoch(); }

  void score_nodes(const ScoringContext& context, RequestClassId id, const NodeBatch& nodes,
                   std::span<NodeScore> scores) override {
    const py::gil_scoped_acquire acquire;
    // One view serves all calls; who keeps it beyond a call keeps a closed one.
    if (!view_object_ || view_object_.ref_count() > 1) {
      view_ = std::make_shared<NodesView>();
      view_object_ = py::cast(view_);
    }
    const std::shared_ptr<NodesView> view = view_;
    view->open(context, id, nodes);
    struct Closing {
      NodesView& view;
      ~Closing() { view.close(); }
    };
    const py::object returned = [&] {
      const Closing closing{*view};
      return (*score_)(view_object_);
    }();
    take(returned, context.state.request(id), nodes, scores);
  }

 private:
  static void take(const py::object& returned, const GpuRequest& request, const NodeBatch& nodes,
                   std::span<NodeScore> scores) {
    const Costs costs(returned);
    const py::array& array = costs.array();
    const auto count = static_cast<py::ssize_t>(nodes.size());
    const bool by_gpu = array.ndim() == 2;
    if ((array.ndim() != 1 && !by_gpu) || array.shape(0) != count) {
      refuse_scores("an array of shape " + std::string(py::str(py::object(array.attr("shape")))) + " for " +
                    std::to_string(nodes.size()) + " nodes");
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] = {};
      if (by_gpu) {
        choose_gpu(costs, i, request, nodes[i], scores[i]);
      } else {
        scores[i].cost = costs.units(i);
        scores[i].gpu = takes_share(request) ? tightest_gpu(request, nodes[i]) : std::uint16_t{0};
      }
    }
  }

  static bool takes_share(const GpuRequest& request) { return request.num_gpu == 1 && request.mig_profile.empty(); }

  /// The cheapest GPU that takes the share; for other requests the cheapest one at all stands for the node.
  static void choose_gpu(const Costs& costs, std::size_t row, const GpuRequest& request, const NodeState& node,
                         NodeScore& score) {
    const auto columns = static_cast<std::size_t>(costs.array().shape(1));
    score.cost = std::numeric_limits<std::int64_t>::max();
    for (std::size_t gpu = 0; gpu < node.gpus.size(); ++gpu) {
      if (gpu >= columns) {
        refuse_scores("too few columns");
      }
      if (takes_share(request) && !share_fits(request, node, node.gpus[gpu])) {
        continue;
      }
      const std::int64_t cost = costs.units(row * columns + gpu);
      if (cost < score.cost) {
        score.cost = cost;
        score.gpu = static_cast<std::uint16_t>(gpu);
      }
    }
    if (node.gpus.empty()) {
      score.cost = 0;
    }
  }

  std::shared_ptr<py::object> score_;
  std::shared_ptr<NodesView> view_;
  py::object view_object_;
};

/// Engines die without the GIL.
std::shared_ptr<py::object> held(const py::object& object) {
  return {new py::object(object), [](py::object* last) {
            const py::gil_scoped_acquire acquire;
            delete last;
          }};
}

std::string_view word_or(std::string_view word, std::string_view otherwise) { return word.empty() ? otherwise : word; }

void bind_request(py::module_& module) {
  py::class_<GpuRequest>(module, "Request", "What one pod asks for. Read only.")
      .def_readonly("cpu_milli", &GpuRequest::cpu_milli)
      .def_readonly("memory_mib", &GpuRequest::memory_mib)
      .def_readonly("num_gpu", &GpuRequest::num_gpu, "Devices or MIG instances; 0: CPU only.")
      .def_readonly("gpu_milli", &GpuRequest::gpu_milli, "Share of each device in thousandths; 1000: whole.")
      .def_readonly("gpu_memory_mib", &GpuRequest::gpu_memory_mib, "0: not stated.")
      .def_readonly("mig_profile", &GpuRequest::mig_profile, "Empty: no MIG instance.")
      .def_readonly("priority", &GpuRequest::priority)
      .def_readonly("max_slowdown", &GpuRequest::max_slowdown, "0: not stated.")
      .def_readonly("job_profile", &GpuRequest::job_profile)
      .def_property_readonly(
          "mode",
          [](const GpuRequest& request) { return word_or(sim::find_word(sim::mode_names, request.mode), "unstated"); })
      .def_property_readonly("job_class",
                             [](const GpuRequest& request) {
                               return word_or(sim::find_word(sim::class_names, request.job_class), "unknown");
                             })
      .def(
          "__eq__",
          [](const GpuRequest& request, const py::object& other) {
            return py::isinstance<GpuRequest>(other) && other.cast<const GpuRequest&>() == request;
          },
          py::arg("other"))
      .def("__hash__", [](const GpuRequest& request) { return hash_value(request); });
}

void bind_view(py::module_& module) {
  py::class_<NodesView, std::shared_ptr<NodesView>>(
      module, "NodesView",
      "The nodes that a policy scores: states of nodes that take the request, each one once.\n\n"
      "Arrays by node have the shape (len(view),), arrays by GPU (len(view), most GPUs of a node), -1 behind a node's\n"
      "last GPU. Good only during the call of score().")
      .def("__len__", &NodesView::size)
      .def_property_readonly("request", [](const NodesView& view) { return view.request(); })
      .def_property_readonly(
          "cpu_free_milli",
          [](const NodesView& view) { return view.by_node([](const NodeState& node) { return node.cpu_free_milli; }); },
          "By node.")
      .def_property_readonly(
          "memory_free_mib",
          [](const NodesView& view) {
            return view.by_node([](const NodeState& node) { return node.memory_free_mib; });
          },
          "By node.")
      .def_property_readonly(
          "gpu_model",
          [](const NodesView& view) {
            return view.by_node(
                [](const NodeState& node) { return node.gpus.empty() ? -1 : std::int64_t{node.gpus[0].model}; });
          },
          "By node: index into gpu_models(); -1 without GPUs.")
      .def_property_readonly(
          "gpu_free_milli",
          [](const NodesView& view) {
            return view.by_gpu(
                [](const NodeState&, const GpuState& gpu) { return std::int64_t{gpu.shareable_milli()}; });
          },
          "By GPU: thousandths that shares and whole requests can still take.")
      .def_property_readonly(
          "gpu_memory_free_mib",
          [](const NodesView& view) {
            return view.by_gpu([](const NodeState&, const GpuState& gpu) { return std::int64_t{gpu.free_memory_mib}; });
          },
          "By GPU.")
      .def_property_readonly(
          "mig_occupancy",
          [](const NodesView& view) {
            return view.by_gpu([](const NodeState&, const GpuState& gpu) { return std::int64_t{gpu.mig_occupancy}; });
          },
          "By GPU: occupied placement units, bit i = unit i.")
      .def_property_readonly(
          "fits",
          [](const NodesView& view) {
            const GpuRequest& request = view.request();
            return view.by_gpu([&](const NodeState& node, const GpuState& gpu) {
              return std::int64_t{share_fits(request, node, gpu)};
            });
          },
          "By GPU: 1 where the requested share fits.");
}

}  // namespace

PolicyChoice policy_from(const py::dict& settings) {
  const auto name = settings["policy"].cast<std::string>();
  const py::object object = settings["policy_object"];
  if (object.is_none()) {
    const py::object compat = settings.contains("compat") ? py::object(settings["compat"]) : py::none();
    PolicyChoice choice = unwrap(sim::choose_policy(name, compat.is_none() ? "" : compat.cast<std::string>()));
    for (const auto& [parameter, value] : settings["policy_parameters"].cast<PolicyParameters>()) {
      choice.parameters[parameter] = value;
    }
    return choice;
  }
  PolicyTraits traits{.view = {.gpu_identity = GpuIdentity::positional}};
  traits.follows_arrivals = object.attr("rescore_on_arrival").cast<bool>();
  return {
      .name = name,
      .parameters = {},
      .make = [traits, score = held(object.attr("score"))](std::uint64_t) -> Result<std::unique_ptr<PlacementPolicy>> {
        return std::unique_ptr<PlacementPolicy>(std::make_unique<PythonPolicy>(traits, score));
      }};
}

void bind_policy(py::module_& module) {
  bind_request(module);
  bind_view(module);
  module.def(
      "check_policy",
      [](const std::string& text, const PolicyParameters& parameters) {
        PolicyChoice choice = unwrap(parse_policy(text));
        for (const auto& [name, value] : parameters) {
          choice.parameters[name] = value;
        }
        unwrap(make_policy(choice, 0));
      },
      py::arg("text"), py::arg("parameters"));
  module.def("compat_names", &sim::compat_names);
  module.def("policies", [] {
    py::list list;
    for (const PolicyInfo& row : policies()) {
      py::dict parameters;
      for (const PolicyParameter& parameter : row.parameters) {
        parameters[py::str(parameter.name.data(), parameter.name.size())] = parameter.default_value;
      }
      list.append(py::make_tuple(row.name, row.description, parameters));
    }
    return list;
  });
}

}  // namespace gpusched::python
