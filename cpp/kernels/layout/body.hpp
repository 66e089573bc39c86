#pragma once

#include "kernels/layout/kernels.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of layout/kernels.hpp: one body for every instruction set. A file that includes it is
// compiled for one and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// A step of a transposition: what is `kStep` lanes off the diagonal changes places.
template <int kLanes, int kStep>
struct FirstOfPair {
  static constexpr int at(int lane) { return (lane & kStep) == 0 ? lane : kLanes + lane - kStep; }
};
template <int kLanes, int kStep>
struct SecondOfPair {
  static constexpr int at(int lane) { return (lane & kStep) == 0 ? lane + kStep : kLanes + lane; }
};

template <int kLanes, int kStep>
inline void transpose_step(typename Vectors<kLanes>::Floats (&rows)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) != 0) continue;
    const auto a = rows[i];
    const auto b = rows[i + kStep];
    rows[i] = Sequence<kLanes>::template exchange<FirstOfPair<kLanes, kStep>>(a, b);
    rows[i + kStep] = Sequence<kLanes>::template exchange<SecondOfPair<kLanes, kStep>>(a, b);
  }
  if constexpr (kStep > 1) transpose_step<kLanes, kStep / 2>(rows);
}

template <int kLanes>
inline void transpose_square(const float* from, std::int64_t from_step, float* to,
                             std::int64_t to_step) {
  using V = Vectors<kLanes>;
  typename V::Floats rows[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = V::load(from + i * from_step);
  transpose_step<kLanes, kLanes / 2>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) V::store(to + i * to_step, rows[i]);
}

inline void transpose_values(const MoveArgs& args) {
  for (std::int64_t c = 0; c < args.columns; ++c) {
    for (std::int64_t r = 0; r < args.rows; ++r)
      args.to[c * args.to_step + r] = args.from[r * args.from_step + c];
  }
}

/// Value `lane` of vector kVector of kCount rows dealt out (value by value, row after row) is of
/// row `row(lane)`. The sources so far are in the first vector, row kRow is the second.
template <int kLanes, int kCount, int kVector, int kRow>
struct Dealt {
  static constexpr int at(int lane) {
    const int value = kVector * kLanes + lane;
    const int row = value % kCount;
    const int column = value / kCount;
    if (kRow == 1 && row == 0) return column;
    return row == kRow ? kLanes + column : lane;
  }
};

/// Value `lane` of row kRow of what was dealt out to kCount is in vector `at / kLanes`.
template <int kLanes, int kCount, int kRow, int kVector>
struct Gathered {
  static constexpr int at(int lane) {
    const int value = lane * kCount + kRow;
    if (kVector == 1 && value < kLanes) return value;
    return value / kLanes == kVector ? kLanes + value % kLanes : lane;
  }
};

/// Output kOutput, made of kCount vectors one by one.
template <template <int, int, int, int> class Pattern, int kLanes, int kCount, int kOutput,
          int kNext = 1>
inline auto combine(const typename Vectors<kLanes>::Floats (&sources)[kCount],
                    typename Vectors<kLanes>::Floats made) {
  if constexpr (kNext == kCount) {
    return made;
  } else {
    made = Sequence<kLanes>::template exchange<Pattern<kLanes, kCount, kOutput, kNext>>(
        made, sources[kNext]);
    return combine<Pattern, kLanes, kCount, kOutput, kNext + 1>(sources, made);
  }
}

template <template <int, int, int, int> class Pattern, int kLanes, int kCount, int kOutput = 0>
inline void store_combined(const typename Vectors<kLanes>::Floats (&sources)[kCount], float* to,
                           std::int64_t step) {
  if constexpr (kOutput < kCount) {
    Vectors<kLanes>::store(to + kOutput * step,
                           combine<Pattern, kLanes, kCount, kOutput>(sources, sources[0]));
    store_combined<Pattern, kLanes, kCount, kOutput + 1>(sources, to, step);
  }
}

