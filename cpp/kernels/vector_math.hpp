#pragma once

#include "kernels/vectors.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

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

  /// e^x. The whole part of x over log 2 goes into the exponent; the rest into a polynomial, which
  /// is off by 1e-7 of it at most.
  static inline Floats exp(Floats x) {
    x = x > all(89.0F) ? all(89.0F) : x;
    x = x < all(-104.0F) ? all(-104.0F) : x;
    return exp_between(x);
  }

  /// e^x for x of at most 0, as in a softmax: less work.
  static inline Floats exp_negative(Floats x) {
    return exp_between(x < all(-104.0F) ? all(-104.0F) : x);
  }

  /// e^x for x from -170 to 89, or NaN.
  static inline Floats exp_between(Floats x) {
    const Floats shifted = x * 1.44269504088896341F + kMagic;
    const Floats whole = shifted - kMagic;
    // log 2 in two parts, of which the first has few bits: its product is exact.
    const Floats rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    const Floats value = polynomial(rest, {8.2903081776e-3F, 4.1897964414e-2F, 1.6667636490e-1F,
                                           4.9999149273e-1F, 9.9999970706e-1F, 1.0F});
    return times_power_of_two(value, whole, shifted);
  }

  /// 2^x for x from -250 to 127, or NaN.
  static inline Floats exp2_between(Floats x) {
    const Floats shifted = x + kMagic;
    const Floats whole = shifted - kMagic;
    const Floats value =
        polynomial(x - whole, {1.3264699861e-3F, 9.6715339083e-3F, 5.5507340008e-2F,
                               2.4022241761e-1F, 6.9314697736e-1F, 1.0F});
    return times_power_of_two(value, whole, shifted);
  }

  /// 1 / (1 + e^-x)
  static inline Floats sigmoid(Floats x) { return 1.0F / (1.0F + exp(-x)); }

  /// A quotient of polynomials (Eigen's, after Padé), which reaches 1 where it is cut off.
  static inline Floats tanh(Floats x) {
    constexpr float kLast = 7.90531110763549805F;
    x = x > all(kLast) ? all(kLast) : x;
    x = x < all(-kLast) ? all(-kLast) : x;
    const Floats square = x * x;
    const Floats above =
        polynomial(square, {-2.76076847742355e-16F, 2.00018790482477e-13F, -8.60467152213735e-11F,
                            5.12229709037114e-08F, 1.48572235717979e-05F, 6.37261928875436e-04F,
                            4.89352455891786e-03F});
    const Floats below = polynomial(square, {1.19825839466702e-06F, 1.18534705686654e-04F,
                                             2.26843463243900e-03F, 4.89352518554385e-03F});
    return x * above / below;
  }

  /// The normal distribution's function: (1 + erf(x / sqrt 2)) / 2, with all its digits where it
  /// is small. Below zero it is e^(-x^2 / 2) times a smooth function, which is a polynomial of
  /// t = 1 / (1 + p |x|) but for 1.2e-7 of it.
  static inline Floats normal_cdf(Floats x) {
    constexpr float kP = 0.305F;
    constexpr float kLast = 15;  // beyond it there is nothing left; infinity must not become NaN
    const Floats size = absolute(x);
    const Floats bounded = size > all(kLast) ? all(kLast) : size;
    const Floats t = 1.0F / (1.0F + kP * bounded);
    const Floats rest =
        polynomial(t, {3.634575826e-02F, -1.515688159e-01F, 1.833622653e-01F, -3.589336883e-02F,
                       1.199636452e-01F, 1.037281045e-01F, 1.224197303e-01F, 1.216426640e-01F});
    constexpr float kRoot = 0.849321800288F;  // of 1 / (2 log 2): e^(-x^2 / 2) = 2^-(root x)^2
    const Floats scaled = bounded * kRoot;
    const Floats tail = exp2_between(-(scaled * scaled)) * (t * rest);
    return x > all(0) ? 1.0F - tail : tail;
  }

 private:
  static constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number

  static inline Ints bits(Floats values) {
    Ints same;
    __builtin_memcpy(&same, &values, sizeof same);
    return same;
  }

  static inline Floats absolute(Floats x) {
    const Ints pattern = bits(x) & 0x7FFFFFFF;
    Floats same;
    __builtin_memcpy(&same, &pattern, sizeof same);
    return same;
  }

  /// value * 2^whole; `shifted` is what exp() found it by.
  static inline Floats times_power_of_two(Floats value, Floats whole, Floats shifted) {
#if defined(__AVX512F__)
    if constexpr (kLanes == 16)
      return reinterpret_cast<Floats>(_mm512_maskz_scalef_ps(
          0xFFFF, reinterpret_cast<__m512>(value), reinterpret_cast<__m512>(whole)));
#endif
    static_cast<void>(whole);
    // In two halves, so that the last steps to infinity and to zero round as they should.
    const Ints power = bits(shifted) - bits(all(kMagic));
    const Ints half = power >> 1;
    return value * power_of_two(half) * power_of_two(power - half);
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
