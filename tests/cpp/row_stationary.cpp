#include "sim/row_stationary.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "sim/drive.hpp"
#include "sim/row_bus.hpp"

using namespace dnnaccel;
using sim::rows::Bus;

namespace {

problem::Axis axis(std::vector<problem::Term> terms, std::int64_t size) {
  return {.terms = std::move(terms), .offset = 0, .size = size};
}

/// Dims M, C, P, Q, R, S, stride 1, no padding.
problem::Problem convolution(std::int64_t m, std::int64_t c, std::int64_t p, std::int64_t q,
                             std::int64_t r, std::int64_t s) {
  problem::Problem problem;
  problem.dim_names = {"M", "C", "P", "Q", "R", "S"};
  problem.bounds = {m, c, p, q, r, s};
  problem.tensors = {
      problem::Tensor{problem::Role::inputs,
                      {axis({{1, 1}}, c), axis({{2, 1}, {4, 1}}, p + r - 1),
                       axis({{3, 1}, {5, 1}}, q + s - 1)}},
      problem::Tensor{problem::Role::weights,
                      {axis({{0, 1}}, m), axis({{1, 1}}, c), axis({{4, 1}}, r), axis({{5, 1}}, s)}},
      problem::Tensor{problem::Role::outputs,
                      {axis({{0, 1}}, m), axis({{2, 1}}, p), axis({{3, 1}}, q)}}};
  return problem;
}

arch::Architecture chip(std::int64_t rows, std::int64_t columns) {
  arch::Array array{.name = "pes", .rows = rows, .columns = columns};
  array.multicast.all = array.reduce.all = true;
  array.bandwidth = {1, 4, 4};
  return {.levels = {arch::Memory{.name = "buffer"}, array,
                     arch::Memory{.name = "spads", .capacity_words = 64}}};
}

/// `outside` above the array, R along its rows, P along its columns, and C, S, M in an element.
mapping::Mapping rows(std::vector<mapping::Loop> outside) {
  return {.levels = {{.loops = std::move(outside), .keeps = problem::kAllRoles},
                     {.loops = {{4, 1, 0}, {2, 1, 1}}},
                     {.loops = {{1, 1, 0}, {5, 1, 0}, {0, 1, 0}}, .keeps = problem::kAllRoles}}};
}

}  // namespace

