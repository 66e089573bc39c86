#include "sim/adder_tree.hpp"

#include <array>

#include "sim/drive.hpp"
#include "support.hpp"

using namespace dnnaccel::sim;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;

namespace {

constexpr std::uint32_t kWeightsBit = problem::bit(problem::Role::weights);

constexpr std::size_t cause(Stall stall) { return static_cast<std::size_t>(stall); }

/// A memory over 2 x 2 elements with a double-buffered register of weights each.
arch::Architecture tree_chip(arch::Buffering buffering = arch::Buffering::twofold) {
  arch::Architecture chip = two_levels(2, 2, 2);
  auto& registers = std::get<arch::Memory>(chip.levels[2]);
  registers.keeps = kWeightsBit;
  registers.buffering = buffering;
  return chip;
}

/// 2 filters, 4 channels, 3 pixels: two folds of three steps.
const problem::Problem kProblem = convolution(2, 4, 3, 1);
const mapping::Mapping kMapping{
    .levels = {{.loops = {{.dim = kC, .tile = 2}}, .keeps = 7},
               {.loops = {{.dim = kC, .tile = 1}, {.dim = kM, .tile = 1, .axis = 1}}, .keeps = 0},
               {.loops = {{.dim = kP, .tile = 1}}, .keeps = kWeightsBit}}};

Chunks half(std::int64_t first) {
  Chunks chunks = whole(kProblem);
  chunks[kC] = {.first = first, .size = 2};
  return chunks;
}

}  // namespace

TEST_SUITE("adder_tree") {
  TEST_CASE("folds follow each other in the pipeline, and wait for the memory above") {
    const arch::Architecture chip = tree_chip();
    AdderTreeArray array(kProblem, chip, kMapping, Tensors<std::int32_t>{});
    CHECK(array.outer_loops() == 1);
    // One cycle to load, three steps, and the last sum leaves two cycles behind the last step.
    const FoldTime first = array.fold(half(0), 5);
    CHECK(first.begin == 5);
    CHECK(first.end == 5 + 1 + 3 + 2);
    // The next weights were there at once: they came behind the three steps.
    const FoldTime second = array.fold(half(2), 0);
    CHECK(second.begin == 6);
    CHECK(second.end == 9 + 3 + 2);
    array.finish();
    CHECK(array.run().cycles == 14);
    CHECK(array.time().waits[cause(Stall::memory)] == 5);
    CHECK(array.time().waits[cause(Stall::weights)] == 1);
    const Activity& activity = array.run().activity;
    CHECK(activity.stalled[0][cause(Stall::memory)] == 5);
    CHECK(activity.stalled[0][cause(Stall::weights)] == 1);
    CHECK(activity.active[0] == 6);
    CHECK(activity.first[0] == 6);
    CHECK(activity.last[0] == 11);
  }

  TEST_CASE("weights that are late in the memory above hide behind less, or behind nothing") {
    // A load takes one cycle, of the three from cycle 1 on in which the first fold steps.
    for (const auto& [ready, begin, start] :
         {std::array<std::uint64_t, 3>{0, 1, 4}, {3, 3, 4}, {4, 4, 5}, {9, 9, 10}}) {
      CAPTURE(ready);
      const arch::Architecture chip = tree_chip();
      AdderTreeArray array(kProblem, chip, kMapping, Tensors<std::int32_t>{});
      CHECK(array.fold(half(0), 0).end == 6);
      const FoldTime second = array.fold(half(2), ready);
      CHECK(second.begin == begin);
      CHECK(second.end == start + 3 + 2);
    }
  }

  TEST_CASE("a register that is not double-buffered is loaded between folds") {
    for (const arch::Buffering buffering : {arch::Buffering::single, arch::Buffering::stream}) {
      const arch::Architecture chip = tree_chip(buffering);
      AdderTreeArray array(kProblem, chip, kMapping, Tensors<std::int32_t>{});
      CHECK(drive(kProblem, array.nest(), array));
      CHECK(array.run().cycles == 2 * (1 + 3) + 2);
    }
  }

  TEST_CASE("the depth of a tree") {
    CHECK(tree::depth_of(1) == 2);
    CHECK(tree::depth_of(2) == 3);
    CHECK(tree::depth_of(3) == 4);
    CHECK(tree::depth_of(64) == 8);
    CHECK(tree::depth_of(65) == 9);
  }

  TEST_CASE("two tiles must fit a double-buffered register") {
    arch::Architecture chip = tree_chip();
    std::get<arch::Memory>(chip.levels[2]).capacity_words = 1;
    CHECK_THROWS_AS(AdderTreeArray(kProblem, chip, kMapping, Tensors<std::int32_t>{}),
                    std::domain_error);
    std::get<arch::Memory>(chip.levels[2]).buffering = arch::Buffering::single;
    AdderTreeArray array(kProblem, chip, kMapping, Tensors<std::int32_t>{});
    CHECK(drive(kProblem, array.nest(), array));
  }
}
