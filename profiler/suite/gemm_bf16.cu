// Matrix products on tensor cores with wmma, two tiles in flight by asynchronous copies.
//
// No faster than (job_kind.hpp: least_item_ms):          H100 SXM           H200 SXM
//   gemm-bf16-large   137.4 Gflop, 134 MB                0.139 ms           0.139 ms   arithmetic
//   gemm-bf16-small   32 x 0.27 Gflop in the L2 cache    0.009 ms           0.009 ms   arithmetic; but one product has
//                                                        64 blocks, and 32 launches take about 0.1 ms
//   prefill           756 Gflop, 755 MB                  0.764 ms           0.764 ms   arithmetic
// wmma reaches a half to two thirds of what Hopper's wgmma does: these jobs stand for "busy tensor cores", not for the
// best library.

#include <cuda_bf16.h>
#include <cuda_pipeline.h>
#include <mma.h>

#include "bf16_gemm_tile.hpp"
#include "product_buffers.cuh"

namespace gpusched::suite {

namespace {

using bf16_gemm::chunk;
using bf16_gemm::depth;
using bf16_gemm::fragment;

template <typename Tile>
struct Stage {
  alignas(128) __nv_bfloat16 a[Tile::rows * Tile::a_length];
  alignas(128) __nv_bfloat16 b[depth * Tile::b_length];
};

/// Starts the copies of one step along k.
template <typename Tile>
__device__ void load(Stage<Tile>& stage, const __nv_bfloat16* a, const __nv_bfloat16* b, int n, int k,
                     bf16_gemm::Place block, int step) {
  constexpr std::size_t bytes = chunk * sizeof(__nv_bfloat16);
  for (int i = threadIdx.x; i < Tile::a_chunks; i += Tile::threads) {
    const bf16_gemm::Place at = bf16_gemm::a_chunk(i);
    __pipeline_memcpy_async(&stage.a[at.row * Tile::a_length + at.column],
                            a + static_cast<std::size_t>(block.row + at.row) * k + step + at.column, bytes);
  }
  for (int i = threadIdx.x; i < Tile::b_chunks; i += Tile::threads) {
    const bf16_gemm::Place at = bf16_gemm::b_chunk<Tile>(i);
    __pipeline_memcpy_async(&stage.b[at.row * Tile::b_length + at.column],
                            b + static_cast<std::size_t>(step + at.row) * n + block.column + at.column, bytes);
  }
  __pipeline_commit();
}

template <typename Tile>
__global__ void __launch_bounds__(Tile::threads)
    gemm_kernel(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int n, int k) {
  namespace wmma = nvcuda::wmma;
  constexpr int down = Tile::warp_rows / fragment;
  constexpr int across = Tile::warp_columns / fragment;
  __shared__ Stage<Tile> stages[2];
  const bf16_gemm::Place block = bf16_gemm::block_place<Tile>(n, blockIdx.x);
  const bf16_gemm::Place warp = bf16_gemm::warp_place<Tile>(threadIdx.x / bf16_gemm::warp_size);
  wmma::fragment<wmma::accumulator, fragment, fragment, fragment, float> sums[down][across];
  for (auto& row : sums) {
    for (auto& sum : row) {
      wmma::fill_fragment(sum, 0.0F);
    }
  }
  load<Tile>(stages[0], a, b, n, k, block, 0);
  for (int step = 0, now = 0; step < k; step += depth, now ^= 1) {
    const bool more = step + depth < k;
    if (more) {
      load<Tile>(stages[now ^ 1], a, b, n, k, block, step + depth);
    }
    // The copies of this step are done when at most those of the next one are under way.
    if (more) {
      __pipeline_wait_prior(1);
    } else {
      __pipeline_wait_prior(0);
    }
    __syncthreads();
    for (int deep = 0; deep < depth; deep += fragment) {
      wmma::fragment<wmma::matrix_a, fragment, fragment, fragment, __nv_bfloat16, wmma::row_major> left[down];
      wmma::fragment<wmma::matrix_b, fragment, fragment, fragment, __nv_bfloat16, wmma::row_major> right[across];
      for (int i = 0; i < down; ++i) {
        wmma::load_matrix_sync(left[i], &stages[now].a[(warp.row + i * fragment) * Tile::a_length + deep],
                               Tile::a_length);
      }
      for (int j = 0; j < across; ++j) {
        wmma::load_matrix_sync(right[j], &stages[now].b[deep * Tile::b_length + warp.column + j * fragment],
                               Tile::b_length);
      }
      for (int i = 0; i < down; ++i) {
        for (int j = 0; j < across; ++j) {
          wmma::mma_sync(sums[i][j], left[i], right[j], sums[i][j]);
        }
      }
    }
    __syncthreads();  // nobody overwrites what another warp still reads
  }
  for (int i = 0; i < down; ++i) {
    for (int j = 0; j < across; ++j) {
      const std::size_t row = block.row + warp.row + i * fragment;
      wmma::store_matrix_sync(c + row * n + block.column + warp.column + j * fragment, sums[i][j], n,
                              wmma::mem_row_major);
    }
  }
}

template <typename Tile>
bool fits(const JobShape& shape) {
  return shape.m % Tile::rows == 0 && shape.n % Tile::columns == 0 && shape.k % depth == 0;
}

template <typename Tile>
void launch(const std::uint16_t* a, const std::uint16_t* b, float* c, const JobShape& shape, cudaStream_t stream) {
  const int blocks = shape.m / Tile::rows * (shape.n / Tile::columns);
  gemm_kernel<Tile><<<blocks, Tile::threads, 0, stream>>>(
      reinterpret_cast<const __nv_bfloat16*>(a), reinterpret_cast<const __nv_bfloat16*>(b), c, shape.n, shape.k);
  require(cudaGetLastError(), "launch of gemm_kernel");
}

__global__ void fill_bf16_kernel(__nv_bfloat16* data, std::size_t count, std::uint32_t buffer, int bound) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    data[i] = __float2bfloat16(static_cast<float>(element(buffer, i, bound)));
  }
}

