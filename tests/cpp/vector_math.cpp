#include "kernels/vector_math.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

TEST_SUITE_BEGIN("vector_math");

namespace {

using Math = dnnaccel::kernels::VectorMath<4>;
using Floats = Math::Floats;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The largest error relative to the true value on a grid of low ... high.
template <class Ours, class True>
double worst(Ours ours, True truth, double low, double high) {
  double most = 0;
  constexpr int kPoints = 200'000;
  for (int i = 0; i <= kPoints; ++i) {
    const auto x = static_cast<float>(low + (high - low) * i / kPoints);
    const double expected = truth(static_cast<double>(x));
    const auto given = static_cast<double>(ours(Math::all(x))[i % 4]);
    if (expected != 0) most = std::max(most, std::abs(given / expected - 1));
  }
  return most;
}

}  // namespace

TEST_CASE("functions of vectors are near the true ones, also where those are small") {
  CHECK(worst(Math::exp, [](double x) { return std::exp(x); }, -87, 88.7) < 3e-7);
  CHECK(worst(Math::exp_negative, [](double x) { return std::exp(x); }, -87, 0) < 3e-7);
  CHECK(worst(Math::tanh, [](double x) { return std::tanh(x); }, -12, 12) < 5e-7);
  CHECK(worst(Math::sigmoid, sigmoid, -80, 80) < 5e-7);
  CHECK(worst(Math::normal_cdf, normal_cdf, -3, 9) < 2e-6);
  CHECK(worst(Math::normal_cdf, normal_cdf, -12, -3) < 2e-5);
}

TEST_CASE("functions of vectors have their limits, and keep a NaN") {
  const auto at = [](auto function, float x) { return function(Math::all(x))[0]; };
  CHECK(at(Math::exp, kInfinity) == kInfinity);
  CHECK(at(Math::exp, -kInfinity) == 0);
  CHECK(at(Math::exp, 0) == 1);
  CHECK(at(Math::exp, 90) == kInfinity);
  CHECK(at(Math::exp_negative, -kInfinity) == 0);
  CHECK(at(Math::exp_negative, -88) == 0);
  CHECK(at(Math::exp_negative, 0) == 1);
  CHECK(at(Math::sigmoid, kInfinity) == 1);
  CHECK(at(Math::sigmoid, -kInfinity) == 0);
  CHECK(at(Math::tanh, kInfinity) == 1);
  CHECK(at(Math::tanh, -kInfinity) == -1);
  CHECK(at(Math::normal_cdf, kInfinity) == 1);
  CHECK(at(Math::normal_cdf, -kInfinity) == 0);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(at(Math::exp, nan)));
  CHECK(std::isnan(at(Math::exp_negative, nan)));
  CHECK(std::isnan(at(Math::sigmoid, nan)));
  CHECK(std::isnan(at(Math::tanh, nan)));
  CHECK(std::isnan(at(Math::normal_cdf, nan)));
}

TEST_SUITE_END();
