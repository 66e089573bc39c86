#include "mapper/prove.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/math.hpp"
#include "mapper/frontier.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr double kInfinite = std::numeric_limits<double>::infinity();
// Work for each mapping that may be costed: a unit is some tens of nanoseconds.
constexpr std::int64_t kWorkPerMapping = 200;
constexpr int kMostOptions = 8;
// Sums in another order differ in their last digits; two energies this close are equal.
constexpr double kRounding = 1e-12;
// Mappings of equal energy that are compared by their cycles.
constexpr int kTies = 1000;

class Prover {
 public:
  Prover(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Layout& layout, const cost::Sparsity& sparsity, Judge& judge,
         std::uint64_t mappings, const std::atomic<bool>& stop)
      : problem_(problem),
        architecture_(architecture),
        layout_(layout),
        sparsity_(sparsity),
        judge_(judge),
        left_(mappings),
        work_(static_cast<std::int64_t>(mappings) * kWorkPerMapping),
        stop_(stop) {
    for (int d = 0; d < problem.dims(); ++d) {
      graphs_.push_back(chain_graph(problem, architecture, layout, d));
    }
    for (int s = 0; s < static_cast<int>(layout.slots().size()); ++s) {
      if (!layout.slots()[at(s)].spatial) temporal_.push_back(s);
    }
  }

  Proof run() {
    Proof proof{.whole = true, .bound = kInfinite};
    for (const DimGraph& graph : graphs_) {
      if (graph.nodes.front().empty()) return proof;
    }
    const std::size_t options = layout_.options().size();
    const TileWords words(problem_, graphs_);
    if (options > kMostOptions || !words.complete()) return {};
    // Without anything to compare with nothing can be left out.
    if (judge_.best_score().first == kInfinite) return {};
    for (std::uint32_t i = 0; i < 1U << options; ++i) {
      if (stop_.load(std::memory_order_relaxed)) return {};
      // All that may be kept first: usually the best, and then the limit for the others.
      kept_ = ~i & ((1U << options) - 1);
      const Relaxation relaxation(problem_, architecture_, sparsity_, words, graphs_, keeps());
      seen_ = {};
      chains_.clear();
      Frontier frontier(problem_, architecture_, graphs_, relaxation, work_, stop_);
      const bool built = frontier.build(limit());
      proof.bound = std::min(proof.bound, frontier.least());
      if (!built) {
        proof.whole = false;
        continue;
      }
      const bool all = frontier.visit([this] { return limit(); },
                                      [this](const Path& path) { return cost(path); });
      proof.whole = proof.whole && all;
    }
    if (proof.whole) proof.bound = judge_.best_score().first;
    return proof;
  }

 private:
  [[nodiscard]] std::vector<std::uint32_t> keeps() const {
    std::vector<std::uint32_t> keeps;
    for (const mapping::LevelRule& rule : layout_.space().levels) keeps.push_back(rule.keep);
    for (std::size_t i = 0; i < layout_.options().size(); ++i) {
      const auto& option = layout_.options()[i];
      if ((kept_ >> i & 1U) != 0) keeps[at(option.level)] |= option.role_bit;
    }
    return keeps;
  }

  /// Up to where mappings are looked at: below the best, or as long as ties are, at the best too.
  [[nodiscard]] double limit() const {
    const double best = judge_.best_score().first;
    return ties_ > 0 ? best * (1 + kRounding) : best * (1 - kRounding);
  }

  /// Cost a path's mapping, with all orders of its loops that could beat the best.
  bool cost(const Path& path) {
    path_bound_ = path.bound;
    Candidate candidate = candidate_of(path);
    std::vector<std::vector<std::uint8_t>> orders;
    for (std::size_t t = 0; t < temporal_.size(); ++t) orders.push_back(loops_of(path, t));
    for (std::size_t t = 0; t < temporal_.size(); ++t) set_order(candidate, t, orders[t]);
    if (!judge(candidate)) return false;
    // Where the bound is met, no order of the other loops has less, but some may be as quick.
    const bool met = path.bound * (1 + kRounding) >= last_.first;
    if ((met && ties_ == 0) || path.bound > limit()) return true;
    const auto same = [&](std::uint32_t number) { return is(path, number); };
    if (seen_.find(hash_of(path), same) != base::NumberMap::kNone) return true;
    if (!permute(path, candidate, orders, 0)) return false;
    // Every order has been costed, whatever class leads here again.
    if (path.bound <= limit()) {
      seen_.insert(hash_of(path), static_cast<std::uint32_t>(chains_.size()));
      std::vector<Choice> choices;
      each_choice(path, [&](Choice choice) { choices.push_back(choice); });
      chains_.push_back(std::move(choices));
    }
    return true;
  }

