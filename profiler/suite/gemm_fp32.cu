// Matrix products in fp32 without tensor cores. The arithmetic is in fp32_gemm_tile.hpp, which tests run on the host.
//
// No faster than:                             H100 SXM      H200 SXM
//   gemm-fp32        17.2 Gflop, 50 MB        0.257 ms      0.257 ms   arithmetic
//   gemm-fp32-long   464 Gflop, 453 MB        6.93 ms       6.93 ms    arithmetic
// 4 x 4 elements per thread read two quads of shared memory per 16 multiplications: shared memory holds this kernel to
// about half of that rate.

#include "fp32_gemm_tile.hpp"
#include "product_buffers.cuh"

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
  GemmFp32(const JobShape& shape, cudaStream_t stream) : product_(shape, 0, stream) {
    if (shape.m % fp32_gemm::side != 0 || shape.n % fp32_gemm::side != 0 || shape.k % fp32_gemm::depth != 0) {
      throw DeviceError("no tile for an fp32 product of " + std::to_string(shape.m) + " x " + std::to_string(shape.k) +
                        " x " + std::to_string(shape.n));
    }
  }

  void enqueue(cudaStream_t stream) override {
    const JobShape& shape = product_.shape();
    const int blocks = shape.m / fp32_gemm::side * (shape.n / fp32_gemm::side);
    for (int i = 0; i < shape.repeats; ++i) {
      gemm_fp32_kernel<<<blocks, fp32_gemm::threads, 0, stream>>>(product_.a(), product_.b(), product_.c(), shape.m,
                                                                  shape.n, shape.k);
      require(cudaGetLastError(), "launch of gemm_fp32_kernel");
    }
  }

  CheckOutcome check() override {
    CheckOutcome outcome;
    product_.check(outcome);
    return outcome;
  }

 private:
  ProductBuffers<float> product_;
};

}  // namespace

std::unique_ptr<SuiteJob> make_gemm_fp32(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<GemmFp32>(kind.shape, stream);
}

}  // namespace gpusched::suite
