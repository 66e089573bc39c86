#pragma once

#include "kernels/elementwise/kernels.hpp"
#include "kernels/vector_math.hpp"
#include "kernels/vector_parts.hpp"

// The kernels of elementwise/kernels.hpp: one loop over rows and vectors, one small struct for each
// function. A file that includes it is compiled for one instruction set and calls nothing of the
// standard library.
namespace dnnaccel::kernels {

namespace {

/// Where a vector is: of `count` values, fewer than a vector has for the last of a row.
struct Place {
  std::int64_t at;
  std::int64_t column;
  std::int64_t count;
};

template <int kLanes, bool kPart>
inline typename Vectors<kLanes>::Floats load_at(const float* from, std::int64_t count) {
  if constexpr (kPart) return load_part<kLanes>(from, count);
  return Vectors<kLanes>::load(from);
}

/// A function of one value.
template <class Function>
struct OfOne {
  template <int kLanes, bool kPart>
  static inline auto at(const ElementwiseArgs& args, const Place& place) {
    const auto x =
        load_at<kLanes, kPart>(args.inputs[0] + args.input_offset + place.at, place.count);
    return Function::template of<kLanes>(x, args);
  }
};

struct Same {
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs&) {
    return x;
  }
};
struct Sigmoid {
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs&) {
    return VectorMath<kLanes>::sigmoid(x);
  }
};
struct Tanh {
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs&) {
    return VectorMath<kLanes>::tanh(x);
  }
};
struct Gelu {
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs&) {
    return x * VectorMath<kLanes>::normal_cdf(x);
  }
};
struct GeluTanh {
  /// (1 + tanh(u)) / 2 is 1 / (1 + e^-2u).
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs&) {
    constexpr float kTwiceRoot = 1.5957691216057308F;  // 2 sqrt(2 / pi)
    const Floats twice = x * (kTwiceRoot + (kTwiceRoot * 0.044715F) * x * x);
    return x * VectorMath<kLanes>::sigmoid(twice);
  }
};
struct Scale {
  template <int kLanes, class Floats>
  static inline Floats of(Floats x, const ElementwiseArgs& args) {
    return x * args.factor;
  }
};

struct Affine {
  template <int kLanes, bool kPart>
  static inline auto at(const ElementwiseArgs& args, const Place& place) {
    const auto x =
        load_at<kLanes, kPart>(args.inputs[0] + args.input_offset + place.at, place.count);
    return x * load_at<kLanes, kPart>(args.scale + place.column, place.count) +
           load_at<kLanes, kPart>(args.shift + place.column, place.count);
  }
};

struct Plus {
  template <class Floats>
  static inline Floats of(Floats a, Floats b) {
    return a + b;
  }
};
struct Times {
  template <class Floats>
  static inline Floats of(Floats a, Floats b) {
    return a * b;
  }
};
/// A sum or product of kCount inputs; of however many for 0.
template <class Operation, int kCount>
struct OfMany {
  template <int kLanes, bool kPart>
  static inline auto at(const ElementwiseArgs& args, const Place& place) {
    const std::int64_t at = args.input_offset + place.at;
    auto value = load_at<kLanes, kPart>(args.inputs[0] + at, place.count);
    const int count = kCount == 0 ? args.count : kCount;
    for (int i = 1; i < count; ++i)
      value = Operation::of(value, load_at<kLanes, kPart>(args.inputs[i] + at, place.count));
    return value;
  }
};

template <class Value, int kLanes>
void compute_rows(const ElementwiseArgs& args) noexcept {
  using V = Vectors<kLanes>;
  constexpr int kUnroll = 4;
  const float low = args.low;
  const float high = args.high;
  const std::int64_t width = args.width;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const std::int64_t from = row * args.x_pitch;
    float* const to = args.output + row * args.out_pitch;
    std::int64_t c = 0;
    for (; c + kUnroll * kLanes <= width; c += kUnroll * kLanes) {
      typename V::Floats values[kUnroll];
#pragma GCC unroll 4
      for (int j = 0; j < kUnroll; ++j) {
        const Place place{from + c + j * kLanes, c + j * kLanes, kLanes};
        values[j] = V::clamp(Value::template at<kLanes, false>(args, place), low, high);
      }
#pragma GCC unroll 4
      for (int j = 0; j < kUnroll; ++j) V::store(to + c + j * kLanes, values[j]);
    }
    for (; c + kLanes <= width; c += kLanes) {
      const auto value = Value::template at<kLanes, false>(args, {from + c, c, kLanes});
      V::store(to + c, V::clamp(value, low, high));
    }
    if (c < width) {
      const auto value = Value::template at<kLanes, true>(args, {from + c, c, width - c});
      store_part<kLanes>(to + c, V::clamp(value, low, high), width - c);
    }
  }
}

template <class Operation, int kLanes>
void combine_rows(const ElementwiseArgs& args) noexcept {
  if (args.count == 2) return compute_rows<OfMany<Operation, 2>, kLanes>(args);
  compute_rows<OfMany<Operation, 0>, kLanes>(args);
}

template <int kLanes>
constexpr ElementwiseKernels elementwise_kernels() {
  return {.clamp = compute_rows<OfOne<Same>, kLanes>,
          .sigmoid = compute_rows<OfOne<Sigmoid>, kLanes>,
          .tanh = compute_rows<OfOne<Tanh>, kLanes>,
          .gelu = compute_rows<OfOne<Gelu>, kLanes>,
          .gelu_tanh = compute_rows<OfOne<GeluTanh>, kLanes>,
          .scale = compute_rows<OfOne<Scale>, kLanes>,
          .affine = compute_rows<Affine, kLanes>,
          .add = combine_rows<Plus, kLanes>,
          .multiply = combine_rows<Times, kLanes>};
}

}  // namespace

}  // namespace dnnaccel::kernels