  using Choice = std::array<std::uint16_t, 2>;  ///< a node and an edge

  template <typename Visit>
  void each_choice(const Path& path, Visit visit) const {
    for (const Path::Level& level : path.levels) {
      for (int d = 0; d < problem_.dims(); ++d) visit({level.nodes[at(d)], level.edges[at(d)]});
    }
  }

  [[nodiscard]] std::uint64_t hash_of(const Path& path) const {
    std::uint64_t hash = 0;
    each_choice(path,
                [&](Choice choice) { hash = base::mix(hash, choice[0] * 65536ULL + choice[1]); });
    return hash;
  }

  /// Whether a path has the chains of one seen before.
  [[nodiscard]] bool is(const Path& path, std::uint32_t number) const {
    bool equal = true;
    auto place = chains_[number].begin();
    each_choice(path, [&](Choice choice) { equal = equal && choice == *place++; });
    return equal;
  }

  bool permute(const Path& path, Candidate& candidate,
               std::vector<std::vector<std::uint8_t>>& orders, std::size_t t) {
    if (t == temporal_.size()) return judge(candidate);
    std::vector<std::uint8_t>& order = orders[t];
    // Inside all memories, and with one loop, no order differs.
    if (order.size() < 2 || layout_.slots()[at(temporal_[t])].level + 1 == architecture_.size()) {
      set_order(candidate, t, order);
      return permute(path, candidate, orders, t + 1);
    }
    std::sort(order.begin(), order.end());
    do {
      if (path.bound > limit()) return true;
      if (!set_order(candidate, t, order)) continue;
      if (!permute(path, candidate, orders, t + 1)) return false;
    } while (std::next_permutation(order.begin(), order.end()));
    return true;
  }

  bool judge(Candidate& candidate) {
    if (left_ == 0 || stop_.load(std::memory_order_relaxed)) return false;
    --left_;
    if (ties_ > 0 && path_bound_ > judge_.best_score().first * (1 - kRounding)) --ties_;
    last_ = judge_.judge(candidate);
    return true;
  }

  [[nodiscard]] Candidate candidate_of(const Path& path) const {
    Candidate candidate;
    candidate.mapping.kept = kept_;
    for (int d = 0; d < problem_.dims(); ++d) {
      Candidate::Chain& chain = candidate.change(d);
      for (int s : layout_.slots_of(d)) {
        const mapping::Slot& slot = layout_.slots()[at(s)];
        const Path::Level& level = path.levels[at(slot.level)];
        const DimGraph& graph = graphs_[at(d)];
        const std::int64_t tile = graph.nodes[at(slot.level) + 1][level.nodes[at(d)]].tile;
        const ChainEdge& edge = graph.edges[at(slot.level)][level.nodes[at(d)]][level.edges[at(d)]];
        const bool rows = slot.spatial && slot.axis == 0;
        chain.push_back(rows ? edge.between : tile);
      }
    }
    return candidate;
  }

  /// The loops of a temporal slot, outermost first: those that leave the class' role alone last.
  [[nodiscard]] std::vector<std::uint8_t> loops_of(const Path& path, std::size_t t) const {
    const mapping::Slot& slot = layout_.slots()[at(temporal_[t])];
    const Path::Level& level = path.levels[at(slot.level)];
    const std::uint32_t absent = absent_of(level.order.role);
    std::vector<std::uint8_t> outer;
    std::vector<std::uint8_t> inner;
    std::vector<std::uint8_t> slides;
    for (int d = 0; d < problem_.dims(); ++d) {
      if (!layout_.splits(temporal_[t], d)) continue;
      const ChainEdge& edge =
          graphs_[at(d)].edges[at(slot.level)][level.nodes[at(d)]][level.edges[at(d)]];
      if (edge.factor == 1) continue;
      auto& group = d == level.order.slide.dim ? slides : (absent >> d & 1U) != 0 ? inner : outer;
      group.push_back(static_cast<std::uint8_t>(d));
    }
    // What moves the inputs along an axis of their own right outside: no run then goes on where
    // another ended. The slide is innermost, but for the loops that leave the inputs alone.
    const bool inputs = level.order.role == 0;
    std::vector<std::uint8_t> order = outer;
    if (inputs) {
      order.insert(order.end(), slides.begin(), slides.end());
      order.insert(order.end(), inner.begin(), inner.end());
    } else {
      order.insert(order.end(), inner.begin(), inner.end());
      order.insert(order.end(), slides.begin(), slides.end());
    }
    return order;
  }

