#pragma once

#include "gpusched/profiler/suite/elements.hpp"

/// One block's part of c = a b in fp32, in the phases between barriers, so that a host can run a block thread by
/// thread. Row-major a m x k, b k x n, c m x n; m and n are multiples of `side`, k is one of `depth`.
namespace gpusched::suite::fp32_gemm {

inline constexpr int side = 64;      // of the block's part of c
inline constexpr int depth = 16;     // of a step along k
inline constexpr int threads = 256;  // 16 x 16, each with 4 x 4 elements of c
inline constexpr int own = 4;

struct alignas(16) Quad {
  float v[4];
};

struct alignas(16) Shared {
  // Transposed, so that a thread's four rows lie side by side; the padding spreads columns over banks and keeps quads
  // aligned.
  float a[depth][side + 4];
  float b[depth][side + 4];
};

struct Place {
  int m, n, k;
  int row, column;  // of the first element of the block's part of c
};

GPUSCHED_HOST_DEVICE inline Place place_of(int m, int n, int k, int block) {
  const int columns = n / side;
  return {m, n, k, block / columns * side, block % columns * side};
}

/// Threads together fill `shared` with columns step .. step + depth - 1 of a, and the same rows of b.
GPUSCHED_HOST_DEVICE inline void load(Shared& shared, const float* a, const float* b, const Place& place, int step,
                                      int thread) {
  const int row = thread / 4;
  const int along = thread % 4 * 4;
  const Quad from_a =
      *reinterpret_cast<const Quad*>(a + static_cast<long long>(place.row + row) * place.k + step + along);
  for (int i = 0; i < 4; ++i) {
    shared.a[along + i][row] = from_a.v[i];
  }
  const int deep = thread / 16;
  const int across = thread % 16 * 4;
  *reinterpret_cast<Quad*>(&shared.b[deep][across]) =
      *reinterpret_cast<const Quad*>(b + static_cast<long long>(step + deep) * place.n + place.column + across);
}

GPUSCHED_HOST_DEVICE inline void accumulate(const Shared& shared, int thread, float (&sum)[own][own]) {
  const int row = thread / 16 * own;
  const int column = thread % 16 * own;
  for (int deep = 0; deep < depth; ++deep) {
    const Quad left = *reinterpret_cast<const Quad*>(&shared.a[deep][row]);
    const Quad right = *reinterpret_cast<const Quad*>(&shared.b[deep][column]);
    for (int i = 0; i < own; ++i) {
      for (int j = 0; j < own; ++j) {
        sum[i][j] += left.v[i] * right.v[j];
      }
    }
  }
}

GPUSCHED_HOST_DEVICE inline void store(const float (&sum)[own][own], float* c, const Place& place, int thread) {
  const int row = place.row + thread / 16 * own;
  const int column = place.column + thread % 16 * own;
  for (int i = 0; i < own; ++i) {
    Quad quad;
    for (int j = 0; j < own; ++j) {
      quad.v[j] = sum[i][j];
    }
    *reinterpret_cast<Quad*>(c + static_cast<long long>(row + i) * place.n + column) = quad;
  }
}

}  // namespace gpusched::suite::fp32_gemm
