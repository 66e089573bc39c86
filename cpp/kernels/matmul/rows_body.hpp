#pragma once

#include "kernels/lane_moves.hpp"
#include "kernels/matmul/rows.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/matmul/rows.hpp: one body for every instruction set. A file that includes
// it is compiled for one instruction set and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

template <int kLanes>
void pack_rows(const PackArgs& args) noexcept {
  using V = Vectors<kLanes>;
  const std::int32_t whole = args.width / kLanes * kLanes;
  const float* from = args.from;
  float* to = args.panel;
  for (std::int64_t k = 0; k < args.depth; ++k, from += args.pitch, to += args.row_length) {
    for (std::int32_t c = 0; c < whole; c += kLanes)
      V::store(to + c, V::load(from + c) * args.factor);
    if (whole < args.row_length)
      V::store(to + whole, load_part<kLanes>(from + whole, args.width - whole) * args.factor);
  }
}

template <int kLanes, int kStep>
inline void transpose(typename Vectors<kLanes>::Floats (&rows)[kLanes]) {
  if constexpr (kStep > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & kStep) != 0) continue;
      const auto a = rows[i];
      const auto b = rows[i + kStep];
      rows[i] = LaneMoves<kLanes>::template firsts<kStep>(a, b);
      rows[i + kStep] = LaneMoves<kLanes>::template seconds<kStep>(a, b);
    }
    transpose<kLanes, kStep / 2>(rows);
  }
}

template <int kLanes>
void pack_columns(const PackArgs& args) noexcept {
  using V = Vectors<kLanes>;
  for (std::int32_t c = 0; c < args.row_length; c += kLanes) {
    const std::int64_t columns = args.width - c;  // may be more than a vector, or none
    const float* const from = args.from + c * args.pitch;
    float* to = args.panel + c;
    for (std::int64_t k = 0; k < args.depth; k += kLanes, to += kLanes * args.row_length) {
      typename V::Floats rows[kLanes];
      if (columns >= kLanes && args.depth - k >= kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) rows[i] = V::load(from + i * args.pitch + k) * args.factor;
        transpose<kLanes, kLanes / 2>(rows);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) V::store(to + i * args.row_length, rows[i]);
        continue;
      }
      const std::int64_t depth = args.depth - k < kLanes ? args.depth - k : kLanes;
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const float* const at = from + i * args.pitch + k;
        rows[i] = typename V::Floats{};
        if (i < columns)
          rows[i] = (depth == kLanes ? V::load(at) : load_part<kLanes>(at, depth)) * args.factor;
      }
      transpose<kLanes, kLanes / 2>(rows);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        if (i < depth) V::store(to + i * args.row_length, rows[i]);
      }
    }
  }
}

template <int kLanes>
void dots(const DotArgs& args) noexcept {
  using V = Vectors<kLanes>;
  const std::int64_t whole = args.depth / kLanes * kLanes;
  const std::int64_t rest = args.depth - whole;
  for (std::int64_t i = 0; i < args.count; i += kLanes) {
    const std::int64_t left = args.count - i;
    const float* rows[kLanes];  // the last one again where there are too few
#pragma GCC unroll 16
    for (int j = 0; j < kLanes; ++j)
      rows[j] = args.rows + (i + (j < left ? j : left - 1)) * args.pitch;
    typename V::Floats sums[kLanes] = {};
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      const typename V::Floats x = V::load(args.x + k);
#pragma GCC unroll 16
      for (int j = 0; j < kLanes; ++j) sums[j] += x * V::load(rows[j] + k);
    }
    if (rest != 0) {
      const typename V::Floats x = load_part<kLanes>(args.x + whole, rest);
#pragma GCC unroll 16
      for (int j = 0; j < kLanes; ++j) sums[j] += x * load_part<kLanes>(rows[j] + whole, rest);
    }
    const typename V::Floats result = LaneMoves<kLanes>::add_lanes(sums) * args.factor;
    if (left >= kLanes)
      V::store(args.out + i, result);
    else
      store_part<kLanes>(args.out + i, result, left);
  }
}

/// kCount vectors of the columns.
template <int kLanes, int kCount>
inline void combine_vectors(const CombineArgs& args, std::int64_t column) {
  using V = Vectors<kLanes>;
  typename V::Floats sums[kCount] = {};
  if (args.add) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) sums[j] = V::load(args.out + column + j * kLanes);
  }
  const float* row = args.rows + column;
  for (std::int64_t i = 0; i < args.count; ++i, row += args.pitch) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) sums[j] += V::load(row + j * kLanes) * args.weights[i];
  }
#pragma GCC unroll 16
  for (int j = 0; j < kCount; ++j) V::store(args.out + column + j * kLanes, sums[j] * args.factor);
}

template <int kLanes>
void combine(const CombineArgs& args) noexcept {
  using V = Vectors<kLanes>;
  constexpr int kMany = 8;
  constexpr int kFew = 4;
  std::int64_t column = 0;
  for (; args.width - column >= kMany * kLanes; column += kMany * kLanes)
    combine_vectors<kLanes, kMany>(args, column);
  for (; args.width - column >= kFew * kLanes; column += kFew * kLanes)
    combine_vectors<kLanes, kFew>(args, column);
  for (; args.width - column >= kLanes; column += kLanes) combine_vectors<kLanes, 1>(args, column);
  const std::int64_t rest = args.width - column;
  if (rest == 0) return;
  typename V::Floats sum{};
  if (args.add) sum = load_part<kLanes>(args.out + column, rest);
  for (std::int64_t i = 0; i < args.count; ++i)
    sum += load_part<kLanes>(args.rows + i * args.pitch + column, rest) * args.weights[i];
  store_part<kLanes>(args.out + column, sum * args.factor, rest);
}

template <int kLanes>
constexpr MatmulKernels matmul_kernels() {
  return {.pack_rows = &pack_rows<kLanes>,
          .pack_columns = &pack_columns<kLanes>,
          .dots = &dots<kLanes>,
          .combine = &combine<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
