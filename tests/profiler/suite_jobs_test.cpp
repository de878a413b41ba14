// Everything of the CUDA jobs that a host can run: element functions, references, the tiles of the kernels thread by
// thread, schedules, quantiles, options.

#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/profiler/suite/burst_schedule.hpp"
#include "gpusched/profiler/suite/elements.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"
#include "gpusched/profiler/suite/job_options.hpp"
#include "gpusched/profiler/suite/latency.hpp"
#include "gpusched/profiler/suite/reference.hpp"

#include "bf16_gemm_tile.hpp"
#include "conv_tile.hpp"
#include "fp32_gemm_tile.hpp"

namespace gpusched::suite {
namespace {

std::vector<float> filled(std::size_t count, std::uint32_t buffer, int bound) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(element(buffer, i, bound));
  }
  return values;
}

TEST(SuiteJobsTest, ElementsFillTheirRangeEvenly) {
  std::vector<int> seen(2 * matrix_bound + 1);
  constexpr int draws = 310'000;
  for (int i = 0; i < draws; ++i) {
    ++seen.at(static_cast<std::size_t>(element(buffer_a, static_cast<std::uint64_t>(i), matrix_bound) + matrix_bound));
  }
  for (const int count : seen) {
    EXPECT_NEAR(count, draws / 31.0, 0.05 * draws / 31.0);
  }
  EXPECT_NE(element(buffer_a, 1, 1000), element(buffer_b, 1, 1000));
  EXPECT_NE(element(buffer_a, 1, 1000), element(buffer_a, 1 + (std::uint64_t{1} << 32), 1000))
      << "64-bit indexes count";
}

/// The promise behind checks without a tolerance: no sum of any job reaches 2^24.
TEST(SuiteJobsTest, EverySumIsExactInFp32) {
  constexpr double exact = 1 << 24;
  for (const JobKindInfo& kind : job_kinds()) {
    const JobShape& shape = kind.shape;
    const double longest = kind.work == Work::prefill ? std::max(shape.k, shape.n) : shape.k;
    EXPECT_LT(longest * matrix_bound * matrix_bound, exact) << kind.name;
    EXPECT_LT(double(shape.context) * head_size * cache_bound * cache_bound * cache_bound, exact) << kind.name;
  }
  EXPECT_LT(9.0 * conv_channels * matrix_bound * matrix_bound, exact);
  EXPECT_LT(bump_period, exact);
}

/// Published beside the kernels; a change of a shape has to change the comments.
TEST(SuiteJobsTest, LeastTimesAreThoseOfTheSources) {
  const auto least = [](const char* name, const PeakRates& peak) {
    return least_item_ms(*find_job_kind(name).value(), peak);
  };
  const double tolerance = 0.002;
  EXPECT_NEAR(least("gemm-bf16-large", h100_peak), 0.139, tolerance);
  EXPECT_NEAR(least("gemm-bf16-small", h100_peak), 0.009, tolerance);
  EXPECT_NEAR(least("prefill", h100_peak), 0.764, tolerance);
  EXPECT_NEAR(least("gemm-fp32", h100_peak), 0.257, tolerance);
  EXPECT_NEAR(least("gemm-fp32-long", h100_peak), 6.93, 0.01);
  EXPECT_EQ(least("cublas-bf16", h100_peak), least("gemm-bf16-large", h100_peak));
  EXPECT_EQ(least("cublas-fp32", h100_peak), least("gemm-fp32", h100_peak));
  EXPECT_NEAR(least("conv", h100_peak), 0.289, tolerance);
  EXPECT_NEAR(least("stream", h100_peak), 0.240, tolerance);
  EXPECT_NEAR(least("stream", h200_peak), 0.168, tolerance);
  EXPECT_NEAR(least("decode-1", h100_peak), 0.170, tolerance);
  EXPECT_NEAR(least("decode-8", h100_peak), 0.241, tolerance);
  EXPECT_NEAR(least("decode-64", h100_peak), 0.805, tolerance);
  EXPECT_NEAR(least("decode-1", h200_peak), 0.119, tolerance);
  EXPECT_NEAR(least("decode-8", h200_peak), 0.168, tolerance);
  EXPECT_NEAR(least("decode-64", h200_peak), 0.562, tolerance);
}

