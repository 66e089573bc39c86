#pragma once

#include "kernels/normalization/kernels.hpp"
#include "kernels/normalization/lrn_body.hpp"
#include "kernels/normalization/reduce.hpp"
#include "kernels/vector_parts.hpp"

// The kernels of normalization/kernels.hpp: one body for every instruction set. A file that
// includes it is compiled for one and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

/// Vectors that are summed side by side, so that one addition need not wait for another.
constexpr int kChains = 4;

/// Give body(at, count, chain) the vectors of a row: `count` is kLanes but for the last.
template <int kLanes, class Body>
inline void for_vectors(std::int64_t width, const Body& body) {
  std::int64_t at = 0;
  for (; at + kChains * kLanes <= width; at += kChains * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < kChains; ++j) body(at + j * kLanes, j, false);
  }
  for (; at + kLanes <= width; at += kLanes) body(at, 0, false);
  if (at < width) body(at, 0, true);
}

/// One row: of x + residual, written to the output first, if there is a residual.
template <int kLanes>
inline void normalize_row(const LayerNormArgs& args, const float* input, const float* residual,
                          float* output) {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  const std::int64_t width = args.width;
  const std::int64_t rest = width % kLanes;
  Floats sums[kChains] = {};
  const auto load = [rest](const float* from, bool part) {
    return part ? load_part<kLanes>(from, rest) : V::load(from);
  };
  const auto store = [rest](float* to, Floats values, bool part) {
    part ? store_part<kLanes>(to, values, rest) : V::store(to, values);
  };
  for_vectors<kLanes>(width, [&](std::int64_t at, int chain, bool part) {
    Floats values = load(input + at, part);
    if (residual != nullptr) {
      values += load(residual + at, part);
      store(output + at, values, part);
    }
    sums[chain] += values;
  });
  const float count = static_cast<float>(width);
  const float mean = sum_of<kLanes>((sums[0] + sums[1]) + (sums[2] + sums[3])) / count;
  const float* const from = residual != nullptr ? output : input;
  Floats squares[kChains] = {};
  for_vectors<kLanes>(width, [&](std::int64_t at, int chain, bool part) {
    // What is behind the end of the row counts as the mean.
    const Floats values =
        (part ? load_part<kLanes>(from + at, rest, mean) : V::load(from + at)) - mean;
    squares[chain] += values * values;
  });
  const float variance =
      sum_of<kLanes>((squares[0] + squares[1]) + (squares[2] + squares[3])) / count;
  const float inverse = 1.0F / __builtin_sqrtf(variance + args.epsilon);
  for_vectors<kLanes>(width, [&](std::int64_t at, int, bool part) {
    const Floats values = (load(from + at, part) - mean) * inverse;
    store(output + at, values * load(args.scale + at, part) + load(args.shift + at, part), part);
  });
}

template <int kLanes>
void layer_norm(const LayerNormArgs& args) noexcept {
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const std::int64_t at = row * args.width;
    normalize_row<kLanes>(args, args.input + at,
                          args.residual == nullptr ? nullptr : args.residual + at,
                          args.output + at);
  }
}

/// Rows that are worked on together: the lanes of one are summed while the next is read.
constexpr std::int64_t kRows = 4;

template <int kLanes>
inline float largest_of_row(const float* input, std::int64_t width) {
  using V = Vectors<kLanes>;
  constexpr float kLeast = -__builtin_inff();
  const auto least = kLeast - typename V::Floats{};
  typename V::Floats most[kChains] = {least, least, least, least};
  for_vectors<kLanes>(width, [&](std::int64_t at, int chain, bool part) {
    const auto values =
        part ? load_part<kLanes>(input + at, width % kLanes, kLeast) : V::load(input + at);
    most[chain] = values > most[chain] ? values : most[chain];
  });
  for (int j = 1; j < kChains; ++j) most[0] = most[j] > most[0] ? most[j] : most[0];
  return largest_of<kLanes>(most[0]);
}

