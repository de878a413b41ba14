#pragma once

#include <cstdint>
#include <type_traits>

#include "gpusched/profiler/suite/reference.hpp"

#include "suite_job.cuh"

namespace gpusched::suite {

/// The matrices of one product c = a b with its operands filled, a row-major m x k, b k x n, c m x n in fp32.
/// T: float, or std::uint16_t for bf16.
template <typename T>
class ProductBuffers {
 public:
  ProductBuffers(const JobShape& shape, int layer, cudaStream_t stream)
      : shape_(shape),
        layer_(layer),
        a_(static_cast<std::size_t>(shape.m) * shape.k),
        b_(static_cast<std::size_t>(shape.k) * shape.n),
        c_(static_cast<std::size_t>(shape.m) * shape.n) {
    fill_operand(a_, buffer_a, stream);
    fill_operand(b_, buffer_b, stream);
  }

  const JobShape& shape() const { return shape_; }
  const T* a() const { return a_.data(); }
  const T* b() const { return b_.data(); }
  float* c() const { return c_.data(); }

  /// Compares a sample of c with the host's.
  void check(CheckOutcome& outcome) const {
    for (int n = 0; n < check_sample; ++n) {
      const std::int64_t index = sample_index(n, static_cast<std::int64_t>(c_.count()));
      const auto row = static_cast<int>(index / shape_.n);
      const auto column = static_cast<int>(index % shape_.n);
      outcome.compare(index, c_.at(static_cast<std::size_t>(index)), gemm_element(shape_, layer_, row, column));
    }
  }

 private:
  void fill_operand(const DeviceBuffer<T>& operand, Buffer buffer, cudaStream_t stream) const {
    const std::uint32_t elements = layer_buffer(buffer, layer_);
    if constexpr (std::is_same_v<T, float>) {
      fill(operand.data(), operand.count(), elements, matrix_bound, stream);
    } else {
      fill_bf16(operand.data(), operand.count(), elements, matrix_bound, stream);
    }
  }

  JobShape shape_;
  int layer_;
  DeviceBuffer<T> a_, b_;
  DeviceBuffer<float> c_;
};

}  // namespace gpusched::suite
