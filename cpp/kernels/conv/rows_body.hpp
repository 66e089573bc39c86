#pragma once

#include "kernels/conv/rows.hpp"
#include "kernels/vector_parts.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/conv/rows.hpp: one body for every instruction set.
namespace dnnaccel::kernels {

namespace {

template <int kLanes, int kTaps, int kStride, int kPixels, bool kPart>
struct RowPiece {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  static constexpr int kSpan = (kPixels - 1) * kStride + kTaps;

  static inline Floats load(const float* from, int width) {
    if constexpr (kPart) return load_part<kLanes>(from, width);
    return V::load(from);
  }

  /// The column's share of every sum that it has one in. The compiler unrolls the loop and knows
  /// what is in it: sums and weights stay in registers.
  template <int kColumn>
  [[gnu::always_inline]] static inline void add_column(const Floats& values,
                                                       const Floats (&weights)[kTaps],
                                                       Floats (&sums)[kPixels]) {
#pragma GCC unroll 16
    for (int s = 0; s < kTaps; ++s) {
      const int pixel = (kColumn - s) / kStride;
      if (s > kColumn || (kColumn - s) % kStride != 0 || pixel >= kPixels) continue;
      sums[pixel] += weights[s] * values;
    }
  }

  template <int kColumn = 0>
  [[gnu::always_inline]] static inline void add_columns(const RowArgs& t, const float* input,
                                                        const Floats (&weights)[kTaps],
                                                        Floats (&sums)[kPixels]) {
    if constexpr (kColumn < kSpan) {
      // Fewer columns than the kernel has can be padding on either side.
      const bool padding = (kColumn < kTaps - 1 && kColumn < t.first_column) ||
                           (kColumn > kSpan - kTaps && kColumn >= t.end_column);
      if (!padding)
        add_column<kColumn>(load(input + kColumn * t.column_step, t.width), weights, sums);
      add_columns<kColumn + 1>(t, input, weights, sums);
    }
  }

  static inline void compute_vector(const RowArgs& t, std::int64_t channel, const float* panel,
                                    const float* bias) {
    Floats sums[kPixels];
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) sums[i] = V::load(bias);
    std::int64_t offset = t.offset + channel;
    for (std::int32_t r = 0; r < t.rows; ++r, offset += t.row_step) {
      Floats weights[kTaps];
#pragma GCC unroll 16
      for (int s = 0; s < kTaps; ++s, panel += kLanes) weights[s] = V::load(panel);
      add_columns(t, t.input + offset, weights, sums);
    }
    const float* residual = t.residual == nullptr ? nullptr : t.residual + channel;
    float* output = t.output + channel;
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i, output += t.out_step) {
      Floats value = sums[i];
      if (residual != nullptr) {
        value += load(residual, t.width);
        residual += t.out_step;
      }
      value = V::clamp(value, t.low, t.high);
      if constexpr (kPart) {
        store_part<kLanes>(output, value, t.width);
      } else {
        V::store(output, value);
      }
    }
  }

  static void compute(const RowArgs& args) noexcept {
    const RowArgs t = args;  // which no store can be to
    const float* panel = t.panel;
    const float* bias = t.bias;
    for (std::int32_t v = 0; v < t.vectors; ++v, panel += t.panel_step, bias += t.panel_step)
      compute_vector(t, std::int64_t{v} * kLanes, panel, bias);
  }
};

/// The kernels of 1 ... kPixels pixels, built up from the first.
template <int kLanes, int kTaps, int kStride, bool kPart, int kPixels, RowKernel... kKernels>
struct RowPieces
    : RowPieces<kLanes, kTaps, kStride, kPart, kPixels - 1,
                &RowPiece<kLanes, kTaps, kStride, kPixels, kPart>::compute, kKernels...> {};
template <int kLanes, int kTaps, int kStride, bool kPart, RowKernel... kKernels>
struct RowPieces<kLanes, kTaps, kStride, kPart, 0, kKernels...> {
  static constexpr RowKernel kAll[] = {kKernels...};
};

template <int kLanes, int kTaps, int kStride, int kPixels>
constexpr RowColumn row_column() {
  return {RowPieces<kLanes, kTaps, kStride, false, kPixels>::kAll,
          RowPieces<kLanes, kTaps, kStride, true, kPixels>::kAll};
}

template <int kLanes, int kPixels>
constexpr RowKernels row_kernels() {
  return {kLanes,
          kPixels,
          {{row_column<kLanes, 3, 1, kPixels>(), row_column<kLanes, 3, 2, kPixels>()},
           {row_column<kLanes, 5, 1, kPixels>(), row_column<kLanes, 5, 2, kPixels>()},
           {row_column<kLanes, 7, 1, kPixels>(), row_column<kLanes, 7, 2, kPixels>()}}};
}

}  // namespace

}  // namespace dnnaccel::kernels
