#pragma once

#include <optional>

#include "cost/axis_plan.hpp"
#include "cost/counts.hpp"
#include "cost/sparsity.hpp"
#include "mapping/mapping.hpp"

/// How many words every memory and network moves: the closed form of DESIGN.md section 4.
namespace dnnaccel::cost {

/// A tile that does not fit.
struct Misfit {
  int level = 0;
  std::uint64_t words_needed = 0;
  std::uint64_t words_there = 0;
  PerRole<std::uint64_t> tiles{};
};

/// Counts any mapping of one problem on one architecture, from scratch each time. (A search, which
/// costs many mappings of one layout, has `Tables`.) The problem, the architecture, the mapping and
/// its nest must outlive it.
class Counter {
 public:
  Counter(const problem::Problem& problem, const arch::Architecture& architecture,
          const mapping::Mapping& mapping, const mapping::Nest& nest);

  /// The first memory, from the outside in, whose tiles do not fit, compressed as `sparsity` says.
  [[nodiscard]] std::optional<Misfit> misfit(const Sparsity& sparsity = {}) const;

  /// Count everything. Does not look at capacities.
  [[nodiscard]] Counts count() const;

 private:
  /// Two consecutive keepers, with the loops that stand above each.
  struct Pair : Keepers {
    int parent_above = 0;  ///< spatial loops before this one count separately
    int child_above = 0;   ///< those between are the network's splits
  };

  /// Which splits between parent and child unite: those that share, from loop `from` on; or all.
  struct Unite {
    int from = 0;
    bool all = false;
  };

  /// Temporal loops before `cut` are summed over and later ones stand inside; `stepping` is the
  /// loop whose steps are asked about (it equals `cut` then), or -1 to ask what is fetched.
  struct Position {
    int cut = 0;
    int stepping = -1;
  };

  [[nodiscard]] Steps gather(const Pair& pair, Unite unite, Position position, int dim) const;
  [[nodiscard]] std::uint64_t window(const Pair& pair, Unite unite, Position position,
                                     const WindowAxis& axis, WindowSum what) const;
  [[nodiscard]] std::uint64_t product(const Pair& pair, Unite unite, Position position) const;
  [[nodiscard]] std::uint64_t words(const Pair& pair, Unite unite) const;
  [[nodiscard]] std::uint64_t largest_tile(problem::Role role, int above) const;
  [[nodiscard]] std::uint64_t last_outputs(const Pair& pair, Unite unite) const;
  [[nodiscard]] std::uint64_t instances(int above) const;
  [[nodiscard]] std::uint64_t temporal_positions() const;

  [[nodiscard]] bool keeps(int level, problem::Role role) const;
  [[nodiscard]] bool unites(const Pair& pair, Unite unite, int loop) const;
  [[nodiscard]] bool output_keeper_between(int loop, int next) const;
  [[nodiscard]] Pair make_pair(problem::Role role, int parent) const;
  void count_pair(const Pair& pair, SumsAbove& sums, Counts& out) const;

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Mapping& mapping_;
  const mapping::Nest& nest_;
  PerRole<AxisPlan> plans_;
  PerLevel<PerRole<std::uint32_t>> shared_dims_;
};

}  // namespace dnnaccel::cost
