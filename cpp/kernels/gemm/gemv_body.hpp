#pragma once

#include "kernels/gemm/gemv.hpp"
#include "kernels/gemm/products.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/gemm/gemv.hpp: one body for every instruction set. A file that includes it
// calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// Outputs from their sums, [rows][vectors][lanes]. One function for all kernels: were it part of
/// them, the compiler would keep some of the sums in memory for its sake.
template <int kLanes>
[[gnu::noinline]] void store_outputs(const GemvArgs& args, const float* sums, int rows,
                                     int vectors) {
  using V = Vectors<kLanes>;
  for (int row = 0; row < rows; ++row) {
    std::int64_t at = row * args.output_step;
    std::int32_t left = args.width;
    for (int v = 0; v < vectors; ++v, sums += kLanes, at += kLanes, left -= kLanes) {
      typename V::Floats values = V::load(sums);
      if (left >= kLanes) {
        if (args.residual != nullptr) values += V::load(args.residual + at);
        V::store(args.output + at, V::clamp(values, args.low, args.high));
        continue;
      }
      // The last panel's outputs need not fill its vectors.
      float buffer[kLanes] = {};
      const auto bytes = static_cast<unsigned long>(left) * sizeof(float);
      if (args.residual != nullptr) {
        __builtin_memcpy(buffer, args.residual + at, bytes);
        values += V::load(buffer);
      }
      V::store(buffer, V::clamp(values, args.low, args.high));
      __builtin_memcpy(args.output + at, buffer, bytes);
    }
  }
}

template <int kLanes, int kRows, int kCount>
void compute_gemv(const GemvArgs& args) noexcept {
  using V = Vectors<kLanes>;
  typename V::Floats sums[kRows][kCount];
  const float* inputs[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    inputs[i] = args.input + i * args.input_step;
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) sums[i][j] = V::load(args.bias + j * kLanes);
  }
  add_products<kLanes, kCount, kRows>(args.weights, inputs, args.depth, sums);
  float kept[kRows * kCount * kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) V::store(kept + (i * kCount + j) * kLanes, sums[i][j]);
  }
  store_outputs<kLanes>(args, kept, kRows, kCount);
}

/// The kernels of 1 ... kCount vectors, built up from the last.
template <int kLanes, int kRows, int kCount, Gemv... kKernels>
struct GemvList
    : GemvList<kLanes, kRows, kCount - 1, &compute_gemv<kLanes, kRows, kCount>, kKernels...> {};
template <int kLanes, int kRows, Gemv... kKernels>
struct GemvList<kLanes, kRows, 0, kKernels...> {
  static constexpr Gemv kAll[] = {kKernels...};
  static constexpr GemvRow kRow = {kAll, sizeof...(kKernels)};
};

/// How wide the widest panel is for 1, 2, 3 and 4 rows.
template <int kLanes, int kOne, int kTwo, int kThree, int kFour>
constexpr GemvKernels gemv_kernels() {
  return {kLanes,
          {GemvList<kLanes, 1, kOne>::kRow, GemvList<kLanes, 2, kTwo>::kRow,
           GemvList<kLanes, 3, kThree>::kRow, GemvList<kLanes, 4, kFour>::kRow}};
}

}  // namespace

}  // namespace dnnaccel::kernels