TEST(SuiteJobsTest, ShapesFitTheTilesOfTheirKernels) {
  for (const JobKindInfo& kind : job_kinds()) {
    const JobShape& shape = kind.shape;
    if (kind.work == Work::gemm_bf16) {
      EXPECT_EQ(shape.m % bf16_gemm::Small::rows + shape.n % bf16_gemm::Small::columns + shape.k % bf16_gemm::depth, 0)
          << kind.name;
    }
    if (kind.work == Work::gemm_fp32) {
      EXPECT_EQ(shape.m % fp32_gemm::side + shape.n % fp32_gemm::side + shape.k % fp32_gemm::depth, 0) << kind.name;
    }
    if (kind.work == Work::decode) {
      EXPECT_EQ(shape.k % 256 + shape.n % 64 + shape.context % 16, 0) << kind.name;
      EXPECT_TRUE(shape.batch == 1 || shape.batch == 8 || shape.batch == 64) << kind.name;
    }
    if (kind.work == Work::stream) {
      EXPECT_EQ(shape.n % 4, 0);
    }
  }
  EXPECT_EQ(prefill_layer(*find_job_kind("prefill").value(), 2).k, 16384);
}

TEST(SuiteJobsTest, AnUnknownJobIsNamedWithTheKnownOnes) {
  const auto kind = find_job_kind("gemm");
  ASSERT_FALSE(kind.ok());
  EXPECT_NE(kind.error().to_string().find("'gemm'"), std::string::npos);
  EXPECT_NE(kind.error().to_string().find("gemm-bf16-large"), std::string::npos);
}

TEST(SuiteJobsTest, TheFp32TileComputesTheProduct) {
  namespace tile = fp32_gemm;
  constexpr int m = 128, n = 192, k = 48;  // several tiles each way, several steps
  const std::vector<float> a = filled(std::size_t{m} * k, layer_buffer(buffer_a, 0), matrix_bound);
  const std::vector<float> b = filled(std::size_t{k} * n, layer_buffer(buffer_b, 0), matrix_bound);
  std::vector<float> c(std::size_t{m} * n, -1);
  const auto shared = std::make_unique<tile::Shared>();
  for (int block = 0; block < m / tile::side * (n / tile::side); ++block) {
    const tile::Place place = tile::place_of(m, n, k, block);
    struct Sums {
      float of[tile::own][tile::own] = {};
    };
    std::vector<Sums> sums(tile::threads);
    for (int step = 0; step < k; step += tile::depth) {
      for (int thread = 0; thread < tile::threads; ++thread) {
        tile::load(*shared, a.data(), b.data(), place, step, thread);
      }
      for (int thread = 0; thread < tile::threads; ++thread) {
        tile::accumulate(*shared, thread, sums[static_cast<std::size_t>(thread)].of);
      }
    }
    for (int thread = 0; thread < tile::threads; ++thread) {
      tile::store(sums[static_cast<std::size_t>(thread)].of, c.data(), place, thread);
    }
  }
  for (int row = 0; row < m; ++row) {
    for (int column = 0; column < n; ++column) {
      double expected = 0;
      for (int i = 0; i < k; ++i) {
        expected += double(a[std::size_t(row * k + i)]) * double(b[std::size_t(i * n + column)]);
      }
      ASSERT_EQ(c[std::size_t(row * n + column)], expected) << row << ", " << column;
      ASSERT_EQ(gemm_element({.m = m, .n = n, .k = k}, 0, row, column), expected);
    }
  }
}

TEST(SuiteJobsTest, TheConvolutionTileComputesTheConvolution) {
  constexpr int images = 2;
  constexpr std::size_t count = std::size_t{images} * conv_channels * conv_side * conv_side;
  const std::vector<float> input = filled(count, buffer_a, matrix_bound);
  const std::vector<float> weights = filled(std::size_t{9} * conv_channels * conv_channels, buffer_b, matrix_bound);
  std::vector<float> output(count, -1);
  const auto shared = std::make_unique<conv::Shared>();
  // Blocks at corners, edges and inside, of both images.
  for (const int block : {0, 1, 7, 8, 9, 56, 63, 64, 64 + 27, 127}) {
    const conv::Place place = conv::place_of(block);
    struct Sums {
      float of[conv_channels] = {};
    };
    std::vector<Sums> sums(conv::threads);
    for (int step = 0; step < conv_channels; step += conv::depth) {
      for (int thread = 0; thread < conv::threads; ++thread) {
        conv::load(*shared, input.data(), weights.data(), place, step, thread);
      }
      for (int thread = 0; thread < conv::threads; ++thread) {
        conv::accumulate(*shared, thread, sums[std::size_t(thread)].of);
      }
    }
    for (int thread = 0; thread < conv::threads; ++thread) {
      conv::store(sums[std::size_t(thread)].of, output.data(), place, thread);
    }
    for (int thread = 0; thread < conv::threads; thread += 5) {
      const int y = place.y + thread / conv::side;
      const int x = place.x + thread % conv::side;
      for (int out = 0; out < conv_channels; out += 3) {
        double expected = 0;
        for (int in = 0; in < conv_channels; ++in) {
          for (int dy = -1; dy <= 1; ++dy) {
            for (int dx = -1; dx <= 1; ++dx) {
              if (y + dy >= 0 && y + dy < conv_side && x + dx >= 0 && x + dx < conv_side) {
                expected += double(input[std::size_t(conv::pixel_index(place.image, in, y + dy, x + dx))]) *
                            double(weights[std::size_t(((in * 3 + dy + 1) * 3 + dx + 1) * conv_channels + out)]);
              }
            }
          }
        }
        ASSERT_EQ(output[std::size_t(conv::pixel_index(place.image, out, y, x))], expected);
        ASSERT_EQ(conv_element(place.image, out, y, x), expected);
      }
    }
  }
}

