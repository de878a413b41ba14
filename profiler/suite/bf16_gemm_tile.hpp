#pragma once

#include <cstdint>

#include "gpusched/profiler/suite/elements.hpp"

/// Maps of the tensor-core product c = a b: which 16 bytes a thread copies where, and which part of c a warp computes.
/// Row-major a m x k, b k x n in bf16, c m x n in fp32; m, n and k are multiples of rows, columns and depth.
namespace gpusched::suite::bf16_gemm {

inline constexpr int depth = 32;     // of a step along k
inline constexpr int fragment = 16;  // rows, columns and depth of one wmma operation
inline constexpr int chunk = 8;      // elements in 16 bytes
inline constexpr int warp_size = 32;

/// A block's part of c and how warps share it.
template <int rows_, int columns_, int warp_rows_, int warp_columns_>
struct Tile {
  static constexpr int rows = rows_;
  static constexpr int columns = columns_;
  static constexpr int warp_rows = warp_rows_;  // of one warp
  static constexpr int warp_columns = warp_columns_;
  static constexpr int threads = rows / warp_rows * (columns / warp_columns) * warp_size;
  // Row lengths in shared memory. The padding spreads rows over banks; 16 rows are a multiple of the 32 bytes that
  // wmma asks for, one row is a multiple of the 16 that asynchronous copies ask for.
  static constexpr int a_length = depth + chunk;
  static constexpr int b_length = columns + chunk;
  static constexpr int a_chunks = rows * depth / chunk;
  static constexpr int b_chunks = depth * columns / chunk;
};

using Large = Tile<128, 128, 32, 64>;  // 8 warps
using Small = Tile<64, 64, 32, 32>;    // 4 warps

struct Place {
  int row, column;
};

/// First element of the part of c that belongs to a block.
template <typename Tile>
GPUSCHED_HOST_DEVICE inline Place block_place(int n, int block) {
  const int across = n / Tile::columns;
  return {block / across * Tile::rows, block % across * Tile::columns};
}

/// First element of a warp's part, within the block's.
template <typename Tile>
GPUSCHED_HOST_DEVICE inline Place warp_place(int warp) {
  constexpr int across = Tile::columns / Tile::warp_columns;
  return {warp / across * Tile::warp_rows, warp % across * Tile::warp_columns};
}

/// Row and column, within the tile, of chunk `index` of a or of b.
GPUSCHED_HOST_DEVICE inline Place a_chunk(int index) {
  return {index / (depth / chunk), index % (depth / chunk) * chunk};
}
template <typename Tile>
GPUSCHED_HOST_DEVICE inline Place b_chunk(int index) {
  constexpr int across = Tile::columns / chunk;
  return {index / across, index % across * chunk};
}

}  // namespace gpusched::suite::bf16_gemm
