#pragma once

#include "kernels/tile.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/tile.hpp: one body for every instruction set, number of pixels and number
// of vectors. A file that includes it is compiled for one instruction set and calls nothing of the
// standard library.
namespace dnnaccel::kernels {

namespace {

/// x(i, k) is one value: a product of matrices, `kRows` pixels by `kCount` vectors.
struct Dense {
  template <int kLanes, int kCount, int kRows>
  static inline void accumulate(const TileArgs& tile,
                                typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
    using V = Vectors<kLanes>;
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const float* weights = tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes);
      const float* inputs[kRows];
      for (int i = 0; i < kRows; ++i) inputs[i] = tile.input + (tile.pixels[i].input + run.input);
      for (std::int64_t k = 0; k < run.length; ++k, weights += kCount * kLanes) {
        typename V::Floats row[kCount];
        for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
        for (int i = 0; i < kRows; ++i) {
          for (int j = 0; j < kCount; ++j) sums[i][j] += row[j] * inputs[i][k];
        }
      }
    }
  }
};

/// x(i, k) is a value of each channel: every run is one tap.
struct Lanes {
  template <int kLanes, int kCount, int kRows>
  static inline void accumulate(const TileArgs& tile,
                                typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
    using V = Vectors<kLanes>;
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const float* weights = tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes);
      typename V::Floats row[kCount];
      for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
      for (int i = 0; i < kRows; ++i) {
        const float* input = tile.input + (tile.pixels[i].input + run.input);
        for (int j = 0; j < kCount; ++j) sums[i][j] += row[j] * V::load(input + j * kLanes);
      }
    }
  }
};

template <class Kind, int kLanes, int kCount, int kRows>
void compute_tile(const TileArgs& given) noexcept {
  using V = Vectors<kLanes>;
  constexpr int kWidth = kCount * kLanes;
  const TileArgs tile = given;  // a copy that no store can change
  typename V::Floats sums[kRows][kCount];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kCount; ++j) sums[i][j] = V::load(tile.bias + j * kLanes);
  }
  Kind::template accumulate<kLanes, kCount, kRows>(tile, sums);
  const auto finish = [&](const float* residual, float* output, int i) {
    for (int j = 0; j < kCount; ++j) {
      typename V::Floats value = sums[i][j];
      if (residual != nullptr) value += V::load(residual + j * kLanes);
      V::store(output + j * kLanes, V::clamp(value, tile.low, tile.high));
    }
  };
  for (int i = 0; i < kRows; ++i) {
    const std::int32_t at = tile.pixels[i].output;
    if (tile.width == kWidth) {
      finish(tile.residual == nullptr ? nullptr : tile.residual + at, tile.output + at, i);
      continue;
    }
    // The last panel's channels fill no vector: through a buffer, so as not to touch what is
    // behind.
    const auto bytes = static_cast<unsigned long>(tile.width) * sizeof(float);
    float added[kWidth] = {};
    float result[kWidth];
    if (tile.residual != nullptr) __builtin_memcpy(added, tile.residual + at, bytes);
    finish(tile.residual == nullptr ? nullptr : added, result, i);
    __builtin_memcpy(tile.output + at, result, bytes);
  }
}

/// The kernels of 1 ... kRows pixels, built up from the first.
template <class Kind, int kLanes, int kCount, int kRows, Tile... kTiles>
struct Column : Column<Kind, kLanes, kCount, kRows - 1, &compute_tile<Kind, kLanes, kCount, kRows>,
                       kTiles...> {};
template <class Kind, int kLanes, int kCount, Tile... kTiles>
struct Column<Kind, kLanes, kCount, 0, kTiles...> {
  static constexpr Tile kAll[] = {kTiles..., nullptr};
  static constexpr TileColumn kColumn = {kAll, sizeof...(kTiles)};
};

/// How many pixels the largest tile of 1, 2, 3 and 4 vectors has; 0 where there is no kernel.
struct Rows {
  int of_one, of_two, of_three, of_four;
};

template <class Kind, int kLanes, Rows kRows>
constexpr TileLevel make_level() {
  return {kLanes,
          {Column<Kind, kLanes, 1, kRows.of_one>::kColumn,
           Column<Kind, kLanes, 2, kRows.of_two>::kColumn,
           Column<Kind, kLanes, 3, kRows.of_three>::kColumn,
           Column<Kind, kLanes, 4, kRows.of_four>::kColumn}};
}

/// Products of matrices.
template <int kLanes, Rows kRows>
constexpr TileLevel dense_level() {
  return make_level<Dense, kLanes, kRows>();
}

/// Channel by channel.
template <int kLanes, Rows kRows>
constexpr TileLevel lane_level() {
  return make_level<Lanes, kLanes, kRows>();
}

}  // namespace

}  // namespace dnnaccel::kernels