template <typename Tile>
void expect_tile_covers() {
  // Every chunk of a and of b is copied once, by some thread, to its own 16 aligned bytes.
  std::set<std::pair<int, int>> a, b;
  for (int thread = 0; thread < Tile::threads; ++thread) {
    for (int i = thread; i < Tile::a_chunks; i += Tile::threads) {
      const bf16_gemm::Place at = bf16_gemm::a_chunk(i);
      EXPECT_EQ((at.row * Tile::a_length + at.column) * 2 % 16, 0);
      EXPECT_TRUE(a.insert({at.row, at.column}).second);
    }
    for (int i = thread; i < Tile::b_chunks; i += Tile::threads) {
      const bf16_gemm::Place at = bf16_gemm::b_chunk<Tile>(i);
      EXPECT_EQ((at.row * Tile::b_length + at.column) * 2 % 16, 0);
      EXPECT_TRUE(b.insert({at.row, at.column}).second);
    }
  }
  EXPECT_EQ(a.size() * bf16_gemm::chunk, std::size_t{Tile::rows} * bf16_gemm::depth);
  EXPECT_EQ(b.size() * bf16_gemm::chunk, std::size_t{Tile::columns} * bf16_gemm::depth);
  EXPECT_EQ(*a.rbegin(), (std::pair<int, int>{Tile::rows - 1, bf16_gemm::depth - bf16_gemm::chunk}));
  EXPECT_EQ(*b.rbegin(), (std::pair<int, int>{bf16_gemm::depth - 1, Tile::columns - bf16_gemm::chunk}));
  // Every fragment of c belongs to one warp of one block, and what wmma reads is aligned to 32 bytes.
  constexpr int m = 3 * Tile::rows, n = 2 * Tile::columns;
  std::set<std::pair<int, int>> c;
  for (int block = 0; block < 6; ++block) {
    const bf16_gemm::Place of_block = bf16_gemm::block_place<Tile>(n, block);
    for (int warp = 0; warp < Tile::threads / bf16_gemm::warp_size; ++warp) {
      const bf16_gemm::Place of_warp = bf16_gemm::warp_place<Tile>(warp);
      for (int i = 0; i < Tile::warp_rows; i += bf16_gemm::fragment) {
        EXPECT_EQ((of_warp.row + i) * Tile::a_length * 2 % 32, 0);
        for (int j = 0; j < Tile::warp_columns; j += bf16_gemm::fragment) {
          EXPECT_EQ((of_warp.column + j) * 2 % 32, 0);
          EXPECT_TRUE(c.insert({of_block.row + of_warp.row + i, of_block.column + of_warp.column + j}).second);
        }
      }
    }
  }
  EXPECT_EQ(c.size(), std::size_t{m} * n / (bf16_gemm::fragment * bf16_gemm::fragment));
  EXPECT_EQ(bf16_gemm::fragment * Tile::b_length * 2 % 32, 0);
  // Two stages fit into the shared memory that needs no permission.
  EXPECT_LE(2 * 2 * (Tile::rows * Tile::a_length + bf16_gemm::depth * Tile::b_length), 48 * 1024);
}

TEST(SuiteJobsTest, TensorCoreTilesCoverTheProductOnce) {
  expect_tile_covers<bf16_gemm::Large>();
  expect_tile_covers<bf16_gemm::Small>();
}

TEST(SuiteJobsTest, ReferencesOfADecodeAgreeWithPlainLoops) {
  const JobShape shape{.n = 5, .k = 64, .repeats = 2, .batch = 2, .context = 6};
  const int layer = 1;
  const std::vector<float> weights = filled(5 * 64, layer_buffer(buffer_b, layer), matrix_bound);
  const std::vector<float> input = filled(2 * 64, layer_buffer(buffer_a, layer), matrix_bound);
  EXPECT_EQ(gemv_element(shape, layer, 1, 3),
            std::inner_product(weights.begin() + 3 * 64, weights.begin() + 4 * 64, input.begin() + 64, 0.0));
  const std::size_t heads = 2 * kv_heads;
  const auto query = filled(heads * head_size, layer_buffer(buffer_query, layer), cache_bound);
  const auto key = filled(heads * 6 * head_size, layer_buffer(buffer_key, layer), cache_bound);
  const auto value = filled(heads * 6 * head_size, layer_buffer(buffer_value, layer), cache_bound);
  const std::size_t head = 1 * kv_heads + 2;
  double expected = 0;
  for (std::size_t token = 0; token < 6; ++token) {
    const std::size_t row = (head * 6 + token) * head_size;
    double score = 0;
    for (std::size_t i = 0; i < head_size; ++i) {
      score += double(query[head * head_size + i]) * double(key[row + i]);
    }
    expected += score * double(value[row + 77]);
  }
  EXPECT_EQ(attention_element(shape, layer, 1, 2, 77), expected);
}

