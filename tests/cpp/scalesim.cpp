#include "sim/scalesim.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "scalesim_walker.hpp"
#include "sim/scalesim_buffers.hpp"

namespace ss = dnnaccel::sim::scalesim;
namespace plain = dnnaccel::testing::scalesim;

namespace {

using dnnaccel::base::Random;

std::int64_t from(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(high - low + 1)));
}

ss::Layer random_layer(Random& random) {
  ss::Layer out{.filter_rows = from(random, 1, 5),
                .filter_columns = from(random, 1, 5),
                .channels = from(random, 1, 12),
                .filters = from(random, 1, 40),
                .row_stride = from(random, 1, 4),
                .column_stride = from(random, 1, 4)};
  out.ifmap_rows = out.filter_rows + from(random, 0, 12);
  out.ifmap_columns = out.filter_columns + from(random, 0, 12);
  if (random.below(4) == 0) {
    out.block = from(random, 2, 6);
    out.kept = from(random, 1, out.block);
  }
  return out;
}

ss::Config random_config(Random& random, ss::Mode mode) {
  constexpr std::array flows{ss::Dataflow::os, ss::Dataflow::ws, ss::Dataflow::is};
  return {.rows = from(random, 1, 20),
          .columns = from(random, 1, 20),
          .ifmap_kb = from(random, 1, 3),
          .filter_kb = from(random, 1, 3),
          .ofmap_kb = from(random, 1, 2),
          .dataflow = flows[random.below(3)],
          .mode = mode,
          .ifmap_bandwidth = from(random, 1, 30),
          .filter_bandwidth = from(random, 1, 30),
          .ofmap_bandwidth = from(random, 1, 30)};
}

ss::Count count(const ss::Layer& layer, const ss::Config& config) {
  return ss::count(layer, config, [] { return true; });
}

std::string described(const ss::Layer& l, const ss::Config& c) {
  std::string out;
  for (const std::int64_t each : {l.ifmap_rows,
                                  l.ifmap_columns,
                                  l.filter_rows,
                                  l.filter_columns,
                                  l.channels,
                                  l.filters,
                                  l.row_stride,
                                  l.column_stride,
                                  l.kept,
                                  l.block,
                                  c.rows,
                                  c.columns,
                                  c.ifmap_kb,
                                  c.filter_kb,
                                  c.ofmap_kb,
                                  c.ifmap_bandwidth,
                                  c.filter_bandwidth,
                                  c.ofmap_bandwidth,
                                  static_cast<std::int64_t>(c.dataflow),
                                  static_cast<std::int64_t>(c.mode)}) {
    out += std::to_string(each) + " ";
  }
  return out;
}

/// Compare all that the walker counts.
void check_equal(const ss::Layer& layer, const ss::Config& config) {
  INFO(described(layer, config));
  const ss::Count fast = count(layer, config);
  const ss::Count slow = plain::walk(layer, config);
  CHECK(fast.cycles == slow.cycles);
  CHECK(fast.stalls == slow.stalls);
  const auto same = [](const ss::OperandCount& a, const ss::OperandCount& b) {
    CHECK(a.sram.start == b.sram.start);
    CHECK(a.sram.stop == b.sram.stop);
    CHECK(a.dram.start == b.dram.start);
    CHECK(a.dram.stop == b.dram.stop);
    CHECK(a.dram.words == b.dram.words);
  };
  same(fast.ifmap, slow.ifmap);
  same(fast.filter, slow.filter);
  same(fast.ofmap, slow.ofmap);
}

/// The layer of facts that SCALE-Sim itself was run on: 7x7x192, 3x3, 384 filters on 32x32.
constexpr ss::Layer kKnown{.ifmap_rows = 7,
                           .ifmap_columns = 7,
                           .filter_rows = 3,
                           .filter_columns = 3,
                           .channels = 192,
                           .filters = 384};

ss::Config known_array(ss::Dataflow dataflow) {
  return {.rows = 32,
          .columns = 32,
          .ifmap_kb = 64,
          .filter_kb = 64,
          .ofmap_kb = 64,
          .dataflow = dataflow};
}

}  // namespace

