#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <vector>

#include "base/number_map.hpp"
#include "mapper/relaxation.hpp"

namespace dnnaccel::mapper {

/// A path through the dims' graphs: the chains of a mapping, and which loops are innermost where.
struct Path {
  struct Level {
    Tiles nodes{};                                         ///< of the graphs, inside the level
    std::array<std::uint16_t, problem::kMaxDims> edges{};  ///< that the level takes from them
    OrderClass order;                                      ///< of a memory
  };
  std::vector<Level> levels;
  double bound = 0;  ///< of the energy, whatever the order of the other loops
};

/// The least relaxed energies of all nests, by dynamic programming from the inside out.
///
/// At each level there is a state for every combination of tiles, and of the nests inside it only
/// those are kept that no other beats whatever stands outside: settled and pending energy,
/// compared part by part. A nest is dropped, too, if what must come on top exceeds `limit`.
class Frontier {
 public:
  Frontier(const problem::Problem& problem, const arch::Architecture& architecture,
           const std::vector<DimGraph>& graphs, const Relaxation& relaxation, std::int64_t& work,
           const std::atomic<bool>& stop);

  /// Build all levels; false if the work ran out, or it was stopped: `least` then knows only of the
  /// memories' fills from the outside in.
  bool build(double limit);

  /// The least relaxed energy of all mappings; infinite if it is above the limit.
  [[nodiscard]] double least() const { return least_; }

  using Visitor = std::function<bool(const Path&)>;

  /// Visit the path of every mapping whose relaxed energy is at most `limit()`, which may shrink
  /// meanwhile, the lowest first as far as a search in depth finds them. `visitor` returns whether
  /// to go on; returns whether all were visited.
  bool visit(const std::function<double()>& limit, const Visitor& visitor) const;

 private:
  struct State {
    Tiles nodes{};   ///< of the graphs, at the level
    Tiles values{};  ///< their tiles
    std::vector<Pending> nests;
  };

  /// From which state, by which spread, a state outside an array is reached.
  struct Link {
    std::uint32_t to = 0;
    std::uint32_t from = 0;
    std::uint32_t spread = 0;
  };

  /// All states at a level.
  struct Layer {
    base::NumberMap numbers;
    std::vector<State> states;
    std::vector<double> outside;  ///< by combination of nodes: least cost of the memories outside
    std::vector<double> entered;  ///< the same with what the level itself asks for
    std::array<std::uint64_t, problem::kMaxDims> strides{};
    std::vector<Link> links;  ///< of an array, by state outside
  };

  /// One way to spread all dims over an array.
  struct Spread {
    /// Along rows and columns, by dim.
    using Axes = std::array<std::array<std::int64_t, 2>, problem::kMaxDims>;

    std::array<std::uint16_t, problem::kMaxDims> factor{};  ///< number among the dim's
    std::vector<Axes> axes;  ///< what may run along which axis: not all ways lead from all tiles
  };

  struct ArrayPlan {
    /// What a dim is spread over: a factor, or a factor by axis.
    using Split = std::array<std::int64_t, 3>;

    bool by_axis = false;
    std::vector<std::vector<Split>> factors;  ///< by dim, ascending
    std::vector<Spread> spreads;

    [[nodiscard]] Split split(std::int64_t factor, std::int64_t rows, std::int64_t columns) const {
      return by_axis ? Split{factor, rows, columns} : Split{factor, 0, 0};
    }
    [[nodiscard]] std::uint16_t number(int dim, const Split& split) const {
      const auto& splits = factors[static_cast<std::size_t>(dim)];
      return static_cast<std::uint16_t>(std::lower_bound(splits.begin(), splits.end(), split) -
                                        splits.begin());
    }
  };

  /// Energy of a whole mapping as a function of the nest inside some level.
  struct Outside {
    double constant = 0;
    std::array<double, Pending::kParts> weights{1, 1, 1, 1};
    double begun = 0;  ///< weight of Pending::begun
    [[nodiscard]] double of(const Pending& nest) const;
  };

  /// One step of a walk from the outside in.
  struct Way {
    double least = 0;
    std::uint32_t from = 0;
    Outside outside;
    Path::Level level;
  };

  struct Walk {
    const std::function<double()>& limit;
    const Visitor& visitor;
    Path path;
  };

  /// A nest on its way through the loops of a level. Its parts are those of runs that may all go on
  /// where others ended.
  struct Passing {
    Pending nest;
    /// On top of the inputs' parts if runs start only where others began, and if the start of a
    /// run, too, shares nothing with the run before: the latter by the share of starts at which a
    /// loop moves the inputs along another axis.
    double anew = 0;
    double apart = 0;
    std::uint8_t outside = 0;   ///< roles that a loop outside the innermost ones moves
    bool plain = false;         ///< a loop moves the inputs along an axis of their own,
    bool plain_inside = false;  ///< one of the innermost
    bool slides = true;         ///< the slide spares something
    double starts = 1;          ///< trips of the loops outside the run
  };
  struct PassingState {
    Tiles nodes{};  ///< at the level for dims whose loop is taken in, inside it for others
    Tiles tiles{};
    std::vector<Passing> nests;
  };

  /// Whether to give up: no work is left, or somebody wants it to stop.
  [[nodiscard]] bool over() const { return work_ < 0 || stop_.load(std::memory_order_relaxed); }

  void plan_outside();
  void plan_array(int level);
  bool edges_of(int level, const Spread::Axes& axes, Path::Level& through) const;
  [[nodiscard]] double outside(int level, const Tiles& nodes) const;
  [[nodiscard]] Tiles values(int level, const Tiles& nodes) const;
  [[nodiscard]] std::uint64_t key(const Tiles& nodes) const;
  [[nodiscard]] std::vector<int> dims_at(int level, int first) const;
  static bool beats(const Pending& nest, const Pending& other, bool array_outside);
  static void insert(std::vector<Pending>& nests, const Pending& nest, bool array_outside);
  static std::uint32_t state_of(Layer& layer, std::uint64_t key, const Tiles& nodes);
  bool pass_array(int level, double limit);
  bool pass_class(int level, const OrderClass& order, Layer& out) const;
  bool pass_memory(int level, double limit);
  void take_loop(const OrderClass& order, int dim, std::int64_t trips, const Tiles& tiles,
                 std::uint16_t to, Passing& passing) const;
  static Pending arrive(int level, const Passing& passing);
  [[nodiscard]] static bool possible(const OrderClass& order, const Passing& passing);
  bool walk(int level, std::uint32_t state, const Outside& outside, Walk& walk) const;
  void ways_through_array(int level, std::uint32_t state, const Outside& outside, double limit,
                          std::vector<Way>& ways) const;
  void ways_through_memory(int level, std::uint32_t state, const Outside& outside, double limit,
                           std::vector<Way>& ways) const;

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const std::vector<DimGraph>& graphs_;
  const Relaxation& relaxation_;
  std::vector<Layer> layers_;
  std::vector<ArrayPlan> arrays_;  ///< by level
  /// reversed[level][dim][node]: (node inside, edge) pairs that lead to it.
  std::vector<std::vector<std::vector<std::vector<std::pair<std::uint16_t, std::uint16_t>>>>>
      reversed_;
  std::array<std::uint64_t, problem::kMaxDims> radix_{};
  double least_ = 0;
  std::int64_t& work_;  ///< left: nests extended and compared, spreads tried, ways back looked at
  const std::atomic<bool>& stop_;
};

}  // namespace dnnaccel::mapper
