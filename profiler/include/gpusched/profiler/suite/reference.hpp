#pragma once

#include <cstdint>

#include "gpusched/profiler/suite/elements.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"

namespace gpusched::suite {

// Single elements of results, computed on the host in 64-bit whole numbers. What the device computes must be equal.

/// Element (row, column) of layer `layer`'s product: a row-major m x k in buffer_a, b row-major k x n in buffer_b.
std::int64_t gemm_element(const JobShape& shape, int layer, int row, int column);

/// Element `row` of weights times the input of one sequence: weights row-major n x k in buffer_b, input in buffer_a.
std::int64_t gemv_element(const JobShape& shape, int layer, int sequence, int row);

/// Element `column` of what one head reads from the KV cache: sum over tokens of (query . key) value. Caches are
/// [sequence][head][token][head_size], queries [sequence][head][head_size].
std::int64_t attention_element(const JobShape& shape, int layer, int sequence, int head, int column);

/// Element (image, channel, y, x) of a 3 x 3 convolution with zero padding: images [image][channel][y][x] in buffer_a,
/// weights [in][ky][kx][out] in buffer_b.
std::int64_t conv_element(int image, int channel, int y, int x);

/// Element of a triad.
std::int64_t triad_element(std::int64_t index);

/// What `launches` bumps leave of 0.
std::int64_t bump_element(std::int64_t launches);

}  // namespace gpusched::suite