TEST_SUITE("row_stationary") {
  TEST_CASE("a bus carries its words a cycle, in order") {
    Bus bus(2);
    bus.start(10);
    CHECK(bus.take(0) == 10);
    CHECK_FALSE(bus.busy(10));
    CHECK(bus.take(0) == 10);
    CHECK(bus.busy(10));
    CHECK(bus.take(0) == 11);
    CHECK(bus.take(20) == 20);
    CHECK(bus.take(15) == 20);  // no word overtakes another
    CHECK(bus.take(15) == 21);
    Bus slow(0.5);
    slow.start(0);
    CHECK(slow.take(0) == 1);
    CHECK(slow.take(0) == 3);
    Bus endless(arch::kUnlimitedBandwidth);
    endless.start(0);
    for (int i = 0; i < 1000; ++i) CHECK(endless.take(3) == 3);
  }

  TEST_CASE("a burst follows the order of the loops") {
    const problem::Problem layer = convolution(2, 1, 1, 1, 1, 3);
    const auto shape = sim::rows::shape_of(layer, chip(1, 1), rows({{3, 1, 0}}));
    const auto burst = sim::rows::burst_of(shape, 2, 1, 3);
    CHECK(burst.macs == 6);
    CHECK(burst.first_word == std::vector<std::uint32_t>{0, 2, 4});
    CHECK(burst.last_word == std::vector<std::uint32_t>{1, 3, 5});
    CHECK(burst.first_sum == std::vector<std::uint32_t>{0, 1});
    CHECK(burst.last_sum == std::vector<std::uint32_t>{4, 5});
  }

  TEST_CASE("one element, by hand") {
    // Two outputs of three taps. Filters: 3 words in cycle 0, there in cycle 1. Inputs: a word a
    // cycle, the third in cycle 2, there in 3 and in the window in 4. MACs in 4, 5 and 6. The
    // fourth word came in cycle 3 and is shifted in in cycle 7, MACs in 8, 9 and 10. The second sum
    // is there three cycles after its last MAC, in 13, and leaves in 14.
    const problem::Problem layer = convolution(1, 1, 1, 2, 1, 3);
    const std::vector<std::int32_t> inputs = {1, 2, 0, 4};
    const std::vector<std::int32_t> weights = {10, 100, 1000};
    std::vector<std::int32_t> outputs = {-1, -1};
    sim::RowStationaryArray<std::int32_t> array(layer, chip(1, 1), rows({{3, 1, 0}}),
                                                {inputs.data(), weights.data(), outputs.data()});
    CHECK(array.outer_loops() == 0);
    CHECK(sim::drive(layer, array.nest(), array));
    CHECK(outputs == std::vector<std::int32_t>{210, 4020});
    CHECK(array.run().cycles == 15);
    CHECK(array.run().gated_macs == 2);
    CHECK(array.run().activity.first[0] == 4);
    CHECK(array.run().activity.last[0] == 10);
    CHECK(array.run().activity.active[0] == 6);
  }

  TEST_CASE("sums go up a column") {
    // Three rows of filters of one tap: element k starts when its filter is there, all in cycle 1;
    // its word comes in cycle k, is there in k + 1 and in the window in k + 2.
    const problem::Problem layer = convolution(1, 1, 1, 1, 3, 1);
    const std::vector<std::int32_t> inputs = {1, 2, 3};
    const std::vector<std::int32_t> weights = {1, 10, 100};
    std::vector<std::int32_t> outputs(1);
    sim::RowStationaryArray<std::int32_t> array(layer, chip(3, 1), rows({}),
                                                {inputs.data(), weights.data(), outputs.data()});
    CHECK(sim::drive(layer, array.nest(), array));
    CHECK(outputs[0] == 321);
    // The last MAC is in cycle 4, its sum there in 7; it leaves in 8.
    CHECK(array.run().cycles == 9);
    CHECK(array.run().activity.stalled.size() == 3);
  }

  TEST_CASE("tags tell receivers apart") {
    std::vector<sim::rows::Place> places;  // three rows of two elements
    for (std::int64_t who = 0; who < 6; ++who)
      places.push_back({.row = who / 2, .column = who % 2});
    // Diagonals tie all rows together, so all listen to one row tag.
    const auto diagonal = sim::rows::tags_of({{0}, {1, 2}, {3, 4}, {5}}, places);
    CHECK(diagonal.rows == 1);
    CHECK(diagonal.columns == 4);
    // Filter rows are the same along a row of the array.
    const auto along = sim::rows::tags_of({{0, 1}, {2, 3}, {4, 5}}, places);
    CHECK(along.rows == 3);
    CHECK(along.columns == 1);
  }

  TEST_CASE("refusals say what would be right") {
    const problem::Problem layer = convolution(2, 1, 2, 2, 1, 1);
    const auto refused = [&](const mapping::Mapping& mapping, const char* what) {
      CHECK_THROWS_WITH_AS(sim::rows::shape_of(layer, chip(2, 2), mapping), doctest::Contains(what),
                           std::domain_error);
    };
    mapping::Mapping across = rows({});
    across.levels[1].loops = {{3, 1, 1}};  // Q along the columns
    across.levels[0].loops = {{2, 1, 0}};
    refused(across, "level pes.columns: Q is spread there; rows take R, G, C, M and P");
    mapping::Mapping inside = rows({});
    inside.levels[2].loops.push_back({3, 1, 0});
    refused(inside, "level spads: Q runs inside an element; only C, S and M do");
    arch::Architecture small = chip(2, 2);
    std::get<arch::Memory>(small.levels[2]).capacity_words = 3;
    CHECK_THROWS_WITH_AS(
        sim::rows::shape_of(layer, small, rows({{3, 1, 0}})),
        doctest::Contains(
            "level spads needs room for 1 of inputs + 2 of weights + 2 of outputs words and has 3"),
        std::domain_error);
  }

  TEST_CASE("folds come in the order of the nest") {
    const problem::Problem layer = convolution(2, 1, 1, 1, 1, 1);
    mapping::Mapping mapping = rows({{0, 1, 0}});
    sim::RowStationaryArray<float> array(layer, chip(1, 1), mapping, {});
    sim::Steps position({array.nest().loops.begin(), array.outer_loops()});
    cost::walking::Chunks whole{};
    for (std::size_t d = 0; d < layer.bounds.size(); ++d) whole[d] = {0, layer.bounds[d]};
    position.start(whole);
    const sim::FoldTime first = array.fold(position.chunks(), 100);
    CHECK(first.begin == 100);
    CHECK_THROWS_AS(array.fold(position.chunks(), 0), std::invalid_argument);
    CHECK(position.next() == 0);
    CHECK(array.fold(position.chunks(), 0).begin == first.end);
    CHECK(array.run().activity.stalled[0][static_cast<std::size_t>(sim::Stall::memory)] == 100);
  }
}
