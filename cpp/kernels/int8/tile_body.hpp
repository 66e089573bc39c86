#pragma once

#include "kernels/int8/integers.hpp"
#include "kernels/int8/tile.hpp"

// The kernels of kernels/int8/tile.hpp: one body for every instruction set, as gemm/tile_body.hpp.
// A file that includes it says how its processor makes dot products of bytes: a struct `Dot` with
//
//     kSigned                    it multiplies s8 with s8; else u8 with s8
//     kFloats                    the sums are floats, of pairs of bfloat16 (kernels/bf16)
//     add<kLanes>(sums, x, w)    sums of int32 + the dot products of four bytes each
//     mac<kLanes>(sums, x, w)    sums of int32 + x * w, of int32 that fit x and w in a byte each
namespace dnnaccel::kernels {

namespace {

/// Dot products for processors that multiply pairs of 16 bits and add them (kMadd), which is exact
/// where a product of bytes that saturates is not: the even bytes apart from the odd ones.
template <class Madd>
struct EvenAndOdd {
  static constexpr bool kSigned = false;
  static constexpr bool kFloats = false;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    using Ints = typename Integers<kLanes>::Ints;
    using Shorts = typename Integers<kLanes>::Shorts;
    const Shorts weights = reinterpret_cast<Shorts>(w);
    const Ints even = x & 0x00FF00FF;
    const Ints odd = (x >> 8) & 0x00FF00FF;
    sums += Madd::template pairs<kLanes>(even, reinterpret_cast<Ints>((weights << 8) >> 8));
    return sums + Madd::template pairs<kLanes>(odd, reinterpret_cast<Ints>(weights >> 8));
  }

  /// The upper halves of x are 0.
  template <int kLanes>
  static inline typename Integers<kLanes>::Ints mac(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    return sums + Madd::template pairs<kLanes>(x, w);
  }
};

/// For processors of which nothing is known.
struct OneByOne {
  static constexpr bool kSigned = false;
  static constexpr bool kFloats = false;

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints add(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    sums += (x & 0xFF) * ((w << 24) >> 24);
    sums += ((x >> 8) & 0xFF) * ((w << 16) >> 24);
    sums += ((x >> 16) & 0xFF) * ((w << 8) >> 24);
    return sums + ((x >> 24) & 0xFF) * (w >> 24);
  }

  template <int kLanes>
  static inline typename Integers<kLanes>::Ints mac(typename Integers<kLanes>::Ints sums,
                                                    typename Integers<kLanes>::Ints x,
                                                    typename Integers<kLanes>::Ints w) {
    return sums + x * w;
  }
};

/// Where the windows of a tile's pixels begin: addresses and no pointers, as in
/// gemm/tile_body.hpp.
template <int kRows>
struct ByteWindows {
  explicit ByteWindows(const Int8Tile& tile) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      begins[i] = reinterpret_cast<std::uintptr_t>(tile.input) +
                  static_cast<std::uintptr_t>(std::int64_t{tile.pixels[i].input});
    }
  }
  const std::uint8_t* at(int i, const Run& run) const {
    return reinterpret_cast<const std::uint8_t*>(
        begins[i] + static_cast<std::uintptr_t>(std::int64_t{run.input}));
  }

  std::uintptr_t begins[kRows];
};

/// x(i, k) is one value: a product of matrices.
struct DenseBytes {
  static constexpr int kWeightBytes = 4;  // a channel's, in a row of the panel

