#include "mapping/chains.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/math.hpp"
#include "base/random.hpp"
#include "support.hpp"

using namespace dnnaccel::mapping;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace base = dnnaccel::base;
namespace problem = dnnaccel::problem;

namespace {

using Tiles = std::vector<std::int64_t>;

/// Memories around two arrays: at most three temporal slots and four spatial ones.
arch::Architecture two_arrays(std::int64_t rows, std::int64_t columns, std::int64_t lanes) {
  return {.levels = {arch::Memory{.name = "ram"},
                     arch::Array{.name = "pes", .rows = rows, .columns = columns},
                     arch::Memory{.name = "rf"}, arch::Array{.name = "lanes", .rows = lanes},
                     arch::Memory{.name = "latch"}}};
}

/// Every dim anywhere.
Mapspace open_space(std::size_t levels) {
  Mapspace space;
  space.levels.resize(levels);
  for (LevelRule& rule : space.levels) rule.dims = {0b1111, 0b1111};
  return space;
}

Tiles list(const Chain& chain) { return {chain.begin(), chain.end()}; }

Chain chain_of(const Tiles& tiles) {
  Chain chain;
  for (std::int64_t tile : tiles) chain.push_back(tile);
  return chain;
}

std::vector<Tiles> all_chains(const problem::Problem& layer, const Layout& layout, int dim) {
  std::vector<Tiles> all;
  CHECK(for_each_chain(layer, layout, dim, [&](const Chain& tiles) {
    all.push_back(list(tiles));
    return true;
  }));
  return all;
}

/// All tiles that never grow inwards, and end with 1.
std::set<Tiles> allowed_chains(const problem::Problem& layer, const Layout& layout, int dim) {
  std::set<Tiles> all;
  const std::size_t slots = layout.slots_of(dim).size();
  Tiles tiles;
  const std::function<void(std::int64_t)> add = [&](std::int64_t extent) {
    if (tiles.size() == slots) {
      if (allows(layer, layout, dim, chain_of(tiles))) all.insert(tiles);
      return;
    }
    for (std::int64_t tile = 1; tile <= extent; ++tile) {
      tiles.push_back(tile);
      add(tile);
      tiles.pop_back();
    }
  };
  add(layer.bounds[static_cast<std::size_t>(dim)]);
  return all;
}

Mapspace random_space(base::Random& random) {
  Mapspace space;
  space.levels.resize(5);
  for (LevelRule& rule : space.levels) {
    for (std::size_t axis = 0; axis < 2; ++axis) {
      rule.dims[axis] = random.below(3) != 0 ? 1U << kM : 0U;
      if (random.below(6) == 0) {
        rule.fixed_tile[axis][kM] = 1 + static_cast<std::int64_t>(random.below(5));
      }
    }
  }
  return space;
}

double factorial(std::size_t n) { return n < 2 ? 1 : static_cast<double>(n) * factorial(n - 1); }

/// Points by visiting all combinations of chains.
double visited_points(const problem::Problem& layer, const Layout& layout) {
  std::vector<std::map<int, std::size_t>> running(layout.slots().size());
  const std::function<double(int)> from = [&](int dim) -> double {
    if (dim == layer.dims()) {
      double orders = 1;
      for (const auto& groups : running) {
        for (const auto& [rank, loops] : groups) orders *= factorial(loops);
      }
      return orders;
    }
    double points = 0;
    const std::vector<int>& slots = layout.slots_of(dim);
    for (const Tiles& tiles : all_chains(layer, layout, dim)) {
      const auto before = running;
      std::int64_t extent = layer.bounds[static_cast<std::size_t>(dim)];
      for (std::size_t i = 0; i < slots.size(); ++i) {
        const auto slot = static_cast<std::size_t>(slots[i]);
        const bool loops = tiles[i] < extent && !layout.slots()[slot].spatial;
        if (loops) ++running[slot][layout.rank(slots[i], dim)];
        extent = tiles[i];
      }
      points += from(dim + 1);
      running = before;
    }
    return points;
  };
  return from(0) * static_cast<double>(1ULL << layout.options().size());
}

}  // namespace

