#pragma once

#include "kernels/tile.hpp"
#include "kernels/vector_math.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/tile.hpp: one body for every instruction set, number of pixels and number
// of vectors. A file that includes it is compiled for one instruction set and calls nothing of the
// standard library.
//
// Every loop over a tile's sums is unrolled: a sum that an index finds at run time would be in
// memory, not in a register. No tile has more than 16 pixels.
namespace dnnaccel::kernels {

namespace {

/// Where the windows of a tile's pixels begin. They are addresses and no pointers, because a window
/// that begins in the padding may begin before the image; and they are computed once, so that a run
/// costs the kernel one addition that an instruction does by itself.
template <int kRows>
struct PixelWindows {
  explicit PixelWindows(const TileArgs& tile) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      begins[i] = reinterpret_cast<std::uintptr_t>(tile.input) +
                  static_cast<std::uintptr_t>(std::int64_t{tile.pixels[i].input} * kFloat);
    }
  }
  const float* at(int i, const Run& run) const {
    return reinterpret_cast<const float*>(
        begins[i] + static_cast<std::uintptr_t>(std::int64_t{run.input} * kFloat));
  }

  static constexpr std::int64_t kFloat = sizeof(float);
  std::uintptr_t begins[kRows];
};

/// Of __builtin_prefetch: into the second cache.
constexpr int kSecondCache = 2;

/// x(i, k) is one value: a product of matrices, `kRows` pixels by `kCount` vectors. With kAhead,
/// what is wanted next is fetched meanwhile.
template <bool kAhead>
struct Dense {
  template <int kLanes, int kCount, int kRows>
  static inline void accumulate(const TileArgs& tile,
                                typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
    using V = Vectors<kLanes>;
    const PixelWindows<kRows> windows(tile);
    const char* ahead = reinterpret_cast<const char*>(tile.ahead);
    const std::int64_t ahead_step = tile.ahead_step;
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const float* weights = tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes);
      const float* inputs[kRows];
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) inputs[i] = windows.at(i, run);
      for (std::int64_t k = 0; k < run.length; ++k, weights += kCount * kLanes) {
        typename V::Floats row[kCount];
#pragma GCC unroll 16
        for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
        if constexpr (kAhead) {
          __builtin_prefetch(ahead, 0, kSecondCache);
          ahead += ahead_step;
        }
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
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
    const PixelWindows<kRows> windows(tile);
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const float* weights = tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes);
      typename V::Floats row[kCount];
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const float* input = windows.at(i, run);
#pragma GCC unroll 16
        for (int j = 0; j < kCount; ++j) sums[i][j] += row[j] * V::load(input + j * kLanes);
      }
    }
  }
};

/// x(i, k) is one of the values of each channel's group: every run is one tap, of kGroup values.
template <int kGroup>
struct Grouped {
  template <int kLanes, int kCount, int kRows, int kMember = 0>
  static inline void accumulate_tap(const float* weights, const float* const (&inputs)[kRows],
                                    typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
    using V = Vectors<kLanes>;
    if constexpr (kMember < kGroup) {
      typename V::Floats row[kCount];
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) row[j] = V::load(weights + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
        for (int j = 0; j < kCount; ++j) {
          const typename V::Floats values = V::load(inputs[i] + j * kLanes);
          sums[i][j] += row[j] * Sequence<kLanes>::template spread<kGroup, kMember>(values);
        }
      }
      accumulate_tap<kLanes, kCount, kRows, kMember + 1>(weights + kCount * kLanes, inputs, sums);
    }
  }

  template <int kLanes, int kCount, int kRows>
  static inline void accumulate(const TileArgs& tile,
                                typename Vectors<kLanes>::Floats (&sums)[kRows][kCount]) {
    const PixelWindows<kRows> windows(tile);
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const float* inputs[kRows];
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) inputs[i] = windows.at(i, run);
      accumulate_tap<kLanes, kCount, kRows>(
          tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes), inputs, sums);
    }
  }
};

/// Of `kCount` vectors, the last may be of `last` lanes alone.
template <int kLanes, int kCount, bool kPart>
struct Outputs {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;

  static inline Floats load(const float* from, int j, int last) {
    if (kPart && j == kCount - 1) return load_part<kLanes>(from + j * kLanes, last);
    return V::load(from + j * kLanes);
  }

  static inline void store_row(const Floats (&sums)[kCount], const float* residual, float* output,
                               float low, float high, int last) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) {
      Floats value = sums[j];
      if (residual != nullptr) value += load(residual, j, last);
      value = V::clamp(value, low, high);
      if (kPart && j == kCount - 1) {
        store_part<kLanes>(output + j * kLanes, value, last);
      } else {
        V::store(output + j * kLanes, value);
      }
    }
  }

  template <int kRows>
  static inline void store(const TileArgs& tile, const Floats (&sums)[kRows][kCount]) {
    const float low = tile.low;
    const float high = tile.high;
    const float* const residual = tile.residual;
    const int last = tile.width - (kCount - 1) * kLanes;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const std::int32_t at = tile.pixels[i].output;
      store_row(sums[i], residual == nullptr ? nullptr : residual + at, tile.output + at, low, high,
                last);
    }
  }
};

template <class Kind, int kLanes, int kCount, int kRows>
void compute_tile(const TileArgs& tile) noexcept {
  using V = Vectors<kLanes>;
  using Whole = Outputs<kLanes, kCount, false>;
  using Narrow = Outputs<kLanes, kCount, true>;
  typename V::Floats sums[kRows][kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const float* const from =
        tile.bias != nullptr ? tile.bias : tile.output + tile.pixels[i].output;
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) sums[i][j] = V::load(from + j * kLanes);
  }
  Kind::template accumulate<kLanes, kCount, kRows>(tile, sums);
  // What follows is read after the sums are done: the registers are all theirs until then.
  asm volatile("" : : : "memory");
  if (tile.width == kCount * kLanes) {
    Whole::store(tile, sums);
  } else {
    Narrow::store(tile, sums);
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

/// kFunction of each of a row's values.
template <int kLanes, auto kFunction>
void apply_to_row(float* values, std::int32_t count) noexcept {
  using V = Vectors<kLanes>;
  for (; count >= kLanes; count -= kLanes, values += kLanes)
    V::store(values, kFunction(V::load(values)));
  if (count == 0) return;
  const auto bytes = static_cast<unsigned long>(count) * sizeof(float);
  float buffer[kLanes] = {};
  __builtin_memcpy(buffer, values, bytes);
  V::store(buffer, kFunction(V::load(buffer)));
  __builtin_memcpy(values, buffer, bytes);
}
template <int kLanes>
constexpr RowFunction kSigmoid = &apply_to_row<kLanes, &VectorMath<kLanes>::sigmoid>;
template <int kLanes>
constexpr RowFunction kTanh = &apply_to_row<kLanes, &VectorMath<kLanes>::tanh>;

/// Products of matrices.
template <int kLanes, Rows kRows>
constexpr TileLevel dense_level() {
  return make_level<Dense<false>, kLanes, kRows>();
}
template <int kLanes, Rows kRows>
constexpr TileLevel streaming_level() {
  return make_level<Dense<true>, kLanes, kRows>();
}

/// Channel by channel.
template <int kLanes, Rows kRows>
constexpr TileLevel lane_level() {
  return make_level<Lanes, kLanes, kRows>();
}

/// Groups of kGroup channels.
template <int kGroup, int kLanes, Rows kRows>
constexpr TileLevel group_level() {
  return make_level<Grouped<kGroup>, kLanes, kRows>();
}

}  // namespace

}  // namespace dnnaccel::kernels
