#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_features.hpp"
#include "kernels/conv/plan.hpp"
#include "kernels/conv/transpose.hpp"
#include "kernels/pool.hpp"
#include "kernels/variants.hpp"

TEST_SUITE_BEGIN("kernels");

namespace {

using namespace dnnaccel::kernels;
using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> any(-1, 1);
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = any(random);
  return values;
}

/// The definition, in double precision: one output.
double output_of(const ConvShape& s, const Floats& x, const Floats& w, std::int64_t image,
                 std::int64_t row, std::int64_t column, std::int64_t m) {
  double sum = 0;
  const std::int64_t first = m / s.group_outputs() * s.group_channels();
  for (std::int64_t c = 0; c < s.group_channels(); ++c) {
    for (std::int64_t i = 0; i < s.kernel_height; ++i) {
      for (std::int64_t j = 0; j < s.kernel_width; ++j) {
        const std::int64_t y = row * s.stride_height - s.pad_top + i * s.dilation_height;
        const std::int64_t z = column * s.stride_width - s.pad_left + j * s.dilation_width;
        if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
        const auto at = ((image * s.height + y) * s.width + z) * s.channels + first + c;
        const auto of = ((m * s.group_channels() + c) * s.kernel_height + i) * s.kernel_width + j;
        sum += static_cast<double>(x[static_cast<std::size_t>(at)]) *
               static_cast<double>(w[static_cast<std::size_t>(of)]);
      }
    }
  }
  return sum;
}

std::vector<double> convolve(const ConvShape& s, const Floats& x, const Floats& w,
                             const Floats& bias) {
  std::vector<double> outputs;
  for (std::int64_t image = 0; image < s.batch; ++image) {
    for (std::int64_t row = 0; row < s.out_height(); ++row) {
      for (std::int64_t column = 0; column < s.out_width(); ++column) {
        for (std::int64_t m = 0; m < s.outputs; ++m)
          outputs.push_back(output_of(s, x, w, image, row, column, m) +
                            static_cast<double>(bias[static_cast<std::size_t>(m)]));
      }
    }
  }
  return outputs;
}

/// A shape of odd sizes that has an output; half of them in groups.
ConvShape random_shape(std::mt19937& random) {
  const auto from = [&](int low, int high) {
    return std::int64_t{std::uniform_int_distribution<int>(low, high)(random)};
  };
  ConvShape s{.batch = from(1, 3), .stride_height = from(1, 3), .stride_width = from(1, 3)};
  s.groups = from(0, 1) ? 1 : from(2, 40);
  // In half of those with groups, as many outputs as channels: one (depthwise), or a few.
  const bool even = s.groups > 1 && from(0, 1);
  const std::int64_t depth = even ? std::int64_t{1} << from(0, 3) : from(1, 9);
  s.channels = s.groups * depth;
  s.outputs = s.groups * (even ? depth : from(1, s.groups == 1 ? 150 : 20));
  s.kernel_height = from(1, 5);
  s.kernel_width = from(1, 5);
  s.dilation_height = from(1, 2);
  s.dilation_width = from(1, 2);
  s.pad_top = from(0, 6);
  s.pad_bottom = from(0, 6);
  s.pad_left = from(0, 6);
  s.pad_right = from(0, 6);
  const auto least = [](std::int64_t span, std::int64_t pads) {
    return std::max<std::int64_t>(1, span - pads);
  };
  s.height =
      least(s.dilation_height * (s.kernel_height - 1) + 1, s.pad_top + s.pad_bottom) + from(0, 9);
  s.width =
      least(s.dilation_width * (s.kernel_width - 1) + 1, s.pad_left + s.pad_right) + from(0, 9);
  return s;
}

/// Run a plan with a guard around the outputs, which it must leave alone.
Floats run_guarded(const ConvPlan& plan, const Floats& x, const Floats* residual) {
  constexpr float kGuard = 12345.0F;
  constexpr std::ptrdiff_t kAround = 16;
  Floats outputs(static_cast<std::size_t>(plan.shape().output_size() + 2 * kAround), kGuard);
  const AlignedFloats scratch(plan.scratch_bytes() / sizeof(float));
  plan.run(x.data(), residual == nullptr ? nullptr : residual->data(), outputs.data() + kAround,
           scratch.data());
  CHECK(std::all_of(outputs.begin(), outputs.begin() + kAround,
                    [&](float v) { return v == kGuard; }));
  CHECK(std::all_of(outputs.end() - kAround, outputs.end(), [&](float v) { return v == kGuard; }));
  return {outputs.begin() + kAround, outputs.end() - kAround};
}

}  // namespace

