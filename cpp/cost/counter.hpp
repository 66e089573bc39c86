#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "arch/architecture.hpp"
#include "cost/axis_sums.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"

/// How many words every memory and network moves: the closed form of DESIGN.md section 4.
namespace dnnaccel::cost {

using problem::kRoles;

template <typename T>
using PerRole = std::array<T, kRoles>;

template <typename T>
using PerLevel = std::array<T, arch::kMaxLevels>;

/// What a memory did for one tensor, in words, over all its instances; `tile` is the largest one
/// holds.
struct MemoryCount {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t tile = 0;
  /// What refilling takes: words written here from the parent (begun sums included), sums read here
  /// to drain, and the words that the parent reads (operands) or writes (outputs) for it.
  std::uint64_t filled = 0;
  std::uint64_t drained = 0;
  std::uint64_t sent = 0;
};

/// What crossed an array's network for one tensor. Operands: `sent` entered it, `delivered` reached
/// the instances. Outputs: `delivered` came from the instances, `sent` left towards the parent.
/// `hops` passed between neighbours.
struct NetworkCount {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t hops = 0;
  std::uint64_t returned = 0;  ///< outputs only: begun sums that went back to the instances
};

/// The first tile to arrive at a level and the last to leave it: what nothing can hide.
struct RampCount {
  std::uint64_t sent = 0;      ///< words the parent reads (operands) or writes (outputs)
  std::uint64_t received = 0;  ///< words the level writes (operands) or reads (outputs)
  int parent = -1;
};

struct Counts {
  PerLevel<PerRole<MemoryCount>> memories{};
  PerLevel<PerRole<NetworkCount>> networks{};
  PerLevel<PerRole<RampCount>> ramps{};
  PerLevel<std::uint64_t> instances{};  ///< of each level, that ever work
  std::uint64_t macs = 0;
  std::uint64_t steps = 0;        ///< temporal positions of the whole nest, in lockstep
  std::uint64_t active_macs = 0;  ///< MAC units that ever work
};

/// A tile that does not fit.
struct Misfit {
  int level = 0;
  std::uint64_t words_needed = 0;
  std::uint64_t words_there = 0;
  PerRole<std::uint64_t> tiles{};
};

/// Counts mappings of one problem on one architecture. Keeps the tables of window axes between
/// calls, so it is cheap to call again and again; not to be shared between threads. The problem and
/// the architecture must outlive it.
class Counter {
 public:
  Counter(const problem::Problem& problem, const arch::Architecture& architecture);

  /// Whether every tile fits its memory; cheaper than `count`.
  std::optional<Misfit> misfit(const mapping::Mapping& mapping, const mapping::Nest& nest);

  /// Count everything. Does not look at capacities.
  void count(const mapping::Mapping& mapping, const mapping::Nest& nest, Counts& out);

 private:
  /// Two consecutive keepers of a tensor, by level; `child` is the number of levels for compute.
  struct Pair {
    problem::Role role = problem::Role::inputs;
    int parent = 0;
    int child = 0;
    int parent_above = 0;  ///< loops above the parent: spatial ones count separately
    int child_above = 0;   ///< loops above the child: those between are the network's splits
    bool compute = false;
    bool shares = false;    ///< some split between unites what it carries
    bool forwards = false;  ///< siblings pass words on
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

  struct AxisPlan;

  std::uint64_t product(const Pair& pair, Unite unite, Position position);
  std::uint64_t axis_value(const Pair& pair, Unite unite, Position position, const AxisPlan& axis);
  void gather(const Pair& pair, Unite unite, Position position, int dim, Steps& steps) const;
  std::uint64_t window_value(const AxisPlan& axis, WindowSum what, const Steps& p, const Steps& r);

  std::uint64_t words(const Pair& pair, Unite unite);
  std::uint64_t largest_tile(problem::Role role, int above);
  std::uint64_t last_outputs(const Pair& pair, Unite unite) const;
  [[nodiscard]] std::uint64_t instances(int above) const;
  [[nodiscard]] std::uint64_t temporal_positions() const;

  void adopt(const mapping::Mapping& mapping, const mapping::Nest& nest);
  void count_operand(problem::Role role, const mapping::Mapping& mapping, Counts& out);
  void count_outputs(const mapping::Mapping& mapping, Counts& out);
  void count_networks(const Pair& pair, std::uint64_t first_sent, std::uint64_t last_delivered,
                      Counts& out);
  [[nodiscard]] Pair make_pair(problem::Role role, int parent, int child) const;
  [[nodiscard]] bool shares_over(const mapping::NestLoop& split, problem::Role role) const;
  [[nodiscard]] int next_keeper(problem::Role role, const mapping::Mapping& mapping,
                                int after) const;

  struct AxisPlan {
    enum class Kind : std::uint8_t { plain, absent, window } kind = Kind::plain;
    int dim_p = 0;
    int dim_r = -1;  ///< window axes with a second dim
    Window window;
    int table = 0;  ///< of window axes
  };

  struct Key {
    std::array<std::uint64_t, 20> words{};
    std::uint32_t size = 0;
    bool operator==(const Key& other) const;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  PerRole<std::vector<AxisPlan>> plans_;
  PerRole<std::uint32_t> dims_{};
  PerRole<std::uint32_t> moving_{};  ///< dims that are a plain axis by themselves
  /// Dims across which an array multicasts or reduces.
  PerLevel<PerRole<std::uint32_t>> shared_dims_{};
  std::vector<std::unordered_map<Key, std::uint64_t, KeyHash>> tables_;

  // The nest at hand.
  const mapping::Nest* nest_ = nullptr;
  std::array<base::SmallVector<std::uint8_t, mapping::kMaxLoops>, problem::kMaxDims> loops_of_;
  /// Bit i: a memory below the top that keeps outputs stands above loop i.
  std::uint64_t output_keepers_ = 0;
};

}  // namespace dnnaccel::cost
