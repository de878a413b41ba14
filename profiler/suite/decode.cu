// One token of a language model: each layer multiplies its weights with the inputs of all sequences and reads their KV
// caches. The attention is linear (no softmax): it moves the same bytes, and its sums stay exact.
//
// No faster than:                              H100 SXM      H200 SXM
//   decode-1    0.54 GB                        0.170 ms      0.119 ms   bytes
//   decode-8    0.81 GB                        0.241 ms      0.168 ms   bytes
//   decode-64   2.70 GB                        0.805 ms      0.562 ms   bytes
// Weights of batch 64 go through tensor cores, as a library would; in fp32 they would be arithmetic, not memory.

#include <vector>

#include <cuda_bf16.h>

#include "gpusched/profiler/suite/reference.hpp"

#include "suite_job.cuh"

namespace gpusched::suite {

namespace {

constexpr int warp = 32;
constexpr int gemv_warps = 8;
constexpr int gemv_chunk = 8;  // elements in the 16 bytes that a lane reads at a time
constexpr unsigned all_lanes = 0xFFFFFFFFU;

struct alignas(16) Chunk {
  __nv_bfloat16 v[gemv_chunk];
};

__device__ float warp_sum(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(all_lanes, value, offset);
  }
  return value;
}

/// output[sequence][row] = weights[row] . input[sequence]; one warp per row. k is a multiple of 256.
template <int batch>
__global__ void __launch_bounds__(warp* gemv_warps)
    gemv_kernel(const __nv_bfloat16* weights, const __nv_bfloat16* input, float* output, int n, int k) {
  const int row = blockIdx.x * gemv_warps + threadIdx.x / warp;
  const int lane = threadIdx.x % warp;
  if (row >= n) {
    return;  // the whole warp leaves
  }
  float sum[batch] = {};
  for (int at = lane * gemv_chunk; at < k; at += warp * gemv_chunk) {
    const Chunk weight = *reinterpret_cast<const Chunk*>(weights + static_cast<std::size_t>(row) * k + at);
#pragma unroll
    for (int sequence = 0; sequence < batch; ++sequence) {
      const Chunk from = *reinterpret_cast<const Chunk*>(input + static_cast<std::size_t>(sequence) * k + at);
#pragma unroll
      for (int i = 0; i < gemv_chunk; ++i) {
        sum[sequence] += __bfloat162float(weight.v[i]) * __bfloat162float(from.v[i]);
      }
    }
  }
#pragma unroll
  for (int sequence = 0; sequence < batch; ++sequence) {
    const float total = warp_sum(sum[sequence]);
    if (lane == 0) {
      output[static_cast<std::size_t>(sequence) * n + row] = total;
    }
  }
}

constexpr int attention_warps = 4;
constexpr int attention_splits = 16;             // blocks that share the context of one head
constexpr int lane_elements = head_size / warp;  // of a query, key or value that a lane holds

struct alignas(8) Slice {
  __nv_bfloat16 v[lane_elements];
};
static_assert(sizeof(Slice) == 8);

/// Adds to output[lane_of_cache] what its tokens contribute: sum of (query . key) value. Blocks: (sequence and head) x
/// splits; a warp takes every fourth token of its split. Whole numbers below 2^24: atomic additions in any order are
/// exact. The context is a multiple of splits.
__global__ void __launch_bounds__(warp* attention_warps)
    attention_kernel(const __nv_bfloat16* queries, const __nv_bfloat16* keys, const __nv_bfloat16* values,
                     float* output, int context) {
  const std::size_t head = blockIdx.x / attention_splits;  // of all sequences
  const int tokens = context / attention_splits;
  const int first = static_cast<int>(blockIdx.x % attention_splits) * tokens;
  const int lane = threadIdx.x % warp;
  const int own = lane * lane_elements;
  const Slice query = *reinterpret_cast<const Slice*>(queries + head * head_size + own);
  float sum[lane_elements] = {};
  for (int token = first + static_cast<int>(threadIdx.x) / warp; token < first + tokens; token += attention_warps) {
    const std::size_t at = (head * context + token) * head_size + own;
    const Slice key = *reinterpret_cast<const Slice*>(keys + at);
    const Slice value = *reinterpret_cast<const Slice*>(values + at);
    float score = 0;
    for (int i = 0; i < lane_elements; ++i) {
      score += __bfloat162float(query.v[i]) * __bfloat162float(key.v[i]);
    }
    score = warp_sum(score);
    for (int i = 0; i < lane_elements; ++i) {
      sum[i] += score * __bfloat162float(value.v[i]);
    }
  }
  for (int i = 0; i < lane_elements; ++i) {
    atomicAdd(&output[head * head_size + own + i], sum[i]);
  }
}

/// Buffers of one layer.
struct Layer {
  Layer(const JobShape& shape, int number, cudaStream_t stream)
      : weights(static_cast<std::size_t>(shape.n) * shape.k),
        input(static_cast<std::size_t>(shape.batch) * shape.k),
        keys(heads(shape) * shape.context * head_size),
        values(keys.count()),
        queries(heads(shape) * head_size),
        projected(static_cast<std::size_t>(shape.batch) * shape.n),
        attended(queries.count()) {
    fill_bf16(weights.data(), weights.count(), layer_buffer(buffer_b, number), matrix_bound, stream);
    fill_bf16(input.data(), input.count(), layer_buffer(buffer_a, number), matrix_bound, stream);
    fill_bf16(keys.data(), keys.count(), layer_buffer(buffer_key, number), cache_bound, stream);
    fill_bf16(values.data(), values.count(), layer_buffer(buffer_value, number), cache_bound, stream);
    fill_bf16(queries.data(), queries.count(), layer_buffer(buffer_query, number), cache_bound, stream);
  }
  static std::size_t heads(const JobShape& shape) { return static_cast<std::size_t>(shape.batch) * kv_heads; }

