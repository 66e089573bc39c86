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
  /// part into the exponent.
  static inline Floats exp(Floats x) {
    x = x > all(89.0F) ? all(89.0F) : x;
    x = x < all(-104.0F) ? all(-104.0F) : x;
    const Floats shifted = x * 1.44269504088896341F + kMagic;
    const Floats whole = shifted - kMagic;
    // log 2 in two parts, of which the first has few bits: its product is exact.
    const Floats rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    const Floats tail = polynomial(rest, {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                          4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F});
    const Floats value = tail * rest * rest + rest + 1.0F;
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
  /// t = 1 / (1 + p |x|) but for 2e-8 of it.
  static inline Floats normal_cdf(Floats x) {
    constexpr float kP = 0.2673913043F;
    constexpr float kLast = 15;  // beyond it there is nothing left; infinity must not become NaN
    const Floats negative = x > all(0) ? -x : x;
    const Floats size = negative < all(-kLast) ? all(kLast) : -negative;
    const Floats t = 1.0F / (1.0F + kP * size);
    const Floats rest = polynomial(t, {3.000223451e-02F, -1.358947022e-01F, 1.945922434e-01F,
                                       -9.305470146e-02F, 1.228359876e-01F, 6.629924897e-02F,
                                       1.021717077e-01F, 1.063609082e-01F, 1.066870815e-01F});
    const Floats tail = exp(-0.5F * size * size) * (t * rest);
    return x > all(0) ? 1.0F - tail : tail;
  }

 private:
  static constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number

  static inline Ints bits(Floats values) {
    Ints same;
    __builtin_memcpy(&same, &values, sizeof same);
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