TEST_SUITE("scalesim") {
  TEST_CASE("cycles are those that SCALE-Sim reports") {
    CHECK(count(kKnown, known_array(ss::Dataflow::os)).cycles == 21479);
    CHECK(count(kKnown, known_array(ss::Dataflow::ws)).cycles == 77111);
    CHECK(count(kKnown, known_array(ss::Dataflow::is)).cycles == 25811);
  }

  TEST_CASE("calc mode equals the plain walk") {
    Random random(1);
    for (int i = 0; i < 10000; ++i) {
      const ss::Layer layer = random_layer(random);
      const ss::Config config = random_config(random, ss::Mode::calc);
      if (config.rows * config.columns == 1) continue;
      check_equal(layer, config);
    }
  }

  TEST_CASE("user mode equals the plain walk") {
    Random random(2);
    for (int i = 0; i < 1000; ++i) {
      const ss::Layer layer = random_layer(random);
      const ss::Config config = random_config(random, ss::Mode::user);
      if (config.rows * config.columns == 1) continue;
      check_equal(layer, config);
    }
  }

  TEST_CASE(
      "flushes that come again in every repeat are not walked again, and counted all the same") {
    // 60 column folds ask for the same ifmap, which is a little larger than its memory.
    const ss::Layer layer{.ifmap_rows = 9,
                          .ifmap_columns = 9,
                          .filter_rows = 3,
                          .filter_columns = 3,
                          .channels = 8,
                          .filters = 120};
    for (const ss::Dataflow dataflow : {ss::Dataflow::os, ss::Dataflow::ws}) {
      const ss::Config config{.rows = 6, .columns = 2, .dataflow = dataflow};
      check_equal(layer, config);
      CHECK(count(layer, config).ifmap.dram.words > 60 * 9 * 9 * 8);
    }
  }

  TEST_CASE("a write buffer as small as the lines of outputs stalls the array") {
    const ss::Layer layer{.ifmap_rows = 12, .ifmap_columns = 12, .channels = 3, .filters = 30};
    ss::Config config{.rows = 4,
                      .columns = 16,
                      .dataflow = ss::Dataflow::ws,
                      .mode = ss::Mode::user,
                      .ofmap_bandwidth = 1};
    CHECK(count(layer, config).stalls > 0);
    check_equal(layer, config);
    config.ofmap_bandwidth = 40;
    CHECK(count(layer, config).stalls == 0);
    check_equal(layer, config);
  }

  TEST_CASE("a filter is flushed when its memory is full to the word") {
    // 50 sets of 10 words: a filter of 500 words fills them, one of 499 does not.
    ss::Layer layer{.channels = 499, .filters = 1};
    const ss::Config config{.rows = 4, .columns = 4, .dataflow = ss::Dataflow::ws};
    CHECK(ss::read_capacity(1) == 500);
    CHECK(count(layer, config).filter.dram.stop == -1);
    layer.channels = 500;
    CHECK(count(layer, config).filter.dram.stop > 0);
    check_equal(layer, config);
  }

  TEST_CASE("what SCALE-Sim cannot count is refused") {
    CHECK_THROWS_WITH_AS(count({.ifmap_rows = 2, .filter_rows = 3}, {.rows = 2}),
                         "SCALE-Sim: filter height is 3; it must be from 1 to 2",
                         std::invalid_argument);
    CHECK_THROWS_AS(count({.channels = 0}, {.rows = 2}), std::invalid_argument);
    CHECK_THROWS_AS(count({.kept = 3, .block = 2}, {.rows = 2}), std::invalid_argument);
    CHECK_THROWS_WITH_AS(
        count({}, {}),
        "SCALE-Sim: the layer takes one cycle, of which SCALE-Sim makes 0 and divides by it",
        std::domain_error);
    const std::int64_t most = (std::int64_t{1} << 31) - 1;
    CHECK_THROWS_AS(
        count({.ifmap_rows = most, .ifmap_columns = most, .channels = most}, {.rows = 2}),
        std::domain_error);
    CHECK_THROWS_AS(count({.ifmap_rows = most, .channels = 100, .filters = 100}, {.rows = 2}),
                    std::domain_error);
  }

  TEST_CASE("a count stops when it is told to") {
    CHECK_THROWS_AS(static_cast<void>(ss::count(
                        {.ifmap_rows = 64, .ifmap_columns = 64, .channels = 8, .filters = 64},
                        {.rows = 4, .columns = 4}, [] { return false; })),
                    ss::Stopped);
  }
}