  template <class Dot, bool kFlip, int kLanes, int kCount, int kRows>
  static inline void quad(const std::int8_t* weights, const std::uint32_t (&values)[kRows],
                          typename Integers<kLanes>::Ints (&sums)[kRows][kCount]) {
    using Ints = typename Integers<kLanes>::Ints;
    Ints row[kCount];
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j)
      row[j] = Integers<kLanes>::template load<Ints>(weights + j * kLanes * 4);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      Ints x = static_cast<std::int32_t>(values[i]) - Ints{};
      if constexpr (kFlip) x ^= static_cast<std::int32_t>(0x80808080);
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j)
        sums[i][j] = Dot::template add<kLanes>(sums[i][j], x, row[j]);
    }
  }

  template <class Dot, bool kFlip, int kLanes, int kCount, int kRows>
  static inline void accumulate(const Int8Tile& tile,
                                typename Integers<kLanes>::Ints (&sums)[kRows][kCount]) {
    constexpr int kQuad = kCount * kLanes * 4;
    const ByteWindows<kRows> windows(tile);
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const std::int8_t* weights = tile.panel + static_cast<std::int64_t>(run.row) * kQuad;
      const std::uint8_t* inputs[kRows];
      std::uint32_t values[kRows];
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) inputs[i] = windows.at(i, run);
      const std::int64_t whole = run.length & ~3;
      for (std::int64_t k = 0; k < whole; k += 4, weights += kQuad) {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) __builtin_memcpy(&values[i], inputs[i] + k, 4);
        quad<Dot, kFlip, kLanes, kCount, kRows>(weights, values, sums);
      }
      if (whole == run.length) continue;
      if (run.length > 4) {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) __builtin_memcpy(&values[i], inputs[i] + run.length - 4, 4);
      } else {
        // Nothing is read but the run's own values.
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
          values[i] = inputs[i][0];
          if (run.length > 1) values[i] |= static_cast<std::uint32_t>(inputs[i][1]) << 8;
          if (run.length > 2) values[i] |= static_cast<std::uint32_t>(inputs[i][2]) << 16;
        }
      }
      quad<Dot, kFlip, kLanes, kCount, kRows>(weights, values, sums);
    }
  }
};

/// x(i, k) is a value of each channel: every run is one tap.
struct LaneBytes {
  static constexpr int kWeightBytes = 4;

  template <class Dot, bool kFlip, int kLanes, int kCount, int kRows>
  static inline void accumulate(const Int8Tile& tile,
                                typename Integers<kLanes>::Ints (&sums)[kRows][kCount]) {
    using I = Integers<kLanes>;
    using Ints = typename I::Ints;
    const ByteWindows<kRows> windows(tile);
    for (std::int32_t r = 0; r < tile.run_count; ++r) {
      const Run run = tile.runs[r];
      const std::int8_t* weights =
          tile.panel + static_cast<std::int64_t>(run.row) * (kCount * kLanes * 4);
      Ints row[kCount];
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) row[j] = I::template load<Ints>(weights + j * kLanes * 4);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const std::uint8_t* input = windows.at(i, run);
#pragma GCC unroll 16
        for (int j = 0; j < kCount; ++j) {
          typename I::Bytes bytes = I::template load<typename I::Bytes>(input + j * kLanes);
          if constexpr (kFlip) bytes ^= std::uint8_t{0x80};
          Ints x;
          if constexpr (Dot::kSigned) {
            x = __builtin_convertvector(reinterpret_cast<typename I::SignedBytes>(bytes), Ints);
          } else {
            x = widen<kLanes>(bytes);
          }
          sums[i][j] = Dot::template mac<kLanes>(sums[i][j], x, row[j]);
        }
      }
    }
  }
};

/// v of the contract, for one vector; `residual` may be null.
template <int kLanes>
inline typename Integers<kLanes>::Floats scale(const Int8Tile& tile,
                                               typename Integers<kLanes>::Ints sums,
                                               typename Integers<kLanes>::Floats multiplier,
                                               const std::uint8_t* residual) {
  using I = Integers<kLanes>;
  auto values = __builtin_convertvector(sums, typename I::Floats) * multiplier;
  if (residual != nullptr) {
    values += load_apart<kLanes>(residual, tile.residual_flip, tile.residual_zero) *
              tile.residual_multiplier;
  }
  return Vectors<kLanes>::clamp(values, tile.low, tile.high);
}

/// Sums that are floats already, with a residual of floats.
template <int kLanes>
inline void store_floats(const Int8Tile& tile, typename Integers<kLanes>::Ints sums,
                         const std::uint8_t* residual, void* output) {
  using Floats = typename Integers<kLanes>::Floats;
  auto values = reinterpret_cast<Floats>(sums);
  if (residual != nullptr) values += Integers<kLanes>::template load<Floats>(residual);
  values = Vectors<kLanes>::clamp(values, tile.low, tile.high);
  __builtin_memcpy(output, &values, sizeof values);
}