TEST_CASE("every variant computes random convolutions as the definition does") {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const ConvShape shape = random_shape(random);
    const Floats x = random_floats(shape.input_size(), random);
    const Floats w = random_floats(shape.weight_size(), random);
    const Floats bias = random_floats(shape.outputs, random);
    const Floats residual = random_floats(shape.output_size(), random);
    std::vector<double> wanted = convolve(shape, x, w, bias);
    double scale = 1e-30;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] += static_cast<double>(residual[i]);
      scale = std::max(scale, std::abs(wanted[i]));
      wanted[i] = std::clamp(wanted[i], -0.5, 3.0);
    }
    for (const std::string& isa : isa_names()) {
      for (const char* algorithm : {"", "gemm"}) {
        const ConvPlan plan(shape, w.data(), bias.data(),
                            {.algorithm = algorithm, .isa = isa, .low = -0.5F, .high = 3.0F});
        CHECK(plan.isa() == isa);
        const Floats got = run_guarded(plan, x, &residual);
        double worst = 0;
        for (std::size_t i = 0; i < got.size(); ++i)
          worst = std::max(worst, std::abs(static_cast<double>(got[i]) - wanted[i]));
        CAPTURE(round);
        CAPTURE(isa);
        CHECK(worst < 1e-5 * scale);
      }
    }
  }
}

/// Pixels of `channels` values put `pitch` apart, with a guard between and around them.
Floats spread(const Floats& dense, std::int64_t channels, std::int64_t pitch, float between) {
  const std::size_t pixels = dense.size() / static_cast<std::size_t>(channels);
  Floats wide(pixels * static_cast<std::size_t>(pitch), between);
  for (std::size_t i = 0; i < pixels; ++i)
    std::copy_n(dense.begin() + static_cast<std::ptrdiff_t>(i) * channels, channels,
                wide.begin() + static_cast<std::ptrdiff_t>(i) * pitch);
  return wide;
}

TEST_CASE("slices of the channels of wider images, read and written, give the same bits") {
  std::mt19937 random(11);
  for (int round = 0; round < 40; ++round) {
    const ConvShape dense = random_shape(random);
    ConvShape sliced = dense;
    sliced.x_pitch = dense.channels + round % 3 * 5;
    sliced.out_pitch = dense.outputs + round % 4 * 3;
    const Floats x = random_floats(dense.input_size(), random);
    const Floats w = random_floats(dense.weight_size(), random);
    const Floats residual = random_floats(dense.output_size(), random);
    // Not a number where nothing is to be read.
    const Floats wide_x =
        spread(x, dense.channels, sliced.x_pitch, std::numeric_limits<float>::quiet_NaN());
    constexpr float kGuard = 12345.0F;
    for (const std::string& isa : isa_names()) {
      for (const unsigned threads : {1U, 3U}) {
        for (const char* algorithm : {"", "gemm"}) {
          const ConvOptions options{
              .threads = threads, .algorithm = algorithm, .isa = isa, .low = -1.0F};
          Floats wanted = residual;
          ConvPlan(dense, w.data(), nullptr, options).run(x.data(), wanted.data(), wanted.data());
          Floats got = spread(residual, dense.outputs, sliced.out_pitch, kGuard);
          ConvPlan(sliced, w.data(), nullptr, options).run(wide_x.data(), got.data(), got.data());
          CAPTURE(round);
          CAPTURE(isa);
          CHECK(got == spread(wanted, dense.outputs, sliced.out_pitch, kGuard));
        }
      }
    }
  }
}

TEST_CASE("functions of the outputs, and of nothing beside them") {
  std::mt19937 random(12);
  for (int round = 0; round < 20; ++round) {
    ConvShape shape = random_shape(random);
    shape.out_pitch = shape.outputs + 1;
    const Floats x = random_floats(shape.input_size(), random);
    const Floats w = random_floats(shape.weight_size(), random);
    const Floats residual =
        spread(random_floats(shape.output_size(), random), shape.outputs, shape.out_pitch, 9.0F);
    for (const std::string& isa : isa_names()) {
      const auto outputs = [&](const char* activation, unsigned threads) {
        Floats y = residual;
        ConvPlan(shape, w.data(), nullptr,
                 {.threads = threads, .isa = isa, .activation = activation})
            .run(x.data(), y.data(), y.data());
        return y;
      };
      const Floats sums = outputs("", 1);
      const Floats sigmoids = outputs("sigmoid", 1);
      const Floats tanhs = outputs("tanh", 1);
      CHECK(outputs("sigmoid", 2) == sigmoids);
      double worst = 0;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const auto sum = static_cast<double>(sums[i]);
        if (i % static_cast<std::size_t>(shape.out_pitch) + 1 ==
            static_cast<std::size_t>(shape.out_pitch)) {
          CHECK(sigmoids[i] == 9.0F);
          continue;
        }
        worst = std::max(worst, std::abs(static_cast<double>(sigmoids[i]) - 1 / (1 + exp(-sum))));
        worst = std::max(worst, std::abs(static_cast<double>(tanhs[i]) - std::tanh(sum)));
      }
      CAPTURE(isa);
      CHECK(worst < 1e-6);
    }
  }
}

