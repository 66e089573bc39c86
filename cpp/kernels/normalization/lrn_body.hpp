#pragma once

#include "kernels/normalization/kernels.hpp"
#include "kernels/normalization/reduce.hpp"
#include "kernels/vector_parts.hpp"

namespace dnnaccel::kernels {

namespace {

/// d^-beta for d > 0. Powers that networks use are made of roots.
struct ThreeQuarters {
  template <int kLanes, class Floats>
  static inline Floats of(Floats d, float /*beta*/) {
    const Floats root = square_root<kLanes>(d);
    return 1.0F / (root * square_root<kLanes>(root));
  }
};
struct OneHalf {
  template <int kLanes, class Floats>
  static inline Floats of(Floats d, float /*beta*/) {
    return 1.0F / square_root<kLanes>(d);
  }
};
struct One {
  template <int kLanes, class Floats>
  static inline Floats of(Floats d, float /*beta*/) {
    return 1.0F / d;
  }
};
struct AnyPower {
  template <int kLanes, class Floats>
  static inline Floats of(Floats d, float beta) {
    for (int i = 0; i < kLanes; ++i) d[i] = __builtin_powf(d[i], -beta);
    return d;
  }
};

template <class Power, int kLanes>
inline void lrn_pixel(const LrnArgs& args, const float* input, float* output) {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  const std::int64_t channels = args.channels;
  const std::int64_t taps = args.before + args.after + 1;
  float* const squares = args.squares + args.before;
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    const Floats x = V::load(input + c);
    V::store(squares + c, x * x);
  }
  if (c < channels) {
    const Floats x = load_part<kLanes>(input + c, channels - c);
    store_part<kLanes>(squares + c, x * x, channels - c);
  }
  for (c = 0; c < channels; c += kLanes) {
    Floats sum = V::load(args.squares + c);
    for (std::int64_t tap = 1; tap < taps; ++tap) sum += V::load(args.squares + c + tap);
    const Floats power = Power::template of<kLanes>(sum * args.share + args.k, args.beta);
    const std::int64_t count = channels - c;
    if (count >= kLanes)
      V::store(output + c, V::load(input + c) * power);
    else
      store_part<kLanes>(output + c, load_part<kLanes>(input + c, count) * power, count);
  }
}

template <class Power, int kLanes>
inline void lrn_pixels(const LrnArgs& args) {
  const std::int64_t buffer = args.before + args.channels + args.after + kMostLanes;
  for (std::int64_t i = 0; i < buffer; ++i) args.squares[i] = 0;
  for (std::int64_t pixel = 0; pixel < args.pixels; ++pixel)
    lrn_pixel<Power, kLanes>(args, args.input + pixel * args.channels,
                             args.output + pixel * args.channels);
}

template <int kLanes>
void lrn(const LrnArgs& args) noexcept {
  if (args.beta == 0.75F) return lrn_pixels<ThreeQuarters, kLanes>(args);
  if (args.beta == 0.5F) return lrn_pixels<OneHalf, kLanes>(args);
  if (args.beta == 1.0F) return lrn_pixels<One, kLanes>(args);
  lrn_pixels<AnyPower, kLanes>(args);
}

}  // namespace

}  // namespace dnnaccel::kernels
