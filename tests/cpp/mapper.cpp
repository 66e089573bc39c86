#include <algorithm>
#include <limits>
#include <utility>

#include "cost/cost.hpp"
#include "mapper/candidate.hpp"
#include "mapper/search.hpp"
#include "support.hpp"

using namespace dnnaccel::mapper;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace cost = dnnaccel::cost;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;

namespace {

constexpr Effort kWhole{.exhaustive_limit = 5'000'000, .starts = 1, .proposals = 1};
constexpr Effort kAnneal{.exhaustive_limit = 0, .starts = 4, .proposals = 400};
constexpr Effort kProve{.exhaustive_limit = 0, .starts = 1, .proposals = 100, .proof = 1'000'000};

bool go_on(std::size_t, std::size_t) { return true; }

/// Every dim in the outer memory, M and C over the array, P and R in the registers; weights may
/// bypass these.
mapping::Mapspace small_space() {
  mapping::Mapspace space;
  space.levels.resize(3);
  space.levels[0].dims[0] = 0b1111;
  space.levels[0].keep = problem::kAllRoles;
  space.levels[1].dims = {1U << kM, 1U << kC};
  space.levels[2].dims[0] = 1U << kP | 1U << kR;
  space.levels[2].keep = 0b101;
  space.levels[2].optional = 0b010;
  return space;
}

std::vector<Outcome> run(const arch::Architecture& chip,
                         const std::vector<problem::Problem>& layers,
                         const mapping::Mapspace& space, const Goal& goal, const Effort& effort,
                         unsigned threads = 1) {
  chip.validate();
  std::vector<Job> jobs;
  for (const problem::Problem& layer : layers) {
    layer.validate();
    jobs.push_back({.problem = &layer, .space = &space});
  }
  return search(chip, jobs, goal, effort, threads, go_on);
}

cost::Cost cost_of(const problem::Problem& layer, const arch::Architecture& chip,
                   const mapping::Mapping& mapping) {
  const mapping::Nest nest = mapping::flatten(layer, chip, mapping);
  const cost::Counter counter(layer, chip, mapping, nest);
  CHECK_FALSE(counter.misfit().has_value());
  return cost::Pricer(layer, chip).price(counter.count());
}

double value(Objective objective, const cost::Cost& cost) {
  const auto cycles = static_cast<double>(cost.cycles);
  switch (objective) {
    case Objective::energy:
      return cost.energy;
    case Objective::latency:
      return cycles;
    case Objective::edp:
      return cost.energy * cycles;
  }
  return 0;
}

arch::Architecture small_chip() {
  arch::Architecture chip = two_levels(2, 3, 14);
  std::get<arch::Memory>(chip.levels[0]).shared_bandwidth = 1.5;
  return chip;
}

std::vector<problem::Problem> small_layers() {
  return {convolution(4, 3, 6, 3), convolution(3, 5, 4, 2, 2), convolution(6, 1, 7, 3, 1, 1),
          convolution(5, 4, 1, 1)};
}

bool same(const Outcome& a, const Outcome& b) {
  const bool points =
      std::equal(a.pareto.begin(), a.pareto.end(), b.pareto.begin(), b.pareto.end(),
                 [](const Point& x, const Point& y) {
                   return x.energy == y.energy && x.cycles == y.cycles && x.mapping == y.mapping;
                 });
  return points && a.best == b.best && a.optimal == b.optimal && a.evaluated == b.evaluated &&
         a.pruned == b.pruned && a.refused == b.refused && a.mapspace == b.mapspace &&
         a.bound == b.bound && a.over_limits == b.over_limits;
}

}  // namespace