TEST_CASE("depthwise rows: every width, stride and padding, of whole vectors and of parts") {
  std::mt19937 random(13);
  const auto from = [&](int low, int high) {
    return std::int64_t{std::uniform_int_distribution<int>(low, high)(random)};
  };
  for (int round = 0; round < 60; ++round) {
    ConvShape shape{.batch = from(1, 3), .height = from(1, 9), .width = from(1, 30)};
    shape.channels = shape.outputs = shape.groups = round % 3 == 0 ? 16 * from(1, 9) : from(2, 70);
    shape.kernel_height = from(1, 5);
    shape.kernel_width = 3 + 2 * (round % 3);
    shape.stride_height = from(1, 3);
    shape.stride_width = from(1, 2);
    const auto pad = [&](std::int64_t kernel) { return from(0, static_cast<int>(kernel) - 1); };
    shape.pad_top = pad(shape.kernel_height);
    shape.pad_left = pad(shape.kernel_width);
    shape.pad_bottom =
        std::max(pad(shape.kernel_height), shape.kernel_height - shape.height - shape.pad_top);
    shape.pad_right =
        std::max(pad(shape.kernel_width), shape.kernel_width - shape.width - shape.pad_left);
    shape.out_pitch = shape.outputs + round % 2 * 3;
    const Floats x = random_floats(shape.input_size(), random);
    const Floats w = random_floats(shape.weight_size(), random);
    const Floats bias = random_floats(shape.outputs, random);
    const Floats residual = random_floats(shape.output_size(), random);
    const std::vector<double> sums = convolve(shape, x, w, bias);
    for (const std::string& isa : isa_names()) {
      constexpr float kGuard = 12345.0F;
      Floats got = spread(residual, shape.outputs, shape.out_pitch, kGuard);
      const ConvPlan plan(shape, w.data(), bias.data(), {.isa = isa, .low = -0.5F});
      CHECK(plan.blocking().channels > 0);
      plan.run(x.data(), got.data(), got.data());
      Floats shared = spread(residual, shape.outputs, shape.out_pitch, kGuard);
      ConvPlan(shape, w.data(), bias.data(), {.threads = 3, .isa = isa, .low = -0.5F})
          .run(x.data(), shared.data(), shared.data());
      CHECK(shared == got);
      double worst = 0;
      const auto pitch = static_cast<std::size_t>(shape.out_pitch);
      const auto outputs = static_cast<std::size_t>(shape.outputs);
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (i % pitch >= outputs) {
          CHECK(got[i] == kGuard);
          continue;
        }
        const std::size_t at = i / pitch * outputs + i % pitch;
        const double wanted = std::max(sums[at] + static_cast<double>(residual[at]), -0.5);
        worst = std::max(worst, std::abs(static_cast<double>(got[i]) - wanted));
      }
      CAPTURE(round);
      CAPTURE(isa);
      CHECK(worst < 1e-5 * 30);
    }
  }
}

TEST_CASE("weights that come from memory, in passes, beside a residual and in its place") {
  std::mt19937 random(14);
  for (const std::int64_t outputs : {64, 75}) {
    const ConvShape shape{.height = 3,
                          .width = 5,
                          .channels = 1100,
                          .outputs = outputs,
                          .kernel_height = 3,
                          .pad_top = 1,
                          .pad_bottom = 1};
    const Floats x = random_floats(shape.input_size(), random);
    const Floats w = random_floats(shape.weight_size(), random);
    const Floats bias = random_floats(outputs, random);
    const Floats residual = random_floats(shape.output_size(), random);
    const std::vector<double> sums = convolve(shape, x, w, bias);
    for (const std::string& isa : isa_names()) {
      const ConvPlan plan(shape, w.data(), bias.data(), {.isa = isa});
      Floats in_place = residual;
      plan.run(x.data(), in_place.data(), in_place.data());
      const Floats apart = run_guarded(plan, x, &residual);
      double worst = 0;
      for (std::size_t i = 0; i < apart.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(apart[i]) - sums[i] -
                                         static_cast<double>(residual[i])));
      CAPTURE(isa);
      CHECK(worst < 1e-3);
      // The residual is the last of the sum either way.
      CHECK(in_place == apart);
    }
  }
}

