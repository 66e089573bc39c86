#pragma once

#include "kernels/gemm/gemv.hpp"
#include "kernels/gemm/products.hpp"
#include "kernels/vectors.hpp"

// The kernels of kernels/gemm/gemv.hpp: one body for every instruction set. A file that includes it
// calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// What is done with one vector of sums, of which `count` are outputs.
template <int kLanes>
inline void store_outputs(const GemvArgs& args, typename Vectors<kLanes>::Floats sums,
                          std::int64_t at, std::int32_t count) {
  using V = Vectors<kLanes>;
  if (count >= kLanes) {
    if (args.residual != nullptr) sums += V::load(args.residual + at);
    V::store(args.output + at, V::clamp(sums, args.low, args.high));
    return;
  }
  float buffer[kLanes] = {};
  const auto bytes = static_cast<unsigned long>(count) * sizeof(float);
  if (args.residual != nullptr) __builtin_memcpy(buffer, args.residual + at, bytes);
  if (args.residual != nullptr) sums += V::load(buffer);
  V::store(buffer, V::clamp(sums, args.low, args.high));
  __builtin_memcpy(args.output + at, buffer, bytes);
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
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kCount; ++j) {
      store_outputs<kLanes>(args, sums[i][j], i * args.output_step + j * kLanes,
                            args.width - j * kLanes);
    }
  }
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
