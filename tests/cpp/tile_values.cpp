#include "sim/tile_values.hpp"

#include <numeric>
#include <vector>

#include "cost/counter.hpp"
#include "cost/walker.hpp"
#include "sim/tile_lines.hpp"
#include "sim/tile_sets.hpp"
#include "support.hpp"

using namespace dnnaccel;
using namespace dnnaccel::testing;
using sim::tiles::AxisSet;
using sim::tiles::AxisSets;
using sim::tiles::kNowhere;

namespace {

constexpr std::size_t kInputs = 0;
constexpr std::size_t kWeights = 1;
constexpr std::size_t kOutputs = 2;

template <typename T>
struct Work {
  std::vector<T> inputs;
  std::vector<T> weights;
  std::vector<T> outputs;

  /// Inputs 1, 2, 3, ...; weights -1, 2, -3, ...; and outputs that must be overwritten.
  explicit Work(const problem::Problem& problem)
      : inputs(problem.tensors[0].words()),
        weights(problem.tensors[1].words()),
        outputs(problem.tensors[2].words(), T{99}) {
    std::iota(inputs.begin(), inputs.end(), T{1});
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = static_cast<T>(i + 1) * static_cast<T>(i % 2 == 0 ? -1 : 1);
    }
  }

  sim::Tensors<T> tensors() {
    return {.inputs = inputs.data(), .weights = weights.data(), .outputs = outputs.data()};
  }
};

/// Outputs of a one-dimensional convolution of `support.hpp`, straight from its definition.
template <typename T>
std::vector<T> convolved(const problem::Problem& problem, const Work<T>& work) {
  const auto& bounds = problem.bounds;
  const problem::Axis& rows = problem.tensors[0].axes[1];
  std::vector<T> out;
  for (std::int64_t m = 0; m < bounds[kM]; ++m) {
    for (std::int64_t p = 0; p < bounds[kP]; ++p) {
      T sum{};
      for (std::int64_t c = 0; c < bounds[kC]; ++c) {
        for (std::int64_t r = 0; r < bounds[kR]; ++r) {
          const std::int64_t row = rows.offset + rows.terms[0].coefficient * p + r;
          if (row < 0 || row >= rows.size) continue;
          sum += work.inputs[static_cast<std::size_t>(c * rows.size + row)] *
                 work.weights[static_cast<std::size_t>((m * bounds[kC] + c) * bounds[kR] + r)];
        }
      }
      out.push_back(sum);
    }
  }
  return out;
}

template <typename T>
cost::Counts check_outputs(const problem::Problem& problem, const arch::Architecture& chip,
                           const mapping::Mapping& nest) {
  Work<T> work(problem);
  const sim::ValuesRun run = sim::simulate_values(problem, chip, nest, work.tensors());
  CHECK(run.finished);
  CHECK(work.outputs == convolved(problem, work));
  return run.counts;
}

void check_memory(const cost::MemoryCount& count, std::uint64_t reads, std::uint64_t writes,
                  std::uint64_t tile) {
  CHECK(count.reads == reads);
  CHECK(count.writes == writes);
  CHECK(count.tile == tile);
}

void check_network(const cost::NetworkCount& count, std::uint64_t sent, std::uint64_t delivered,
                   std::uint64_t returned) {
  CHECK(count.sent == sent);
  CHECK(count.delivered == delivered);
  CHECK(count.hops == delivered - sent);
  CHECK(count.returned == returned);
}

}  // namespace