TEST_SUITE("mapper") {
  TEST_CASE("no annealed mapping beats the enumerated optimum, whatever is minimised") {
    const arch::Architecture chip = small_chip();
    const std::vector<problem::Problem> layers = small_layers();
    for (Objective objective : {Objective::energy, Objective::latency, Objective::edp}) {
      const auto whole = run(chip, layers, small_space(), {objective}, kWhole);
      const auto annealed = run(chip, layers, small_space(), {objective}, kAnneal);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        CAPTURE(i);
        REQUIRE(whole[i].best.has_value());
        REQUIRE(annealed[i].best.has_value());
        CHECK(whole[i].optimal);
        CHECK_FALSE(annealed[i].optimal);
        const double optimum = value(objective, cost_of(layers[i], chip, *whole[i].best));
        CHECK(optimum <= value(objective, cost_of(layers[i], chip, *annealed[i].best)));
        for (const Point& point : annealed[i].pareto) {
          CHECK(optimum <= value(objective, cost_of(layers[i], chip, point.mapping)));
        }
      }
    }
  }

  TEST_CASE("bounds prove the energy that enumeration finds, and cost fewer mappings") {
    const arch::Architecture chip = small_chip();
    const std::vector<problem::Problem> layers = small_layers();
    const auto whole = run(chip, layers, small_space(), {Objective::energy}, kWhole);
    const auto proved = run(chip, layers, small_space(), {Objective::energy}, kProve);
    std::uint64_t enumerated = 0;
    std::uint64_t costed = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      CAPTURE(i);
      REQUIRE(proved[i].best.has_value());
      CHECK(proved[i].optimal);
      const double optimum = cost_of(layers[i], chip, *whole[i].best).energy;
      const double found = cost_of(layers[i], chip, *proved[i].best).energy;
      CHECK(found == doctest::Approx(optimum).epsilon(1e-12));
      CHECK(proved[i].bound <= found * (1 + 1e-12));
      enumerated += whole[i].evaluated;
      costed += proved[i].evaluated;
    }
    CHECK(costed < enumerated);
  }

  TEST_CASE("the optimum never gets worse when the registers grow") {
    const std::vector<problem::Problem> layers = small_layers();
    std::vector<double> before(layers.size(), std::numeric_limits<double>::infinity());
    for (std::uint64_t words : {8U, 14U, 20U, 40U}) {
      arch::Architecture chip = small_chip();
      std::get<arch::Memory>(chip.levels[2]).capacity_words = words;
      const auto outcomes = run(chip, layers, small_space(), {Objective::energy}, kWhole);
      for (std::size_t i = 0; i < layers.size(); ++i) {
        REQUIRE(outcomes[i].optimal);
        const double energy = cost_of(layers[i], chip, *outcomes[i].best).energy;
        CHECK(energy <= before[i]);
        before[i] = energy;
      }
    }
  }

  TEST_CASE("the same answer, to the byte, for any number of threads") {
    const arch::Architecture chip = small_chip();
    const std::vector<problem::Problem> layers = small_layers();
    for (const auto& [effort, objective] : {std::pair{kWhole, Objective::edp},
                                            {kAnneal, Objective::edp},
                                            {kProve, Objective::energy}}) {
      const auto one = run(chip, layers, small_space(), {objective}, effort, 1);
      for (unsigned threads : {2U, 5U, 0U}) {
        const auto more = run(chip, layers, small_space(), {objective}, effort, threads);
        for (std::size_t i = 0; i < layers.size(); ++i) CHECK(same(one[i], more[i]));
      }
    }
  }

  TEST_CASE("the front holds the best, sorted by energy, and nothing that is beaten in both") {
    const arch::Architecture chip = small_chip();
    const std::vector<problem::Problem> layers = small_layers();
    const auto outcomes = run(chip, layers, small_space(), {Objective::energy}, kWhole);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::vector<Point>& front = outcomes[i].pareto;
      REQUIRE_FALSE(front.empty());
      CHECK(front.front().energy == cost_of(layers[i], chip, *outcomes[i].best).energy);
      for (std::size_t k = 0; k < front.size(); ++k) {
        const cost::Cost cost = cost_of(layers[i], chip, front[k].mapping);
        CHECK(cost.energy == front[k].energy);
        CHECK(cost.cycles == front[k].cycles);
        if (k > 0) CHECK(front[k - 1].energy < front[k].energy);
        if (k > 0) CHECK(front[k - 1].cycles > front[k].cycles);
      }
    }
  }

  TEST_CASE("an enumeration sees no more than the points counted, and most of them") {
    const arch::Architecture chip = small_chip();
    const problem::Problem layer = convolution(4, 3, 6, 3);
    const mapping::Mapspace space = small_space();
    const mapping::Layout layout(layer, chip, space);
    const auto points = static_cast<std::uint64_t>(mapping::count_points(layer, layout));
    const Outcome outcome = run(chip, {layer}, space, {Objective::energy}, kWhole).front();
    CHECK(outcome.mapspace == static_cast<double>(points));
    CHECK(outcome.evaluated + outcome.pruned <= points);
    CHECK(outcome.evaluated > 0);
    CHECK(outcome.pruned > 0);
    CHECK(outcome.bound == cost_of(layer, chip, *outcome.best).energy);
    const Effort just_below{.exhaustive_limit = points - 1, .starts = 1, .proposals = 10};
    CHECK_FALSE(run(chip, {layer}, space, {Objective::energy}, just_below).front().optimal);
  }

  TEST_CASE("fixed tiles and loop orders are kept to by every mapping found") {
    const arch::Architecture chip = small_chip();
    const problem::Problem layer = convolution(4, 3, 6, 3);
    mapping::Mapspace space = small_space();
    space.levels[0].fixed_tile[0][kP] = 2;
    space.levels[0].order = {1U << kC, 1U << kP | 1U << kM};
    for (const Effort& effort : {kWhole, kAnneal}) {
      const Outcome outcome = run(chip, {layer}, space, {Objective::edp}, effort).front();
      REQUIRE(outcome.best.has_value());
      for (const Point& point : outcome.pareto) {
        int rank = 0;
        bool saw_p = false;
        for (const mapping::Loop& loop : point.mapping.levels[0].loops) {
          const int here = loop.dim == kR ? 0 : loop.dim == kC ? 1 : 2;
          CHECK(here >= rank);
          rank = here;
          if (loop.dim == kP) {
            saw_p = true;
            CHECK(loop.tile == 2);
          }
        }
        CHECK(saw_p);
      }
    }
  }

  TEST_CASE("optional tensors are kept or bypassed as it pays") {
    arch::Architecture chip = small_chip();
    const problem::Problem layer = convolution(4, 3, 6, 3);
    const auto keeps_weights = [&] {
      const Outcome outcome =
          run(chip, {layer}, small_space(), {Objective::energy}, kWhole).front();
      return (outcome.best->levels[2].keeps & problem::bit(problem::Role::weights)) != 0;
    };
    CHECK(keeps_weights());
    std::get<arch::Memory>(chip.levels[0]).read_energy = 0.1;
    CHECK_FALSE(keeps_weights());
  }

  TEST_CASE("where nothing fits, the outcome says which level lacks how many words") {
    arch::Architecture chip = small_chip();
    std::get<arch::Memory>(chip.levels[2]).capacity_words = 1;
    for (const Effort& effort : {kWhole, kAnneal}) {
      const Outcome outcome =
          run(chip, {convolution(4, 3, 6, 3)}, small_space(), {Objective::energy}, effort).front();
      CHECK_FALSE(outcome.best.has_value());
      CHECK_FALSE(outcome.optimal);
      CHECK(outcome.pareto.empty());
      REQUIRE(outcome.misfit.has_value());
      CHECK(outcome.misfit->level == 2);
      CHECK(outcome.misfit->words_there == 1);
      CHECK(outcome.misfit->words_needed > 1);
    }
  }

  TEST_CASE("limits are kept by all that is found, and by the least that keeps them") {
    arch::Architecture chip = two_levels(2, 3, 40);
    // Words are read for each instance, so that speed costs energy.
    std::get<arch::Array>(chip.levels[1]).multicast = {};
    std::get<arch::Array>(chip.levels[1]).reduce = {};
    const problem::Problem layer = convolution(4, 3, 6, 3);
    mapping::Mapspace space = small_space();
    space.levels[2].dims[0] = 0b1111;
    const Outcome free = run(chip, {layer}, space, {Objective::energy}, kWhole).front();
    REQUIRE(free.pareto.size() > 1);
    for (const Point& point : free.pareto) {
      const Goal fast{.objective = Objective::energy,
                      .max_cycles = static_cast<double>(point.cycles)};
      const Goal frugal{.objective = Objective::latency, .max_energy = point.energy};
      for (const Goal& goal : {fast, frugal}) {
        const Outcome whole = run(chip, {layer}, space, goal, kWhole).front();
        REQUIRE(whole.best.has_value());
        CHECK(whole.optimal);
        CHECK_FALSE(whole.over_limits);
        const cost::Cost cost = cost_of(layer, chip, *whole.best);
        CHECK(cost.energy == point.energy);
        CHECK(cost.cycles == point.cycles);
        const Effort thorough{.exhaustive_limit = 0, .starts = 4, .proposals = 4000};
        const Outcome annealed = run(chip, {layer}, space, goal, thorough).front();
        REQUIRE(annealed.best.has_value());
        CHECK(cost_of(layer, chip, *annealed.best).cycles <= goal.max_cycles);
        CHECK(cost_of(layer, chip, *annealed.best).energy <= goal.max_energy);
      }
    }
  }

  TEST_CASE("where mappings fit and none is within the limits, the outcome says so") {
    const arch::Architecture chip = small_chip();
    const problem::Problem layer = convolution(4, 3, 6, 3);
    const std::vector<Goal> goals = {{.objective = Objective::energy, .max_energy = 1},
                                     {.objective = Objective::edp, .max_energy = 0},
                                     {.objective = Objective::latency, .min_units = 7}};
    for (const Goal& goal : goals) {
      for (const Effort& effort : {kWhole, kAnneal}) {
        const Outcome outcome = run(chip, {layer}, small_space(), goal, effort).front();
        CHECK_FALSE(outcome.best.has_value());
        CHECK_FALSE(outcome.optimal);
        CHECK(outcome.over_limits);
        CHECK_FALSE(outcome.misfit.has_value());
        CHECK(outcome.pareto.empty());
        CHECK(outcome.evaluated > 0);
      }
    }
  }

  TEST_CASE("an annealer is led to limits that are rarely kept") {
    const arch::Architecture chip = two_levels(16, 16, 512);
    const problem::Problem layer = convolution(64, 64, 56, 3);
    mapping::Mapspace space = small_space();
    for (mapping::LevelRule& rule : space.levels) rule.dims = {0b1111, 0b1111};
    const Effort effort{.exhaustive_limit = 0, .starts = 2, .proposals = 4000};
    for (std::uint64_t units : {250U, 256U}) {
      const Goal goal{.objective = Objective::energy, .min_units = units};
      const Outcome outcome = run(chip, {layer}, space, goal, effort).front();
      REQUIRE(outcome.best.has_value());
      std::uint64_t used = 1;
      for (const mapping::NestLoop& loop : mapping::flatten(layer, chip, *outcome.best).loops) {
        if (loop.spatial) {
          used *= static_cast<std::uint64_t>((loop.extent + loop.tile - 1) / loop.tile);
        }
      }
      CHECK(used >= units);
    }
  }

  TEST_CASE("an empty mapspace is refused for its own job, and the others are mapped") {
    const arch::Architecture chip = small_chip();
    const problem::Problem layer = convolution(4, 3, 6, 3);
    const mapping::Mapspace space = small_space();
    mapping::Mapspace closed = space;
    for (mapping::LevelRule& rule : closed.levels) {
      for (std::uint32_t& dims : rule.dims) dims &= ~(1U << kC);
    }
    const auto outcomes =
        search(chip, {{&layer, &closed}, {&layer, &space}}, {Objective::energy}, kAnneal, 2, go_on);
    CHECK_FALSE(outcomes[0].best.has_value());
    check_says(outcomes[0].refused, {"dim C"});
    CHECK(outcomes[1].best.has_value());
    CHECK(outcomes[1].refused.empty());
  }

  TEST_CASE("a search that is told to stop returns soon, and says that it proved nothing") {
    const arch::Architecture chip = two_levels(16, 16, 512);
    const problem::Problem layer = convolution(64, 64, 56, 3);
    mapping::Mapspace space = small_space();
    for (mapping::LevelRule& rule : space.levels) rule.dims = {0b1111, 0b1111};
    const std::vector<Job> jobs(8, {.problem = &layer, .space = &space});
    const Effort endless{.exhaustive_limit = 0, .starts = 4, .proposals = 1'000'000'000};
    int polls = 0;
    const auto stop_at_third = [&](std::size_t done, std::size_t total) {
      CHECK(done == 0);
      CHECK(total == 8);
      return ++polls < 3;
    };
    const auto outcomes = search(chip, jobs, {Objective::energy}, endless, 2, stop_at_third);
    CHECK(polls == 3);
    REQUIRE(outcomes.size() == jobs.size());
    CHECK(outcomes.front().best.has_value());  // nothing already found is lost
    for (const Outcome& outcome : outcomes) CHECK_FALSE(outcome.optimal);
  }
}