template <bool kFloats, int kLanes>
inline void store_vector(const Int8Tile& tile, typename Integers<kLanes>::Ints sums,
                         std::int32_t channel, const std::uint8_t* residual, void* output) {
  using I = Integers<kLanes>;
  if constexpr (kFloats) return store_floats<kLanes>(tile, sums, residual, output);
  if (tile.kind == Int8Output::int32) {
    __builtin_memcpy(output, &sums, sizeof sums);
    return;
  }
  const auto multiplier = I::template load<typename I::Floats>(tile.multiplier + channel);
  const auto values = scale<kLanes>(tile, sums, multiplier, residual);
  if (tile.kind == Int8Output::float32) {
    __builtin_memcpy(output, &values, sizeof values);
    return;
  }
  const auto bytes = round_to_bytes<kLanes>(values, tile.zero);
  __builtin_memcpy(output, &bytes, sizeof bytes);
}

/// Sums that are kept in memory: those of panels whose channels fill no vector, and those that are
/// not stored as bytes.
template <bool kFloats, int kLanes, int kCount>
inline void store_kept(const Int8Tile& tile, const std::int32_t* kept, int rows) {
  using I = Integers<kLanes>;
  constexpr std::int64_t kAdded = kFloats ? 4 : 1;  // bytes of a residual
  const std::int64_t size = tile.kind == Int8Output::bytes ? 1 : 4;
  for (int i = 0; i < rows; ++i, kept += kCount * kLanes) {
    const std::int64_t at = tile.pixels[i].output;
    auto* const output = static_cast<std::uint8_t*>(tile.output) + at * size;
    const std::uint8_t* const residual =
        tile.residual == nullptr ? nullptr : tile.residual + at * kAdded;
    for (std::int32_t c = 0; c < tile.width; c += kLanes) {
      const auto sums = I::template load<typename I::Ints>(kept + c);
      const std::int64_t left = tile.width - c;
      if (left >= kLanes) {
        store_vector<kFloats, kLanes>(tile, sums, c,
                                      residual == nullptr ? nullptr : residual + c * kAdded,
                                      output + c * size);
        continue;
      }
      if constexpr (kLanes > 1) {  // of one, nothing is ever left
        // Through buffers, so as not to touch what is behind.
        std::uint8_t added[kLanes * kAdded] = {};
        std::uint8_t buffer[kLanes * 4];
        if (residual != nullptr)
          __builtin_memcpy(added, residual + c * kAdded, static_cast<unsigned long>(left * kAdded));
        store_vector<kFloats, kLanes>(tile, sums, c, residual == nullptr ? nullptr : added, buffer);
        __builtin_memcpy(output + c * size, buffer, static_cast<unsigned long>(left * size));
      }
    }
  }
}

template <class Dot, bool kFlip, class Kind, int kLanes, int kCount, int kRows>
void compute_bytes(const Int8Tile& tile) noexcept {
  using I = Integers<kLanes>;
  using Ints = typename I::Ints;
  constexpr int kWidth = kCount * kLanes;
  Ints sums[kRows][kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) sums[i][j] = I::template load<Ints>(tile.start + j * kLanes);
  }
  Kind::template accumulate<Dot, kFlip, kLanes, kCount, kRows>(tile, sums);
  // What follows is read after the sums are done: the registers are all theirs until then.
  asm volatile("" : : : "memory");
  if constexpr (Dot::kFloats) {
    if (tile.width == kWidth) {
      const Int8Tile own = tile;
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const std::int64_t at = std::int64_t{own.pixels[i].output} * 4;
        auto* const output = static_cast<std::uint8_t*>(own.output) + at;
        const std::uint8_t* const residual = own.residual == nullptr ? nullptr : own.residual + at;
#pragma GCC unroll 16
        for (int j = 0; j < kCount; ++j)
          store_floats<kLanes>(own, sums[i][j],
                               residual == nullptr ? nullptr : residual + j * kLanes * 4,
                               output + j * kLanes * 4);
      }
      return;
    }
  } else if (tile.width == kWidth && tile.kind == Int8Output::bytes) {
    const Int8Tile own = tile;
    typename I::Floats multiplier[kCount];
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j)
      multiplier[j] = I::template load<typename I::Floats>(own.multiplier + j * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const std::int64_t at = own.pixels[i].output;
      auto* const output = static_cast<std::uint8_t*>(own.output) + at;
      const std::uint8_t* const residual = own.residual == nullptr ? nullptr : own.residual + at;
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) {
        const auto values = scale<kLanes>(own, sums[i][j], multiplier[j],
                                          residual == nullptr ? nullptr : residual + j * kLanes);
        const auto bytes = round_to_bytes<kLanes>(values, own.zero);
        __builtin_memcpy(output + j * kLanes, &bytes, sizeof bytes);
      }
    }
    return;
  }
  std::int32_t kept[kRows * kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j)
      __builtin_memcpy(kept + i * kWidth + j * kLanes, &sums[i][j], sizeof sums[i][j]);
  }
  store_kept<Dot::kFloats, kLanes, kCount>(tile, kept, kRows);
}

