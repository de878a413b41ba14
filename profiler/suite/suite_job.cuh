#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gpusched/profiler/suite/elements.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"

#include "device.cuh"

namespace gpusched::suite {

/// Elements of a result that were compared with the host's. Equal or wrong: elements.hpp says why no tolerance is
/// needed.
struct CheckOutcome {
  int compared = 0;
  int wrong = 0;
  std::string first_wrong;  // "element 17: 3 instead of 5"

  void compare(std::int64_t index, double device, std::int64_t host);
};

/// The work of one job on its buffers.
class SuiteJob {
 public:
  virtual ~SuiteJob() = default;
  /// Puts the kernels of one item into the stream; does not wait.
  virtual void enqueue(cudaStream_t stream) = 0;
  /// Compares a sample of what the last item left with the host's results. Contract: at least one item ran, and the
  /// stream is done.
  virtual CheckOutcome check() = 0;
};

// One per Work; each source says what its kernels cannot be faster than.
std::unique_ptr<SuiteJob> make_gemm_bf16(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_gemm_fp32(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_gemm_cublas(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_stream(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_decode(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_prefill(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_convolution(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_launches(const JobKindInfo& kind, cudaStream_t stream);
std::unique_ptr<SuiteJob> make_holder(const JobKindInfo& kind, cudaStream_t stream);

/// The job of that kind with its buffers filled; nullptr for Work::idle.
std::unique_ptr<SuiteJob> make_job(const JobKindInfo& kind, cudaStream_t stream);

/// Version of the cuBLAS that make_gemm_cublas() finds; nothing where there is none.
std::optional<std::string> cublas_version();

/// How many elements a check compares, and the n-th of them: spread over the whole result by a hash.
inline constexpr int check_sample = 64;
inline std::int64_t sample_index(int n, std::int64_t count) {
  return static_cast<std::int64_t>(element_hash(0x5A3F, static_cast<std::uint64_t>(n)) %
                                   static_cast<std::uint64_t>(count));
}

/// Fills device memory with elements of a buffer of elements.hpp.
void fill(float* data, std::size_t count, std::uint32_t buffer, int bound, cudaStream_t stream);
/// The same as bf16, which is passed as its 16 bits: only the sources of tensor-core kernels know the type.
void fill_bf16(std::uint16_t* data, std::size_t count, std::uint32_t buffer, int bound, cudaStream_t stream);

/// c = a b on tensor cores, a row-major m x k, b k x n, c m x n in fp32. Contract: sizes as gemm_bf16_fits().
void launch_gemm_bf16(const std::uint16_t* a, const std::uint16_t* b, float* c, const JobShape& shape,
                      cudaStream_t stream);

}  // namespace gpusched::suite
