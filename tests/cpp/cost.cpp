#include "cost/cost.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "base/math.hpp"
#include "base/random.hpp"
#include "cost/axis_sums.hpp"
#include "cost/counter.hpp"
#include "cost/tables.hpp"
#include "support.hpp"

using namespace dnnaccel::cost;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace base = dnnaccel::base;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;

// ---- The sums of axis_sums.hpp by brute force. Every coordinate of a dim is written in the mixed
// radix of its chain: one digit for each step. A position or an instance fixes some digits; what it
// holds are the coordinates that carry them.

namespace {

using Digits = std::vector<std::int64_t>;
using Set = std::set<std::int64_t>;

struct Chain {
  std::int64_t extent = 1;
  std::vector<Step> steps;

  [[nodiscard]] Digits digits(std::int64_t x) const {
    Digits out;
    for (const Step& step : steps) {
      out.push_back(x / step.tile);
      x %= step.tile;
    }
    return out;
  }
  [[nodiscard]] std::int64_t trips(std::size_t j) const {
    std::int64_t most = 0;
    for (std::int64_t x = 0; x < extent; ++x) most = std::max(most, digits(x)[j] + 1);
    return most;
  }
  /// Coordinates whose first `count` digits are the given ones.
  [[nodiscard]] Set holding(const Digits& wanted, std::size_t count) const {
    Set out;
    for (std::int64_t x = 0; x < extent; ++x) {
      const Digits have = digits(x);
      if (std::equal(have.begin(), have.begin() + static_cast<std::ptrdiff_t>(count),
                     wanted.begin())) {
        out.insert(x);
      }
    }
    return out;
  }
  [[nodiscard]] Set holding(const Digits& wanted) const { return holding(wanted, steps.size()); }
};

/// Visit all digits of the steps that play one of `parts`; the other digits are left as they are.
void each(const Chain& chain, const std::vector<Part>& parts, Digits& at, std::size_t j,
          const std::function<void()>& visit) {
  if (j == chain.steps.size()) {
    visit();
    return;
  }
  const Part part = chain.steps[j].part;
  if (std::find(parts.begin(), parts.end(), part) == parts.end()) {
    each(chain, parts, at, j + 1, visit);
    return;
  }
  for (std::int64_t k = part == Part::own ? 1 : 0; k < chain.trips(j); ++k) {
    at[j] = k;
    each(chain, parts, at, j + 1, visit);
  }
  at[j] = 0;
}

/// Where an instance worked last before the step: the loop that steps one back, the loops inside it
/// as far as this instance goes. Only the first `count` steps are looked at.
std::optional<Digits> worked_last(const Chain& chain, Digits at, std::size_t count) {
  Chain head = chain;
  head.steps.resize(count);
  for (std::size_t j = 0; j < count; ++j) {
    if (head.steps[j].part == Part::own) --at[j];
  }
  std::optional<Digits> last;
  Digits trial = at;
  each(head, {Part::inner}, trial, 0, [&] {
    if (!head.holding(trial).empty()) last = trial;
  });
  return last;
}

/// What an instance holds after and before a step.
struct Pair {
  Set now;
  Set old;
};

std::vector<Pair> united_instances(const Chain& chain, const Digits& at) {
  std::vector<Pair> out;
  Digits trial = at;
  each(chain, {Part::united}, trial, 0, [&] {
    Set now = chain.holding(trial);
    if (now.empty()) return;  // idle
    const std::optional<Digits> last = worked_last(chain, trial, chain.steps.size());
    out.push_back({std::move(now), last ? chain.holding(*last) : Set{}});
  });
  return out;
}

enum class Axis { plain, absent };

struct Sums {
  std::uint64_t fetched = 0;
  std::uint64_t kept = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t largest = 0;
};

void add(Sums& sums, const std::vector<Pair>& instances) {
  std::set<std::int64_t> now;
  std::set<std::int64_t> old;
  std::set<std::int64_t> lacking;
  for (const Pair& instance : instances) {
    now.insert(instance.now.begin(), instance.now.end());
    old.insert(instance.old.begin(), instance.old.end());
    for (std::int64_t x : instance.now) {
      if (!instance.old.contains(x)) lacking.insert(x);
    }
  }
  sums.fetched += now.size();
  sums.kept += now.size() - lacking.size();
  sums.forwarded += static_cast<std::uint64_t>(
      std::count_if(now.begin(), now.end(), [&](std::int64_t x) { return old.contains(x); }));
  sums.largest = std::max<std::uint64_t>(sums.largest, now.size());
}

/// Outputs: what an instance holds stays over a step if, for every keeper down to it, all loops of
/// the dim above that keeper and inside the one that steps stood at their start when the keeper's
/// instance worked last.
std::uint64_t brute_stays(const Chain& chain) {
  std::uint64_t sum = 0;
  Digits at(chain.steps.size(), 0);
  each(chain, {Part::outer, Part::own, Part::summed, Part::united}, at, 0, [&] {
    const Set now = chain.holding(at);
    bool stays = !now.empty();
    for (std::size_t j = 0; j < chain.steps.size() && stays; ++j) {
      if (chain.steps[j].part == Part::own) stays = false;
      const bool keeper = chain.steps[j].keeper_below || j + 1 == chain.steps.size();
      if (keeper && worked_last(chain, at, j + 1) != at) stays = false;
    }
    if (stays) sum += now.size();
  });
  return sum;
}

Sums brute_plain(const Chain& chain, Axis axis) {
  Sums sums;
  Digits at(chain.steps.size(), 0);
  each(chain, {Part::outer, Part::own, Part::summed}, at, 0, [&] {
    std::vector<Pair> instances = united_instances(chain, at);
    if (axis == Axis::absent) {
      for (Pair& instance : instances) instance = {.now = {0}, .old = {0}};
    }
    add(sums, instances);
  });
  return sums;
}

Sums brute_window(const Window& window, const Chain& p, const Chain& r) {
  const auto slide = [&](const Set& along_p, const Set& along_r) {
    Set out;
    for (std::int64_t i : along_p) {
      for (std::int64_t k : along_r) {
        const std::int64_t x =
            i * window.coefficient[0] + k * window.coefficient[1] + window.offset;
        if (x >= 0 && x < window.size) out.insert(x);
      }
    }
    return out;
  };
  Sums sums;
  Digits at_p(p.steps.size(), 0);
  Digits at_r(r.steps.size(), 0);
  const std::vector<Part> summed = {Part::outer, Part::own, Part::summed};
  each(p, summed, at_p, 0, [&] {
    const std::vector<Pair> along_p = united_instances(p, at_p);
    each(r, summed, at_r, 0, [&] {
      std::vector<Pair> instances;
      for (const Pair& one : along_p) {
        for (const Pair& other : united_instances(r, at_r)) {
          instances.push_back({slide(one.now, other.now), slide(one.old, other.old)});
        }
      }
      add(sums, instances);
    });
  });
  return sums;
}

std::uint64_t brute_last(const Chain& chain) {
  std::uint64_t words = 0;
  for (std::int64_t x = 0; x < chain.extent; ++x) {
    const Digits have = chain.digits(x);
    bool last = true;
    for (std::size_t j = 0; j < chain.steps.size(); ++j) {
      const Part part = chain.steps[j].part;
      if (part == Part::summed || part == Part::united) continue;
      Digits further = have;
      ++further[j];
      if (!chain.holding(further, j + 1).empty()) last = false;
    }
    if (last) ++words;
  }
  return words;
}

/// A random chain: outer loops, then perhaps the one that steps, then inner ones, with splits
/// anywhere.
Chain random_chain(base::Random& random, std::int64_t extent, bool own, bool keepers = false) {
  Chain chain{.extent = extent, .steps = {}};
  const std::size_t steps = random.below(5);
  const std::size_t cut = random.below(steps + 1);
  std::int64_t current = extent;
  const auto tile = [&] {
    return 1 + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(current)));
  };
  for (std::size_t j = 0; j < steps; ++j) {
    Part part = j < cut ? Part::outer : Part::inner;
    if (own && j == cut) part = Part::own;
    if (random.below(3) == 0 && part != Part::own) {
      part = random.below(2) == 0 ? Part::summed : Part::united;
    }
    current = tile();
    chain.steps.push_back(
        {.tile = current, .part = part, .keeper_below = keepers && random.below(4) == 0});
  }
  return chain;
}

