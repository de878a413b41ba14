#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "gpusched/extender/wire.hpp"

namespace gpusched::extender {

/// A text with the bytes behind it that the decoders want.
class Padded {
 public:
  explicit Padded(std::string text) : size_(text.size()), text_(std::move(text)) { text_.append(wire_padding, '\0'); }

  std::string_view view() const { return std::string_view(text_).substr(0, size_); }

 private:
  std::size_t size_;
  std::string text_;
};

}  // namespace gpusched::extender