/// Write exp(x - largest), and return their sum.
template <int kLanes>
inline float exponentials_of_row(const float* input, float* output, std::int64_t width,
                                 float largest) {
  using V = Vectors<kLanes>;
  typename V::Floats sums[kChains] = {};
  for_vectors<kLanes>(width, [&](std::int64_t at, int chain, bool part) {
    // What is behind the end of the row counts as minus infinity, the exponential of which is 0.
    const auto x = part ? load_part<kLanes>(input + at, width % kLanes, -__builtin_inff())
                        : V::load(input + at);
    const auto values = VectorMath<kLanes>::exp_negative(x - largest);
    sums[chain] += values;
    part ? store_part<kLanes>(output + at, values, width % kLanes) : V::store(output + at, values);
  });
  return sum_of<kLanes>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// exp(x - largest) / sum. The largest may miss a NaN: the sum does not.
template <int kLanes>
void softmax_rows(const SoftmaxArgs& args) noexcept {
  using V = Vectors<kLanes>;
  const std::int64_t width = args.axis;
  for (std::int64_t first = 0; first < args.count; first += kRows) {
    const std::int64_t rows = args.count - first < kRows ? args.count - first : kRows;
    const float* const input = args.input + first * width;
    float* const output = args.output + first * width;
    float scales[kRows];
    for (std::int64_t row = 0; row < rows; ++row)
      scales[row] = largest_of_row<kLanes>(input + row * width, width);
    for (std::int64_t row = 0; row < rows; ++row)
      scales[row] = 1.0F / exponentials_of_row<kLanes>(input + row * width, output + row * width,
                                                       width, scales[row]);
    for (std::int64_t row = 0; row < rows; ++row) {
      float* const to = output + row * width;
      for_vectors<kLanes>(width, [&](std::int64_t at, int, bool part) {
        if (part)
          store_part<kLanes>(to + at, load_part<kLanes>(to + at, width % kLanes) * scales[row],
                             width % kLanes);
        else
          V::store(to + at, V::load(to + at) * scales[row]);
      });
    }
  }
}

template <int kLanes, bool kPart>
inline void softmax_column(const SoftmaxArgs& args, std::int64_t at, std::int64_t count) {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  const auto load = [count](const float* from) {
    return kPart ? load_part<kLanes>(from, count) : V::load(from);
  };
  const auto store = [count](float* to, Floats values) {
    kPart ? store_part<kLanes>(to, values, count) : V::store(to, values);
  };
  const float* const input = args.input + at;
  float* const output = args.output + at;
  Floats most = load(input);
  for (std::int64_t i = 1; i < args.axis; ++i) {
    const Floats values = load(input + i * args.inner);
    most = values > most ? values : most;
  }
  Floats sum = {};
  for (std::int64_t i = 0; i < args.axis; ++i) {
    const Floats values = VectorMath<kLanes>::exp_negative(load(input + i * args.inner) - most);
    sum += values;
    store(output + i * args.inner, values);
  }
  const Floats inverse = 1.0F / sum;
  for (std::int64_t i = 0; i < args.axis; ++i)
    store(output + i * args.inner, load(output + i * args.inner) * inverse);
}

template <int kLanes>
void softmax_columns(const SoftmaxArgs& args) noexcept {
  for (std::int64_t block = 0; block < args.count; ++block) {
    const std::int64_t from = block * args.axis * args.inner;
    std::int64_t c = 0;
    for (; c + kLanes <= args.inner; c += kLanes)
      softmax_column<kLanes, false>(args, from + c, kLanes);
    if (c < args.inner) softmax_column<kLanes, true>(args, from + c, args.inner - c);
  }
}

template <int kLanes>
constexpr NormalizationKernels normalization_kernels() {
  return {.layer_norm = layer_norm<kLanes>,
          .softmax_rows = softmax_rows<kLanes>,
          .softmax_columns = softmax_columns<kLanes>,
          .lrn = lrn<kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
