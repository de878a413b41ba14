#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "bindings.hpp"

namespace gpusched::python {

void bind_job_profile(py::module_& module) {
  py::class_<JobProfile>(module, "JobProfile",
                         "What was measured of a job that ran alone on a whole GPU. Read only; shares are 0 to 1.")
      .def_readonly("name", &JobProfile::name)
      .def_readonly("revision", &JobProfile::revision)
      .def_property_readonly("kind", [](const JobProfile& profile) { return to_string(profile.kind); })
      .def_property_readonly("gpu_model", [](const JobProfile& profile) { return gpu_model(profile.gpu_model).name; })
      .def_property_readonly("engine_active", [](const JobProfile& profile) { return profile.engine_active.mean; })
      .def_property_readonly("dram_active", [](const JobProfile& profile) { return profile.dram_active.mean; })
      .def_property_readonly("sm_active",
                             [](const JobProfile& profile) {
                               return profile.sm_active ? std::optional(profile.sm_active->mean) : std::nullopt;
                             })
      .def_readonly("memory_peak_mib", &JobProfile::memory_peak_mib)
      .def_readonly("duty_cycle", &JobProfile::duty_cycle)
      .def_readonly("service_time_ms", &JobProfile::service_time_ms)
      .def_property_readonly("request_load",
                             [](const JobProfile& profile) {
                               return profile.request_load ? std::optional(profile.request_load->mean) : std::nullopt;
                             })
      .def_readonly("mps_demand", &JobProfile::mps_demand)
      .def_property_readonly("slice_speeds",
                             [](const JobProfile& profile) {
                               std::map<std::string, double> speeds;
                               for (const SliceSpeed& measured : profile.slice_speeds) {
                                 speeds[measured.profile] = measured.speed;
                               }
                               return speeds;
                             })
      .def_readonly("source", &JobProfile::source)
      .def("to_json", [](const JobProfile& profile) { return write_job_profiles(std::span(&profile, 1)); })
      .def("__eq__",
           [](const JobProfile& profile, const py::object& other) {
             return py::isinstance<JobProfile>(other) && other.cast<const JobProfile&>() == profile;
           })
      .def("__hash__", [](const JobProfile& profile) { return py::hash(py::str(profile.name)); })
      .def("__repr__", [](const JobProfile& profile) {
        return "<JobProfile " + profile.name + ": " + to_string(profile.kind) + " on " +
               std::string(gpu_model(profile.gpu_model).name) + ">";
      });
  module.def(
      "job_profiles_from_json",
      [](const std::string& text, const std::string& file) { return unwrap(read_job_profiles(text, file)); },
      py::arg("text"), py::arg("file"));
}

}  // namespace gpusched::python
