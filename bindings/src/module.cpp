#include "gpusched/base/version.hpp"

#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  using namespace gpusched::python;
  module.doc() = "What of libgpusched is written in C++. Private: the package libgpusched wraps it.";
  module.attr("version") = std::string(gpusched::version());
  module.def("build", [] { return std::string(gpusched::version()) + " " + std::string(gpusched::git_commit()); });
  bind_table(module);
  bind_geometry(module);
  bind_job_profile(module);
  bind_trace(module);
  bind_policy(module);
  bind_simulation(module);
  bind_explain(module);
  bind_episode(module);
  bind_exact(module);
  bind_plan(module);
  bind_reshape(module);
  bind_report(module);
  pybind11::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) {
        std::rethrow_exception(thrown);
      }
    } catch (const gpusched::InvariantError& bug) {
      const pybind11::object error = pybind11::module_::import("libgpusched.errors").attr("InternalError");
      PyErr_SetString(error.ptr(), bug.what());
    }
  });
}
