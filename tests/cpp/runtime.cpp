#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "runtime/memory.hpp"
#include "runtime/program.hpp"

TEST_SUITE_BEGIN("runtime");

namespace {

using namespace dnnaccel;
using runtime::Lifetime;
using runtime::Place;
using runtime::Program;
using Kind = Place::Kind;

/// y = x + 1, value by value; may be done in place.
class Increment final : public kernels::Operator {
 public:
  explicit Increment(std::int64_t size, bool in_place = true, std::int64_t pitch = 0)
      : Operator({{.shape = {2, size}, .pitch = pitch, .in_place = in_place}},
                 {{.shape = {2, size}, .pitch = pitch}}) {
    info_.scratch_bytes = 64;
    info_.packed_bytes = 10;
  }
  void run(const void* const* inputs, void* const* outputs, void* scratch) const noexcept override {
    static_cast<float*>(scratch)[0] = 1;
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (std::int64_t row = 0; row < 2; ++row) {
      for (std::int64_t i = 0; i < inputs_[0].shape[1]; ++i) {
        const auto at = row * inputs_[0].step() + i;
        y[at] = x[at] + static_cast<float*>(scratch)[0];
      }
    }
  }
};

runtime::Step step(const std::shared_ptr<const kernels::Operator>& op, Place from, Place to) {
  return {.op = op, .inputs = {from}, .outputs = {to}};
}

std::vector<Lifetime> random_lifetimes(std::mt19937& random) {
  const auto below = [&](int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random);
  };
  std::vector<Lifetime> tensors(static_cast<std::size_t>(below(40)));
  for (Lifetime& t : tensors) {
    t.bytes = below(4) == 0 ? 0 : below(5000);
    t.first = below(30);
    t.last = t.first + below(6);
  }
  return tensors;
}

}  // namespace

TEST_CASE("tensors that are needed at one step do not overlap, and the bound is the busiest step") {
  std::mt19937 random(7);
  int tight = 0;
  for (int round = 0; round < 300; ++round) {
    const std::vector<Lifetime> tensors = random_lifetimes(random);
    const runtime::MemoryPlan plan = runtime::plan_memory(tensors);
    REQUIRE(plan.offsets.size() == tensors.size());
    std::int64_t busiest = 0;
    for (std::int64_t now = 0; now < 40; ++now) {
      std::int64_t live = 0;
      for (const Lifetime& t : tensors) {
        if (t.first <= now && now <= t.last) live += (t.bytes + 63) / 64 * 64;
      }
      busiest = std::max(busiest, live);
    }
    CHECK(plan.lower_bound == busiest);
    CHECK(plan.bytes >= busiest);
    CHECK(plan.bytes <= busiest + busiest / 2);
    tight += plan.bytes == busiest;
    for (std::size_t a = 0; a < tensors.size(); ++a) {
      CHECK(plan.offsets[a] % runtime::kAlignment == 0);
      CHECK(plan.offsets[a] + tensors[a].bytes <= plan.bytes);
      for (std::size_t b = 0; b < a; ++b) {
        const bool together =
            tensors[a].first <= tensors[b].last && tensors[b].first <= tensors[a].last;
        const bool share = plan.offsets[a] < plan.offsets[b] + tensors[b].bytes &&
                           plan.offsets[b] < plan.offsets[a] + tensors[a].bytes &&
                           tensors[a].bytes > 0 && tensors[b].bytes > 0;
        CHECK_FALSE((together && share));
      }
    }
  }
  CHECK(tight > 200);
}

TEST_CASE("a lifetime that makes no sense is refused") {
  CHECK_THROWS_AS(runtime::plan_memory({{.bytes = -1, .first = 0, .last = 0}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(runtime::plan_memory({{.bytes = 1, .first = 2, .last = 1}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(runtime::plan_memory({{.bytes = 1, .first = -1, .last = 1}}),
                  std::invalid_argument);
  CHECK(runtime::plan_memory({}).bytes == 0);
}

TEST_CASE("a program runs its steps in order, and notes their times and zeros") {
  const auto op = std::make_shared<Increment>(3);
  Program program({step(op, {Kind::input, 0, 0}, {Kind::arena, 0, 64}),
                   step(op, {Kind::arena, 0, 64}, {Kind::arena, 0, 64}),
                   step(op, {Kind::arena, 0, 64}, {Kind::output, 0, 0})},
                  {24}, {24}, 128);
  CHECK(program.packed_bytes() == 10);  // once, though three steps use it
  CHECK(program.scratch_bytes() == 64);
  const std::array<float, 6> x{-3, -2, -1, 0, 1, 2};
  std::array<float, 6> y{};
  const void* const inputs[] = {x.data()};
  void* const outputs[] = {y.data()};
  std::array<double, 3> seconds{};
  std::array<std::int64_t, 3> zeros{};
  program.run(inputs, outputs, {.seconds = seconds.data(), .zeros = zeros.data()}, {});
  CHECK(y == std::array<float, 6>{0, 1, 2, 3, 4, 5});
  CHECK(zeros == std::array<std::int64_t, 3>{1, 1, 1});
  CHECK(seconds[0] >= 0);
  program.run(inputs, outputs, {}, {});  // again, without notes
  CHECK(y[5] == 5);
}

TEST_CASE("slices of one tensor may lie between each other, in no other way may operands overlap") {
  const auto pitched = std::make_shared<Increment>(3, false, 8);
  const std::int64_t bytes = (8 + 7) * 4;
  const auto made = [&](std::int64_t from, std::int64_t to) {
    return Program({step(pitched, {Kind::arena, 0, from}, {Kind::arena, 0, to})}, {}, {},
                   bytes + 4);
  };
  CHECK_NOTHROW(made(0, 12));
  CHECK_NOTHROW(made(16, 0));
  CHECK_THROWS_AS(made(0, 8), std::invalid_argument);
  CHECK_THROWS_AS(made(8, 0), std::invalid_argument);
  CHECK_THROWS_AS(made(0, 0), std::invalid_argument);
  const auto op = std::make_shared<Increment>(3, false);
  CHECK_THROWS_AS(Program({step(op, {Kind::arena, 0, 0}, {Kind::arena, 0, 0})}, {}, {}, 64),
                  std::invalid_argument);
}

TEST_CASE("places outside their memory are refused") {
  const auto op = std::make_shared<Increment>(3);
  const auto refused = [&](Place from, Place to) {
    CHECK_THROWS_AS(Program({step(op, from, to)}, {24}, {24}, 64), std::invalid_argument);
  };
  refused({Kind::input, 0, 4}, {Kind::output, 0, 0});
  refused({Kind::input, 0, -4}, {Kind::output, 0, 0});
  refused({Kind::input, 0, 0}, {Kind::input, 0, 0});
  refused({Kind::none, 0, 0}, {Kind::output, 0, 0});
  refused({Kind::arena, 0, 44}, {Kind::output, 0, 0});
  refused({Kind::arena, 0, 2}, {Kind::output, 0, 0});
  CHECK_THROWS(Program({step(op, {Kind::input, 1, 0}, {Kind::output, 0, 0})}, {24}, {24}, 64));
  CHECK_THROWS_AS(Program({{.op = op, .inputs = {}, .outputs = {}}}, {}, {}, 64),
                  std::invalid_argument);
}

TEST_SUITE_END();