using Product = ProductBuffers<std::uint16_t>;

void enqueue_product(const Product& product, cudaStream_t stream) {
  launch_gemm_bf16(product.a(), product.b(), product.c(), product.shape(), stream);
}

class GemmBf16 final : public SuiteJob {
 public:
  GemmBf16(const JobShape& shape, cudaStream_t stream) : product_(shape, 0, stream) {}
  void enqueue(cudaStream_t stream) override {
    for (int i = 0; i < product_.shape().repeats; ++i) {
      enqueue_product(product_, stream);
    }
  }
  CheckOutcome check() override {
    CheckOutcome outcome;
    product_.check(outcome);
    return outcome;
  }

 private:
  Product product_;
};

/// The layers do not feed each other: their results would leave the whole numbers that fp32 adds exactly.
class Prefill final : public SuiteJob {
 public:
  Prefill(const JobKindInfo& kind, cudaStream_t stream) {
    for (int layer = 0; layer < prefill_layers; ++layer) {
      layers_[layer] = std::make_unique<Product>(prefill_layer(kind, layer), layer, stream);
    }
  }
  void enqueue(cudaStream_t stream) override {
    for (const auto& layer : layers_) {
      enqueue_product(*layer, stream);
    }
  }
  CheckOutcome check() override {
    CheckOutcome outcome;
    for (const auto& layer : layers_) {
      layer->check(outcome);
    }
    return outcome;
  }

 private:
  std::unique_ptr<Product> layers_[prefill_layers];
};

}  // namespace

void fill_bf16(std::uint16_t* data, std::size_t count, std::uint32_t buffer, int bound, cudaStream_t stream) {
  fill_bf16_kernel<<<1024, 256, 0, stream>>>(reinterpret_cast<__nv_bfloat16*>(data), count, buffer, bound);
  require(cudaGetLastError(), "launch of fill_bf16_kernel");
}

void launch_gemm_bf16(const std::uint16_t* a, const std::uint16_t* b, float* c, const JobShape& shape,
                      cudaStream_t stream) {
  // Large tiles reuse more; small ones keep more SMs busy where there are few of them.
  constexpr int enough_blocks = 128;
  using Large = bf16_gemm::Large;
  if (fits<Large>(shape) && shape.m / Large::rows * (shape.n / Large::columns) >= enough_blocks) {
    launch<Large>(a, b, c, shape, stream);
  } else if (fits<bf16_gemm::Small>(shape)) {
    launch<bf16_gemm::Small>(a, b, c, shape, stream);
  } else {
    throw DeviceError("no tile for a product of " + std::to_string(shape.m) + " x " + std::to_string(shape.k) + " x " +
                      std::to_string(shape.n));
  }
}

std::unique_ptr<SuiteJob> make_gemm_bf16(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<GemmBf16>(kind.shape, stream);
}

std::unique_ptr<SuiteJob> make_prefill(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Prefill>(kind, stream);
}

}  // namespace gpusched::suite
