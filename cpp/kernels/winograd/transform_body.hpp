#pragma once

#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"
#include "kernels/winograd/transform.hpp"

// The kernels of kernels/winograd/transform.hpp: one body for every instruction set. A file that
// includes it is compiled for one and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// B' times a column, with what its rows share computed once. B' is
///
///     1  3/2   -2  -3/2     1  0
///     0   -1 -5/2  -1/2     1  0
///     0    1  1/2  -5/2     1  0
///     0 -1/2   -1   1/2     1  0
///     0    2   -1    -2     1  0
///     0    1  3/2    -2  -3/2  1
template <class Floats>
inline void times_b(const Floats (&d)[kWinogradSide], Floats (&to)[kWinogradSide]) {
  const Floats even = d[4] - d[2];
  const Floats odd = d[3] - d[1];
  to[0] = (d[0] - d[2]) + even - 1.5F * odd;
  to[1] = (d[4] - d[1]) - 2.5F * d[2] - 0.5F * d[3];
  to[2] = (d[4] + d[1]) + 0.5F * d[2] - 2.5F * d[3];
  to[3] = even + 0.5F * odd;
  to[4] = even - 2.0F * odd;
  to[5] = (d[5] - d[3]) - odd - 1.5F * even;
}

/// A' times a column. A' is
///
///     1  1  1  1    1  0
///     0  1 -1  2 -1/2  0
///     0  1  1  4  1/4  0
///     0  1 -1  8 -1/8  1
template <class Floats>
inline void times_a(const Floats (&m)[kWinogradSide], Floats (&to)[kWinogradTile]) {
  const Floats sum = m[1] + m[2];
  const Floats difference = m[1] - m[2];
  to[0] = m[0] + sum + (m[3] + m[4]);
  to[1] = difference + 2.0F * m[3] - 0.5F * m[4];
  to[2] = sum + 4.0F * m[3] + 0.25F * m[4];
  to[3] = difference + 8.0F * m[3] - 0.125F * m[4] + m[5];
}

template <int kLanes>
void transform_input(const WinogradInput& tile) noexcept {
  using V = Vectors<kLanes>;
  for (std::int32_t c = 0; c < tile.channels; c += kLanes) {
    const std::int32_t left = tile.channels - c;
    typename V::Floats rows[kWinogradSide][kWinogradSide];  // by column of d
#pragma GCC unroll 6
    for (int j = 0; j < kWinogradSide; ++j) {
      typename V::Floats column[kWinogradSide];
#pragma GCC unroll 6
      for (int i = 0; i < kWinogradSide; ++i) {
        const float* const from = tile.pixels[i * kWinogradSide + j] + c;
        column[i] = left < kLanes ? load_part<kLanes>(from, left) : V::load(from);
      }
      times_b(column, rows[j]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < kWinogradSide; ++i) {
      typename V::Floats row[kWinogradSide];
      typename V::Floats values[kWinogradSide];
#pragma GCC unroll 6
      for (int j = 0; j < kWinogradSide; ++j) row[j] = rows[j][i];
      times_b(row, values);
      float* const to = tile.values + i * kWinogradSide * tile.step + c;
#pragma GCC unroll 6
      for (int j = 0; j < kWinogradSide; ++j) V::store(to + j * tile.step, values[j]);
    }
  }
}

template <int kLanes>
inline void store_outputs(const WinogradOutput& tile, std::int32_t c,
                          const typename Vectors<kLanes>::Floats (&y)[kWinogradTile], int i) {
  using V = Vectors<kLanes>;
  const std::int32_t left = tile.channels - c;
  const typename V::Floats bias = V::load(tile.bias + c);
#pragma GCC unroll 4
  for (int j = 0; j < kWinogradTile; ++j) {
    if (j >= tile.columns) return;
    const std::int64_t at = i * tile.row_step + j * tile.column_step + c;
    typename V::Floats value = y[j] + bias;
    if (tile.residual != nullptr) {
      const float* const from = tile.residual + at;
      value += left < kLanes ? load_part<kLanes>(from, left) : V::load(from);
    }
    value = V::clamp(value, tile.low, tile.high);
    if (left < kLanes)
      store_part<kLanes>(tile.output + at, value, left);
    else
      V::store(tile.output + at, value);
  }
}

template <int kLanes>
void transform_output(const WinogradOutput& tile) noexcept {
  using V = Vectors<kLanes>;
  for (std::int32_t c = 0; c < tile.channels; c += kLanes) {
    typename V::Floats rows[kWinogradSide][kWinogradTile];  // by column of m
#pragma GCC unroll 6
    for (int j = 0; j < kWinogradSide; ++j) {
      typename V::Floats column[kWinogradSide];
#pragma GCC unroll 6
      for (int i = 0; i < kWinogradSide; ++i)
        column[i] = V::load(tile.values + (i * kWinogradSide + j) * tile.step + c);
      times_a(column, rows[j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kWinogradTile; ++i) {
      if (i >= tile.rows) break;
      typename V::Floats row[kWinogradSide];
      typename V::Floats y[kWinogradTile];
#pragma GCC unroll 6
      for (int j = 0; j < kWinogradSide; ++j) row[j] = rows[j][i];
      times_a(row, y);
      store_outputs<kLanes>(tile, c, y, i);
    }
  }
}

template <int kLanes>
constexpr WinogradKernels winograd_kernels() {
  return {kLanes, &transform_input<kLanes>, &transform_output<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
