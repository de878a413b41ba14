// A 3 x 3 convolution as a direct stencil. The arithmetic is in conv_tile.hpp, which tests run on the host.
//
// No faster than:            H100 SXM      H200 SXM
//   conv   19.3 Gflop, 268 MB   0.289 ms      0.289 ms   arithmetic
// Each multiplication reads a weight from shared memory, by broadcast: a quarter to a half of that rate.

#include "gpusched/profiler/suite/reference.hpp"

#include "conv_tile.hpp"
#include "suite_job.cuh"

namespace gpusched::suite {

namespace {

__global__ void __launch_bounds__(conv::threads) conv_kernel(const float* images, const float* weights, float* output) {
  __shared__ conv::Shared shared;
  const conv::Place place = conv::place_of(blockIdx.x);
  float sum[conv_channels] = {};
  for (int step = 0; step < conv_channels; step += conv::depth) {
    conv::load(shared, images, weights, place, step, threadIdx.x);
    __syncthreads();
    conv::accumulate(shared, threadIdx.x, sum);
    __syncthreads();
  }
  conv::store(sum, output, place, threadIdx.x);
}

class Convolution final : public SuiteJob {
 public:
  Convolution(const JobShape& shape, cudaStream_t stream)
      : images_(shape.batch),
        input_(pixels()),
        weights_(static_cast<std::size_t>(9) * conv_channels * conv_channels),
        output_(pixels()) {
    fill(input_.data(), input_.count(), buffer_a, matrix_bound, stream);
    fill(weights_.data(), weights_.count(), buffer_b, matrix_bound, stream);
  }

  void enqueue(cudaStream_t stream) override {
    conv_kernel<<<images_ * conv::tiles * conv::tiles, conv::threads, 0, stream>>>(input_.data(), weights_.data(),
                                                                                   output_.data());
    require(cudaGetLastError(), "launch of conv_kernel");
  }

  CheckOutcome check() override {
    CheckOutcome outcome;
    for (int n = 0; n < check_sample; ++n) {
      const std::int64_t index = sample_index(n, static_cast<std::int64_t>(output_.count()));
      const auto x = static_cast<int>(index % conv_side);
      const auto y = static_cast<int>(index / conv_side % conv_side);
      const auto channel = static_cast<int>(index / (conv_side * conv_side) % conv_channels);
      const auto image = static_cast<int>(index / (conv_side * conv_side * conv_channels));
      outcome.compare(index, output_.at(static_cast<std::size_t>(index)), conv_element(image, channel, y, x));
    }
    return outcome;
  }

 private:
  std::size_t pixels() const { return static_cast<std::size_t>(images_) * conv_channels * conv_side * conv_side; }

  int images_;
  DeviceBuffer<float> input_, weights_, output_;
};

}  // namespace

std::unique_ptr<SuiteJob> make_convolution(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Convolution>(kind.shape, stream);
}

}  // namespace gpusched::suite
