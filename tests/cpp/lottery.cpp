#include "mapper/lottery.hpp"

#include <set>

#include "mapper/rate.hpp"
#include "support.hpp"

using namespace dnnaccel::mapper;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;

namespace {

/// Every dim anywhere, but R: not in the registers. P comes to the registers in chunks of 5.
mapping::Mapspace space_with_fixed_tiles() {
  mapping::Mapspace space;
  space.levels.resize(3);
  space.levels[0].dims[0] = 0b1111;
  space.levels[0].keep = problem::kAllRoles;
  space.levels[1].dims = {0b1111, 0b0111};
  space.levels[1].fixed_tile[1][kP] = 5;
  space.levels[2].dims[0] = 0b0111;
  space.levels[2].keep = 0b101;
  space.levels[2].optional = 0b010;
  return space;
}

std::vector<std::int64_t> listed(const Candidate::Chain& chain) {
  return {chain.begin(), chain.end()};
}

}  // namespace

TEST_SUITE("lottery") {
  TEST_CASE("points drawn are points of the mapspace, and every chain is drawn in the end") {
    const problem::Problem layer = convolution(12, 7, 55, 3);
    const arch::Architecture chip = two_levels(6, 14, 1000);
    const mapping::Mapspace space = space_with_fixed_tiles();
    const mapping::Layout layout(layer, chip, space);
    const Judge judge(layer, chip, layout, {}, {});
    Lottery lottery(layer, layout, 1);
    std::array<std::set<std::vector<std::int64_t>>, 4> drawn;
    for (int i = 0; i < 20000; ++i) {
      const std::optional<Candidate> candidate = lottery.draw_point();
      if (!candidate) continue;
      REQUIRE(judge.spread_fits(*candidate));
      for (int d = 0; d < layer.dims(); ++d) {
        const Candidate::Chain& tiles = candidate->tiles[static_cast<std::size_t>(d)];
        if (drawn[static_cast<std::size_t>(d)].insert(listed(tiles)).second) {
          CHECK(mapping::allows(layer, layout, d, tiles));
        }
      }
    }
    for (int d = 0; d < layer.dims(); ++d) {
      CAPTURE(d);
      CHECK(static_cast<double>(drawn[static_cast<std::size_t>(d)].size()) ==
            mapping::count_chains(layer, layout, d));
    }
  }

  TEST_CASE("a sample costs as many as it is asked for, and the same for a seed") {
    const problem::Problem layer = convolution(12, 7, 55, 3);
    const arch::Architecture chip = two_levels(6, 14, 40);
    const mapping::Mapspace space = space_with_fixed_tiles();
    const Outcome first = sample(layer, chip, space, {}, 500, 3);
    const Outcome again = sample(layer, chip, space, {}, 500, 3);
    CHECK(first.evaluated == 500);
    CHECK(first.pruned > 0);
    CHECK_FALSE(first.optimal);
    CHECK(first.best == again.best);
    CHECK(first.pareto.size() == again.pareto.size());
  }
}