/// kCount rows to one: their first values, then their second, and so on; or one to kCount.
template <template <int, int, int, int> class Pattern, int kLanes, int kCount>
inline void deal_at(const MoveArgs& args, bool apart, std::int64_t at) {
  using V = Vectors<kLanes>;
  const float* const from = args.from + (apart ? at : at * kCount);
  const std::int64_t from_step = apart ? args.from_step : kLanes;
  typename V::Floats sources[kCount];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) sources[i] = V::load(from + i * from_step);
  store_combined<Pattern, kLanes, kCount>(sources, args.to + (apart ? at * kCount : at),
                                          apart ? kLanes : args.to_step);
}

/// `apart`: the sources are rows; else the outputs are.
template <template <int, int, int, int> class Pattern, int kLanes, int kCount>
inline void deal(const MoveArgs& args, bool apart) {
  const std::int64_t count = apart ? args.columns : args.rows;
  if (count < kLanes) {
    if constexpr (kLanes > 4) return deal<Pattern, kLanes / 2, kCount>(args, apart);
    return transpose_values(args);
  }
  std::int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes) deal_at<Pattern, kLanes, kCount>(args, apart, at);
  // The last vector again from where it is whole: what it writes twice is the same.
  if (at < count) deal_at<Pattern, kLanes, kCount>(args, apart, count - kLanes);
}

template <template <int, int, int, int> class Pattern, int kLanes>
inline bool deal_few(const MoveArgs& args, bool apart, std::int64_t count) {
  switch (count) {
    case 2:
      deal<Pattern, kLanes, 2>(args, apart);
      return true;
    case 3:
      deal<Pattern, kLanes, 3>(args, apart);
      return true;
    case 4:
      deal<Pattern, kLanes, 4>(args, apart);
      return true;
    case 8:
      deal<Pattern, kLanes, 8>(args, apart);
      return true;
    default:
      return false;
  }
}

template <int kLanes>
void transpose(const MoveArgs& args) noexcept {
  if (args.to_step == args.rows && deal_few<Dealt, kLanes>(args, /*apart=*/true, args.rows)) return;
  if (args.from_step == args.columns &&
      deal_few<Gathered, kLanes>(args, /*apart=*/false, args.columns))
    return;
  if (args.rows < kLanes || args.columns < kLanes) return transpose_values(args);
  // The last squares begin where they are whole: what they write twice is the same.
  for (std::int64_t r = 0; r < args.rows; r += kLanes) {
    const std::int64_t row = r + kLanes <= args.rows ? r : args.rows - kLanes;
    for (std::int64_t c = 0; c < args.columns; c += kLanes) {
      const std::int64_t column = c + kLanes <= args.columns ? c : args.columns - kLanes;
      transpose_square<kLanes>(args.from + row * args.from_step + column, args.from_step,
                               args.to + column * args.to_step + row, args.to_step);
    }
  }
}

template <int kLanes>
void copy(const MoveArgs& args) noexcept {
  using V = Vectors<kLanes>;
  constexpr int kUnroll = 4;
  const std::int64_t width = args.columns;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const float* const from = args.from + row * args.from_step;
    float* const to = args.to + row * args.to_step;
    std::int64_t c = 0;
    for (; c + kUnroll * kLanes <= width; c += kUnroll * kLanes) {
      typename V::Floats values[kUnroll];
#pragma GCC unroll 4
      for (int j = 0; j < kUnroll; ++j) values[j] = V::load(from + c + j * kLanes);
#pragma GCC unroll 4
      for (int j = 0; j < kUnroll; ++j) V::store(to + c + j * kLanes, values[j]);
    }
    for (; c + kLanes <= width; c += kLanes) V::store(to + c, V::load(from + c));
    if (c < width) store_part<kLanes>(to + c, load_part<kLanes>(from + c, width - c), width - c);
  }
}

template <int kLanes>
constexpr LayoutKernels layout_kernels() {
  return {.copy = copy<kLanes>, .transpose = transpose<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
