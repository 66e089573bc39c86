#include "kernels/winograd/weights.hpp"

#include <cstddef>

#include "kernels/winograd/transform.hpp"

namespace dnnaccel::kernels {

namespace {

constexpr int kTaps = 3;

/// Row i has 1, a and a * a for point a, over the product of a's distances from the other points.
constexpr double kG[kWinogradSide][kTaps] = {
    {1, 0, 0},
    {-1.0 / 3, -1.0 / 3, -1.0 / 3},
    {1.0 / 3, -1.0 / 3, 1.0 / 3},
    {1.0 / 15, 2.0 / 15, 4.0 / 15},
    {-16.0 / 15, 8.0 / 15, -4.0 / 15},
    {0, 0, 1},
};

double value_at(const float* taps, int i, int j) {
  double sum = 0;
  for (int a = 0; a < kTaps; ++a) {
    for (int b = 0; b < kTaps; ++b) sum += kG[i][a] * kG[j][b] * double{taps[a * kTaps + b]};
  }
  return sum;
}

}  // namespace

std::vector<float> transform_weights(const float* weights, std::int64_t outputs,
                                     std::int64_t channels) {
  const auto pairs = static_cast<std::size_t>(outputs * channels);
  std::vector<float> values(kWinogradValues * pairs);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    for (int k = 0; k < kWinogradValues; ++k) {
      values[static_cast<std::size_t>(k) * pairs + pair] = static_cast<float>(
          value_at(weights + pair * kTaps * kTaps, k / kWinogradSide, k % kWinogradSide));
    }
  }
  return values;
}

}  // namespace dnnaccel::kernels
