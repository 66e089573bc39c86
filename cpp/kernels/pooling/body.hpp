#pragma once

#include "kernels/pooling/kernels.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of pooling/kernels.hpp: one body for maximum and mean and every instruction set. A
// file that includes it is compiled for one instruction set and calls nothing of the standard
// library.
namespace dnnaccel::kernels {

namespace {

struct Largest {
  static constexpr float kFirst = -__builtin_inff();
  static constexpr bool kMean = false;
  /// A NaN is larger than all: it stays, and takes the place of whatever is there.
  template <class Floats>
  static inline Floats add(Floats most, Floats value) {
    const Floats larger = value > most ? value : most;
    return value == value ? larger : value;
  }
};

struct Sum {
  static constexpr float kFirst = 0;
  static constexpr bool kMean = true;
  template <class Floats>
  static inline Floats add(Floats sum, Floats value) {
    return sum + value;
  }
};

/// One window as a kernel of some channels sees it.
struct Window {
  const float* input;  // its first pixel
  float* output;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t row_step;
  std::int64_t x_pitch;
  float factor;
};

template <class Kind, int kLanes, int kCount>
inline void pool_vectors(const Window& window, std::int64_t channel) {
  using V = Vectors<kLanes>;
  typename V::Floats values[kCount];
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j) values[j] = Kind::kFirst - typename V::Floats{};
  const float* row = window.input + channel;
  for (std::int64_t r = 0; r < window.rows; ++r, row += window.row_step) {
    const float* pixel = row;
    for (std::int64_t s = 0; s < window.columns; ++s, pixel += window.x_pitch) {
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j)
        values[j] = Kind::add(values[j], V::load(pixel + j * kLanes));
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j)
    V::store(window.output + channel + j * kLanes,
             Kind::kMean ? values[j] * window.factor : values[j]);
}

template <class Kind, int kLanes>
inline void pool_part(const Window& window, std::int64_t channel, std::int64_t count) {
  using V = Vectors<kLanes>;
  typename V::Floats values = Kind::kFirst - typename V::Floats{};
  for (std::int64_t r = 0; r < window.rows; ++r) {
    for (std::int64_t s = 0; s < window.columns; ++s)
      values = Kind::add(
          values, load_part<kLanes>(
                      window.input + channel + r * window.row_step + s * window.x_pitch, count));
  }
  store_part<kLanes>(window.output + channel, Kind::kMean ? values * window.factor : values, count);
}

template <class Kind, int kLanes>
inline void pool_window(const Window& window, std::int64_t first, std::int64_t channels) {
  std::int64_t c = first;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) pool_vectors<Kind, kLanes, 4>(window, c);
  for (; c + kLanes <= channels; c += kLanes) pool_vectors<Kind, kLanes, 1>(window, c);
  if (c < channels) pool_part<Kind, kLanes>(window, c, channels - c);
}

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

/// What the sum of a window is multiplied by: its rows and columns, of which those beyond the
/// padding do not count.
inline float mean_factor(const PoolRow& row, std::int64_t window) {
  const std::int64_t begin = window * row.stride - row.left;
  const std::int64_t end = begin + row.window;
  const std::int64_t counted = row.count_padding ? smaller(end, row.padded_width - row.left) - begin
                                                 : smaller(end, row.columns) - larger(begin, 0);
  return 1.0F / static_cast<float>(row.divisor_rows * counted);
}

/// Windows of three columns that overlap: each column is read once, and what its rows give is kept
/// until the last window that sees it.
template <class Kind, int kLanes, int kCount, int kStride>
struct ThreeColumns {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;

