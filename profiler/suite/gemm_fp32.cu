// Matrix products in fp32 without tensor cores. The arithmetic is in fp32_gemm_tile.hpp, which tests run on the host.
//
// No faster than:                             H100 SXM      H200 SXM
//   gemm-fp32        17.2 Gflop, 50 MB        0.257 ms      0.257 ms   arithmetic
//   gemm-fp32-long   464 Gflop, 453 MB        6.93 ms       6.93 ms    arithmetic
// 4 x 4 elements per thread read two quads of shared memory per 16 multiplications: shared memory holds this kernel to
// about half of that rate.

#include "gpusched/profiler/suite/reference.hpp"

#include "fp32_gemm_tile.hpp"
#include "suite_job.cuh"

namespace gpusched::suite {

namespace {

__global__ void __launch_bounds__(fp32_gemm::threads)
    gemm_fp32_kernel(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ fp32_gemm::Shared shared;
  const fp32_gemm::Place place = fp32_gemm::place_of(m, n, k, blockIdx.x);
  float sum[fp32_gemm::own][fp32_gemm::own] = {};
  for (int step = 0; step < k; step += fp32_gemm::depth) {
    fp32_gemm::load(shared, a, b, place, step, threadIdx.x);
    __syncthreads();
    fp32_gemm::accumulate(shared, threadIdx.x, sum);
    __syncthreads();
  }
  fp32_gemm::store(sum, c, place, threadIdx.x);
}

class GemmFp32 final : public SuiteJob {
 public:
  GemmFp32(const JobShape& shape, cudaStream_t stream)
      : shape_(shape),
        a_(static_cast<std::size_t>(shape.m) * shape.k),
        b_(static_cast<std::size_t>(shape.k) * shape.n),
        c_(static_cast<std::size_t>(shape.m) * shape.n) {
    if (shape.m % fp32_gemm::side != 0 || shape.n % fp32_gemm::side != 0 || shape.k % fp32_gemm::depth != 0) {
      throw DeviceError("no tile for an fp32 product of " + std::to_string(shape.m) + " x " + std::to_string(shape.k) +
                        " x " + std::to_string(shape.n));
    }
    fill(a_.data(), a_.count(), layer_buffer(buffer_a, 0), matrix_bound, stream);
    fill(b_.data(), b_.count(), layer_buffer(buffer_b, 0), matrix_bound, stream);
  }

  void enqueue(cudaStream_t stream) override {
    const int blocks = shape_.m / fp32_gemm::side * (shape_.n / fp32_gemm::side);
    for (int i = 0; i < shape_.repeats; ++i) {
      gemm_fp32_kernel<<<blocks, fp32_gemm::threads, 0, stream>>>(a_.data(), b_.data(), c_.data(), shape_.m, shape_.n,
                                                                  shape_.k);
      require(cudaGetLastError(), "launch of gemm_fp32_kernel");
    }
  }

  CheckOutcome check() override {
    CheckOutcome outcome;
    for (int n = 0; n < check_sample; ++n) {
      const std::int64_t index = sample_index(n, static_cast<std::int64_t>(c_.count()));
      outcome.compare(index, c_.at(static_cast<std::size_t>(index)),
                      gemm_element(shape_, 0, static_cast<int>(index / shape_.n), static_cast<int>(index % shape_.n)));
    }
    return outcome;
  }

 private:
  JobShape shape_;
  DeviceBuffer<float> a_, b_, c_;
};

}  // namespace

std::unique_ptr<SuiteJob> make_gemm_fp32(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<GemmFp32>(kind.shape, stream);
}

}  // namespace gpusched::suite
