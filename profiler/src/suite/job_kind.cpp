#include "gpusched/profiler/suite/job_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "gpusched/base/check.hpp"

namespace gpusched::suite {

namespace {

constexpr double bf16 = 2;  // bytes
constexpr double fp32 = 4;
constexpr double stays_cached =
    16 << 20;  // bytes that are read again before anything drives them out of an L2 of 40 MB

// An item takes 0.1 to 5 ms on an H100: long beside a launch, short beside a measurement.
constexpr std::array<JobKindInfo, 15> kinds = {{
    {"gemm-bf16-large",
     "one 4096^3 matrix product on tensor cores",
     Work::gemm_bf16,
     Pipe::tensor_bf16,
     {.m = 4096, .n = 4096, .k = 4096},
     true},
    {"gemm-bf16-small",
     "32 products of 512^3 on tensor cores, one after the other",
     Work::gemm_bf16,
     Pipe::tensor_bf16,
     {.m = 512, .n = 512, .k = 512, .repeats = 32},
     true},
    {"gemm-fp32",
     "one 2048^3 matrix product in fp32",
     Work::gemm_fp32,
     Pipe::fp32,
     {.m = 2048, .n = 2048, .k = 2048},
     true},
    {"stream", "a = b + s c over 64 Mi floats each", Work::stream, Pipe::none, {.n = 64 << 20}, true},
    {"decode-1",
     "one token of 4 layers, 8192 wide, 2048 tokens of context, batch 1",
     Work::decode,
     Pipe::none,
     {.n = 8192, .k = 8192, .repeats = 4, .batch = 1, .context = 2048},
     true},
    {"decode-8",
     "the same for batch 8",
     Work::decode,
     Pipe::none,
     {.n = 8192, .k = 8192, .repeats = 4, .batch = 8, .context = 2048},
     true},
    {"decode-64",
     "the same for batch 64, weights on tensor cores",
     Work::decode,
     Pipe::tensor_bf16,
     {.n = 8192, .k = 8192, .repeats = 4, .batch = 64, .context = 2048},
     true},
    {"prefill",
     "the matrix products of one layer over 2048 tokens, 4096 wide",
     Work::prefill,
     Pipe::tensor_bf16,
     {.m = 2048, .n = 16384, .k = 4096},
     true},
    {"conv",
     "3 x 3 convolution, 32 channels, 64 images of 128 x 128, fp32",
     Work::convolution,
     Pipe::fp32,
     {.batch = 64},
     true},
    {"launches",
     "256 launches of a kernel that does next to nothing",
     Work::launches,
     Pipe::none,
     {.repeats = 256},
     true},
    {"gemm-fp32-long",
     "one 6144^3 matrix product in fp32: a kernel that takes its time",
     Work::gemm_fp32,
     Pipe::fp32,
     {.m = 6144, .n = 6144, .k = 6144},
     false},
    {"cublas-bf16",
     "gemm-bf16-large by cuBLAS",
     Work::gemm_cublas,
     Pipe::tensor_bf16,
     {.m = 4096, .n = 4096, .k = 4096},
     false},
    {"cublas-fp32", "gemm-fp32 by cuBLAS", Work::gemm_cublas, Pipe::fp32, {.m = 2048, .n = 2048, .k = 2048}, false},
    {"holder", "holds 4096 MiB and looks at 16 MiB of it every 10 ms", Work::holder, Pipe::none, {.n = 4096}, false},
    {"idle", "a context and nothing else", Work::idle, Pipe::none, {}, false},
}};

ItemCost gemm_cost(const JobShape& shape, double element) {
  const double m = shape.m, n = shape.n, k = shape.k;
  const double operands = element * (m * k + k * n) + fp32 * m * n;
  return {.flops = 2 * m * n * k * shape.repeats,
          .bytes = operands > stays_cached ? operands * shape.repeats : 0,
          .footprint_bytes = static_cast<std::int64_t>(operands)};
}

ItemCost decode_cost(const JobShape& shape) {
  const double weights = bf16 * shape.n * shape.k;
  const double cache = 2 * bf16 * shape.batch * double(shape.context) * kv_heads * head_size;
  const double inputs = bf16 * shape.batch * (double(shape.k) + kv_heads * head_size);
  const double outputs = fp32 * shape.batch * (double(shape.n) + kv_heads * head_size);
  const double bytes = shape.repeats * (weights + cache + inputs + outputs);
  return {.flops = shape.repeats * shape.batch * (2.0 * shape.n * shape.k + 4.0 * shape.context * kv_heads * head_size),
          .bytes = bytes,
          .footprint_bytes = static_cast<std::int64_t>(bytes)};
}

ItemCost prefill_cost(const JobKindInfo& kind) {
  ItemCost sum;
  for (int layer = 0; layer < prefill_layers; ++layer) {
    const ItemCost one = gemm_cost(prefill_layer(kind, layer), bf16);
    sum.flops += one.flops;
    sum.bytes += one.bytes;
    sum.footprint_bytes += one.footprint_bytes;
  }
  return sum;
}

ItemCost conv_cost(const JobShape& shape) {
  const double pixels = double(shape.batch) * conv_side * conv_side;
  const double bytes = fp32 * (2 * pixels * conv_channels + 9.0 * conv_channels * conv_channels);
  return {.flops = 2 * pixels * conv_channels * conv_channels * 9,
          .bytes = bytes,
          .footprint_bytes = static_cast<std::int64_t>(bytes)};
}

}  // namespace

std::span<const JobKindInfo> job_kinds() { return kinds; }

Result<const JobKindInfo*> find_job_kind(std::string_view name) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const JobKindInfo& row) { return row.name == name; });
  if (found != kinds.end()) {
    return &*found;
  }
  std::string known;
  for (const JobKindInfo& row : kinds) {
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return Error{.code = ErrorCode::not_found,
               .message = "no synthetic job '" + std::string(name) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known: " + known};
}

JobShape prefill_layer(const JobKindInfo& kind, int layer) {
  GPUSCHED_CHECK(kind.work == Work::prefill && layer >= 0 && layer < prefill_layers, "a layer of a prefill");
  const JobShape& shape = kind.shape;
  switch (layer) {
    case 0:
      return {.m = shape.m, .n = 3 * shape.k, .k = shape.k};
    case 1:
      return {.m = shape.m, .n = shape.n, .k = shape.k};
    default:
      return {.m = shape.m, .n = shape.k, .k = shape.n};
  }
}

ItemCost item_cost(const JobKindInfo& kind) {
  const JobShape& shape = kind.shape;
  switch (kind.work) {
    case Work::gemm_bf16:
      return gemm_cost(shape, bf16);
    case Work::gemm_fp32:
      return gemm_cost(shape, fp32);
    case Work::gemm_cublas:
      return gemm_cost(shape, kind.pipe == Pipe::fp32 ? fp32 : bf16);
    case Work::stream:
      return {.flops = 2.0 * shape.n,
              .bytes = 3 * fp32 * shape.n,
              .footprint_bytes = static_cast<std::int64_t>(3 * fp32) * shape.n};
    case Work::decode:
      return decode_cost(shape);
    case Work::prefill:
      return prefill_cost(kind);
    case Work::convolution:
      return conv_cost(shape);
    case Work::launches:
      return {.flops = double(launch_width) * shape.repeats,
              .bytes = 0,  // what a launch touches stays in the cache
              .footprint_bytes = static_cast<std::int64_t>(fp32) * launch_width};
    case Work::holder:
      return {.flops = 0, .bytes = 16.0 * (1 << 20), .footprint_bytes = std::int64_t{shape.n} << 20};
    case Work::idle:
      break;
  }
  return {};
}

double least_item_ms(const JobKindInfo& kind, const PeakRates& peak) {
  const ItemCost cost = item_cost(kind);
  const double rate = kind.pipe == Pipe::tensor_bf16 ? peak.tensor_bf16_flops : peak.fp32_flops;
  return 1000 * std::max(cost.flops / rate, cost.bytes / peak.bytes_per_s);
}

}  // namespace gpusched::suite