std::string describe(const Chain& chain) {
  static constexpr const char* kParts[] = {"outer", "own", "inner", "summed", "united"};
  std::string out = std::to_string(chain.extent);
  for (const Step& step : chain.steps) {
    out += std::string(" | ") + kParts[static_cast<int>(step.part)] + " " +
           std::to_string(step.tile) + (step.keeper_below ? " keeper" : "");
  }
  return out;
}

// ---- The nest of counting.md section 6: M=2, P=4, R=3; ram runs over M and over P in 3 + 1, three
// PEs share P, each runs over R.

arch::Architecture example_chip(bool multicast, bool forwards) {
  arch::Architecture chip = two_levels(3, 1, 64);
  auto& array = std::get<arch::Array>(chip.levels[1]);
  array.multicast.all = multicast;
  array.forwards = forwards ? problem::bit(problem::Role::inputs) : 0;
  return chip;
}

mapping::Mapping example_mapping(int outer_dim) {
  return {.levels = {{.loops = {{.dim = outer_dim, .tile = 1}, {.dim = kP, .tile = 3}},
                      .keeps = problem::kAllRoles},
                     {.loops = {{.dim = kP, .tile = 1}}},
                     {.loops = {{.dim = kR, .tile = 1}}, .keeps = problem::kAllRoles}}};
}

