#include "bindings.hpp"

namespace gpusched::python {

void raise(const Error& error) {
  // The classes are written in Python: libgpusched/errors.py.
  const py::object make = py::module_::import("libgpusched.errors").attr("make_error");
  const py::object exception = make(to_string(error.code), error.message, error.file, error.line, error.remedy);
  PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
  throw py::error_already_set();
}

}  // namespace gpusched::python
