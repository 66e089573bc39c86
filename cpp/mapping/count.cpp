#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "mapping/chains.hpp"

namespace dnnaccel::mapping {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

double choose(std::int64_t n, std::int64_t k) {
  double ways = 1;
  for (std::int64_t i = 1; i <= k; ++i) {
    ways = ways * static_cast<double>(n - k + i) / static_cast<double>(i);
  }
  return ways;
}

/// result[k]: in how many ways a number is a product of k factors, in order, that are all above 1.
std::vector<double> ordered_products(std::int64_t number, std::size_t most) {
  // Of k factors of any size: each prime's exponent is dealt out to them by itself.
  std::vector<double> any(most + 1, 1);
  any[0] = number == 1 ? 1 : 0;
  const auto deal = [&](std::int64_t exponent) {
    for (std::size_t k = 1; k <= most; ++k) {
      any[k] *= choose(exponent + static_cast<std::int64_t>(k) - 1, exponent);
    }
  };
  for (std::int64_t prime = 2; prime * prime <= number; ++prime) {
    std::int64_t exponent = 0;
    for (; number % prime == 0; number /= prime) ++exponent;
    if (exponent > 0) deal(exponent);
  }
  if (number > 1) deal(1);
  std::vector<double> result(most + 1, 0);
  for (std::size_t k = 0; k <= most; ++k) {
    for (std::size_t some = 0; some <= k; ++some) {
      const double ways = choose(static_cast<std::int64_t>(k), static_cast<std::int64_t>(some));
      result[k] += ((k - some) % 2 == 0 ? ways : -ways) * any[some];
    }
  }
  return result;
}

/// result[mask]: chains of a dim that have loops in just those of its temporal slots.
std::vector<double> chains_by_loops(const problem::Problem& problem, const Layout& layout,
                                    int dim) {
  std::vector<double> result = {1};
  for (const Segment& segment : segments(problem, layout, dim)) {
    const std::size_t slots = segment.temporal.size();
    std::vector<double> here(1ULL << slots, 0);
    std::map<std::int64_t, std::vector<double>> products;
    for (const Spread& spread : spreads(layout, dim, segment)) {
      auto& ways = products[spread.rest];
      if (ways.empty()) ways = ordered_products(spread.rest, slots);
      std::size_t outside = 0;  // slots outside the outermost split
      if (spread.repeats) {
        const std::size_t split = segment.spatial[spread.outermost()];
        while (outside < slots && segment.temporal[outside] < split) ++outside;
      }
      const std::size_t outer = (1ULL << outside) - 1;
      for (std::size_t mask = 0; mask < here.size(); ++mask) {
        if (spread.repeats && (mask & outer) == 0) continue;
        here[mask] += ways[static_cast<std::size_t>(std::popcount(mask))];
      }
    }
    const std::size_t before = result.size();
    std::vector<double> both(before << slots);
    for (std::size_t mask = 0; mask < both.size(); ++mask) {
      both[mask] = result[mask % before] * here[mask / before];
    }
    result = std::move(both);
  }
  return result;
}

/// The Laguerre polynomial of a degree.
double laguerre(std::size_t degree, double x) {
  double value = 1;
  double before = 0;
  for (std::size_t k = 0; k < degree; ++k) {
    const auto n = static_cast<double>(k);
    before = std::exchange(value, ((2 * n + 1 - x) * value - n * before) / (n + 1));
  }
  return value;
}

/// Places and weights whose sum of weight x place^k is k! for all k < 2 n: Gauss-Laguerre
/// quadrature (Abramowitz and Stegun, Handbook of mathematical functions, 25.4.45).
struct Factorials {
  explicit Factorials(std::size_t n) {
    // The zeros of a degree are parted by those of the degree before.
    for (std::size_t degree = 1; degree <= n; ++degree) {
      std::vector<double> ends = {0};
      ends.insert(ends.end(), places.begin(), places.end());
      ends.push_back(4 * static_cast<double>(degree) + 2);
      places.clear();
      for (std::size_t i = 0; i < degree; ++i) {
        double low = ends[i];
        double high = ends[i + 1];
        const bool falls = i % 2 == 0;
        for (double x = (low + high) / 2; low < x && x < high; x = (low + high) / 2) {
          ((laguerre(degree, x) > 0) == falls ? low : high) = x;
        }
        places.push_back(low);
      }
    }
    for (double x : places) {
      const double after = static_cast<double>(n + 1) * laguerre(n + 1, x);
      weights.push_back(x / (after * after));
    }
  }

  std::vector<double> places;
  std::vector<double> weights;
};

const Factorials& factorials_of(std::size_t dims) {
  static const std::vector<Factorials> all = [] {
    std::vector<Factorials> some;
    for (std::size_t n = 1; n <= problem::kMaxDims / 2 + 1; ++n) some.emplace_back(n);
    return some;
  }();
  return all[dims / 2];
}

/// Dims whose loops in one temporal slot may stand in any order.
using Group = std::vector<std::size_t>;

/// Sums over the chains of all dims what the orders of their loops multiply to.
///
/// k loops of a group have k! orders. A sum of weight x place^k stands for that, and then every
/// loop counts `place` by itself and the dims are summed one by one.
class OrderSum {
 public:
  explicit OrderSum(const std::vector<Group>& groups) : groups_(groups) {}

  /// tables[dim][mask]: as `chains_by_loops`; the groups of each dim come in the order of its bits.
  double operator()(const std::vector<std::vector<double>>& tables, std::size_t group = 0) const {
    if (group == groups_.size()) {
      double product = 1;
      for (const std::vector<double>& table : tables) product *= table.front();
      return product;
    }
    const Group& dims = groups_[group];
    const Factorials& factorials = factorials_of(dims.size());
    double sum = 0;
    std::vector<std::vector<double>> inner = tables;
    for (std::size_t i = 0; i < factorials.places.size(); ++i) {
      for (std::size_t d : dims) {
        inner[d].resize(tables[d].size() / 2);
        for (std::size_t mask = 0; mask < inner[d].size(); ++mask) {
          inner[d][mask] = tables[d][2 * mask] + factorials.places[i] * tables[d][2 * mask + 1];
        }
      }
      sum += factorials.weights[i] * (*this)(inner, group + 1);
    }
    return sum;
  }

 private:
  const std::vector<Group>& groups_;
};

}  // namespace

double count_chains(const problem::Problem& problem, const Layout& layout, int dim) {
  double count = 0;
  for (double chains : chains_by_loops(problem, layout, dim)) count += chains;
  return count;
}

double count_points(const problem::Problem& problem, const Layout& layout) {
  std::vector<std::vector<double>> tables;
  for (int d = 0; d < problem.dims(); ++d) tables.push_back(chains_by_loops(problem, layout, d));
  std::vector<Group> groups;
  for (std::size_t s = 0; s < layout.slots().size(); ++s) {
    if (layout.slots()[s].spatial) continue;
    std::map<int, Group> by_rank;
    for (int d = 0; d < problem.dims(); ++d) {
      const int slot = static_cast<int>(s);
      if (layout.splits(slot, d)) by_rank[layout.rank(slot, d)].push_back(at(d));
    }
    for (auto& [rank, dims] : by_rank) groups.push_back(std::move(dims));
  }
  const double points =
      OrderSum(groups)(tables) * static_cast<double>(1ULL << layout.options().size());
  return std::round(points);
}

}  // namespace dnnaccel::mapping