/// The kernels of 1 ... kRows pixels, built up from the first.
template <class Dot, bool kFlip, class Kind, int kLanes, int kCount, int kRows,
          Int8Kernel... kKernels>
struct Int8Tiles : Int8Tiles<Dot, kFlip, Kind, kLanes, kCount, kRows - 1,
                             &compute_bytes<Dot, kFlip, Kind, kLanes, kCount, kRows>, kKernels...> {
};
template <class Dot, bool kFlip, class Kind, int kLanes, int kCount, Int8Kernel... kKernels>
struct Int8Tiles<Dot, kFlip, Kind, kLanes, kCount, 0, kKernels...> {
  static constexpr Int8Kernel kAll[] = {kKernels..., nullptr};
  static constexpr Int8Column kColumn = {kAll, sizeof...(kKernels)};
};

/// How many pixels the largest tile of 1, 2, 3 and 4 vectors has; 0 where there is no kernel.
struct Int8Rows {
  int of_one, of_two, of_three, of_four;
};

template <class Dot, bool kFlip, class Kind, int kLanes, Int8Rows kRows>
constexpr Int8Level int8_level() {
  return {kLanes,
          {Int8Tiles<Dot, kFlip, Kind, kLanes, 1, kRows.of_one>::kColumn,
           Int8Tiles<Dot, kFlip, Kind, kLanes, 2, kRows.of_two>::kColumn,
           Int8Tiles<Dot, kFlip, Kind, kLanes, 3, kRows.of_three>::kColumn,
           Int8Tiles<Dot, kFlip, Kind, kLanes, 4, kRows.of_four>::kColumn}};
}

/// Tiles of kRows for products of matrices, of kLaneRows channel by channel.
template <class Dot, bool kFlip, int kLanes, Int8Rows kRows, Int8Rows kLaneRows>
constexpr Int8Levels int8_levels() {
  Int8Levels levels{.dense = int8_level<Dot, kFlip, DenseBytes, kLanes, kRows>(), .depthwise = {}};
  levels.depthwise[0] = int8_level<Dot, kFlip, LaneBytes, kLanes, kLaneRows>();
  if constexpr (kLanes > 4) {
    levels.depthwise[1] = int8_level<Dot, kFlip, LaneBytes, 4, Int8Rows{8, 0, 0, 0}>();
    levels.depthwise[2] = int8_level<OneByOne, kFlip, LaneBytes, 1, Int8Rows{8, 5, 4, 0}>();
  } else {
    levels.depthwise[1] = int8_level<OneByOne, kFlip, LaneBytes, 1, Int8Rows{8, 5, 4, 0}>();
  }
  return levels;
}

template <class Dot, int kLanes, Int8Rows kRows, Int8Rows kLaneRows>
constexpr Int8Set int8_set() {
  return {Dot::kSigned, int8_levels<Dot, false, kLanes, kRows, kLaneRows>(),
          int8_levels<Dot, true, kLanes, kRows, kLaneRows>()};
}

}  // namespace

}  // namespace dnnaccel::kernels
