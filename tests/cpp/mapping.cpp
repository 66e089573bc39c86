#include "mapping/mapping.hpp"

#include "mapping/mapspace.hpp"
#include "support.hpp"

using namespace dnnaccel::mapping;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace problem = dnnaccel::problem;

namespace {

/// M=2, C=3, P=7, R=3 on 3x2 PEs: P is spread unevenly, C along the columns.
Mapping good_mapping() {
  return {
      .levels = {
          {.loops = {{.dim = kM, .tile = 1}, {.dim = kP, .tile = 4}}, .keeps = problem::kAllRoles},
          {.loops = {{.dim = kP, .tile = 2, .axis = 0}, {.dim = kC, .tile = 2, .axis = 1}}},
          {.loops = {{.dim = kP, .tile = 1}, {.dim = kC, .tile = 1}, {.dim = kR, .tile = 1}},
           .keeps = problem::kAllRoles}}};
}

template <typename Change>
std::string after(Change change) {
  Mapping mapping = good_mapping();
  change(mapping);
  return refusal([&] { flatten(convolution(2, 3, 7, 3), two_levels(3, 2, 64), mapping); });
}

/// Rules that let every dim be split in every slot, and every memory keep everything.
Mapspace everything_goes() {
  Mapspace space;
  space.levels.resize(3);
  for (LevelRule& rule : space.levels) rule.dims = {0b1111, 0b1111};
  space.levels[0].keep = space.levels[2].keep = problem::kAllRoles;
  return space;
}

}  // namespace