TEST_SUITE("tile_values") {
  TEST_CASE("the tiny example of counting.md, every count and every value") {
    const cost::Counts counts =
        check_outputs<std::int32_t>(convolution(2, 1, 4, 3), example_chip(), example_nest(kM));
    CHECK(counts.macs == 24);
    CHECK(counts.steps == 12);
    CHECK(counts.active_macs == 3);
    CHECK(counts.instances[2] == 3);
    check_memory(counts.memories[0][kInputs], 14, 0, 6);
    check_memory(counts.memories[2][kInputs], 24, 18, 3);
    check_memory(counts.memories[0][kWeights], 6, 0, 6);
    check_memory(counts.memories[2][kWeights], 24, 18, 3);
    check_memory(counts.memories[0][kOutputs], 0, 8, 8);
    check_memory(counts.memories[2][kOutputs], 24, 24, 1);
    check_network(counts.networks[1][kInputs], 14, 18, 0);
    check_network(counts.networks[1][kWeights], 6, 18, 0);
    check_network(counts.networks[1][kOutputs], 8, 8, 0);
  }

  TEST_CASE("neighbours hand rows on, and the values are right") {
    const std::uint32_t inputs = problem::bit(problem::Role::inputs);
    const cost::Counts counts =
        check_outputs<float>(convolution(2, 1, 4, 3), example_chip(inputs), example_nest(kM));
    CHECK(counts.memories[0][kInputs].reads == 12);
    check_memory(counts.memories[2][kInputs], 24 + 6, 18, 3);
    check_network(counts.networks[1][kInputs], 12, 18, 0);
  }

  TEST_CASE("sums that come back are added to") {
    const cost::Counts counts =
        check_outputs<std::int32_t>(convolution(1, 2, 4, 3), example_chip(), example_nest(kC));
    check_memory(counts.memories[0][kOutputs], 2, 6, 4);
    check_memory(counts.memories[2][kOutputs], 26, 26, 1);
    check_network(counts.networks[1][kOutputs], 6, 6, 2);
  }

  TEST_CASE("sums of lanes meet on the way, or one by one at the parent") {
    arch::Architecture chip{
        .levels = {arch::Memory{.name = "ram"},
                   arch::Array{.name = "lanes", .rows = 2, .multicast = {}, .reduce = {}}}};
    const mapping::Mapping nest{.levels = {{.loops = {{.dim = kC, .tile = 2}}, .keeps = 7},
                                           {.loops = {{.dim = kC, .tile = 1}}, .keeps = 0}}};
    const cost::Counts in_place = check_outputs<std::int32_t>(convolution(1, 4, 1, 1), chip, nest);
    check_memory(in_place.memories[0][kOutputs], 3, 4, 1);
    check_network(in_place.networks[1][kOutputs], 4, 4, 1);
    std::get<arch::Array>(chip.levels[1]).reduce.all = true;
    const cost::Counts on_the_way = check_outputs<float>(convolution(1, 4, 1, 1), chip, nest);
    check_memory(on_the_way.memories[0][kOutputs], 1, 2, 1);
    check_network(on_the_way.networks[1][kOutputs], 2, 4, 1);
  }

  TEST_CASE("padding is a zero that nobody fetches; strides leave gaps") {
    const arch::Architecture chip{.levels = {arch::Memory{.name = "ram"}}};
    const mapping::Mapping nest{
        .levels = {{.loops = {{.dim = kP, .tile = 1}, {.dim = kR, .tile = 1}}, .keeps = 7}}};
    const cost::Counts padded =
        check_outputs<std::int32_t>(convolution(1, 1, 4, 3, 1, 1), chip, nest);
    check_memory(padded.memories[0][kInputs], 10, 0, 4);
    const cost::Counts gaps =
        check_outputs<std::int32_t>(convolution(2, 1, 4, 2, 3), example_chip(), example_nest(kM));
    CHECK(gaps.memories[0][kInputs].reads == 6 + 2 + 2 + 2);
  }

  TEST_CASE("integers wrap around") {
    const problem::Problem problem = convolution(1, 2, 1, 1);
    Work<std::int32_t> work(problem);
    work.inputs = {1 << 30, 1 << 30};
    work.weights = {2, 2};
    const arch::Architecture chip{.levels = {arch::Memory{.name = "ram"}}};
    sim::simulate_values(problem, chip,
                         {.levels = {{.loops = {{.dim = kC, .tile = 1}}, .keeps = 7}}},
                         work.tensors());
    CHECK(work.outputs[0] == 0);
  }

  TEST_CASE("a run can be stopped") {
    const problem::Problem problem = convolution(2, 1, 4, 3);
    Work<float> work(problem);
    const sim::ValuesRun run =
        sim::simulate_values(problem, example_chip(), example_nest(kM), work.tensors(),
                             [](std::uint64_t, std::uint64_t total) { return total != 24; });
    CHECK_FALSE(run.finished);
    CHECK(run.counts.macs < 24);
  }

  TEST_CASE("what does not belong is refused") {
    const problem::Problem problem = convolution(2, 1, 4, 3);
    Work<float> work(problem);
    check_says(refusal([&] {
                 sim::simulate_values(problem, two_levels(2, 1, 8), example_nest(kM),
                                      work.tensors());
               }),
               {"pes.rows", "3 instances", "has 2"});
    sim::Tensors<float> tensors = work.tensors();
    tensors.weights = nullptr;
    check_says(
        refusal([&] { sim::simulate_values(problem, example_chip(), example_nest(kM), tensors); }),
        {"tile simulation", "missing"});
  }

  TEST_CASE("sets of coordinates: every kind against the coordinates themselves") {
    for (std::int64_t stride = 1; stride <= 4; ++stride) {
      for (std::int64_t dilation = 1; dilation <= 4; ++dilation) {
        const problem::Axis axis{
            .terms = {{.dim = 0, .coefficient = stride}, {.dim = 1, .coefficient = dilation}},
            .offset = -3,
            .size = 12};
        AxisSets sets(axis);
        for (std::int64_t p = 0; p < 4; ++p) {
          for (std::int64_t r = 0; r < 4; ++r) {
            const AxisSet set = sets.touched({.first = 1, .size = p}, {.first = 0, .size = r});
            CHECK(set == sets.touched({.first = 1, .size = p}, {.first = 0, .size = r}));
            std::int64_t next = 0;
            for (std::int64_t x = -20; x < 40; ++x) {
              bool touched = false;
              for (std::int64_t i = 1; i < 1 + p; ++i) {
                for (std::int64_t j = 0; j < r; ++j) {
                  touched = touched || (x == stride * i + dilation * j - 3 && x >= 0 && x < 12);
                }
              }
              CHECK(set.place_of(x) == (touched ? next : kNowhere));
              if (touched) CHECK(set.coordinate(next++) == x);
            }
            CHECK(set.count == next);
            if (p > 0 && r > 0) CHECK(set.count <= sets.most(p, r));
          }
        }
      }
    }
  }

  TEST_CASE("a word that is not in the tile is an error of the walk, not a zero") {
    const problem::Axis axis = plain(0, 8);
    sim::tiles::AxisPlaces places;
    AxisSets sets(axis);
    const AxisSet tile = sets.touched({.first = 2, .size = 3}, {.first = 0, .size = 1});
    places.find(axis, {2, 3, 4}, {0}, tile);
    CHECK(places.words() == 3);
    CHECK(places.place(2, 0) == 2);
    CHECK_THROWS_AS(places.find(axis, {4, 5}, {0}, tile), std::logic_error);
  }

  TEST_CASE("counts equal the walker's on a nest with everything in it") {
    // Two arrays, a bypassed memory, edges everywhere, a dim that is spread twice.
    const problem::Problem problem = convolution(5, 3, 11, 3, 2, 1);
    arch::Architecture chip = example_chip(problem::bit(problem::Role::inputs));
    std::get<arch::Array>(chip.levels[1]).reduce = {.all = false, .names = {"C"}};
    chip.levels.push_back(arch::Array{.name = "lanes",
                                      .rows = 2,
                                      .columns = 2,
                                      .multicast = {.all = false, .names = {"M"}},
                                      .reduce = {.all = false, .names = {"C"}}});
    chip.levels.push_back(arch::Memory{.name = "reg"});
    const mapping::Mapping nest{
        .levels = {
            {.loops = {{.dim = kC, .tile = 2}, {.dim = kP, .tile = 7}, {.dim = kM, .tile = 3}},
             .keeps = 7},
            {.loops = {{.dim = kP, .tile = 3}}, .keeps = 0},
            {.loops = {{.dim = kP, .tile = 2}, {.dim = kR, .tile = 2}}, .keeps = 5},
            {.loops = {{.dim = kC, .tile = 1, .axis = 0}, {.dim = kM, .tile = 2, .axis = 1}},
             .keeps = 0},
            {.loops = {{.dim = kR, .tile = 1}, {.dim = kP, .tile = 1}, {.dim = kM, .tile = 1}},
             .keeps = 2}}};
    const cost::Counts moved = check_outputs<std::int32_t>(problem, chip, nest);
    const cost::Counts walked = cost::walk(problem, chip, nest);
    CHECK(moved.macs == walked.macs);
    CHECK(moved.steps == walked.steps);
    CHECK(moved.active_macs == walked.active_macs);
    for (std::size_t level = 0; level < chip.levels.size(); ++level) {
      CHECK(moved.instances[level] == walked.instances[level]);
      for (std::size_t role = 0; role < 3; ++role) {
        const cost::MemoryCount& walked_memory = walked.memories[level][role];
        check_memory(moved.memories[level][role], walked_memory.reads, walked_memory.writes,
                     walked_memory.tile);
        const cost::NetworkCount& walked_network = walked.networks[level][role];
        check_network(moved.networks[level][role], walked_network.sent, walked_network.delivered,
                      walked_network.returned);
      }
    }
  }
}
