#pragma once

#include <cstdint>

#include "table.hpp"

// The structs of the Arrow C data and C stream interfaces, as their specification gives them:
// https://arrow.apache.org/docs/format/CDataInterface.html, .../CStreamInterface.html
extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

}  // extern "C"

namespace gpusched::python {

/// A struct with one child per column. Whoever receives it calls its `release`; until then it holds the table.
void export_schema(const SharedTable& table, ArrowSchema& out);
void export_array(const SharedTable& table, ArrowArray& out);
/// A stream of one batch.
void export_stream(const SharedTable& table, ArrowArrayStream& out);

}  // namespace gpusched::python