Counts count(const problem::Problem& layer, const arch::Architecture& chip,
             const mapping::Mapping& mapping) {
  layer.validate();
  chip.validate();
  const mapping::Nest nest = mapping::flatten(layer, chip, mapping);
  return Counter(layer, chip, mapping, nest).count();
}

// ---- A search's tables against the counter, on random points of a mapspace with everything in it.

arch::DimSet random_dims(base::Random& random) {
  arch::DimSet dims{.all = random.below(3) == 0, .names = {}};
  for (const char* name : {"M", "C", "P", "R"}) {
    if (random.below(2) == 0) dims.names.emplace_back(name);
  }
  return dims;
}

arch::Level random_array(base::Random& random, const char* name) {
  return arch::Array{.name = name,
                     .rows = static_cast<std::int64_t>(1 + random.below(4)),
                     .columns = static_cast<std::int64_t>(1 + random.below(3)),
                     .multicast = random_dims(random),
                     .reduce = random_dims(random),
                     .forwards = static_cast<std::uint32_t>(random.below(4))};
}

/// A random point of a layout, as its chains and as the mapping that they mean.
struct Point {
  ChainedMapping chained;
  mapping::Mapping mapping;
};

Point random_point(base::Random& random, const problem::Problem& layer,
                   const arch::Architecture& chip, const mapping::Layout& layout, Tables& tables) {
  Point point;
  point.mapping.levels.resize(chip.levels.size());
  point.mapping.levels[0].keeps = problem::kAllRoles;
  for (std::size_t i = 0; i < layout.options().size(); ++i) {
    if (random.below(3) == 0) continue;
    point.chained.kept |= 1U << i;
    const auto& option = layout.options()[i];
    point.mapping.levels[static_cast<std::size_t>(option.level)].keeps |= option.role_bit;
  }
  // One dim at most is spread along each axis of an array.
  const std::size_t slots = layout.slots().size();
  std::vector<int> spread(slots);
  for (int& dim : spread) dim = static_cast<int>(random.below(5)) - 1;
  std::vector<std::vector<std::pair<int, std::int64_t>>> loops(slots);
  for (int d = 0; d < layer.dims(); ++d) {
    std::int64_t extent = layer.bounds[static_cast<std::size_t>(d)];
    std::vector<std::int64_t> chain;
    for (int slot : layout.slots_of(d)) {
      const auto s = static_cast<std::size_t>(slot);
      const bool spatial = layout.slots()[s].spatial;
      std::int64_t smallest = 1;
      if (spatial) {
        smallest = spread[s] == d ? base::ceil_div(extent, layout.slots()[s].size) : extent;
      }
      const auto choices = static_cast<std::size_t>(extent - smallest + 1);
      extent = smallest + static_cast<std::int64_t>(random.below(choices));
      if (chain.size() + 1 == layout.slots_of(d).size()) extent = 1;
      chain.push_back(extent);
      const auto where = random.below(spatial ? 1 : loops[s].size() + 1);
      loops[s].insert(loops[s].begin() + static_cast<std::ptrdiff_t>(where), {d, extent});
    }
    point.chained.chains[static_cast<std::size_t>(d)] = tables.intern(d, chain.data());
  }
  std::size_t temporal = 0;
  for (std::size_t s = 0; s < slots; ++s) {
    const mapping::Slot& slot = layout.slots()[s];
    for (const auto& [d, tile] : loops[s]) {
      point.mapping.levels[static_cast<std::size_t>(slot.level)].loops.push_back(
          {.dim = d, .tile = tile, .axis = slot.axis});
      if (!slot.spatial) point.chained.order[temporal].push_back(static_cast<std::uint8_t>(d));
    }
    if (!slot.spatial) ++temporal;
  }
  return point;
}

