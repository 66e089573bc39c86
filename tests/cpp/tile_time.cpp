#include "sim/tile_time.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/step_words.hpp"
#include "support.hpp"

using namespace dnnaccel;
using namespace dnnaccel::testing;
using problem::Role;

namespace {

/// Writes down what it sees.
struct Diary final : sim::TileObserver {
  std::vector<std::string> lines;
  double worked_until = 0;

  void moved(int level, Role role, bool fill, double begin, double end,
             std::uint64_t words) override {
    CHECK(begin <= end);
    if (level != 2) return;
    lines.push_back(std::string(problem::name(role)) + (fill ? " in " : " out ") +
                    std::to_string(words));
  }
  void worked(double begin, double end, std::uint64_t macs) override {
    CHECK(begin >= worked_until);
    worked_until = end;
    lines.push_back("work " + std::to_string(macs));
  }
  void waited(const sim::Lost& lost, double) override { CHECK(lost.cycles > 0); }
};

}  // namespace

TEST_SUITE("tile_time") {
  TEST_CASE("the rows of every step of counting.md's tiny example") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    const arch::Architecture chip = example_chip();
    const mapping::Nest nest = mapping::flatten(layer, chip, example_nest());
    const cost::Keepers inputs{.role = Role::inputs, .parent = 0, .child = 2};
    // Sent by ram, where the splits of P unite; received by the PEs, where they do not.
    const sim::Unite united = sim::Unite{1} << 2;
    const sim::StepWords words(layer, nest, inputs,
                               {.child_above = 3, .stepped = 3, .links = {united, 0}});
    CHECK(words.largest_tile() == 3);
    CHECK(words.moves(1));
    std::array<std::uint64_t, 2> moved{};
    sim::Digits digits{};
    words.words(digits, -1, moved.data());
    CHECK(moved == std::array<std::uint64_t, 2>{5, 9});
    digits[1] = 1;  // P, at its edge
    words.words(digits, 1, moved.data());
    CHECK(moved == std::array<std::uint64_t, 2>{3, 3});
    digits[0] = 1;  // M steps and P is back at its start
    digits[1] = 0;
    words.words(digits, 0, moved.data());
    CHECK(moved == std::array<std::uint64_t, 2>{3, 3});
    digits[1] = 1;
    words.words(digits, 1, moved.data());
    CHECK(moved == std::array<std::uint64_t, 2>{3, 3});
  }

  TEST_CASE("what is below the stepped loops is one block of work") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    const arch::Architecture chip = example_chip();
    const mapping::Nest nest = mapping::flatten(layer, chip, example_nest());
    const sim::BlockWork block(layer, nest, 2);
    sim::Digits digits{};
    CHECK(block.steps(digits) == 3);
    CHECK(block.macs(digits) == 9);
    digits[1] = 1;  // one pixel is left, for the first PE
    CHECK(block.steps(digits) == 3);
    CHECK(block.macs(digits) == 3);
    CHECK(sim::working_instances(layer, nest, 3) == 3);
  }

  TEST_CASE("a schedule in the order in which things happen, and no slower than its ports") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip();
    std::get<arch::Memory>(chip.levels[0]).shared_bandwidth = 2;
    std::get<arch::Memory>(chip.levels[2]).buffering = arch::Buffering::twofold;
    Diary diary;
    const auto run = sim::simulate_tiles(layer, chip, example_nest(), {.observer = &diary});
    REQUIRE(run);
    CHECK(run->counts.macs == 24);
    CHECK(run->counts.memories[0][0].reads == 14);
    CHECK(run->compute_cycles == 12);
    // 14 + 6 words out, 8 in, 2 a cycle.
    CHECK(run->cycles >= 14);
    double cycles = run->compute_cycles;
    for (const sim::Lost& lost : run->lost) cycles += lost.cycles;
    CHECK(cycles == doctest::Approx(run->cycles));
    CHECK(diary.worked_until <= run->cycles);
    const std::vector<std::string> begin(diary.lines.begin(), diary.lines.begin() + 3);
    CHECK(begin == std::vector<std::string>{"inputs in 9", "weights in 9", "work 9"});
    CHECK(std::count(diary.lines.begin(), diary.lines.end(), "work 3") == 2);
    CHECK(std::count(diary.lines.begin(), diary.lines.end(), "outputs out 3") == 2);
    CHECK(std::count(diary.lines.begin(), diary.lines.end(), "outputs out 1") == 2);
  }

  TEST_CASE("a run ends when who watches it says so") {
    const problem::Problem layer = convolution(64, 64, 64, 1);
    const arch::Architecture chip = two_levels(1, 1, 8);
    const mapping::Mapping nest{
        .levels = {
            {.loops = {{.dim = kM, .tile = 1}, {.dim = kP, .tile = 1}, {.dim = kC, .tile = 1}},
             .keeps = 7},
            {},
            {.loops = {}, .keeps = 7}}};
    int asked = 0;
    sim::TileOptions options;
    options.poll = [&](std::uint64_t done, std::uint64_t all) {
      CHECK(all == 64 * 64 * 64);
      CHECK(done > 0);
      return ++asked < 3;
    };
    CHECK_FALSE(sim::simulate_tiles(layer, chip, nest, options));
    CHECK(asked == 3);
  }
}
