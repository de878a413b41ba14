#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gpusched::python {

/// Strings one behind the other, as Arrow's large_utf8 keeps them: string i is bytes[offsets[i], offsets[i + 1]).
struct Texts {
  std::vector<std::int64_t> offsets{0};
  std::string bytes;

  void add(std::string_view text) {
    bytes += text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  std::size_t size() const { return offsets.size() - 1; }
  std::string_view operator[](std::size_t i) const {
    return std::string_view(bytes).substr(static_cast<std::size_t>(offsets[i]),
                                          static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
  }
};

/// A column of few different words: codes into them; -1 = no value.
struct Words {
  std::vector<std::int32_t> codes;
  Texts words;
};

using Values = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::int32_t>,
                            std::vector<std::uint8_t>, Texts, Words>;

/// Arrow's bits of which values are there: bit i of byte i / 8. Empty: all of them.
struct Validity {
  std::vector<std::uint8_t> bits;
  std::int64_t missing = 0;
};

struct Column {
  std::string name;
  Values values;
  Validity validity;  ///< of doubles: not NaN; of words: code >= 0

  std::int64_t size() const;
};

/// Columns of one length. Immutable once it is shared, so that views of it need no copies.
struct Table {
  std::vector<Column> columns;
  std::int64_t rows = 0;

  /// The first column fixes the number of rows.
  void add(std::string name, Values values);
  const Column* find(std::string_view name) const;
};
using SharedTable = std::shared_ptr<const Table>;

}  // namespace gpusched::python
