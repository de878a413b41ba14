// Jobs whose kernels are a line each: memory streaming, launches, memory held.
//
// No faster than:        H100 SXM      H200 SXM
//   stream     805 MB    0.240 ms      0.168 ms   bytes
//   launches   nothing: what a launch costs, 2 to 3 us each, is what is measured
//   holder     16 MiB    0.005 ms      0.003 ms   bytes, every 10 ms

#include <algorithm>

#include "gpusched/profiler/suite/reference.hpp"

#include "suite_job.cuh"

namespace gpusched::suite {

namespace {

constexpr int block_threads = 256;

__device__ std::size_t first_index() { return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ std::size_t index_step() { return static_cast<std::size_t>(gridDim.x) * blockDim.x; }

__global__ void fill_kernel(float* data, std::size_t count, std::uint32_t buffer, int bound) {
  for (std::size_t i = first_index(); i < count; i += index_step()) {
    data[i] = static_cast<float>(element(buffer, i, bound));
  }
}

__global__ void triad_kernel(float4* a, const float4* b, const float4* c, std::size_t quads) {
  for (std::size_t i = first_index(); i < quads; i += index_step()) {
    const float4 x = b[i];
    const float4 y = c[i];
    a[i] = make_float4(triad(x.x, y.x), triad(x.y, y.y), triad(x.z, y.z), triad(x.w, y.w));
  }
}

__global__ void bump_kernel(float* values) { values[threadIdx.x] = bumped(values[threadIdx.x]); }

__global__ void fill_words_kernel(std::uint32_t* words, std::size_t count) {
  for (std::size_t i = first_index(); i < count; i += index_step()) {
    words[i] = element_hash(buffer_a, i);
  }
}

/// Counts words of a window that are not what was written.
__global__ void look_kernel(const std::uint32_t* words, std::size_t first, std::size_t count, unsigned* wrong) {
  for (std::size_t i = first_index(); i < count; i += index_step()) {
    if (words[first + i] != element_hash(buffer_a, first + i)) {
      atomicAdd(wrong, 1U);
    }
  }
}

class Stream final : public SuiteJob {
 public:
  Stream(const JobShape& shape, cudaStream_t stream)
      : a_(static_cast<std::size_t>(shape.n)), b_(a_.count()), c_(a_.count()) {
    fill(b_.data(), b_.count(), buffer_a, matrix_bound, stream);
    fill(c_.data(), c_.count(), buffer_b, matrix_bound, stream);
  }
  void enqueue(cudaStream_t stream) override {
    // A length that is a multiple of four is a contract of the table of kinds; cudaMalloc aligns for quads.
    const std::size_t quads = a_.count() / 4;
    triad_kernel<<<static_cast<unsigned>(std::min<std::size_t>(quads / block_threads, 1 << 16)), block_threads, 0,
                   stream>>>(reinterpret_cast<float4*>(a_.data()), reinterpret_cast<const float4*>(b_.data()),
                             reinterpret_cast<const float4*>(c_.data()), quads);
    require(cudaGetLastError(), "launch of triad_kernel");
  }
  CheckOutcome check() override {
    CheckOutcome outcome;
    for (int n = 0; n < check_sample; ++n) {
      const std::int64_t index = sample_index(n, static_cast<std::int64_t>(a_.count()));
      outcome.compare(index, a_.at(static_cast<std::size_t>(index)), triad_element(index));
    }
    return outcome;
  }

 private:
  DeviceBuffer<float> a_, b_, c_;
};

class Launches final : public SuiteJob {
 public:
  Launches(const JobShape& shape, cudaStream_t stream) : per_item_(shape.repeats), values_(launch_width) {
    require(cudaMemsetAsync(values_.data(), 0, values_.count() * sizeof(float), stream), "cudaMemsetAsync");
  }
  void enqueue(cudaStream_t stream) override {
    for (int i = 0; i < per_item_; ++i) {
      bump_kernel<<<1, launch_width, 0, stream>>>(values_.data());
      require(cudaGetLastError(), "launch of bump_kernel");
    }
    launched_ += per_item_;
  }
  CheckOutcome check() override {
    CheckOutcome outcome;
    for (int i = 0; i < launch_width; ++i) {
      outcome.compare(i, values_.at(static_cast<std::size_t>(i)), bump_element(launched_));
    }
    return outcome;
  }

 private:
  int per_item_;
  std::int64_t launched_ = 0;
  DeviceBuffer<float> values_;
};

class Holder final : public SuiteJob {
 public:
  Holder(const JobShape& shape, cudaStream_t stream)
      : words_(static_cast<std::size_t>(shape.n) * words_per_mib), wrong_(1) {
    fill_words_kernel<<<1024, block_threads, 0, stream>>>(words_.data(), words_.count());
    require(cudaGetLastError(), "launch of fill_words_kernel");
    require(cudaMemsetAsync(wrong_.data(), 0, sizeof(unsigned), stream), "cudaMemsetAsync");
  }
  void enqueue(cudaStream_t stream) override {
    look(next_, std::min(window, words_.count() - next_), stream);
    next_ = next_ + window < words_.count() ? next_ + window : 0;
  }
  CheckOutcome check() override {
    look(0, words_.count(), nullptr);
    require(cudaDeviceSynchronize(), "look_kernel");
    CheckOutcome outcome;
    outcome.compare(0, wrong_.at(0), 0);
    for (int n = 0; n < check_sample; ++n) {
      const std::int64_t index = sample_index(n, static_cast<std::int64_t>(words_.count()));
      outcome.compare(index, words_.at(static_cast<std::size_t>(index)),
                      element_hash(buffer_a, static_cast<std::uint64_t>(index)));
    }
    return outcome;
  }

 private:
  static constexpr std::size_t words_per_mib = (1 << 20) / sizeof(std::uint32_t);
  static constexpr std::size_t window = 16 * words_per_mib;

  void look(std::size_t first, std::size_t count, cudaStream_t stream) {
    look_kernel<<<1024, block_threads, 0, stream>>>(words_.data(), first, count, wrong_.data());
    require(cudaGetLastError(), "launch of look_kernel");
  }

  DeviceBuffer<std::uint32_t> words_;
  DeviceBuffer<unsigned> wrong_;
  std::size_t next_ = 0;
};

}  // namespace

void CheckOutcome::compare(std::int64_t index, double device, std::int64_t host) {
  ++compared;
  if (device == static_cast<double>(host)) {
    return;
  }
  if (wrong++ == 0) {
    first_wrong =
        "element " + std::to_string(index) + ": " + std::to_string(device) + " instead of " + std::to_string(host);
  }
}

void fill(float* data, std::size_t count, std::uint32_t buffer, int bound, cudaStream_t stream) {
  fill_kernel<<<1024, block_threads, 0, stream>>>(data, count, buffer, bound);
  require(cudaGetLastError(), "launch of fill_kernel");
}

std::unique_ptr<SuiteJob> make_stream(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Stream>(kind.shape, stream);
}
std::unique_ptr<SuiteJob> make_launches(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Launches>(kind.shape, stream);
}
std::unique_ptr<SuiteJob> make_holder(const JobKindInfo& kind, cudaStream_t stream) {
  return std::make_unique<Holder>(kind.shape, stream);
}

std::unique_ptr<SuiteJob> make_job(const JobKindInfo& kind, cudaStream_t stream) {
  switch (kind.work) {
    case Work::gemm_bf16:
      return make_gemm_bf16(kind, stream);
    case Work::gemm_fp32:
      return make_gemm_fp32(kind, stream);
    case Work::gemm_cublas:
      return make_gemm_cublas(kind, stream);
    case Work::stream:
      return make_stream(kind, stream);
    case Work::decode:
      return make_decode(kind, stream);
    case Work::prefill:
      return make_prefill(kind, stream);
    case Work::convolution:
      return make_convolution(kind, stream);
    case Work::launches:
      return make_launches(kind, stream);
    case Work::holder:
      return make_holder(kind, stream);
    case Work::idle:
      break;
  }
  return nullptr;
}

}  // namespace gpusched::suite
