#include <map>
#include <memory>

#include "base/random.hpp"
#include "sim/drive.hpp"
#include "sim/systolic.hpp"
#include "sim/systolic_activity.hpp"
#include "sim/systolic_array.hpp"
#include "sim/systolic_clock.hpp"
#include "sim/systolic_product.hpp"
#include "support.hpp"

using namespace dnnaccel;
using namespace dnnaccel::sim;
using namespace dnnaccel::testing;

namespace {

using Words = std::vector<std::uint32_t>;

constexpr std::array<Stationary, 3> kAll = {Stationary::inputs, Stationary::weights,
                                            Stationary::outputs};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A product of random matrices: what enters, and what has left so far.
struct Product {
  Product(const FoldShape& shape_, base::Random& random) : shape(shape_) {
    const auto fill = [&](Words& words, std::int64_t size) {
      for (std::int64_t i = 0; i < size; ++i) {
        words.push_back(static_cast<std::uint32_t>(random.below(1000)));
      }
    };
    fill(tile, shape.rows * shape.columns);
    fill(left, shape.rows * shape.steps);
    fill(above, shape.columns * shape.steps);
  }

  /// The sum that leaves column j at step k, or (outputs stay) stands in row k and column j.
  [[nodiscard]] std::uint32_t wanted(Stationary stationary, std::int64_t k, std::int64_t j) const {
    std::uint32_t sum = 0;
    if (stationary == Stationary::outputs) {
      if (shape.loads) sum = tile[at(k * shape.columns + j)];
      for (std::int64_t s = 0; s < shape.steps; ++s) {
        sum += left[at(k * shape.steps + s)] * above[at(j * shape.steps + s)];
      }
      return sum;
    }
    for (std::int64_t i = 0; i < shape.rows; ++i) {
      sum += tile[at(i * shape.columns + j)] * left[at(i * shape.steps + k)];
    }
    return sum;
  }

  FoldShape shape;
  Words tile;   ///< rows x columns
  Words left;   ///< rows x steps
  Words above;  ///< columns x steps
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint32_t> out;
};

class Port final : public FoldPort<std::uint32_t> {
 public:
  Port(Product& product, Stationary stationary) : product_(product), stationary_(stationary) {}

  void load(std::uint32_t* tile) override {
    std::copy(product_.tile.begin(), product_.tile.end(), tile);
  }
  void enter_rows(std::int64_t first, std::int64_t steps, std::uint32_t* block,
                  std::size_t pitch) override {
    enter(product_.left, product_.shape.rows, first, steps, block, pitch);
  }
  void enter_columns(std::int64_t first, std::int64_t steps, std::uint32_t* block,
                     std::size_t pitch) override {
    enter(product_.above, product_.shape.columns, first, steps, block, pitch);
  }
  void leave(std::int64_t first, std::int64_t steps, const std::uint32_t* block,
             std::size_t pitch) override {
    const bool stays = stationary_ == Stationary::outputs;
    const std::int64_t lines = stays ? product_.shape.rows : product_.shape.columns;
    for (std::int64_t line = 0; line < lines; ++line) {
      for (std::int64_t k = 0; k < steps; ++k) {
        const std::uint32_t sum = block[at(line) * pitch + at(k)];
        const auto place = stays ? std::pair(line, first + k) : std::pair(first + k, line);
        CHECK(product_.out.emplace(place, sum).second);
      }
    }
  }

 private:
  void enter(const Words& words, std::int64_t lines, std::int64_t first, std::int64_t steps,
             std::uint32_t* block, std::size_t pitch) const {
    for (std::int64_t line = 0; line < lines; ++line) {
      for (std::int64_t k = 0; k < steps; ++k) {
        block[at(line) * pitch + at(k)] = words[at(line * product_.shape.steps + first + k)];
      }
    }
  }

  Product& product_;
  Stationary stationary_;
};

std::uint64_t cycles(Stationary stationary, bool double_buffered,
                     const std::vector<FoldShape>& folds) {
  SystolicClock clock(stationary, double_buffered);
  for (const FoldShape& fold : folds) clock.fold(fold);
  return clock.end();
}

/// Random operands of a one-dimensional convolution, and its outputs by the definition.
struct Convolution {
  explicit Convolution(base::Random& random)
      : problem(convolution(1 + below(random, 5), 1 + below(random, 4), 1 + below(random, 9),
                            1 + below(random, 3), 1 + below(random, 2), below(random, 2))) {
    if (problem.tensors[0].axes[1].size < 1) problem.tensors[0].axes[1].size = 1;
    const auto fill = [&](Words& words, problem::Role role) {
      words.resize(problem.tensor(role).words());
      for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(random.below(200)) - 100;
    };
    fill(inputs, problem::Role::inputs);
    fill(weights, problem::Role::weights);
    outputs.resize(problem.tensor(problem::Role::outputs).words());
  }

