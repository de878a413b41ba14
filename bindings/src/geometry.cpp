#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

const char* to_string(Confidence confidence) {
  return confidence == Confidence::high ? "high" : confidence == Confidence::medium ? "medium" : "low";
}

GpuModelId id_of(const GpuModel& model) {
  return GpuModelId{static_cast<std::uint32_t>(&model - gpu_catalog().data())};
}

/// Lattices live as long as the process.
const MigLattice& lattice_of(const GpuModel& model) {
  if (!model.has_lattice()) {
    raise({.code = ErrorCode::unsupported,
           .message = "MIG on " + std::string(model.name) + ": " + std::string(model.mig_refusal),
           .file = {},
           .line = 0,
           .remedy = {}});
  }
  return MigLattice::of(id_of(model));
}

MigLattice::StateId checked_state(const MigLattice& lattice, std::int64_t state) {
  if (state < 0 || state >= lattice.state_count()) {
    raise({.code = ErrorCode::invalid_argument,
           .message = "state " + std::to_string(state) + " is not in 0.." + std::to_string(lattice.state_count() - 1),
           .file = {},
           .line = 0,
           .remedy = {}});
  }
  return static_cast<MigLattice::StateId>(state);
}

int checked_placement(const MigLattice& lattice, std::int64_t index) {
  if (index < 0 || index >= static_cast<std::int64_t>(lattice.placements().size())) {
    raise({.code = ErrorCode::invalid_argument,
           .message = "placement " + std::to_string(index) + " is not in 0.." +
                      std::to_string(lattice.placements().size() - 1),
           .file = {},
           .line = 0,
           .remedy = {}});
  }
  return static_cast<int>(index);
}

std::optional<MigLattice::StateId> some_state(MigLattice::StateId state) {
  return state == MigLattice::no_state ? std::nullopt : std::optional(state);
}

void bind_lattice(py::module_& module) {
  // NOLINTNEXTLINE: the library owns lattices, Python never deletes one
  py::class_<MigLattice, std::unique_ptr<MigLattice, py::nodelete>>(
      module, "MigLattice",
      "All states of one GPU cut by MIG, and what leads from one to the next. State 0 is the empty GPU;\n"
      "placements are numbered by shape, then start.")
      .def_property_readonly("units", &MigLattice::units)
      .def_property_readonly("state_count", &MigLattice::state_count)
      .def_property_readonly(
          "placements",
          [](const MigLattice& lattice) {
            std::vector<std::tuple<int, int, int>> placements;
            for (const MigPlacement& placement : lattice.placements()) {
              placements.emplace_back(placement.shape, placement.range.start, placement.range.size);
            }
            return placements;
          },
          "Tuples (shape, start, size).")
      .def_property_readonly(
          "shapes",
          [](const MigLattice& lattice) {
            std::vector<std::tuple<int, int, std::vector<std::int16_t>>> shapes;
            for (const MigShape& shape : lattice.shapes()) {
              shapes.emplace_back(shape.compute_slices, shape.memory_units, shape.starts);
            }
            return shapes;
          },
          "Tuples (compute slices, memory units, legal starts), ascending.")
      .def_property_readonly(
          "occupancy",
          [](const MigLattice& lattice) {
            py::array_t<std::uint16_t> bits(static_cast<py::ssize_t>(lattice.state_count()));
            for (std::uint32_t state = 0; state < lattice.state_count(); ++state) {
              bits.mutable_at(state) = lattice.occupancy(state);
            }
            return bits;
          },
          "uint16 of shape (state_count,): occupied units by state, bit i = unit i.")
      .def(
          "placed",
          [](const MigLattice& lattice, std::int64_t state) {
            const std::uint32_t bits = lattice.placed(checked_state(lattice, state));
            std::vector<int> placed;
            for (int i = 0; i < static_cast<int>(lattice.placements().size()); ++i) {
              if ((bits >> i & 1U) != 0) {
                placed.push_back(i);
              }
            }
            return placed;
          },
          py::arg("state"), "Numbers of the placements that the state holds.")
      .def(
          "after_create",
          [](const MigLattice& lattice, std::int64_t state, std::int64_t placement) {
            return some_state(
                lattice.after_create(checked_state(lattice, state), checked_placement(lattice, placement)));
          },
          py::arg("state"), py::arg("placement"), "The next state, or None where it does not fit.")
      .def(
          "after_destroy",
          [](const MigLattice& lattice, std::int64_t state, std::int64_t placement) {
            return some_state(
                lattice.after_destroy(checked_state(lattice, state), checked_placement(lattice, placement)));
          },
          py::arg("state"), py::arg("placement"), "The next state, or None where it is not there.")
      .def(
          "is_maximal",
          [](const MigLattice& lattice, std::int64_t state) {
            return lattice.is_maximal(checked_state(lattice, state));
          },
          py::arg("state"), "True when nothing more can be created.")
      .def(
          "creatable_count",
          [](const MigLattice& lattice, std::int64_t state) {
            return lattice.creatable_count(checked_state(lattice, state));
          },
          py::arg("state"), "How many (shape, start) can still be created.")
      .def("__repr__", [](const MigLattice& lattice) {
        return "<MigLattice: " + std::to_string(lattice.state_count()) + " states, " +
               std::to_string(lattice.placements().size()) + " placements, " + std::to_string(lattice.units()) +
               " units>";
      });
}

