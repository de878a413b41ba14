#include "table.hpp"

#include <cmath>
#include <map>

#include "gpusched/base/check.hpp"

#include "arrow.hpp"
#include "bindings.hpp"

namespace gpusched::python {

namespace {

/// Bits for the values of which `is_there(i)`; none where all are.
template <typename IsThere>
Validity validity_of(std::int64_t rows, IsThere is_there) {
  Validity validity;
  for (std::int64_t i = 0; i < rows; ++i) {
    validity.missing += is_there(static_cast<std::size_t>(i)) ? 0 : 1;
  }
  if (validity.missing > 0) {
    validity.bits.resize(static_cast<std::size_t>(rows + 7) / 8);
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
      validity.bits[i / 8] =
          static_cast<std::uint8_t>(validity.bits[i / 8] | (static_cast<unsigned>(is_there(i)) << (i % 8)));
    }
  }
  return validity;
}

const Column& column_named(const Table& table, const std::string& name) {
  if (const Column* column = table.find(name)) {
    return *column;
  }
  std::string known;
  for (const Column& column : table.columns) {
    known += (known.empty() ? "" : ", ") + column.name;
  }
  raise({.code = ErrorCode::not_found,
         .message = "the table has no column '" + name + "'",
         .file = {},
         .line = 0,
         .remedy = "It has " + known});
}

template <typename T>
py::array view_of(const std::vector<T>& values, const py::object& owner) {
  py::array_t<T> view(static_cast<py::ssize_t>(values.size()), values.data(), owner);
  view.attr("flags").attr("writeable") = false;
  return view;
}

py::list list_of(const Texts& texts) {
  py::list list(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    list[i] = py::str(texts[i].data(), texts[i].size());
  }
  return list;
}

/// A column of text as str, None where there is no value.
py::list strings_of(const Words& words) {
  const py::list known = list_of(words.words);
  py::list list(words.codes.size());
  for (std::size_t i = 0; i < words.codes.size(); ++i) {
    list[i] = words.codes[i] < 0 ? py::object(py::none()) : py::object(known[static_cast<std::size_t>(words.codes[i])]);
  }
  return list;
}

/// Numbers as a view that keeps `self` alive, text as a new list.
py::object column_values(const py::object& self, const std::string& name) {
  return std::visit(
      [&](const auto& values) -> py::object {
        using Held = std::decay_t<decltype(values)>;
        if constexpr (std::is_same_v<Held, Texts>) {
          return list_of(values);
        } else if constexpr (std::is_same_v<Held, Words>) {
          return strings_of(values);
        } else {
          return view_of(values, self);
        }
      },
      column_named(*self.cast<SharedTable>(), name).values);
}

const Words& words_named(const Table& table, const std::string& name) {
  const auto* words = std::get_if<Words>(&column_named(table, name).values);
  if (words == nullptr) {
    raise({.code = ErrorCode::invalid_argument,
           .message = "column '" + name + "' has no categories",
           .file = {},
           .line = 0,
           .remedy = {}});
  }
  return *words;
}

/// Words in order of first appearance; None is no value.
Words words_from(const py::list& list) {
  Words words;
  std::map<std::string, std::int32_t> known;
  for (const py::handle item : list) {
    if (item.is_none()) {
      words.codes.push_back(-1);
      continue;
    }
    const auto text = item.cast<std::string>();
    const auto [place, is_new] = known.emplace(text, static_cast<std::int32_t>(known.size()));
    if (is_new) {
      words.words.add(text);
    }
    words.codes.push_back(place->second);
  }
  return words;
}

/// The numbers of an array of one dimension, copied.
template <typename T>
std::vector<T> numbers_from(const py::handle& given) {
  const auto array = py::array_t<T, py::array::c_style>::ensure(given);
  if (!array || array.ndim() != 1) {
    PyErr_Clear();
    raise({.code = ErrorCode::invalid_argument,
           .message = "a column is an array of one dimension",
           .file = {},
           .line = 0,
           .remedy = {}});
  }
  return {array.data(), array.data() + array.size()};
}

Values values_from(const py::list& list) {
  bool whole = true;
  bool numbers = true;
  for (const py::handle item : list) {
    whole = whole && py::isinstance<py::int_>(item);
    numbers = numbers && (py::isinstance<py::int_>(item) || py::isinstance<py::float_>(item));
  }
  return whole     ? Values(list.cast<std::vector<std::int64_t>>())
         : numbers ? Values(list.cast<std::vector<double>>())
                   : Values(words_from(list));
}

/// From a dict of arrays of float64 or int64, or lists: of int, of float, or of str and None.
SharedTable table_from(const py::dict& columns) {
  auto table = std::make_shared<Table>();
  for (const auto& [name, values] : columns) {
    if (py::isinstance<py::array_t<double>>(values)) {
      table->add(name.cast<std::string>(), numbers_from<double>(values));
    } else if (py::isinstance<py::array_t<std::int64_t>>(values)) {
      table->add(name.cast<std::string>(), numbers_from<std::int64_t>(values));
    } else {
      table->add(name.cast<std::string>(), values_from(values.cast<py::list>()));
    }
  }
  return table;
}

/// A capsule with an Arrow struct, which it releases unless somebody took it over.
template <typename Struct, typename Export>
py::capsule arrow_capsule(const SharedTable& table, const char* name, Export fill) {
  auto* const exported = new Struct{};
  fill(table, *exported);
  return py::capsule(exported, name, [](PyObject* capsule) {
    auto* const held = static_cast<Struct*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
    if (held->release != nullptr) {
      held->release(held);
    }
    delete held;
  });
}

py::capsule schema_capsule(const SharedTable& table) {
  return arrow_capsule<ArrowSchema>(table, "arrow_schema",
                                    [](const SharedTable& from, ArrowSchema& out) { export_schema(from, out); });
}

}  // namespace

