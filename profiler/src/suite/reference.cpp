#include "gpusched/profiler/suite/reference.hpp"

namespace gpusched::suite {

namespace {

std::int64_t matrix(std::uint32_t buffer, std::int64_t index) {
  return element(buffer, static_cast<std::uint64_t>(index), matrix_bound);
}
std::int64_t cached(std::uint32_t buffer, std::int64_t index) {
  return element(buffer, static_cast<std::uint64_t>(index), cache_bound);
}

}  // namespace

std::int64_t gemm_element(const JobShape& shape, int layer, int row, int column) {
  const std::uint32_t a = layer_buffer(buffer_a, layer);
  const std::uint32_t b = layer_buffer(buffer_b, layer);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < shape.k; ++i) {
    sum += matrix(a, std::int64_t{row} * shape.k + i) * matrix(b, i * shape.n + column);
  }
  return sum;
}

std::int64_t gemv_element(const JobShape& shape, int layer, int sequence, int row) {
  const std::uint32_t input = layer_buffer(buffer_a, layer);
  const std::uint32_t weights = layer_buffer(buffer_b, layer);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < shape.k; ++i) {
    sum += matrix(weights, std::int64_t{row} * shape.k + i) * matrix(input, std::int64_t{sequence} * shape.k + i);
  }
  return sum;
}

std::int64_t attention_element(const JobShape& shape, int layer, int sequence, int head, int column) {
  const std::int64_t lane = std::int64_t{sequence} * kv_heads + head;
  std::int64_t sum = 0;
  for (std::int64_t token = 0; token < shape.context; ++token) {
    const std::int64_t row = (lane * shape.context + token) * head_size;
    std::int64_t score = 0;
    for (std::int64_t i = 0; i < head_size; ++i) {
      score += cached(layer_buffer(buffer_query, layer), lane * head_size + i) *
               cached(layer_buffer(buffer_key, layer), row + i);
    }
    sum += score * cached(layer_buffer(buffer_value, layer), row + column);
  }
  return sum;
}

std::int64_t conv_element(int image, int channel, int y, int x) {
  std::int64_t sum = 0;
  for (int in = 0; in < conv_channels; ++in) {
    for (int ky = 0; ky < 3; ++ky) {
      for (int kx = 0; kx < 3; ++kx) {
        const int from_y = y + ky - 1;
        const int from_x = x + kx - 1;
        if (from_y < 0 || from_y >= conv_side || from_x < 0 || from_x >= conv_side) {
          continue;
        }
        const std::int64_t pixel =
            ((std::int64_t{image} * conv_channels + in) * conv_side + from_y) * conv_side + from_x;
        const std::int64_t weight = ((std::int64_t{in} * 3 + ky) * 3 + kx) * conv_channels + channel;
        sum += matrix(buffer_a, pixel) * matrix(buffer_b, weight);
      }
    }
  }
  return sum;
}

std::int64_t triad_element(std::int64_t index) {
  return matrix(buffer_a, index) + static_cast<std::int64_t>(triad_factor) * matrix(buffer_b, index);
}

std::int64_t bump_element(std::int64_t launches) { return launches % (bump_period + 1); }

}  // namespace gpusched::suite
