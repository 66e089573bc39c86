#include "cost/walker.hpp"

#include "support.hpp"

using namespace dnnaccel::cost;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;

namespace {

constexpr std::size_t kInputs = 0;
constexpr std::size_t kWeights = 1;
constexpr std::size_t kOutputs = 2;

void check_memory(const MemoryCount& count, std::uint64_t reads, std::uint64_t writes,
                  std::uint64_t tile) {
  CHECK(count.reads == reads);
  CHECK(count.writes == writes);
  CHECK(count.tile == tile);
}

void check_network(const NetworkCount& count, std::uint64_t sent, std::uint64_t delivered,
                   std::uint64_t returned) {
  CHECK(count.sent == sent);
  CHECK(count.delivered == delivered);
  CHECK(count.hops == delivered - sent);
  CHECK(count.returned == returned);
}

}  // namespace

TEST_SUITE("walker") {
  TEST_CASE("the tiny example of counting.md, every count") {
    const Counts counts = walk(convolution(2, 1, 4, 3), example_chip(), example_nest(kM));
    CHECK(counts.macs == 24);
    CHECK(counts.steps == 12);
    CHECK(counts.active_macs == 3);
    CHECK(counts.instances[0] == 1);
    CHECK(counts.instances[1] == 1);
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

  TEST_CASE("the refills of the example, and what arrives first") {
    const Counts counts = walk(convolution(2, 1, 4, 3), example_chip(), example_nest(kM));
    const MemoryCount& inputs = counts.memories[2][kInputs];
    CHECK(inputs.filled == 18);
    CHECK(inputs.sent == 14);
    CHECK(inputs.drained == 0);
    const MemoryCount& outputs = counts.memories[2][kOutputs];
    CHECK(outputs.filled == 0);
    CHECK(outputs.sent == 8);
    CHECK(outputs.drained == 8);
    // Rows 0-2, 1-3 and 2-4 come first: 9 words in the PEs, 5 of ram.
    const RampCount& ramp = counts.ramps[2][kInputs];
    CHECK(ramp.parent == 0);
    CHECK(ramp.sent == 5);
    CHECK(ramp.received == 9);
  }

  TEST_CASE("the example with neighbours that hand rows on") {
    const std::uint32_t inputs = problem::bit(problem::Role::inputs);
    const Counts counts = walk(convolution(2, 1, 4, 3), example_chip(inputs), example_nest(kM));
    CHECK(counts.memories[0][kInputs].reads == 12);
    check_memory(counts.memories[2][kInputs], 24 + 6, 18, 3);
    check_network(counts.networks[1][kInputs], 12, 18, 0);
    CHECK(counts.memories[0][kWeights].reads == 6);
  }

  TEST_CASE("the example with channels outside: sums that come back") {
    const Counts counts = walk(convolution(1, 2, 4, 3), example_chip(), example_nest(kC));
    check_memory(counts.memories[0][kOutputs], 2, 6, 4);
    check_memory(counts.memories[2][kOutputs], 26, 26, 1);
    check_network(counts.networks[1][kOutputs], 6, 6, 2);
  }

  TEST_CASE("padding is never fetched, and takes no read of a MAC") {
    // Rows -1..4 of which 0..3 are there; one memory, so that each MAC reads from it.
    const arch::Architecture chip{.levels = {arch::Memory{.name = "ram"}}};
    const mapping::Mapping nest{
        .levels = {{.loops = {{.dim = kP, .tile = 1}, {.dim = kR, .tile = 1}}, .keeps = 7}}};
    const Counts counts = walk(convolution(1, 1, 4, 3, 1, 1), chip, nest);
    CHECK(counts.macs == 12);
    check_memory(counts.memories[0][kInputs], 10, 0, 4);
    check_memory(counts.memories[0][kOutputs], 12 - 4, 12, 4);
  }

  TEST_CASE("sums of lanes meet on the way, or one by one at the parent") {
    arch::Architecture chip{
        .levels = {arch::Memory{.name = "ram"},
                   arch::Array{.name = "lanes", .rows = 2, .multicast = {}, .reduce = {}}}};
    const mapping::Mapping nest{.levels = {{.loops = {{.dim = kC, .tile = 2}}, .keeps = 7},
                                           {.loops = {{.dim = kC, .tile = 1}}, .keeps = 0}}};
    const Counts in_place = walk(convolution(1, 4, 1, 1), chip, nest);
    check_memory(in_place.memories[0][kOutputs], 3, 4, 1);
    check_network(in_place.networks[1][kOutputs], 4, 4, 1);
    std::get<arch::Array>(chip.levels[1]).reduce.all = true;
    const Counts on_the_way = walk(convolution(1, 4, 1, 1), chip, nest);
    check_memory(on_the_way.memories[0][kOutputs], 1, 2, 1);
    check_network(on_the_way.networks[1][kOutputs], 2, 4, 1);
  }

  TEST_CASE("a walk that would take too long is refused") {
    const mapping::Mapping nest{.levels = {{.loops = {{.dim = kP, .tile = 1}}, .keeps = 7},
                                           {.loops = {}, .keeps = 0},
                                           {.loops = {}, .keeps = 7}}};
    const std::string said =
        refusal([&] { walk(convolution(1, 1, (1 << 24) + 1, 1), two_levels(1, 1, 8), nest); });
    check_says(said, {"walk", "2^24", "smaller problem"});
  }

  TEST_CASE("a mapping that does not belong is refused") {
    const std::string said =
        refusal([&] { walk(convolution(2, 1, 4, 3), two_levels(2, 1, 8), example_nest(kM)); });
    check_says(said, {"pes.rows", "3 instances", "has 2"});
  }
}