  static inline void read(const PoolRow& row, std::int64_t channel, std::int64_t column,
                          Floats (&values)[kCount]) {
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) values[j] = Kind::kFirst - Floats{};
    if (column < 0 || column >= row.columns) return;
    const float* pixel = row.input + column * row.x_pitch + channel;
    for (std::int64_t r = 0; r < row.rows; ++r, pixel += row.row_step) {
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j)
        values[j] = Kind::add(values[j], V::load(pixel + j * kLanes));
    }
  }

  static inline void pool(const PoolRow& row, std::int64_t channel) {
    Floats first[kCount];
    Floats second[kCount];
    Floats third[kCount];
    read(row, channel, -row.left, first);
    if constexpr (kStride == 1) read(row, channel, 1 - row.left, second);
    float* output = row.output + channel;
    for (std::int64_t q = 0; q < row.windows; ++q, output += row.out_pitch) {
      const std::int64_t begin = q * kStride - row.left;
      if constexpr (kStride == 2) read(row, channel, begin + 1, second);
      read(row, channel, begin + 2, third);
      const float factor = Kind::kMean ? mean_factor(row, q) : 1;
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j) {
        const Floats all = Kind::add(Kind::add(first[j], second[j]), third[j]);
        V::store(output + j * kLanes, Kind::kMean ? all * factor : all);
        first[j] = kStride == 1 ? second[j] : third[j];
        second[j] = third[j];
      }
    }
  }
};

/// Returns how many channels it has done: those that fill vectors.
template <class Kind, int kLanes, int kStride>
inline std::int64_t pool_three(const PoolRow& row) {
  std::int64_t c = 0;
  for (; c + 4 * kLanes <= row.channels; c += 4 * kLanes)
    ThreeColumns<Kind, kLanes, 4, kStride>::pool(row, c);
  for (; c + kLanes <= row.channels; c += kLanes)
    ThreeColumns<Kind, kLanes, 1, kStride>::pool(row, c);
  return c;
}

template <class Kind, int kLanes>
void pool_row(const PoolRow& row) noexcept {
  std::int64_t done = 0;
  if (row.window == 3 && row.stride == 1) done = pool_three<Kind, kLanes, 1>(row);
  if (row.window == 3 && row.stride == 2) done = pool_three<Kind, kLanes, 2>(row);
  if (done == row.channels) return;
  for (std::int64_t q = 0; q < row.windows; ++q) {
    const std::int64_t begin = q * row.stride - row.left;
    const std::int64_t first = larger(begin, 0);
    const std::int64_t last = smaller(begin + row.window, row.columns);
    const Window window{.input = row.input + first * row.x_pitch,
                        .output = row.output + q * row.out_pitch,
                        .rows = row.rows,
                        .columns = last - first,
                        .row_step = row.row_step,
                        .x_pitch = row.x_pitch,
                        .factor = mean_factor(row, q)};
    pool_window<Kind, kLanes>(window, done, row.channels);
  }
}

/// Pixels whose sum is taken by itself: the rounding errors of long sums stay small.
constexpr std::int64_t kBlock = 64;

template <class Kind, int kLanes, bool kPart>
inline void pool_image_vector(const PoolImage& image, std::int64_t channel, std::int64_t count) {
  using V = Vectors<kLanes>;
  const typename V::Floats first = Kind::kFirst - typename V::Floats{};
  typename V::Floats total = first;
  const float* pixel = image.input + channel;
  for (std::int64_t block = 0; block < image.pixels; block += kBlock) {
    typename V::Floats values = first;
    const std::int64_t end = smaller(kBlock, image.pixels - block);
    for (std::int64_t p = 0; p < end; ++p, pixel += image.x_pitch) {
      if constexpr (kPart)
        values = Kind::add(values, load_part<kLanes>(pixel, count));
      else
        values = Kind::add(values, V::load(pixel));
    }
    total = Kind::add(total, values);
  }
  if constexpr (Kind::kMean) total *= image.factor;
  if constexpr (kPart)
    store_part<kLanes>(image.output + channel, total, count);
  else
    V::store(image.output + channel, total);
}

template <class Kind, int kLanes>
void pool_image(const PoolImage& image) noexcept {
  std::int64_t c = 0;
  for (; c + kLanes <= image.channels; c += kLanes)
    pool_image_vector<Kind, kLanes, false>(image, c, kLanes);
  if (c < image.channels) pool_image_vector<Kind, kLanes, true>(image, c, image.channels - c);
}

template <int kLanes>
constexpr PoolingKernels pooling_kernels() {
  return {.max = pool_row<Largest, kLanes>,
          .average = pool_row<Sum, kLanes>,
          .global_max = pool_image<Largest, kLanes>,
          .global_average = pool_image<Sum, kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
