#pragma once

#include "kernels/vectors.hpp"

// Functions of vectors of fp32 values, for the kernels' bodies: within a few units in the last
// place, NaN for NaN, and the limits at the infinities. In an unnamed namespace: see vectors.hpp.
namespace dnnaccel::kernels {

namespace {

template <int kLanes>
struct VectorMath {
  using V = Vectors<kLanes>;
  using Floats = typename V::Floats;
  using Ints [[gnu::vector_size(kLanes * 4)]] = int;

  static inline Floats all(float value) { return value - Floats{}; }

  /// e^x. The rest of x over log 2 goes into a polynomial (Cephes' expf, S. Moshier), the whole
  /// part into the exponent, in two halves, so that the last steps to infinity and to zero round as
  /// they should.
  static inline Floats exp(Floats x) {
    x = x > all(89.0F) ? all(89.0F) : x;
    x = x < all(-104.0F) ? all(-104.0F) : x;
    Ints power;
    const Floats value = exp_of_rest(x, power);
    const Ints half = power >> 1;
    return value * power_of_two(half) * power_of_two(power - half);
  }

  /// e^x for x of at most 0, as in a softmax: less work, and 0 for what is below 2^-126.
  static inline Floats exp_negative(Floats x) {
    x = x < all(-88.0F) ? all(-88.0F) : x;  // 2^-127, whose pattern is that of 0
    Ints power;
    const Floats value = exp_of_rest(x, power);
    return value * power_of_two(power);
  }

  /// 1 / (1 + e^-x)
  static inline Floats sigmoid(Floats x) { return 1.0F / (1.0F + exp(-x)); }

  /// An odd polynomial near zero, where 1 - 2 / (e^2x + 1) would lose digits (Cephes' tanhf).
  static inline Floats tanh(Floats x) {
    const Floats size = x < all(0) ? -x : x;
    const Floats square = x * x;
    const Floats near =
        polynomial(square, {-5.70498872745e-3F, 2.06390887954e-2F, -5.37397155531e-2F,
                            1.33314422036e-1F, -3.33332819422e-1F}) *
            square * x +
        x;
    const Floats far = 1.0F - 2.0F / (exp(size + size) + 1.0F);
    return size < all(0.625F) ? near : x < all(0) ? -far : far;
  }

  /// The normal distribution's function: (1 + erf(x / sqrt 2)) / 2, with all its digits where it
  /// is small (Cephes' erff and erfcf).
  static inline Floats normal_cdf(Floats x) {
    const Floats z = (x < all(0) ? -x : x) * 0.707106781186547524F;
    const Floats square = z * z;
    const Floats near =
        0.5F * z *
        polynomial(square, {7.853861353153693e-5F, -8.010193625184903e-4F, 5.188327685732524e-3F,
                            -2.685381193529856e-2F, 1.128358514861418e-1F, -3.761262582423300e-1F,
                            1.128379165726710F});
    // Bounded: beyond 14 the rest is 0, and infinity times 0 must not become NaN.
    const Floats w = z > all(14.0F) ? all(14.0F) : z;
    const Floats inverse = 1.0F / (w < all(1.0F) ? all(1.0F) : w);
    const Floats u = inverse * inverse;
    const Floats middle =
        polynomial(u, {2.326819970068386e-2F, -1.387039388740657e-1F, 3.687424674597105e-1F,
                       -5.824733027278666e-1F, 6.210004621745983e-1F, -4.944515323274145e-1F,
                       3.404879937665872e-1F, -2.741127028184656e-1F, 5.638259427386472e-1F});
    const Floats outer =
        polynomial(u, {-1.047766399936249e1F, 1.297719955372516e1F, -7.495518717768503F,
                       2.921019019210786F, -1.015265279202700F, 4.218463358204948e-1F,
                       -2.820767439740514e-1F, 5.641895067754075e-1F});
    const Floats tail = 0.5F * exp(-(w * w)) * inverse * (w < all(2.0F) ? middle : outer);
    const Floats upper = z < all(1.0F) ? 0.5F + near : 1.0F - tail;
    const Floats lower = z < all(1.0F) ? 0.5F - near : tail;
    // Neither branch may lose a NaN.
    return x < all(0) ? lower : x >= all(0) ? upper : x;
  }

 private:
  /// e^x / 2^power, which is about 1.
  static inline Floats exp_of_rest(Floats x, Ints& power) {
    constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
    const Floats shifted = x * 1.44269504088896341F + kMagic;
    const Floats whole = shifted - kMagic;
    // log 2 in two parts, of which the first has few bits: its product is exact.
    const Floats rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    const Floats tail = polynomial(rest, {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                          4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F});
    power = bits(shifted) - bits(all(kMagic));
    return tail * rest * rest + rest + 1.0F;
  }

  static inline Ints bits(Floats values) {
    Ints same;
    __builtin_memcpy(&same, &values, sizeof same);
    return same;
  }

  static inline Floats power_of_two(Ints power) {
    const Ints pattern = (power + 127) << 23;
    Floats same;
    __builtin_memcpy(&same, &pattern, sizeof same);
    return same;
  }

  /// Coefficients from the highest power down.
  template <int kCount>
  static inline Floats polynomial(Floats x, const float (&coefficients)[kCount]) {
    Floats sum = all(coefficients[0]);
#pragma GCC unroll 16
    for (int i = 1; i < kCount; ++i) sum = sum * x + coefficients[i];
    return sum;
  }
};

}  // namespace

}  // namespace dnnaccel::kernels
