#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::suite {

/// What a synthetic job does on the GPU; profiler/suite has one source per value.
enum class Work : std::uint8_t {
  gemm_bf16,
  gemm_fp32,
  gemm_cublas,  ///< by NVIDIA's library, where the machine has it
  stream,
  decode,
  prefill,
  convolution,
  launches,
  holder,
  idle
};

/// Sizes of a job. Which ones count depends on its Work.
struct JobShape {
  int m = 0, n = 0, k = 0;  ///< matrices m x k times k x n
  int repeats = 1;          ///< kernels, layers or launches per item
  int batch = 1;            ///< sequences of a decode, images of a convolution
  int context = 0;          ///< tokens in the KV cache of a sequence
};

/// What of a GPU an item keeps busy: where its arithmetic runs.
enum class Pipe : std::uint8_t { tensor_bf16, fp32, none };

/// One row of the table of synthetic jobs.
struct JobKindInfo {
  std::string_view name;         ///< "gemm-bf16-large"
  std::string_view description;  ///< what one item is
  Work work;
  Pipe pipe;
  JobShape shape;
  bool in_pairs;  ///< measured beside every other such job, and on slices
};

std::span<const JobKindInfo> job_kinds();

/// The row of that name; not_found lists the known names.
Result<const JobKindInfo*> find_job_kind(std::string_view name);

/// The least an item has to do, whatever the kernel: arithmetic, and each operand moved through memory once unless it
/// stays in the L2 cache from item to item.
struct ItemCost {
  double flops = 0;
  double bytes = 0;
  std::int64_t footprint_bytes = 0;  ///< of the buffers of the job
};
ItemCost item_cost(const JobKindInfo& kind);

/// Rates of a GPU without sparsity.
struct PeakRates {
  double tensor_bf16_flops = 0;
  double fp32_flops = 0;
  double bytes_per_s = 0;
};
/// NVIDIA's data sheets of the SXM parts: 989.4e12 and 66.9e12 flop/s, and 3.35e12 (H100) or 4.8e12 B/s (H200).
inline constexpr PeakRates h100_peak{989.4e12, 66.9e12, 3.35e12};
inline constexpr PeakRates h200_peak{989.4e12, 66.9e12, 4.8e12};

/// The least time of an item, ms: arithmetic over peak or bytes over bandwidth, whichever is longer.
double least_item_ms(const JobKindInfo& kind, const PeakRates& peak);

// Fixed sizes that kernels and host references share.
inline constexpr int head_size = 128;     ///< of a KV head
inline constexpr int kv_heads = 8;        ///< per layer
inline constexpr int conv_side = 128;     ///< pixels
inline constexpr int conv_channels = 32;  ///< in and out
inline constexpr int launch_width = 128;  ///< values that a launch-bound kernel bumps
inline constexpr int prefill_layers = 3;  ///< matrices of a prefill: query-key-value, MLP up, MLP down

/// The matrices of one layer of a prefill, m x k times k x n. Contract: 0 <= layer < prefill_layers.
JobShape prefill_layer(const JobKindInfo& kind, int layer);

}  // namespace gpusched::suite
