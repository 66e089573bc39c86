#pragma once

#include "kernels/int8/integers.hpp"
#include "kernels/int8/values.hpp"

// The kernels of kernels/int8/values.hpp: one body for every instruction set. A file that includes
// it is compiled for one and calls nothing of the standard library.
namespace dnnaccel::kernels {

namespace {

template <int kLanes>
inline typename Integers<kLanes>::Floats combine_at(const Int8Combine& job, std::int64_t at) {
  const Int8Operand& first = job.operands[0];
  auto sum = load_apart<kLanes>(first.values + at, first.flip, first.zero) * first.multiplier;
  for (int i = 1; i < job.count; ++i) {
    const Int8Operand& other = job.operands[i];
    sum += load_apart<kLanes>(other.values + at, other.flip, other.zero) * other.multiplier;
  }
  return Vectors<kLanes>::clamp(sum, job.low, job.high);
}

template <int kLanes>
inline std::int64_t combine_from(const Int8Combine& job, std::int64_t at) {
  for (; at + kLanes <= job.length; at += kLanes) {
    const auto values = combine_at<kLanes>(job, at);
    if (job.floats) {
      __builtin_memcpy(static_cast<float*>(job.output) + at, &values, sizeof values);
    } else {
      const auto bytes = round_to_bytes<kLanes>(values, job.zero);
      __builtin_memcpy(static_cast<std::uint8_t*>(job.output) + at, &bytes, sizeof bytes);
    }
  }
  return at;
}

template <int kLanes>
void combine(const Int8Combine& job) noexcept {
  combine_from<1>(job, combine_from<kLanes>(job, 0));
}

template <int kLanes>
inline std::int64_t quantize_from(const Int8Quantize& job, std::int64_t at) {
  using V = Vectors<kLanes>;
  for (; at + kLanes <= job.length; at += kLanes) {
    auto values = V::load(job.input + at) * job.factor;
    values = values == values ? values : typename V::Floats{};
    const auto bytes = round_to_bytes<kLanes>(V::clamp(values, job.low, job.high), job.zero);
    __builtin_memcpy(job.output + at, &bytes, sizeof bytes);
  }
  return at;
}

template <int kLanes>
void quantize(const Int8Quantize& job) noexcept {
  quantize_from<1>(job, quantize_from<kLanes>(job, 0));
}

/// One window.
struct Int8Window {
  const std::uint8_t* input;  // its first pixel
  std::uint8_t* output;
  std::int64_t rows;
  std::int64_t columns;
  float factor;
};

struct LargestByte {
  template <int kLanes>
  static inline void pool(const Int8PoolRow& row, const Int8Window& window, std::int64_t channel) {
    using Bytes [[gnu::vector_size(kLanes)]] = std::uint8_t;
    Bytes most{};
    const std::uint8_t* line = window.input + channel;
    for (std::int64_t r = 0; r < window.rows; ++r, line += row.row_step) {
      const std::uint8_t* pixel = line;
      for (std::int64_t s = 0; s < window.columns; ++s, pixel += row.x_pitch) {
        Bytes values;
        __builtin_memcpy(&values, pixel, sizeof values);
        values ^= row.flip;
        most = values > most ? values : most;
      }
    }
    most ^= row.flip;
    __builtin_memcpy(window.output + channel, &most, sizeof most);
  }
};

struct MeanOfBytes {
  template <int kLanes>
  static inline void pool(const Int8PoolRow& row, const Int8Window& window, std::int64_t channel) {
    using I = Integers<kLanes>;
    using Ints = typename I::Ints;
    const auto seen = static_cast<std::int32_t>(window.rows * window.columns);
    Ints sum = -row.zero * seen - Ints{};
    const std::uint8_t* line = window.input + channel;
    for (std::int64_t r = 0; r < window.rows; ++r, line += row.row_step) {
      const std::uint8_t* pixel = line;
      for (std::int64_t s = 0; s < window.columns; ++s, pixel += row.x_pitch) {
        typename I::Bytes bytes = I::template load<typename I::Bytes>(pixel);
        bytes ^= row.flip;
        sum += widen<kLanes>(bytes);
      }
    }
    const auto values = __builtin_convertvector(sum, typename I::Floats) * window.factor;
    const auto bytes =
        round_to_bytes<kLanes>(Vectors<kLanes>::clamp(values, row.low, row.high), row.added);
    __builtin_memcpy(window.output + channel, &bytes, sizeof bytes);
  }
};

template <class Kind, int kLanes>
void pool_bytes(const Int8PoolRow& row) noexcept {
  for (std::int64_t q = 0; q < row.windows; ++q) {
    const std::int64_t begin = q * row.stride - row.left;
    const std::int64_t end = begin + row.window;
    const std::int64_t first = begin > 0 ? begin : 0;
    const std::int64_t last = end < row.columns ? end : row.columns;
    const std::int64_t inside = row.padded_width - row.left;
    const std::int64_t counted =
        row.count_padding ? (end < inside ? end : inside) - begin : last - first;
    const Int8Window window{
        .input = row.input + first * row.x_pitch,
        .output = row.output + q * row.out_pitch,
        .rows = row.rows,
        .columns = last - first,
        .factor = row.multiplier / static_cast<float>(row.divisor_rows * counted)};
    std::int64_t c = 0;
    for (; c + kLanes <= row.channels; c += kLanes) Kind::template pool<kLanes>(row, window, c);
    if (c == row.channels) continue;
    // The last channels once more, or, of fewer than a vector, one by one.
    if (c > 0) {
      Kind::template pool<kLanes>(row, window, row.channels - kLanes);
    } else {
      for (; c < row.channels; ++c) Kind::template pool<1>(row, window, c);
    }
  }
}

template <int kLanes>
constexpr Int8Values int8_values() {
  return {.combine = combine<kLanes>,
          .quantize = quantize<kLanes>,
          .max = pool_bytes<LargestByte, kLanes * 4>,
          .average = pool_bytes<MeanOfBytes, kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