TEST(SuiteJobsTest, BumpsAndTriadsFollowTheirElementFunctions) {
  float value = 0;
  for (std::int64_t launches = 1; launches < 3 * bump_period; ++launches) {
    value = bumped(value);
    ASSERT_EQ(value, bump_element(launches)) << launches;
  }
  EXPECT_EQ(triad(2, 5), 17);
  EXPECT_EQ(triad_element(9), element(buffer_a, 9, matrix_bound) + 3 * element(buffer_b, 9, matrix_bound));
}

TEST(SuiteJobsTest, QuantilesAreOfTheSample) {
  std::vector<double> sample(100);
  std::iota(sample.rbegin(), sample.rend(), 1);
  EXPECT_EQ(summarize_latency(sample), (LatencySummary{50.5, 50, 90, 95, 99, 100}));
  sample.resize(20);  // 81 to 100
  EXPECT_EQ(summarize_latency(sample).p95, 99);
  EXPECT_EQ(summarize_latency(std::vector<double>{7}), (LatencySummary{7, 7, 7, 7, 7, 7}));
  EXPECT_EQ(summarize_latency({}), LatencySummary{});
}

TEST(SuiteJobsTest, BurstsAskForTheirLoad) {
  for (const double load : {0.1, 0.5, 0.9}) {
    BurstSchedule schedule(load, 0.25, 4, 7);
    double items = 0;
    Burst last;
    constexpr int requests = 40'000;
    for (int i = 0; i < requests; ++i) {
      const Burst burst = schedule.next();
      EXPECT_GE(burst.arrival_ms, last.arrival_ms);
      EXPECT_GE(burst.items, 1);
      items += burst.items;
      last = burst;
    }
    EXPECT_NEAR(items / requests, 4, 0.1);
    EXPECT_NEAR(items * 0.25 / last.arrival_ms, load, 0.02 * load);
  }
  BurstSchedule first(0.5, 1, 4, 1), same(0.5, 1, 4, 1), other(0.5, 1, 4, 2);
  const double arrival = first.next().arrival_ms;
  EXPECT_EQ(arrival, same.next().arrival_ms);
  EXPECT_NE(arrival, other.next().arrival_ms);
  BurstSchedule single(0.5, 1, 1, 3);
  EXPECT_EQ(single.next().items, 1);
}

TEST(SuiteJobsTest, OptionsAreReadBackFromTheirWords) {
  JobOptions options;
  options.kind = find_job_kind("decode-8").value();
  options.load = 0.35;
  options.sms = 16;
  options.seconds = 0.75;
  options.seed = 12;
  options.wait = true;
  const Result<JobOptions> read = parse_job_options(job_words(options));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read.value().kind, options.kind);
  EXPECT_EQ(read.value().load, options.load);
  EXPECT_EQ(read.value().sms, options.sms);
  EXPECT_EQ(read.value().seconds, options.seconds);
  EXPECT_EQ(read.value().seed, options.seed);
  EXPECT_TRUE(read.value().wait);
  EXPECT_EQ(parse_job_options(std::vector<std::string>{"conv", "--load", "1"}).value().load, 0)
      << "the whole time: items follow each other";
}

TEST(SuiteJobsTest, BadOptionsAreNamed) {
  using Words = std::vector<std::string>;
  for (const auto& [words, named] : std::vector<std::pair<Words, std::string>>{{{}, "no job"},
                                                                               {{"nothing"}, "'nothing'"},
                                                                               {{"conv", "stream"}, "'stream'"},
                                                                               {{"conv", "--speed"}, "'--speed'"},
                                                                               {{"conv", "--load"}, "no value"},
                                                                               {{"conv", "--load", "0"}, "'0'"},
                                                                               {{"conv", "--load", "nan"}, "'nan'"},
                                                                               {{"conv", "--sms", "-1"}, "'-1'"},
                                                                               {{"conv", "--seconds", "1x"}, "'1x'"}}) {
    const Result<JobOptions> options = parse_job_options(words);
    ASSERT_FALSE(options.ok()) << named;
    EXPECT_NE(options.error().to_string().find(named), std::string::npos) << options.error().to_string();
  }
}

}  // namespace
}  // namespace gpusched::suite