/// Ramps are counted where the chip has a memory that waits for them.
void check_equal(const Counts& a, const Counts& b, bool ramps) {
  for (std::size_t level = 0; level < arch::kMaxLevels; ++level) {
    CAPTURE(level);
    REQUIRE(a.instances[level] == b.instances[level]);
    for (std::size_t role = 0; role < 3; ++role) {
      CAPTURE(role);
      const MemoryCount& memory = a.memories[level][role];
      const MemoryCount& other = b.memories[level][role];
      REQUIRE(memory.reads == other.reads);
      REQUIRE(memory.writes == other.writes);
      REQUIRE(memory.tile == other.tile);
      REQUIRE(memory.filled == other.filled);
      REQUIRE(memory.drained == other.drained);
      REQUIRE(memory.sent == other.sent);
      REQUIRE(a.networks[level][role].sent == b.networks[level][role].sent);
      REQUIRE(a.networks[level][role].delivered == b.networks[level][role].delivered);
      REQUIRE(a.networks[level][role].hops == b.networks[level][role].hops);
      REQUIRE(a.networks[level][role].returned == b.networks[level][role].returned);
      if (ramps) {
        REQUIRE(a.ramps[level][role].sent == b.ramps[level][role].sent);
        REQUIRE(a.ramps[level][role].received == b.ramps[level][role].received);
      }
      REQUIRE(a.ramps[level][role].parent == b.ramps[level][role].parent);
    }
  }
  REQUIRE(a.macs == b.macs);
  REQUIRE(a.steps == b.steps);
  REQUIRE(a.active_macs == b.active_macs);
}

constexpr std::size_t kInputs = 0;
constexpr std::size_t kWeights = 1;
constexpr std::size_t kOutputs = 2;

}  // namespace