TEST_CASE("items are shared out so that each is done once") {
  for (const unsigned threads : {1U, 2U, 3U, 40U}) {
    for (const std::int64_t items : {0, 1, 2, 5, 37, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(items));
      share_out(threads, items,
                [&](std::int64_t item) noexcept { ++done[static_cast<std::size_t>(item)]; });
      CHECK(std::all_of(done.begin(), done.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

TEST_CASE("any number of threads, and NCHW, give the same bits") {
  std::mt19937 random(8);
  for (int round = 0; round < 20; ++round) {
    ConvShape shape = random_shape(random);
    // Enough work that it is shared out.
    if (round % 2 == 0) shape.outputs *= 8, shape.height += 24;
    const Floats x = random_floats(shape.input_size(), random);
    const Floats w = random_floats(shape.weight_size(), random);
    const ConvPlan alone(shape, w.data(), nullptr, {});
    const Floats wanted = run_guarded(alone, x, nullptr);
    Floats other(x.size());
    Floats back(wanted.size());
    for (const unsigned threads : {2U, 3U, 7U}) {
      CHECK(run_guarded(ConvPlan(shape, w.data(), nullptr, {.threads = threads}), x, nullptr) ==
            wanted);
      transpose(x.data(), other.data(), {shape.batch, shape.height * shape.width, shape.channels},
                threads);
      const ConvPlan nchw(shape, w.data(), nullptr, {.threads = threads, .layout = Layout::nchw});
      const Floats turned = run_guarded(nchw, other, nullptr);
      transpose(turned.data(), back.data(),
                {shape.batch, shape.outputs, shape.out_height() * shape.out_width()}, 1);
      CHECK(back == wanted);
    }
  }
}

TEST_CASE("one plan may be run by many threads at once") {
  std::mt19937 random(9);
  const ConvShape shape{.height = 20,
                        .width = 20,
                        .channels = 8,
                        .outputs = 40,
                        .kernel_height = 3,
                        .kernel_width = 3};
  const Floats x = random_floats(shape.input_size(), random);
  const Floats w = random_floats(shape.weight_size(), random);
  const ConvPlan plan(shape, w.data(), nullptr, {.threads = 2});
  const Floats wanted = run_guarded(plan, x, nullptr);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      Floats outputs(wanted.size());
      for (int i = 0; i < 50; ++i) {
        plan.run(x.data(), nullptr, outputs.data());
        if (outputs != wanted) ++wrong;
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("every piece of a job is done once, whoever comes, and one within a job by its caller") {
  constexpr std::size_t kPieces = 50;
  for (const unsigned threads : {1U, 2U, 5U}) {
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> done(kPieces);
      std::vector<std::atomic<int>> runs(threads);
      std::atomic<std::size_t> next{0};
      std::atomic<int> inner{0};
      std::atomic<int> inner_others{0};
      auto nested = [&](unsigned worker) noexcept { ++(worker == 0 ? inner : inner_others); };
      auto work = [&](unsigned worker) noexcept {
        ++runs[worker];
        run_on_workers(3, nested);
        for (std::size_t piece = next++; piece < kPieces; piece = next++) ++done[piece];
      };
      run_on_workers(threads, work);
      const auto once = [](const auto& n) { return n == 1; };
      CHECK(std::all_of(done.begin(), done.end(), once));
      CHECK(runs[0] == 1);
      CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n <= 1; }));
      CHECK(inner == static_cast<int>(std::count_if(runs.begin(), runs.end(), once)));
      if (threads > 1) CHECK(inner_others == 0);
    }
    // Long enough for the workers to fall asleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_CASE("workers do come, awake or asleep") {
  for (int round = 0; round < 5; ++round) {
    std::atomic<unsigned> there{0};
    auto work = [&](unsigned) noexcept {
      ++there;
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (there < 3 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    };
    run_on_workers(3, work);
    CHECK(there == 3);
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_CASE("not a number and infinities pass, and padding is not multiplied") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::string& isa : isa_names()) {
    const ConvShape shape{.height = 1,
                          .width = 3,
                          .channels = 1,
                          .outputs = 1,
                          .kernel_width = 3,
                          .pad_left = 1,
                          .pad_right = 1};
    const Floats x{1, 2, 3};
    const Floats w{kInfinity, 1, -kInfinity};
    Floats y(3);
    ConvPlan(shape, w.data(), nullptr, {.isa = isa}).run(x.data(), nullptr, y.data());
    CHECK(y[0] == -kInfinity);
    CHECK(std::isnan(y[1]));
    CHECK(y[2] == kInfinity);
    const Floats one{1};
    const Floats strange{nan, -1, 9};
    const ConvShape point{.width = 3};
    ConvPlan(point, one.data(), nullptr, {.isa = isa, .low = 0, .high = 6})
        .run(strange.data(), nullptr, y.data());
    CHECK(std::isnan(y[0]));
    CHECK(y[1] == 0);
    CHECK(y[2] == 6);
  }
}

TEST_CASE("shapes that make no sense are refused") {
  const auto refused = [](ConvShape shape, const char* why) {
    CHECK_THROWS_WITH_AS(check(shape), doctest::Contains(why), std::invalid_argument);
  };
  refused({.groups = 0}, "groups must be from 1");
  refused({.batch = -1}, "batch must be from 0");
  refused({.stride_width = 0}, "stride must be from 1");
  refused({.channels = 4, .outputs = 3, .groups = 2},
          "3 output channels do not divide into 2 groups");
  refused({.channels = 3, .outputs = 4, .groups = 2}, "3 channels do not divide into 2 groups");
  refused({.height = 2, .width = 9, .kernel_height = 3},
          "the kernel's height spans 3 values, the image with its padding has 2");
  refused({.height = 1 << 16, .width = 1 << 16}, "fewer than 2^31 values");
  refused({.pad_top = std::int64_t{1} << 40}, "padding must be from 0");
  refused({.channels = 4, .x_pitch = 3}, "x_pitch must be 0 or from 4");
  refused({.outputs = 4, .out_pitch = -4}, "out_pitch must be 0 or from 4");
  refused({.height = 1 << 10, .width = 1 << 10, .x_pitch = 1 << 12}, "fewer than 2^31 values");
  refused({.height = 1 << 10, .width = 1 << 10, .out_pitch = 1 << 12}, "fewer than 2^31 values");
  CHECK_NOTHROW(check({.batch = 0}));
  const Floats one{1};
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.isa = "sse9"}), std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.algorithm = "depthwise"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.algorithm = "grouped"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.algorithm = "fast"}), std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.activation = "erf"}), std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({.x_pitch = 2}, one.data(), nullptr, {.layout = Layout::nchw}),
                  std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.low = 1, .high = 0}), std::invalid_argument);
  CHECK_THROWS_AS(ConvPlan({}, one.data(), nullptr, {.threads = 5000}), std::invalid_argument);
  CHECK_THROWS_AS(set_num_threads(0), std::invalid_argument);
}