std::int64_t Column::size() const {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, Words>) {
          return static_cast<std::int64_t>(held.codes.size());
        } else {
          return static_cast<std::int64_t>(held.size());
        }
      },
      values);
}

void Table::add(std::string name, Values values) {
  Column column{.name = std::move(name), .values = std::move(values), .validity = {}};
  GPUSCHED_CHECK(columns.empty() || column.size() == rows, "column " + column.name + " has another length");
  rows = column.size();
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
    column.validity = validity_of(rows, [&](std::size_t i) { return !std::isnan((*numbers)[i]); });
  } else if (const auto* words = std::get_if<Words>(&column.values)) {
    column.validity = validity_of(rows, [&](std::size_t i) { return words->codes[i] >= 0; });
  }
  columns.push_back(std::move(column));
}

const Column* Table::find(std::string_view name) const {
  for (const Column& column : columns) {
    if (column.name == name) {
      return &column;
    }
  }
  return nullptr;
}

void bind_table(py::module_& module) {
  py::class_<Table, std::shared_ptr<Table>>(module, "Table")
      .def_static("from_columns", &table_from, py::arg("columns"))
      .def_property_readonly("columns",
                             [](const Table& table) {
                               std::vector<std::string> names;
                               for (const Column& column : table.columns) {
                                 names.push_back(column.name);
                               }
                               return names;
                             })
      .def_property_readonly("rows", [](const Table& table) { return table.rows; })
      .def("values", &column_values, py::arg("name"))
      .def(
          "codes",
          [](const py::object& self, const std::string& name) {
            return view_of(words_named(*self.cast<SharedTable>(), name).codes, self);
          },
          py::arg("name"))
      .def(
          "words", [](const Table& table, const std::string& name) { return list_of(words_named(table, name).words); },
          py::arg("name"))
      .def("arrow_schema", [](const std::shared_ptr<Table>& table) { return schema_capsule(table); })
      .def("arrow_array",
           [](const std::shared_ptr<Table>& table) {
             return py::make_tuple(
                 schema_capsule(table),
                 arrow_capsule<ArrowArray>(table, "arrow_array",
                                           [](const SharedTable& from, ArrowArray& out) { export_array(from, out); }));
           })
      .def("arrow_stream", [](const std::shared_ptr<Table>& table) {
        return arrow_capsule<ArrowArrayStream>(table, "arrow_array_stream", export_stream);
      });
}

}  // namespace gpusched::python
