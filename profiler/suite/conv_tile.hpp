#pragma once

#include "gpusched/profiler/suite/elements.hpp"
#include "gpusched/profiler/suite/job_kind.hpp"

/// One block's part of a 3 x 3 convolution with zero padding, in the phases between barriers. A block has 16 x 16
/// pixels of one image and all output channels; a thread has one pixel.
namespace gpusched::suite::conv {

inline constexpr int side = 16;
inline constexpr int halo = side + 2;
inline constexpr int threads = side * side;
inline constexpr int depth = 8;  // input channels per step
inline constexpr int tiles = conv_side / side;
static_assert(conv_side % side == 0 && conv_channels % depth == 0);

struct Shared {
  float pixels[depth][halo][halo];
  float weights[depth][3][3][conv_channels];
};

struct Place {
  int image, y, x;  // of the block's first pixel
};

GPUSCHED_HOST_DEVICE inline Place place_of(int block) {
  return {block / (tiles * tiles), block / tiles % tiles * side, block % tiles * side};
}

GPUSCHED_HOST_DEVICE inline long long pixel_index(int image, int channel, int y, int x) {
  return ((static_cast<long long>(image) * conv_channels + channel) * conv_side + y) * conv_side + x;
}

/// Threads together fill `shared` with input channels step .. step + depth - 1; outside the image is 0.
GPUSCHED_HOST_DEVICE inline void load(Shared& shared, const float* images, const float* weights, const Place& place,
                                      int step, int thread) {
  for (int i = thread; i < depth * halo * halo; i += threads) {
    const int channel = i / (halo * halo);
    const int row = i / halo % halo;
    const int column = i % halo;
    const int y = place.y + row - 1;
    const int x = place.x + column - 1;
    const bool inside = y >= 0 && y < conv_side && x >= 0 && x < conv_side;
    shared.pixels[channel][row][column] = inside ? images[pixel_index(place.image, step + channel, y, x)] : 0.0F;
  }
  constexpr int of_channel = 9 * conv_channels;
  float* const to = &shared.weights[0][0][0][0];
  for (int i = thread; i < depth * of_channel; i += threads) {
    to[i] = weights[static_cast<long long>(step) * of_channel + i];
  }
}

GPUSCHED_HOST_DEVICE inline void accumulate(const Shared& shared, int thread, float (&sum)[conv_channels]) {
  const int y = thread / side;
  const int x = thread % side;
  for (int channel = 0; channel < depth; ++channel) {
    for (int ky = 0; ky < 3; ++ky) {
      for (int kx = 0; kx < 3; ++kx) {
        const float pixel = shared.pixels[channel][y + ky][x + kx];
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
        for (int out = 0; out < conv_channels; ++out) {
          sum[out] += pixel * shared.weights[channel][ky][kx][out];
        }
      }
    }
  }
}

GPUSCHED_HOST_DEVICE inline void store(const float (&sum)[conv_channels], float* output, const Place& place,
                                       int thread) {
  for (int out = 0; out < conv_channels; ++out) {
    output[pixel_index(place.image, out, place.y + thread / side, place.x + thread % side)] = sum[out];
  }
}

}  // namespace gpusched::suite::conv