TEST_SUITE("mapping") {
  TEST_CASE("a nest is the loops of more than one trip, with what each cuts") {
    const Nest nest = flatten(convolution(2, 3, 7, 3), two_levels(3, 2, 64), good_mapping());
    struct Expected {
      int dim;
      std::int64_t extent;
      std::int64_t tile;
      int level;
      bool spatial;
    };
    const std::vector<Expected> expected = {
        {kM, 2, 1, 0, false}, {kP, 7, 4, 0, false}, {kP, 4, 2, 1, true}, {kC, 3, 2, 1, true},
        {kP, 2, 1, 2, false}, {kC, 2, 1, 2, false}, {kR, 3, 1, 2, false}};
    REQUIRE(nest.loops.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      CHECK(nest.loops[i].dim == expected[i].dim);
      CHECK(nest.loops[i].extent == expected[i].extent);
      CHECK(nest.loops[i].tile == expected[i].tile);
      CHECK(nest.loops[i].level == expected[i].level);
      CHECK(nest.loops[i].spatial == expected[i].spatial);
    }
    CHECK(nest.above[0] == 0);
    CHECK(nest.above[1] == 2);
    CHECK(nest.above[2] == 4);
    CHECK(nest.above[3] == 7);
  }

  TEST_CASE("loops of one trip vanish, and a bound of 1 needs no loop") {
    Mapping mapping = good_mapping();
    mapping.levels[0].loops.insert(mapping.levels[0].loops.begin(), {.dim = kC, .tile = 3});
    mapping.levels[1].loops.push_back({.dim = kM, .tile = 9});
    const Nest nest = flatten(convolution(2, 3, 7, 3), two_levels(3, 2, 64), mapping);
    CHECK(nest.loops.size() == 7);
    const Mapping empty{.levels = {{.keeps = problem::kAllRoles}, {}, {}}};
    CHECK(flatten(convolution(1, 1, 1, 1), two_levels(3, 2, 64), empty).loops.empty());
  }

  TEST_CASE("a mapping that does not belong to its problem and chip is refused, naming the level") {
    CHECK(after([](Mapping&) {}).empty());
    check_says(after([](Mapping& m) { m.levels.pop_back(); }), {"mapping has 2 levels", "3"});
    check_says(after([](Mapping& m) { m.levels[2].loops[0].dim = 4; }), {"level rf", "dim"});
    check_says(after([](Mapping& m) { m.levels[2].loops[0].dim = -1; }), {"level rf", "dim"});
    check_says(after([](Mapping& m) { m.levels[0].loops[1].tile = 0; }),
               {"level ram", "at least 1"});
    check_says(after([](Mapping& m) { m.levels[1].loops[0].axis = 2; }), {"level pes", "two axes"});
    check_says(after([](Mapping& m) { m.levels[1].loops[0].tile = 1; }),
               {"pes.rows", "over 4 instances", "has 3"});
    check_says(after([](Mapping& m) { m.levels[1].loops[1].tile = 1; }),
               {"pes.columns", "over 3 instances", "has 2"});
    check_says(after([](Mapping& m) { m.levels[2].loops.pop_back(); }), {"dim R", "chunks of 3"});
    check_says(after([](Mapping& m) { m.levels[0].keeps = 0b101; }),
               {"outermost", "ram", "inputs, weights and outputs"});
  }

  TEST_CASE("a memory keeps only what it can") {
    arch::Architecture chip = two_levels(3, 2, 64);
    std::get<arch::Memory>(chip.levels[2]).keeps = 0b101;
    check_says(refusal([&] { flatten(convolution(2, 3, 7, 3), chip, good_mapping()); }),
               {"level rf", "cannot keep weights"});
  }

  TEST_CASE("a nest of more loops than can be costed is refused") {
    const std::int64_t bound = std::int64_t{1} << 18;
    const auto layer = convolution(bound, bound, 1, 1);
    Mapping mapping{.levels = {{.keeps = problem::kAllRoles}, {}, {}}};
    for (int dim : {kM, kC}) {
      for (std::int64_t tile = bound - 1; tile >= bound - 40; --tile) {
        mapping.levels[0].loops.push_back({.dim = dim, .tile = tile});
      }
    }
    check_says(refusal([&] { flatten(layer, two_levels(1, 1, 64), mapping); }),
               {"more than 64 loops"});
  }

  TEST_CASE("a layout gives each dim the slots that may split it, outermost first") {
    Mapspace space = everything_goes();
    space.levels[1].dims = {1U << kP, 1U << kC | 1U << kM};
    space.levels[2].dims[0] = 1U << kR | 1U << kP;
    space.levels[2].fixed_tile[0][kP] = 2;
    space.levels[0].order = {1U << kM, 1U << kC | 1U << kR};
    space.levels[2].optional = problem::bit(problem::Role::weights);
    space.levels[2].keep = problem::bit(problem::Role::inputs);
    const Layout layout(convolution(2, 3, 7, 1), two_levels(3, 2, 64), space);
    // Slots: ram, pes rows, pes columns, rf.
    REQUIRE(layout.slots().size() == 4);
    CHECK_FALSE(layout.slots()[0].spatial);
    CHECK(layout.slots()[1].size == 3);
    CHECK(layout.slots()[2].size == 2);
    CHECK(layout.slots_of(kM) == std::vector<int>{0, 2});
    CHECK(layout.slots_of(kC) == std::vector<int>{0, 2});
    CHECK(layout.slots_of(kP) == std::vector<int>{0, 1, 3});
    CHECK(layout.slots_of(kR).empty());  // a bound of 1 is not split
    CHECK(layout.fixed_tile(3, kP) == 2);
    CHECK(layout.fixed_tile(0, kP) == 0);
    // A dim in no group runs outside all of them.
    CHECK(layout.rank(0, kP) < layout.rank(0, kM));
    CHECK(layout.rank(0, kM) < layout.rank(0, kC));
    CHECK(layout.rank(0, kC) == layout.rank(0, kR));
    REQUIRE(layout.options().size() == 1);
    CHECK(layout.options()[0].level == 2);
    CHECK(layout.options()[0].role_bit == problem::bit(problem::Role::weights));
  }

  TEST_CASE("an axis of one instance is no slot, and a dim without slots is refused by name") {
    const auto layer = convolution(2, 3, 7, 3);
    const Layout layout(layer, two_levels(1, 2, 64), everything_goes());
    CHECK(layout.slots_of(kP) == std::vector<int>{0, 2, 3});
    Mapspace space = everything_goes();
    for (LevelRule& rule : space.levels) rule.dims = {0b0111, 0b0111};
    check_says(refusal([&] { Layout(layer, two_levels(3, 2, 64), space); }), {"dim R"});
    space.levels.pop_back();
    check_says(refusal([&] { Layout(layer, two_levels(3, 2, 64), space); }), {"each level"});
  }
}