  [[nodiscard]] std::uint32_t absent_of(int role) const {
    return ~problem_.tensors[at(role)].dims();
  }

  /// Give a temporal slot an order, as far as the mapspace's groups of loops leave it; returns
  /// whether they left it as it was.
  bool set_order(Candidate& candidate, std::size_t t,
                 const std::vector<std::uint8_t>& order) const {
    const int slot = temporal_[t];
    auto& loops = candidate.change_order(t);
    loops.clear();
    for (std::uint8_t d : order) loops.push_back(d);
    const auto before = [&](int a, int b) { return layout_.rank(slot, a) < layout_.rank(slot, b); };
    if (std::is_sorted(loops.begin(), loops.end(), before)) return true;
    std::stable_sort(loops.begin(), loops.end(), before);
    return false;
  }

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Layout& layout_;
  const cost::Sparsity& sparsity_;
  Judge& judge_;
  std::uint64_t left_;
  std::int64_t work_;
  const std::atomic<bool>& stop_;
  std::vector<DimGraph> graphs_;
  std::vector<int> temporal_;
  std::uint32_t kept_ = 0;
  double path_bound_ = 0;
  int ties_ = kTies;
  base::NumberMap seen_;  ///< chains of which every order has been costed
  std::vector<std::vector<Choice>> chains_;
  Score last_;
};

}  // namespace

Proof prove_energy(const problem::Problem& problem, const arch::Architecture& architecture,
                   const mapping::Layout& layout, const cost::Sparsity& sparsity, Judge& judge,
                   std::uint64_t mappings, const std::atomic<bool>& stop) {
  return Prover(problem, architecture, layout, sparsity, judge, mappings, stop).run();
}

double least_cycles(const problem::Problem& problem, const arch::Architecture& architecture,
                    const mapping::Layout& layout, const cost::Sparsity& sparsity) {
  std::vector<DimGraph> graphs;
  for (int d = 0; d < problem.dims(); ++d) {
    graphs.push_back(chain_graph(problem, architecture, layout, d));
  }
  std::vector<int> arrays;
  for (int level = 0; level < architecture.size(); ++level) {
    if (architecture.array(level) != nullptr) arrays.push_back(level);
  }
  double steps = std::ceil(static_cast<double>(problem.macs()) /
                           static_cast<double>(architecture.mac_units()));
  if (arrays.size() == 1) {
    const arch::Array& array = *architecture.array(arrays.front());
    double least = kInfinite;
    const auto spread = [&](auto& self, int d, std::int64_t rows, std::int64_t columns,
                            double so_far) -> void {
      if (so_far >= least) return;
      if (d == problem.dims()) {
        least = so_far;
        return;
      }
      std::vector<std::array<std::int64_t, 2>> seen;
      for (const auto& from : graphs[at(d)].edges[at(arrays.front())]) {
        for (const ChainEdge& edge : from) {
          if (rows * edge.rows > array.rows || columns * edge.columns > array.columns) continue;
          const std::array<std::int64_t, 2> split{edge.rows, edge.columns};
          if (std::find(seen.begin(), seen.end(), split) != seen.end()) continue;
          seen.push_back(split);
          self(self, d + 1, rows * edge.rows, columns * edge.columns,
               so_far * static_cast<double>(base::ceil_div(problem.bounds[at(d)], edge.factor)));
        }
      }
    };
    spread(spread, 0, 1, 1, 1);
    if (least < kInfinite) steps = std::max(steps, least);
  }
  const arch::Memory& top = *architecture.memory(0);
  const auto factor = [&](int role) {
    return std::min(sparsity.stored[0][at(role)], sparsity.asked[0][at(role)]);
  };
  const TileWords words(problem, graphs);
  Tiles whole{};
  for (int d = 0; d < problem.dims(); ++d) {
    whole[at(d)] = static_cast<std::uint16_t>(graphs[at(d)].values.size() - 1);
  }
  const double reads = words.fetched(0, whole) * factor(0) + words.fetched(1, whole) * factor(1);
  // MACs that skip may write fewer words than there are outputs, and those enter compressed.
  const double writes = words.fetched(2, whole) * factor(2) * std::min(1.0, sparsity.finished);
  const double busy = std::max({reads / top.read_bandwidth, writes / top.write_bandwidth,
                                (reads + writes) / top.shared_bandwidth});
  return std::ceil(std::max({1.0, steps * sparsity.steps, busy}) * (1 - kRounding));
}

}  // namespace dnnaccel::mapper