void bind_models(py::module_& module) {
  py::class_<MigProfile>(module, "MigProfile", "One MIG profile of one GPU model. Read only.")
      .def_readonly("name", &MigProfile::name, "NVIDIA's name, \"1g.10gb+me\".")
      .def_readonly("compute_slices", &MigProfile::compute_slices)
      .def_readonly("memory_units", &MigProfile::memory_units, "Size of a placement, in placement units.")
      .def_readonly("starts", &MigProfile::starts, "Legal first units, ascending; empty when unknown.")
      .def_readonly("memory_mib", &MigProfile::memory_mib)
      .def_readonly("max_instances", &MigProfile::max_instances, "Per GPU.")
      .def_readonly("sm_count", &MigProfile::sm_count)
      .def("__repr__", [](const MigProfile& profile) { return "<MigProfile " + std::string(profile.name) + ">"; });
  py::class_<GpuModel>(module, "GpuModel",
                       "A row of the GPU catalogue: GpuModel(\"H100-80GB-SXM5\"), any alias will do. Read only.")
      .def(py::init([](const std::string& name) { return gpu_model(unwrap(find_gpu_model(name))); }), py::arg("name"))
      .def_readonly("name", &GpuModel::name)
      .def_readonly("aliases", &GpuModel::aliases)
      .def_readonly("architecture", &GpuModel::architecture)
      .def_readonly("memory_mib", &GpuModel::memory_mib)
      .def_readonly("sm_count", &GpuModel::sm_count)
      .def_readonly("compute_slices", &GpuModel::compute_slices, "0: no MIG.")
      .def_readonly("placement_units", &GpuModel::placement_units)
      .def_readonly("profiles", &GpuModel::profiles, "Empty: no MIG.")
      .def_readonly("source", &GpuModel::source)
      .def_property_readonly("confidence", [](const GpuModel& model) { return to_string(model.confidence); })
      .def_property_readonly(
          "lattice",
          [](const GpuModel& model) -> const MigLattice& {
            return lattice_of(gpu_model(unwrap(find_gpu_model(model.name))));
          },
          py::return_value_policy::reference,
          "Its MIG geometry. UnsupportedError where the model has no MIG or no known placements.")
      .def("__repr__", [](const GpuModel& model) { return "GpuModel(\"" + std::string(model.name) + "\")"; })
      .def("__eq__",
           [](const GpuModel& model, const py::object& other) {
             return py::isinstance<GpuModel>(other) && other.cast<const GpuModel&>().name == model.name;
           })
      .def("__hash__", [](const GpuModel& model) { return py::hash(py::str(std::string(model.name))); });
  module.def("gpu_models", [] {
    const auto catalog = gpu_catalog();
    return std::vector<GpuModel>(catalog.begin(), catalog.end());
  });
}

}  // namespace

void bind_geometry(py::module_& module) {
  bind_lattice(module);  // models name it
  bind_models(module);
}

}  // namespace gpusched::python