TEST_SUITE("cost") {
  TEST_CASE("sums over plain and absent axes equal the enumeration of random chains") {
    base::Random random(11);
    for (int i = 0; i < 4000; ++i) {
      const auto extent = static_cast<std::int64_t>(1 + random.below(12));
      const Chain chain = random_chain(random, extent, random.below(2) == 0);
      CAPTURE(describe(chain));
      const Sums plain = brute_plain(chain, Axis::plain);
      REQUIRE(plain_fetched(extent, chain.steps) == plain.fetched);
      REQUIRE(plain_kept(extent, chain.steps) == plain.kept);
      const Sums absent_axis = brute_plain(chain, Axis::absent);
      REQUIRE(absent(extent, chain.steps) == absent_axis.fetched);
      REQUIRE(absent(extent, chain.steps) == absent_axis.kept);
      REQUIRE(plain_last(extent, chain.steps) == brute_last(chain));
    }
  }

  TEST_CASE("sums that stay below keepers of outputs equal the enumeration") {
    base::Random random(12);
    for (int i = 0; i < 4000; ++i) {
      const auto extent = static_cast<std::int64_t>(1 + random.below(12));
      const Chain chain = random_chain(random, extent, random.below(4) == 0, true);
      CAPTURE(describe(chain));
      REQUIRE(plain_kept(extent, chain.steps) == brute_stays(chain));
    }
  }

  TEST_CASE("sums over sliding windows equal the enumeration of random chains") {
    base::Random random(13);
    for (int i = 0; i < 1500; ++i) {
      const auto p_extent = static_cast<std::int64_t>(1 + random.below(8));
      const auto r_extent = static_cast<std::int64_t>(1 + random.below(4));
      const std::size_t own = random.below(3);
      const Chain p = random_chain(random, p_extent, own == 1);
      const Chain r = random_chain(random, r_extent, own == 2);
      Window window;
      window.coefficient[0] = static_cast<std::int64_t>(1 + random.below(3));
      window.coefficient[1] = static_cast<std::int64_t>(1 + random.below(2));
      window.offset = -static_cast<std::int64_t>(random.below(3));
      window.size = static_cast<std::int64_t>(1 + random.below(20));
      CAPTURE(describe(p));
      CAPTURE(describe(r));
      CAPTURE(window.coefficient[0]);
      CAPTURE(window.coefficient[1]);
      CAPTURE(window.offset);
      CAPTURE(window.size);
      const Sums brute = brute_window(window, p, r);
      const auto sum = [&](WindowSum what) {
        return window_sum(window, what, p_extent, p.steps, r_extent, r.steps);
      };
      REQUIRE(sum(WindowSum::fetched) == brute.fetched);
      REQUIRE(sum(WindowSum::kept) == brute.kept);
      REQUIRE(sum(WindowSum::forwarded) == brute.forwarded);
      REQUIRE(sum(WindowSum::largest) == brute.largest);
    }
  }

  TEST_CASE("the worked example: a network that multicasts") {
    const Counts counts =
        count(convolution(2, 1, 4, 3), example_chip(true, false), example_mapping(kM));
    CHECK(counts.macs == 24);
    CHECK(counts.steps == 12);
    CHECK(counts.active_macs == 3);
    CHECK(counts.memories[2][kInputs].writes == 18);
    CHECK(counts.memories[0][kInputs].reads == 14);
    CHECK(counts.networks[1][kInputs].sent == 14);
    CHECK(counts.networks[1][kInputs].delivered == 18);
    CHECK(counts.networks[1][kInputs].hops == 18 - 14);
    CHECK(counts.memories[2][kInputs].reads == 24);
    CHECK(counts.memories[2][kWeights].writes == 18);
    CHECK(counts.memories[0][kWeights].reads == 6);
    CHECK(counts.memories[0][kOutputs].writes == 8);
    CHECK(counts.memories[0][kOutputs].reads == 0);
    CHECK(counts.memories[2][kOutputs].reads == 24);
    CHECK(counts.memories[2][kOutputs].writes == 24);
    CHECK(counts.memories[2][kInputs].tile == 3);
    CHECK(counts.memories[2][kWeights].tile == 3);
    CHECK(counts.memories[2][kOutputs].tile == 1);
    CHECK(counts.memories[0][kInputs].tile == 6);
  }

  TEST_CASE("the worked example: neighbours that pass words on") {
    const Counts counts =
        count(convolution(2, 1, 4, 3), example_chip(true, true), example_mapping(kM));
    CHECK(counts.memories[0][kInputs].reads == 12);
    CHECK(counts.memories[2][kInputs].writes == 18);
    CHECK(counts.networks[1][kInputs].hops == 6);
    CHECK(counts.memories[2][kInputs].reads == 24 + 6);
    CHECK(counts.memories[0][kWeights].reads == 6);
  }

  TEST_CASE("the worked example: a network that sends each word to one instance") {
    const Counts counts =
        count(convolution(2, 1, 4, 3), example_chip(false, false), example_mapping(kM));
    CHECK(counts.memories[0][kInputs].reads == 18);
    CHECK(counts.memories[2][kInputs].writes == 18);
    CHECK(counts.memories[0][kWeights].reads == 18);
  }

  TEST_CASE("the worked example with C in place of M: sums that stay and sums that come back") {
    const Counts counts =
        count(convolution(1, 2, 4, 3), example_chip(true, false), example_mapping(kC));
    CHECK(counts.memories[0][kOutputs].writes == 6);
    CHECK(counts.memories[0][kOutputs].reads == 2);
    CHECK(counts.networks[1][kOutputs].delivered == 6);
    CHECK(counts.networks[1][kOutputs].returned == 2);
    CHECK(counts.memories[2][kOutputs].reads == counts.memories[2][kOutputs].writes);
  }

  TEST_CASE("one memory alone: every MAC takes its operands from it") {
    const arch::Architecture chip{.levels = {arch::Memory{.name = "ram"}}, .mac_energy = 2};
    const problem::Problem layer = convolution(2, 3, 4, 3, 1, 1);
    const mapping::Mapping mapping{
        .levels = {{.loops = {{.dim = kM}, {.dim = kC}, {.dim = kP}, {.dim = kR}},
                    .keeps = problem::kAllRoles}}};
    const Counts counts = count(layer, chip, mapping);
    CHECK(counts.macs == 72);
    CHECK(counts.steps == 72);
    CHECK(counts.memories[0][kWeights].reads == 72);
    // Two of the twelve (P, R) pairs are padding: zeros that nothing fetches.
    CHECK(counts.memories[0][kInputs].reads == 2 * 3 * 10);
    CHECK(counts.memories[0][kOutputs].writes == 72);
    CHECK(counts.memories[0][kOutputs].reads == 72 - 8);
    const Cost cost = Pricer(layer, chip).price(counts);
    CHECK(cost.cycles == 72);
    CHECK(cost.bound_by == -1);
    CHECK(cost.mac_energy == 144);
    CHECK(cost.energy == 144);
  }

  TEST_CASE("what a search looks up is what the counter counts") {
    base::Random random(14);
    for (int i = 0; i < 150; ++i) {
      const auto bound = [&](std::size_t most) {
        return static_cast<std::int64_t>(1 + random.below(most));
      };
      const std::int64_t filter = bound(3);
      const problem::Problem layer =
          convolution(bound(6), bound(5), bound(9), filter, bound(3), filter > 1 ? 1 : 0);
      arch::Architecture chip = two_levels(1, 1, 40);
      chip.levels = {chip.levels[0], random_array(random, "clusters"),
                     arch::Memory{.name = "buffer", .capacity_words = 80},
                     random_array(random, "pes"), chip.levels[2]};
      const auto buffering = static_cast<arch::Buffering>(random.below(3));
      for (std::size_t level : {2U, 4U}) {
        std::get<arch::Memory>(chip.levels[level]).buffering = buffering;
      }
      if (refusal([&] { layer.validate(); }) != "") continue;
      mapping::Mapspace space;
      space.levels.resize(5);
      for (mapping::LevelRule& rule : space.levels) rule.dims = {0b1111, 0b1111};
      space.levels[0].keep = problem::kAllRoles;
      space.levels[2].optional = space.levels[4].optional = problem::kAllRoles;
      const mapping::Layout layout(layer, chip, space);
      Tables tables(layer, chip, layout);
      Counts looked_up;
      for (int k = 0; k < 20; ++k) {
        const Point point = random_point(random, layer, chip, layout, tables);
        const mapping::Nest nest = mapping::flatten(layer, chip, point.mapping);
        const Counter counter(layer, chip, point.mapping, nest);
        CAPTURE(i);
        CAPTURE(k);
        REQUIRE(tables.count(point.chained, looked_up) == !counter.misfit().has_value());
        if (counter.misfit().has_value()) continue;
        check_equal(looked_up, counter.count(), buffering != arch::Buffering::stream);
      }
    }
  }

  TEST_CASE("a tile fits at its own size and not in one word less") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    const mapping::Mapping mapping = example_mapping(kM);
    const auto misfit_with = [&](std::uint64_t words, arch::Buffering buffering) {
      arch::Architecture chip = example_chip(true, false);
      auto& memory = std::get<arch::Memory>(chip.levels[2]);
      memory.capacity_words = words;
      memory.buffering = buffering;
      const mapping::Nest nest = mapping::flatten(layer, chip, mapping);
      return Counter(layer, chip, mapping, nest).misfit();
    };
    // Three inputs, three weights and a sum.
    CHECK_FALSE(misfit_with(7, arch::Buffering::single).has_value());
    CHECK_FALSE(misfit_with(7, arch::Buffering::stream).has_value());
    CHECK_FALSE(misfit_with(14, arch::Buffering::twofold).has_value());
    const auto misfit = misfit_with(6, arch::Buffering::single);
    REQUIRE(misfit.has_value());
    CHECK(misfit->level == 2);
    CHECK(misfit->words_needed == 7);
    CHECK(misfit->words_there == 6);
    CHECK(misfit->tiles == PerRole<std::uint64_t>{3, 3, 1});
    CHECK(misfit_with(13, arch::Buffering::twofold).has_value());
  }

  TEST_CASE("energy is counts times energies, and scales with them") {
    arch::Architecture chip = example_chip(true, false);
    auto& array = std::get<arch::Array>(chip.levels[1]);
    array.energy = 10;
    array.charge = {arch::Charge::delivery, arch::Charge::none, arch::Charge::delivery};
    const problem::Problem layer = convolution(2, 1, 4, 3);
    const Counts counts = count(layer, chip, example_mapping(kM));
    const Cost cost = Pricer(layer, chip).price(counts);
    CHECK(cost.memory_energy[0][kInputs] == 14 * 100);
    CHECK(cost.memory_energy[2][kInputs] == 18 + 24);
    CHECK(cost.network_energy[1][kInputs] == 180);
    CHECK(cost.network_energy[1][kWeights] == 0);
    CHECK(cost.network_energy[1][kOutputs] == 80);
    CHECK(cost.mac_energy == 24);
    double sum = cost.mac_energy;
    for (std::size_t level = 0; level < 3; ++level) {
      for (std::size_t role = 0; role < 3; ++role) {
        sum += cost.memory_energy[level][role] + cost.network_energy[level][role];
      }
    }
    CHECK(cost.energy == sum);
  }

  TEST_CASE("the slowest memory sets the cycles, and none can be beaten") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    std::get<arch::Memory>(chip.levels[2]).buffering = arch::Buffering::stream;
    const Counts counts = count(layer, chip, example_mapping(kM));
    CHECK(Pricer(layer, chip).price(counts).cycles == 12);
    // ram reads 14 inputs and 6 weights and writes 8 sums.
    std::get<arch::Memory>(chip.levels[0]).read_bandwidth = 0.5;
    CHECK(Pricer(layer, chip).price(counts).cycles == 40);
    CHECK(Pricer(layer, chip).price(counts).bound_by == 0);
    std::get<arch::Memory>(chip.levels[0]).read_bandwidth = arch::kUnlimitedBandwidth;
    std::get<arch::Memory>(chip.levels[0]).shared_bandwidth = 0.5;
    CHECK(Pricer(layer, chip).price(counts).cycles == 56);
  }

  TEST_CASE("what double buffering cannot hide is added, what single buffering exposes too") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    std::get<arch::Memory>(chip.levels[0]).read_bandwidth = 2;
    auto& registers = std::get<arch::Memory>(chip.levels[2]);
    registers.buffering = arch::Buffering::single;
    const Cost single = Pricer(layer, chip).price(count(layer, chip, example_mapping(kM)));
    registers.buffering = arch::Buffering::twofold;
    const Cost twofold = Pricer(layer, chip).price(count(layer, chip, example_mapping(kM)));
    // All 20 words pass before compute goes on; or only the first tiles, 5 inputs and 3 weights.
    CHECK(single.exposed_cycles == 10);
    CHECK(single.ramp_cycles == 0);
    CHECK(single.cycles == 22);
    CHECK(twofold.exposed_cycles == 0);
    CHECK(twofold.ramp_cycles == 4);
    CHECK(twofold.cycles == 16);
  }

  TEST_CASE("a network is as busy as its slowest tensor keeps it") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    std::get<arch::Memory>(chip.levels[2]).buffering = arch::Buffering::stream;
    const Counts counts = count(layer, chip, example_mapping(kM));
    auto& array = std::get<arch::Array>(chip.levels[1]);
    array.bandwidth[kInputs] = 0.5;  // 14 words sent
    const Cost cost = Pricer(layer, chip).price(counts);
    CHECK(cost.level_cycles[1] == 28);
    CHECK(cost.level_ports[1] == Port::inputs);
    CHECK(cost.bound_by == 1);
    CHECK(cost.cycles == 28);
    array.bandwidth[kWeights] = 0.125;  // 6 words sent
    CHECK(Pricer(layer, chip).price(counts).level_ports[1] == Port::weights);
    CHECK(Pricer(layer, chip).price(counts).cycles == 48);
  }

  TEST_CASE("what is streamed beside a single-buffered memory starts again after each stop") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    chip.levels = {chip.levels[0], chip.levels[1],
                   arch::Memory{.name = "filters", .keeps = problem::bit(problem::Role::weights)},
                   arch::Memory{.name = "rest",
                                .keeps = problem::bit(problem::Role::inputs) |
                                         problem::bit(problem::Role::outputs),
                                .buffering = arch::Buffering::stream}};
    mapping::Mapping nest = example_mapping(kM);
    nest.levels.push_back(nest.levels[2]);
    nest.levels[2] = {.loops = {}, .keeps = problem::bit(problem::Role::weights)};
    nest.levels[3].keeps =
        problem::bit(problem::Role::inputs) | problem::bit(problem::Role::outputs);
    auto& array = std::get<arch::Array>(chip.levels[1]);
    array.bandwidth = {1, 2, 1};
    const Cost cost = Pricer(layer, chip).price(count(layer, chip, nest));
    // 6 weights at 2 a cycle, in two fills; after each the first tile of inputs, 5 words.
    CHECK(cost.exposed_cycles == 3 + 2 * 5);
    CHECK(cost.cycles == 12 + 13);
  }

  TEST_CASE("leakage is paid for every cycle") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    const Counts counts = count(layer, chip, example_mapping(kM));
    const Cost tight = Pricer(layer, chip).price(counts);
    chip.leakage_energy = 3;
    const Cost leaky = Pricer(layer, chip).price(counts);
    CHECK(leaky.leakage_energy == 3.0 * static_cast<double>(tight.cycles));
    CHECK(leaky.energy == tight.energy + leaky.leakage_energy);
  }

  TEST_CASE("zeros: gating saves energy, skipping time too, formats words") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    arch::Architecture chip = example_chip(true, false);
    std::get<arch::Memory>(chip.levels[2]).buffering = arch::Buffering::stream;
    const Counts counts = count(layer, chip, example_mapping(kM));
    const Cost dense = Pricer(layer, chip).price(counts);
    const Cost gated = Pricer(layer, chip, {.work = 0.25}).price(counts);
    CHECK(gated.mac_energy == dense.mac_energy / 4);
    CHECK(gated.cycles == dense.cycles);
    const Cost skipped = Pricer(layer, chip, {.work = 0.25, .steps = 0.25}).price(counts);
    CHECK(skipped.mac_energy == dense.mac_energy / 4);
    CHECK(skipped.cycles == dense.cycles / 4);
    Sparsity coded{.finished = 0.5};
    coded.stored[0][kInputs] = 0.5;
    const Cost small = Pricer(layer, chip, coded).price(counts);
    CHECK(small.reads[0][kInputs] == 7);
    CHECK(small.writes[0][kOutputs] == 4);
    CHECK(small.reads[2][kInputs] == dense.reads[2][kInputs]);
  }

  TEST_CASE("a compressed tile needs less room") {
    const problem::Problem layer = convolution(2, 1, 4, 3);
    const mapping::Mapping mapping = example_mapping(kM);
    arch::Architecture chip = example_chip(true, false);
    std::get<arch::Memory>(chip.levels[2]).capacity_words = 6;
    const mapping::Nest nest = mapping::flatten(layer, chip, mapping);
    const Counter counter(layer, chip, mapping, nest);
    Sparsity coded;
    coded.stored[2][kInputs] = 0.6;  // three inputs in two words, rounded up
    CHECK(counter.misfit().has_value());
    CHECK_FALSE(counter.misfit(coded).has_value());
  }
}
