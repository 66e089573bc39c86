#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/int8/conv.hpp"
#include "kernels/int8/operators.hpp"
#include "kernels/variants.hpp"

// Arrays of just the size that they need, so that a sanitizer sees what is read or written beside
// them.

TEST_SUITE_BEGIN("kernels_int8");

namespace {

using namespace dnnaccel::kernels;

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

/// How many values an array of pixels `step` apart has.
std::size_t reach(std::int64_t pixels, std::int64_t step, std::int64_t channels) {
  return static_cast<std::size_t>((pixels - 1) * step + channels);
}

/// One output's sum, tap by tap.
std::int64_t sum_at(const ConvShape& s, const Bytes& x, const std::vector<std::int8_t>& w,
                    std::int32_t zero, std::int64_t row, std::int64_t column, std::int64_t m) {
  std::int64_t sum = 0;
  const std::int64_t group = m / s.group_outputs();
  for (std::int64_t r = 0; r < s.kernel_height; ++r) {
    for (std::int64_t c = 0; c < s.kernel_width; ++c) {
      const std::int64_t y = row * s.stride_height - s.pad_top + r * s.dilation_height;
      const std::int64_t z = column * s.stride_width - s.pad_left + c * s.dilation_width;
      if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
      for (std::int64_t d = 0; d < s.group_channels(); ++d) {
        const auto at = (y * s.width + z) * s.x_step() + group * s.group_channels() + d;
        const auto of = ((m * s.group_channels() + d) * s.kernel_height + r) * s.kernel_width + c;
        sum += (x[static_cast<std::size_t>(at)] - zero) * w[static_cast<std::size_t>(of)];
      }
    }
  }
  return sum;
}

void check_shape_on(const std::string& isa, const ConvShape& s) {
  constexpr std::int32_t kZero = 99;
  const Bytes x = random_bytes(reach(s.height * s.width, s.x_step(), s.channels), 1);
  std::vector<std::int8_t> w;
  for (const std::uint8_t byte : random_bytes(static_cast<std::size_t>(s.weight_size()), 2))
    w.push_back(static_cast<std::int8_t>(byte));
  const std::vector<float> multipliers(static_cast<std::size_t>(s.outputs), 1.0F / 1024);
  const Shape out{1, s.out_height(), s.out_width(), s.outputs};
  const std::int64_t pixels = s.out_height() * s.out_width();
  ConvInt8Options options{.input = {Element::uint8, kZero},
                          .multipliers = multipliers.data(),
                          .epilogue = {.element = Element::int8, .zero = 5},
                          .isa = isa};
  const ConvInt8Operator op({1, s.height, s.width, s.channels}, out, s, w.data(), nullptr, options);
  Bytes y(reach(pixels, s.out_step(), s.outputs), 77);
  const void* const from[] = {x.data()};
  void* const to[] = {y.data()};
  op.run(from, to, nullptr);
  std::size_t wrong = 0;
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t m = 0; m < s.out_step(); ++m) {
      const auto at = static_cast<std::size_t>(p * s.out_step() + m);
      if (at >= y.size()) continue;
      std::uint8_t wanted = 77;  // between the slices nothing is written
      if (m < s.outputs) {
        const std::int64_t sum = sum_at(s, x, w, kZero, p / s.out_width(), p % s.out_width(), m);
        const double v = std::nearbyint(static_cast<double>(sum) / 1024) + 5;
        wanted = static_cast<std::uint8_t>(static_cast<int>(std::fmin(std::fmax(v, -128), 127)));
      }
      wrong += wanted != y[at];
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("convolutions read and write nothing beside their arrays") {
  const std::vector<ConvShape> shapes = {
      {.height = 9,
       .width = 7,
       .channels = 3,
       .outputs = 21,
       .kernel_height = 5,
       .kernel_width = 5,
       .stride_height = 2,
       .stride_width = 2,
       .pad_top = 2,
       .pad_bottom = 2,
       .pad_left = 2,
       .pad_right = 2},
      {.height = 1, .width = 11, .channels = 1, .outputs = 3},
      {.height = 3, .width = 5, .channels = 2, .outputs = 65, .kernel_height = 2},
      {.height = 4,
       .width = 4,
       .channels = 7,
       .outputs = 16,
       .kernel_height = 3,
       .kernel_width = 3,
       .pad_top = 2,
       .pad_left = 3,
       .dilation_height = 2},
      {.height = 6,
       .width = 5,
       .channels = 6,
       .outputs = 9,
       .kernel_width = 3,
       .pad_left = 1,
       .pad_right = 1,
       .groups = 3},
      {.height = 5,
       .width = 6,
       .channels = 39,
       .outputs = 39,
       .kernel_height = 3,
       .kernel_width = 3,
       .pad_top = 1,
       .pad_bottom = 1,
       .pad_left = 1,
       .pad_right = 1,
       .groups = 39},
      {.height = 4,
       .width = 3,
       .channels = 17,
       .outputs = 70,
       .kernel_height = 3,
       .kernel_width = 3,
       .pad_top = 1,
       .pad_bottom = 1,
       .x_pitch = 40,
       .out_pitch = 100},
      {.height = 4,
       .width = 3,
       .channels = 37,
       .outputs = 37,
       .kernel_height = 3,
       .kernel_width = 3,
       .pad_left = 1,
       .groups = 37,
       .x_pitch = 64,
       .out_pitch = 38},
  };
  for (const std::string& isa : isa_names(Element::int8)) {
    CAPTURE(isa);
    for (const ConvShape& shape : shapes) {
      CAPTURE(shape.channels);
      check_shape_on(isa, shape);
    }
  }
}

TEST_CASE("what 8-bit operators cannot do they refuse") {
  const std::vector<std::int8_t> w(6, 1);
  const std::vector<float> multipliers(2, 1.0F);
  const ConvShape shape{.height = 2, .width = 2, .channels = 3, .outputs = 2};
  const auto make = [&](ConvInt8Options options) {
    options.multipliers = multipliers.data();
    return ConvInt8Operator({1, 2, 2, 3}, {1, 2, 2, 2}, shape, w.data(), nullptr, options);
  };
  CHECK_NOTHROW(make({}));
  CHECK_THROWS_AS(make({.input = {Element::float32, 0}}), std::invalid_argument);
  CHECK_THROWS_AS(make({.input = {Element::uint8, -1}}), std::invalid_argument);
  CHECK_THROWS_AS(make({.epilogue = {.element = Element::int8, .zero = 128}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(make({.epilogue = {.element = Element::int32, .low = 0}}), std::invalid_argument);
  CHECK_THROWS_AS(make({.epilogue = {.residual = Quantisation{Element::int32, 0}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(make({.isa = "sse9"}), std::invalid_argument);
  CHECK_THROWS_AS(make_quantize({3}, 0.0F, {}, 0, 0, {}), std::invalid_argument);
  CHECK_THROWS_AS(make_combine({3}, {}, {}, 0, {}), std::invalid_argument);
  const PoolShape pool{.height = 4,
                       .width = 4,
                       .window_height = 2,
                       .window_width = 2,
                       .out_height = 2,
                       .out_width = 2};
  CHECK_THROWS_AS(make_pool_int8("median", pool, {}, {}, 1.0F, {}), std::invalid_argument);
  CHECK_THROWS_AS(make_pool_int8("max", pool, {}, {.zero = 1}, 1.0F, {}), std::invalid_argument);
}

TEST_CASE("values in slices of wider tensors") {
  for (const std::string& isa : isa_names(Element::int8)) {
    CAPTURE(isa);
    constexpr std::int64_t kRows = 3;
    constexpr std::int64_t kLength = 21;
    std::vector<float> x(reach(kRows, 30, kLength));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 40;
    const auto quantize =
        make_quantize({kRows, kLength}, 1.0F, {Element::uint8, 20}, 30, 25, {.isa = isa});
    Bytes q(reach(kRows, 25, kLength), 7);
    const void* const from[] = {x.data()};
    void* const to[] = {q.data()};
    quantize->run(from, to, nullptr);
    const auto sum = make_combine({kRows, kLength}, {{{Element::uint8, 20}, 1.0F, 25}},
                                  {.element = Element::float32}, 22, {.isa = isa});
    std::vector<float> y(reach(kRows, 22, kLength), -1);
    const void* const bytes[] = {q.data()};
    void* const floats[] = {y.data()};
    sum->run(bytes, floats, nullptr);
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (std::int64_t i = 0; i < kLength; ++i)
        CHECK(y[static_cast<std::size_t>(row * 22 + i)] ==
              std::fmax(x[static_cast<std::size_t>(row * 30 + i)], -20.0F));
    }
    CHECK(q[kLength] == 7);
    CHECK(y[kLength] == -1);
  }
}

}  // namespace

TEST_SUITE_END();