  [[nodiscard]] Words wanted() const {
    const auto& [m_, c_, p_, r_] = bounds();
    const problem::Axis& row = problem.tensors[0].axes[1];
    Words sums(outputs.size());
    for (std::int64_t m = 0; m < m_; ++m) {
      for (std::int64_t p = 0; p < p_; ++p) {
        for (std::int64_t c = 0; c < c_; ++c) {
          for (std::int64_t r = 0; r < r_; ++r) {
            const std::int64_t y = p * row.terms[0].coefficient + r + row.offset;
            if (y < 0 || y >= row.size) continue;
            sums[at(m * p_ + p)] +=
                inputs[at(c * row.size + y)] * weights[at((m * c_ + c) * r_ + r)];
          }
        }
      }
    }
    return sums;
  }

  Tensors<std::uint32_t> tensors() {
    return {.inputs = inputs.data(), .weights = weights.data(), .outputs = outputs.data()};
  }

  problem::Problem problem;
  Words inputs;
  Words weights;
  Words outputs;

 private:
  static std::int64_t below(base::Random& random, std::size_t n) {
    return static_cast<std::int64_t>(random.below(n));
  }
  [[nodiscard]] std::array<std::int64_t, 4> bounds() const {
    return {problem.bounds[0], problem.bounds[1], problem.bounds[2], problem.bounds[3]};
  }
};

}  // namespace

TEST_SUITE_BEGIN("systolic");

TEST_CASE("cycles of one fold and of two by hand") {
  const FoldShape fold{.rows = 2, .columns = 2, .steps = 5};
  // Two cycles of loading; the last element is 1 + 1 cycles behind the first and takes 5.
  CHECK(cycles(Stationary::weights, false, {fold}) == 2 + 5 + 2);
  CHECK(cycles(Stationary::weights, false, {fold, fold}) == 18);
  CHECK(cycles(Stationary::weights, true, {fold, fold}) == 9 + 5);
  // A tile that stays is not loaded; the next stream follows the last sum.
  const FoldShape again{.rows = 2, .columns = 2, .steps = 5, .loads = false};
  CHECK(cycles(Stationary::weights, false, {fold, again}) == 9 + 7);
  // Sums are shifted out for 2 cycles, and in for 2 if they were begun.
  CHECK(cycles(Stationary::outputs, false, {again}) == 5 + 2 + 2);
  CHECK(cycles(Stationary::outputs, false, {fold}) == 2 + 5 + 2 + 2);
  CHECK(cycles(Stationary::outputs, true, {again, again}) == 9 + 5);
  // Begun sums are those of an earlier fold: they wait for its end, double-buffered or not.
  CHECK(cycles(Stationary::outputs, true, {again, fold}) == 9 + 11);
}

TEST_CASE("a fold waits for its operands") {
  const FoldShape fold{.rows = 2, .columns = 3, .steps = 4};
  SystolicClock clock(Stationary::weights, false);
  CHECK(clock.fold(fold, 10) == FoldCycles{.load = 10, .start = 12, .end = 12 + 4 + 3});
  CHECK(clock.fold(fold, 15).load == 19);
}

TEST_CASE("registers that step agree with the clock and with the products, whatever the folds") {
  base::Random random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::int64_t>(random.below(n)); };
  for (int run = 0; run < 400; ++run) {
    const Stationary stationary = kAll[random.below(3)];
    const bool double_buffered = random.below(2) == 1;
    const std::int64_t rows = 1 + below(6);
    const std::int64_t columns = 1 + below(9);
    std::vector<Product> products;
    const std::size_t folds = 1 + random.below(6);
    for (std::size_t i = 0; i < folds; ++i) {
      const bool loads = stationary != Stationary::outputs || random.below(3) == 0;
      const std::int64_t steps = random.below(20) == 0 ? 300 + below(900) : 1 + below(9);
      const FoldShape shape{.rows = 1 + below(at(rows)),
                            .columns = 1 + below(at(columns)),
                            .steps = steps,
                            .loads = loads};
      products.emplace_back(shape, random);
    }
    CAPTURE(run);
    SystolicGrid<std::uint32_t> grid(rows, columns, stationary, double_buffered);
    SystolicClock clock(stationary, double_buffered);
    SystolicActivity activity(rows, columns, stationary, double_buffered);
    std::uint64_t macs = 0;
    std::uint64_t ready = 0;
    for (Product& product : products) {
      if (random.below(4) == 0) ready += random.below(40);
      const FoldCycles now = clock.fold(product.shape, ready);
      CHECK(grid.issue(product.shape, std::make_unique<Port>(product, stationary), ready) == now);
      activity.fold(product.shape, now);
      macs += static_cast<std::uint64_t>(product.shape.rows * product.shape.columns *
                                         product.shape.steps);
    }
    grid.finish();
    CHECK(grid.cycle() == clock.end());
    CHECK(grid.macs() == macs);
    for (const Product& product : products) {
      const FoldShape& shape = product.shape;
      const std::int64_t lines = stationary == Stationary::outputs ? shape.rows : shape.steps;
      CHECK(product.out.size() == at(lines * shape.columns));
      for (const auto& [place, sum] : product.out) {
        CHECK(sum == product.wanted(stationary, place.first, place.second));
      }
    }
    const Activity found = activity.finish(clock.end());
    std::uint64_t worked = 0;
    for (std::size_t element = 0; element < found.active.size(); ++element) {
      std::uint64_t all = found.active[element];
      for (const std::uint64_t stalled : found.stalled[element]) all += stalled;
      CHECK(all == clock.end());
      worked += found.active[element];
    }
    CHECK(worked == macs);
  }
}

