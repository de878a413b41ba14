#include "arrow.hpp"

#include <array>

namespace gpusched::python {

namespace {

constexpr std::int64_t nullable = 2;  // ARROW_FLAG_NULLABLE

const char* format_of(const Values& values) {
  constexpr std::array formats = {"g", "l", "i", "C", "U", "i"};  // in the order of Values; words by their codes
  return formats[values.index()];
}

/// What a schema or an array of ours points to, children included. One for each struct.
template <typename Struct>
struct Hold {
  SharedTable table;
  std::array<const void*, 3> buffers{};
  std::vector<Struct> children;
  std::vector<Struct*> child_pointers;
  Struct dictionary{};
};

template <typename Struct>
void release(Struct* given) {
  // A child that somebody moved away has no `release` left.
  for (std::int64_t i = 0; i < given->n_children; ++i) {
    if (given->children[i]->release != nullptr) {
      given->children[i]->release(given->children[i]);
    }
  }
  if (given->dictionary != nullptr && given->dictionary->release != nullptr) {
    given->dictionary->release(given->dictionary);
  }
  delete static_cast<Hold<Struct>*>(given->private_data);
  given->release = nullptr;
}

/// An empty struct that holds the table.
template <typename Struct>
Hold<Struct>& hold(const SharedTable& table, Struct& out) {
  auto* const held = new Hold<Struct>{.table = table, .buffers = {}, .children = {}, .child_pointers = {}};
  out = {};
  out.release = release<Struct>;
  out.private_data = held;
  return *held;
}

template <typename Struct>
void give_children(Hold<Struct>& held, Struct& out, std::size_t count) {
  held.children.resize(count);
  for (Struct& child : held.children) {
    held.child_pointers.push_back(&child);
  }
  out.n_children = static_cast<std::int64_t>(count);
  out.children = held.child_pointers.data();
}

void export_schema(const SharedTable& table, const Column& column, ArrowSchema& out) {
  Hold<ArrowSchema>& held = hold(table, out);
  out.format = format_of(column.values);
  out.name = column.name.c_str();
  out.flags = nullable;
  if (std::holds_alternative<Words>(column.values)) {
    hold(table, held.dictionary);
    held.dictionary.format = "U";
    held.dictionary.name = "";
    out.dictionary = &held.dictionary;
  }
}

void set_buffers(const Values& values, std::array<const void*, 3>& buffers, std::int64_t& count) {
  if (const auto* texts = std::get_if<Texts>(&values)) {
    buffers[1] = texts->offsets.data();
    buffers[2] = texts->bytes.data();
    count = 3;
    return;
  }
  buffers[1] = std::visit(
      [](const auto& held) -> const void* {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, Texts>) {
          return nullptr;  // above
        } else if constexpr (std::is_same_v<Held, Words>) {
          return held.codes.data();
        } else {
          return held.data();
        }
      },
      values);
  count = 2;
}

void export_array(const SharedTable& table, const Column& column, ArrowArray& out) {
  Hold<ArrowArray>& held = hold(table, out);
  out.length = table->rows;
  out.null_count = column.validity.missing;
  held.buffers[0] = column.validity.bits.empty() ? nullptr : column.validity.bits.data();
  set_buffers(column.values, held.buffers, out.n_buffers);
  out.buffers = held.buffers.data();
  if (const auto* words = std::get_if<Words>(&column.values)) {
    Hold<ArrowArray>& held_words = hold(table, held.dictionary);
    held.dictionary.length = static_cast<std::int64_t>(words->words.size());
    held.dictionary.n_buffers = 3;
    held_words.buffers = {nullptr, words->words.offsets.data(), words->words.bytes.data()};
    held.dictionary.buffers = held_words.buffers.data();
    out.dictionary = &held.dictionary;
  }
}

struct StreamState {
  SharedTable table;
  bool done = false;
};

int next_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  export_schema(static_cast<StreamState*>(stream->private_data)->table, *out);
  return 0;
}

int next_array(ArrowArrayStream* stream, ArrowArray* out) {
  auto& state = *static_cast<StreamState*>(stream->private_data);
  if (state.done) {
    *out = {};  // released: the end of the stream
    return 0;
  }
  state.done = true;
  export_array(state.table, *out);
  return 0;
}

}  // namespace

void export_schema(const SharedTable& table, ArrowSchema& out) {
  Hold<ArrowSchema>& held = hold(table, out);
  out.format = "+s";
  out.name = "";
  give_children(held, out, table->columns.size());
  for (std::size_t i = 0; i < table->columns.size(); ++i) {
    export_schema(table, table->columns[i], held.children[i]);
  }
}

void export_array(const SharedTable& table, ArrowArray& out) {
  Hold<ArrowArray>& held = hold(table, out);
  out.length = table->rows;
  out.n_buffers = 1;
  out.buffers = held.buffers.data();
  give_children(held, out, table->columns.size());
  for (std::size_t i = 0; i < table->columns.size(); ++i) {
    export_array(table, table->columns[i], held.children[i]);
  }
}

void export_stream(const SharedTable& table, ArrowArrayStream& out) {
  out.get_schema = next_schema;
  out.get_next = next_array;
  out.get_last_error = [](ArrowArrayStream*) -> const char* { return nullptr; };
  out.release = [](ArrowArrayStream* stream) {
    delete static_cast<StreamState*>(stream->private_data);
    stream->release = nullptr;
  };
  out.private_data = new StreamState{.table = table};
}

}  // namespace gpusched::python