TEST_SUITE("chains") {
  TEST_CASE("spatial factors divide evenly, or fill the axis or an equal part of it") {
    CHECK(spatial_factors(12, 4) == Tiles{1, 2, 3, 4});
    CHECK(spatial_factors(55, 14) == Tiles{1, 5, 7, 11, 14});
    CHECK(spatial_factors(27, 14) == Tiles{1, 3, 7, 9, 14});
    CHECK(spatial_factors(64, 16) == Tiles{1, 2, 4, 8, 16});
    CHECK(spatial_factors(3, 100) == Tiles{1, 3});
    CHECK(spatial_factors(1, 5) == Tiles{1});
    for (std::int64_t positions = 1; positions < 60; ++positions) {
      for (std::int64_t room = 1; room < 20; ++room) {
        std::set<std::int64_t> expected;
        for (std::int64_t n = 1; n <= std::min(positions, room); ++n) {
          if (positions % n == 0) expected.insert(n);
        }
        const std::int64_t half = room / 2;
        const bool taken = std::any_of(expected.begin(), expected.end(), [&](std::int64_t n) {
          return n <= half && 4 * n >= 3 * half;
        });
        expected.insert(
            base::ceil_div(positions, base::ceil_div(positions, std::min(room, positions))));
        if (half > 0 && positions > room && !taken) {
          expected.insert(base::ceil_div(positions, base::ceil_div(positions, half)));
        }
        CHECK(spatial_factors(positions, room) == Tiles(expected.begin(), expected.end()));
      }
    }
  }

  TEST_CASE("temporal factors are perfect, and spatial ones leave whole passes") {
    const problem::Problem layer = convolution(7, 1, 1, 1);
    const arch::Architecture chip = two_levels(3, 1, 8);
    const Layout layout(layer, chip, open_space(3));
    // Slots: ram, rows, rf. On 3 rows 7 go in 3 passes of 3, on 2 or 1 of them in 4 or 7.
    const std::vector<Tiles> expected = {{7, 7, 1}, {1, 1, 1}, {7, 4, 1}, {4, 2, 1}, {2, 1, 1}};
    std::vector<Tiles> chains = all_chains(layer, layout, kM);
    CHECK(std::find(chains.begin(), chains.end(), Tiles{7, 3, 1}) != chains.end());
    CHECK(std::find(chains.begin(), chains.end(), Tiles{3, 1, 1}) != chains.end());
    CHECK(std::find(chains.begin(), chains.end(), Tiles{4, 4, 1}) == chains.end());
    for (const Tiles& tiles : expected) {
      CAPTURE(tiles[0]);
      CAPTURE(tiles[1]);
      const bool there = std::find(chains.begin(), chains.end(), tiles) != chains.end();
      CHECK(there == allows(layer, layout, kM, chain_of(tiles)));
    }
    CHECK(static_cast<double>(chains.size()) == count_chains(layer, layout, kM));
  }

  TEST_CASE("every chain allowed is visited once, and counted") {
    base::Random random(7);
    int several = 0;
    int none = 0;
    for (int round = 0; round < 400; ++round) {
      CAPTURE(round);
      const auto size = [&](std::size_t most) {
        return 1 + static_cast<std::int64_t>(random.below(most));
      };
      const problem::Problem layer = convolution(1 + size(17), 1, 1, 1);
      const arch::Architecture chip = two_arrays(size(9), size(6), size(3));
      const Mapspace space = random_space(random);
      std::optional<Layout> layout;
      try {
        layout.emplace(layer, chip, space);
      } catch (const std::invalid_argument&) {
        continue;
      }
      const std::vector<Tiles> visited = all_chains(layer, *layout, kM);
      const std::set<Tiles> distinct(visited.begin(), visited.end());
      CHECK(distinct.size() == visited.size());
      CHECK(distinct == allowed_chains(layer, *layout, kM));
      CHECK(count_chains(layer, *layout, kM) == static_cast<double>(visited.size()));
      several += visited.size() > 20 ? 1 : 0;
      none += visited.empty() ? 1 : 0;
    }
    CHECK(several > 30);
    CHECK(none > 10);
  }

  TEST_CASE("a visit that is told to stop stops") {
    const problem::Problem layer = convolution(12, 1, 1, 1);
    const Layout layout(layer, two_levels(3, 2, 8), open_space(3));
    int seen = 0;
    CHECK_FALSE(for_each_chain(layer, layout, kM, [&](const Chain&) { return ++seen < 3; }));
    CHECK(seen == 3);
  }

  TEST_CASE("points are chains times orders of the loops that run, times what may be kept") {
    base::Random random(3);
    for (int round = 0; round < 30; ++round) {
      CAPTURE(round);
      const auto size = [&] { return 1 + static_cast<std::int64_t>(random.below(4)); };
      const problem::Problem layer = convolution(size(), size(), size(), size());
      Mapspace space = open_space(3);
      for (LevelRule& rule : space.levels) {
        for (std::uint32_t& dims : rule.dims) dims = 0b1111 & ~(1U << random.below(6));
        if (random.below(2) == 0) rule.order = {1U << kC | 1U << kR, 1U << kM};
      }
      space.levels[0].dims[0] = 0b1111;
      space.levels[2].optional = 0b011;
      const Layout layout(layer, two_levels(3, 2, 64), space);
      CHECK(count_points(layer, layout) == visited_points(layer, layout));
    }
  }

  TEST_CASE("very large mapspaces are counted without a visit") {
    const problem::Problem layer = convolution(4096, 25088, 4099, 3);
    const Layout layout(layer, two_arrays(12, 14, 4), open_space(5));
    const double points = count_points(layer, layout);
    CHECK(points > 1e12);
    double chains = 1;
    for (int d = 0; d < 4; ++d) chains *= count_chains(layer, layout, d);
    CHECK(points >= chains);
    CHECK(points <= chains * 24.0 * 24.0 * 24.0);
  }
}