TEST_CASE("a layer's outputs are right, and counting alone counts the same") {
  base::Random random(11);
  for (int run = 0; run < 150; ++run) {
    CAPTURE(run);
    Convolution layer(random);
    const SystolicOptions options{.rows = 1 + static_cast<std::int64_t>(random.below(6)),
                                  .columns = 1 + static_cast<std::int64_t>(random.below(6)),
                                  .stationary = kAll[random.below(3)],
                                  .double_buffered = random.below(2) == 1};
    const ProductRun done = simulate_product(layer.problem, options, layer.tensors());
    CHECK(layer.outputs == layer.wanted());
    const ProductRun counted = count_product(layer.problem, options);
    CHECK(counted.cycles == done.cycles);
    CHECK(counted.macs == done.macs);
    CHECK(counted.traffic.reads == done.traffic.reads);
    CHECK(counted.traffic.writes == done.traffic.writes);
  }
}

TEST_CASE("an array of a chip, with each tensor staying") {
  // Rows and columns of each, and what stays: role masks are those of problem::bit.
  struct Choice {
    std::uint32_t keeps;
    int row_dim;
    int column_dim;
  };
  constexpr std::array<Choice, 3> kChoices = {Choice{1, kC, kP}, Choice{2, kC, kM},
                                              Choice{4, kP, kM}};
  base::Random random(13);
  for (int run = 0; run < 150; ++run) {
    CAPTURE(run);
    Convolution layer(random);
    const Choice& choice = kChoices[random.below(3)];
    const auto part = [&](int dim) {
      return std::min<std::int64_t>(layer.problem.bounds[at(dim)], 3);
    };
    mapping::Mapping mapping{.levels = {{.keeps = 7}, {}, {.keeps = choice.keeps}}};
    for (int dim = 0; dim < 4; ++dim) {
      const bool spread = dim == choice.row_dim || dim == choice.column_dim;
      mapping.levels[0].loops.push_back({.dim = dim, .tile = spread ? part(dim) : 1});
      if (!spread) continue;
      mapping.levels[1].loops.push_back({.dim = dim, .axis = dim == choice.column_dim ? 1 : 0});
    }
    const arch::Architecture chip = two_levels(3, 3, 1);
    SystolicArray<std::uint32_t> array(layer.problem, chip, mapping, layer.tensors(),
                                       {.activity = true});
    CHECK(drive(layer.problem, array.plan().nest(), array));
    CHECK(layer.outputs == layer.wanted());
    CHECK(array.run().macs == layer.problem.macs());
  }
}

TEST_CASE("a fold that does not fit, and an array that cannot be") {
  CHECK_THROWS_AS(SystolicGrid<float>(0, 4, Stationary::weights, false), std::invalid_argument);
  CHECK_THROWS_AS(SystolicGrid<float>(4, 1 << 15, Stationary::weights, false),
                  std::invalid_argument);
  SystolicGrid<std::uint32_t> grid(2, 2, Stationary::weights, false);
  CHECK_THROWS_AS(grid.issue({.rows = 3, .columns = 2, .steps = 1}, nullptr, 0),
                  std::invalid_argument);
}

TEST_CASE("a watch may stop a fold that takes long") {
  base::Random random(1);
  Product product({.rows = 1, .columns = 1, .steps = 100'000}, random);
  SystolicGrid<std::uint32_t> grid(1, 1, Stationary::weights, false,
                                   [](std::uint64_t) { throw std::runtime_error("enough"); });
  grid.issue(product.shape, std::make_unique<Port>(product, Stationary::weights), 0);
  CHECK_THROWS_AS(grid.finish(), std::runtime_error);
}

TEST_SUITE_END();
