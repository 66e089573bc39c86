#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/conv/operator.hpp"
#include "kernels/variants.hpp"
#include "kernels/winograd/operator.hpp"

namespace dnnaccel::kernels {

TEST_SUITE("kernels_winograd") {
  TEST_CASE("slices of wider tensors, a residual and an activation, as the product of matrices") {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    const auto values = [&](std::int64_t count) {
      std::vector<float> all(static_cast<std::size_t>(count));
      for (float& value : all) value = normal(random);
      return all;
    };
    const ConvShape s{.batch = 2,
                      .height = 9,
                      .width = 14,
                      .channels = 21,
                      .outputs = 35,
                      .kernel_height = 3,
                      .kernel_width = 3,
                      .pad_top = 1,
                      .pad_left = 2,
                      .x_pitch = 24,
                      .out_pitch = 41};
    const std::int64_t pixels = s.batch * s.out_height() * s.out_width();
    const auto x = values(s.batch * s.height * s.width * s.x_pitch);
    const auto residual = values(pixels * s.out_pitch);
    const auto w = values(s.weight_size());
    const auto b = values(s.outputs);
    for (const std::string& isa : isa_names()) {
      for (const unsigned threads : {1U, 3U}) {
        const WinogradOperator op(s, w.data(), b.data(),
                                  {.threads = threads, .isa = isa, .activation = "tanh"});
        const ConvOperator plain({s.batch, s.height, s.width, s.channels},
                                 {s.batch, s.out_height(), s.out_width(), s.outputs}, s, w.data(),
                                 b.data(), {.isa = isa, .activation = "tanh"});
        std::vector<float> got = residual;
        std::vector<float> wanted = residual;
        AlignedFloats scratch(op.info().scratch_bytes / sizeof(float));
        const void* inputs[] = {x.data(), got.data()};
        void* outputs[] = {got.data()};
        op.run(inputs, outputs, scratch.data());
        inputs[1] = residual.data();
        outputs[0] = wanted.data();
        plain.run(inputs, outputs, nullptr);
        double worst = 0;
        for (std::size_t i = 0; i < got.size(); ++i)
          worst = std::max(worst, std::abs(double{got[i]} - double{wanted[i]}));
        CHECK(worst < 1e-4);  // of sums of some ten
        // What lies between the pixels is another tensor's.
        CHECK(got[static_cast<std::size_t>(s.outputs)] ==
              residual[static_cast<std::size_t>(s.outputs)]);
      }
    }
  }
}

}  // namespace dnnaccel::kernels