  DeviceBuffer<std::uint16_t> weights, input, keys, values, queries;
  DeviceBuffer<float> projected, attended;
};

const __nv_bfloat16* typed(const DeviceBuffer<std::uint16_t>& buffer) {
  return reinterpret_cast<const __nv_bfloat16*>(buffer.data());
}

class Decode final : public SuiteJob {
 public:
  Decode(const JobShape& shape, cudaStream_t stream) : shape_(shape) {
    if (shape.k % (warp * gemv_chunk) != 0 || shape.context % attention_splits != 0 ||
        (shape.batch != 1 && shape.batch != 8 && shape.batch % 64 != 0)) {
      throw DeviceError("no decode kernel for batch " + std::to_string(shape.batch) + ", width " +
                        std::to_string(shape.k) + ", context " + std::to_string(shape.context));
    }
    for (int layer = 0; layer < shape.repeats; ++layer) {
      layers_.push_back(std::make_unique<Layer>(shape, layer, stream));
    }
  }

  void enqueue(cudaStream_t stream) override {
    for (const auto& layer : layers_) {
      project(*layer, stream);
      require(cudaMemsetAsync(layer->attended.data(), 0, layer->attended.count() * sizeof(float), stream),
              "cudaMemsetAsync");
      attention_kernel<<<static_cast<unsigned>(Layer::heads(shape_) * attention_splits), warp * attention_warps, 0,
                         stream>>>(typed(layer->queries), typed(layer->keys), typed(layer->values),
                                   layer->attended.data(), shape_.context);
      require(cudaGetLastError(), "launch of attention_kernel");
    }
  }

  CheckOutcome check() override {
    CheckOutcome outcome;
    for (int number = 0; number < shape_.repeats; ++number) {
      const Layer& layer = *layers_[static_cast<std::size_t>(number)];
      for (int n = 0; n < check_sample / 4; ++n) {
        const std::int64_t at = sample_index(n, static_cast<std::int64_t>(layer.projected.count()));
        const auto sequence = static_cast<int>(at / shape_.n);
        const auto column = static_cast<int>(at % shape_.n);
        outcome.compare(at, layer.projected.at(static_cast<std::size_t>(at)),
                        on_tensor_cores() ? gemm_element(weights_shape(), number, sequence, column)
                                          : gemv_element(shape_, number, sequence, column));
        const std::int64_t attended = sample_index(n, static_cast<std::int64_t>(layer.attended.count()));
        const auto head = static_cast<int>(attended / head_size);
        outcome.compare(attended, layer.attended.at(static_cast<std::size_t>(attended)),
                        attention_element(shape_, number, head / kv_heads, head % kv_heads,
                                          static_cast<int>(attended % head_size)));
      }
    }
    return outcome;
  }

 private:
  bool on_tensor_cores() const { return shape_.batch >= 64; }
  /// inputs (batch x k) times weights (k x n): a tensor-core product wants its right matrix row-major.
  JobShape weights_shape() const { return {.m = shape_.batch, .n = shape_.n, .k = shape_.k}; }

  void project(const Layer& layer, cudaStream_t stream) {
    if (on_tensor_cores()) {
      launch_gemm_bf16(layer.input.data(), layer.weights.data(), layer.projected.data(), weights_shape(), stream);
      return;
    }
    const auto kernel = shape_.batch == 1 ? gemv_kernel<1> : gemv_kernel<8>;
    const unsigned blocks = static_cast<unsigned>((shape_.n + gemv_warps - 1) / gemv_warps);
    kernel<<<blocks, warp * gemv_warps, 0, stream>>>(typed(layer.weights), typed(layer.input), layer.projected.data(),
                                                     shape_.n, shape_.k);
    require(cudaGetLastError(), "launch of gemv_kernel");
  }

  JobShape shape_;
  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace

std::unique_ptr<SuiteJob> make_decode(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Decode>(kind.shape, stream);
}

}  // namespace gpusched::suite
