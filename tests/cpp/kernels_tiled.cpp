#include "kernels/tiled/operator.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernels/variants.hpp"

namespace dnnaccel::kernels {

namespace {

std::vector<float> random_values(std::int64_t count, std::mt19937& random) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
  return values;
}

/// Output by output, in the pitches' places.
double output_at(const ConvShape& s, const std::vector<float>& x, std::int64_t pitch,
                 const std::vector<float>& w, const Box& at) {
  const auto& i = at.begin;
  double sum = 0;
  for (std::int64_t r = 0; r < s.kernel_height; ++r) {
    for (std::int64_t c = 0; c < s.kernel_width; ++c) {
      const std::int64_t y = i[kP] * s.stride_height + r * s.dilation_height - s.pad_top;
      const std::int64_t z = i[kQ] * s.stride_width + c * s.dilation_width - s.pad_left;
      if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
      for (std::int64_t k = 0; k < s.group_channels(); ++k) {
        const std::int64_t pixel = (i[kN] * s.height + y) * s.width + z;
        const std::int64_t out = i[kG] * s.group_outputs() + i[kM];
        const std::int64_t weight =
            ((out * s.group_channels() + k) * s.kernel_height + r) * s.kernel_width + c;
        sum += double{x[static_cast<std::size_t>(pixel * pitch + i[kG] * s.group_channels() + k)]} *
               double{w[static_cast<std::size_t>(weight)]};
      }
    }
  }
  return sum;
}

std::vector<std::pair<std::string, std::int64_t>> random_loops(const Box& whole,
                                                               std::mt19937& random) {
  std::vector<std::pair<std::string, std::int64_t>> loops;
  Box left = whole;
  const auto count = std::uniform_int_distribution<int>(0, 12)(random);
  for (int i = 0; i < count; ++i) {
    const auto dim = static_cast<Dim>(std::uniform_int_distribution<int>(0, kDims - 1)(random));
    left.end[dim] = std::uniform_int_distribution<std::int64_t>(1, left.end[dim])(random);
    loops.emplace_back(std::string(1, kDimNames[dim]), left.end[dim]);
  }
  return loops;
}

}  // namespace

TEST_SUITE("kernels_tiled") {
  TEST_CASE("any nest computes the convolution, in slices of wider tensors too") {
    std::mt19937 random(5);
    const std::vector<ConvShape> shapes = {{.batch = 2,
                                            .height = 9,
                                            .width = 8,
                                            .channels = 12,
                                            .outputs = 37,
                                            .kernel_height = 3,
                                            .kernel_width = 3,
                                            .pad_top = 1,
                                            .pad_bottom = 2,
                                            .pad_left = 0,
                                            .pad_right = 1},
                                           {.batch = 3,
                                            .height = 7,
                                            .width = 7,
                                            .channels = 6,
                                            .outputs = 9,
                                            .kernel_height = 2,
                                            .kernel_width = 3,
                                            .stride_height = 2,
                                            .pad_left = 4,
                                            .dilation_width = 2,
                                            .groups = 3},
                                           {.height = 3,
                                            .width = 2,
                                            .channels = 4,
                                            .outputs = 5,
                                            .kernel_height = 9,
                                            .kernel_width = 8,
                                            .pad_top = 4,
                                            .pad_bottom = 4,
                                            .pad_left = 5,
                                            .pad_right = 4}};
    for (ConvShape s : shapes) {
      const std::int64_t x_pitch = s.channels + 3;
      const std::int64_t out_pitch = s.outputs + 5;
      s.x_pitch = x_pitch;
      s.out_pitch = out_pitch;
      const std::int64_t pixels = s.batch * s.out_height() * s.out_width();
      const auto x = random_values(s.batch * s.height * s.width * x_pitch, random);
      const auto w = random_values(s.weight_size(), random);
      const auto b = random_values(s.outputs, random);
      for (int trial = 0; trial < 60; ++trial) {
        const Nest all(s, {}, find_kernels("").tiles->dense);
        TiledOperator op({s.batch, s.height, s.width, s.channels},
                         {s.batch, s.out_height(), s.out_width(), s.outputs}, s, w.data(), b.data(),
                         {.loops = random_loops(all.whole(), random),
                          .threads = static_cast<unsigned>(1 + trial % 3)});
        std::vector<float> out(static_cast<std::size_t>(pixels * out_pitch), 7.0F);
        std::vector<char> scratch(op.info().scratch_bytes + 64);
        const void* inputs[] = {x.data(), nullptr};
        void* outputs[] = {out.data()};
        op.run(inputs, outputs, scratch.data());
        double worst = 0;
        for (std::int64_t i = 0; i < pixels; ++i) {
          Box at;
          at.begin[kQ] = i % s.out_width();
          at.begin[kP] = i / s.out_width() % s.out_height();
          at.begin[kN] = i / s.out_width() / s.out_height();
          for (std::int64_t m = 0; m < out_pitch; ++m) {
            at.begin[kG] = m / s.group_outputs();
            at.begin[kM] = m % s.group_outputs();
            const double wanted = m < s.outputs ? output_at(s, x, x_pitch, w, at) +
                                                      double{b[static_cast<std::size_t>(m)]}
                                                : 7.0;
            worst = std::max(worst,
                             std::abs(out[static_cast<std::size_t>(i * out_pitch + m)] - wanted));
          }
        }
        CHECK(worst < 1e-4);
      }
    }
  }

  TEST_CASE("loops over what registers hold the sums of are the tile kernel's") {
    const ConvShape s{.height = 8, .width = 40, .channels = 16, .outputs = 64};
    const TileLevel& level = find_kernels("portable").tiles->dense;
    const int rows = level.columns[0].rows;
    const Nest held(s, {{"M", level.lanes}, {"P", 1}, {"Q", rows}, {"C", 4}, {"C", 1}}, level);
    CHECK(held.loops().size() == 3);
    CHECK(held.inside(kC) == 16);
    const Nest larger(s, {{"M", level.lanes}, {"P", 2}, {"Q", rows}, {"C", 4}, {"Q", 40}}, level);
    CHECK(larger.loops().size() == 4);
    CHECK(larger.inside(kC) == 4);
  }
}

}  // namespace dnnaccel::kernels