TEST_CASE("an empty batch, and windows that lie in the padding") {
  const Floats w{2, 2, 2};
  const Floats bias{7};
  const ConvShape empty{.batch = 0, .width = 3, .kernel_width = 3};
  ConvPlan(empty, w.data(), bias.data(), {}).run(nullptr, nullptr, nullptr);
  const ConvShape wide{.width = 1, .kernel_width = 3, .pad_left = 5, .pad_right = 5};
  const Floats x{3};
  Floats y(9);
  ConvPlan(wide, w.data(), bias.data(), {}).run(x.data(), nullptr, y.data());
  CHECK(y == Floats{7, 7, 7, 13, 13, 13, 7, 7, 7});
  // No window has a value in the image.
  const ConvShape beside{.stride_width = 2, .pad_left = 1, .pad_right = 1};
  ConvPlan(beside, w.data(), bias.data(), {}).run(x.data(), nullptr, y.data());
  CHECK(y[0] == 7);
  CHECK(y[1] == 7);
}

TEST_CASE("variants: named, forced, and no better than the processor") {
  const std::vector<std::string> names = isa_names();
  REQUIRE(!names.empty());
  CHECK(names.back() == "portable");
  for (const std::string& name : names) CHECK(find_kernels(name).name == name);
  const auto& cpu = dnnaccel::base::cpu_features();
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK(has("avx512") == cpu.avx512);
  CHECK(has("avx2") == cpu.avx2);
  CHECK(has("neon") == cpu.neon);
  CHECK((cpu.avx2 || !cpu.avx512));
  CHECK((cpu.avx512 || !cpu.avx512_vnni));
}

TEST_SUITE_END();
