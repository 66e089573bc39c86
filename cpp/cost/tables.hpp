#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cost/axis_plan.hpp"
#include "cost/counts.hpp"
#include "cost/sparsity.hpp"
#include "mapping/mapspace.hpp"

/// The counts of `Counter`, looked up: what a search costs millions of mappings with.
///
/// A chain is the tiles of one dim, a tile for each slot of a layout that may split it. Of a
/// mapping, only its chains, the order of its loops and what it keeps matter, and a sum over an
/// axis needs only the chains of the axis' dims and, of the order, how many of their loops stand
/// outside the loop in question: its cut. So all sums of a chain are tabulated by cut when the
/// chain is first seen, those of a window axis by pairs of chains as they are asked for, and a
/// mapping costs one look-up for each factor.
namespace dnnaccel::cost {

using ChainId = std::uint32_t;

/// Most slots that a layout can have: one for each memory, two for each array.
inline constexpr std::size_t kMaxSlots = 2 * arch::kMaxLevels;

/// A mapping of a layout, in terms of its chains.
struct ChainedMapping {
  std::array<ChainId, problem::kMaxDims> chains{};
  /// order[t]: dims of temporal slot t (counted without the spatial ones), outermost first; dims
  /// that it leaves out have no loop there.
  std::array<base::SmallVector<std::uint8_t, problem::kMaxDims>, arch::kMaxLevels> order;
  std::uint32_t kept = 0;  ///< bit i: layout.options()[i] is kept
};

class Tables {
 public:
  Tables(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Layout& layout, const Sparsity& sparsity = {});

  /// How many chains, and pairs of chains of a window, are tabulated: a few kilobytes each. They
  /// are never forgotten; who costs mappings without end starts afresh now and then.
  [[nodiscard]] std::size_t size() const;

  /// The number of a chain: `tiles` has an entry for each of layout.slots_of(dim).
  ChainId intern(int dim, const std::int64_t* tiles);

  /// Whether every tile fits its memory.
  bool fits(const ChainedMapping& mapping);
  /// Count everything, as Counter::count does.
  void count(const ChainedMapping& mapping, Counts& out);

 private:
  /// One way to unite the splits between two keepers: sharing ones from a level on, or all.
  struct Link {
    int from_level = 0;
    bool all = false;
  };

  /// Two consecutive keepers and the links that are asked for between them: what leaves the parent,
  /// what goes from one array into the next, what reaches the child; and, for outputs, all splits
  /// united.
  struct Pair : Keepers {
    int slots = 0;  ///< temporal slots above the child
    std::vector<int> arrays;
    std::vector<Link> links;
    std::size_t child_link = 0;
    std::size_t once_link = 0;
    int first_entry = 0;         ///< entry of links[0] in the tables of chains; the others follow
    int first_window_entry = 0;  ///< the same in those of windows, where each role counts by itself
  };

  /// What is kept at each level, and the pairs that follow from it.
  struct Config {
    PerLevel<std::uint32_t> keeps{};
    std::vector<Pair> pairs;
    int entries = 0;
    PerRole<int> window_entries{};
  };

  enum Kind : int { kFetched, kKept, kOwn, kLast, kKinds };
  enum WindowKind : int { kWindowFetched, kWindowKept, kWindowOwnP, kWindowOwnR, kWindowKinds };
  using Values = std::vector<std::uint64_t>;

  struct Chain {
    std::vector<std::int64_t> tiles;  ///< by slot of the layout: its own slots and all others
    std::uint32_t looping = 0;        ///< bit t: more than one trip in temporal slot t
    std::array<std::int64_t, arch::kMaxLevels + 1> tile{};  ///< above each level, and at compute
    /// That work, as far as this dim goes, at each level and at compute.
    std::array<std::uint64_t, arch::kMaxLevels + 1> instances{};
    std::uint64_t positions = 1;
    /// By what is kept: values[(entry * kKinds + kind) * cuts + cut], computed when asked for.
    std::vector<std::pair<std::uint32_t, Values>> values;
  };

  /// Sums of a window axis for one pair of chains, computed when asked for.
  struct WindowBlock {
    std::vector<std::pair<std::uint32_t, Values>> values;
    PerLevel<std::uint64_t> largest{};  ///< one more than it is; 0 if unknown
  };

  struct LoopAt {
    std::uint8_t slot;
    std::uint8_t dim;
  };

  const Config& config(std::uint32_t kept);
  void build_pairs(Config& config) const;
  [[nodiscard]] Chain make_chain(int dim, const std::int64_t* tiles) const;
  void gather(const Pair& pair, Link link, const Config* keepers, const Chain& chain, int dim,
              int cut, int own, Steps& steps) const;
  [[nodiscard]] bool unites(const Pair& pair, Link link, int level, int dim) const;
  [[nodiscard]] bool keeper_between(const Pair& pair, const Config* keepers, int above,
                                    int below) const;
  Values& values_of(std::vector<std::pair<std::uint32_t, Values>>& by_kept, int size) const;
  std::uint64_t value(const Pair& pair, std::size_t link, int dim, Kind kind, int cut);
  [[nodiscard]] std::uint64_t compute(const Pair& pair, Link link, int dim, Kind kind,
                                      int cut) const;
  std::uint64_t window_value(const Pair& pair, std::size_t link, int window, const WindowAxis& axis,
                             WindowKind kind, int cut_p, int cut_r);
  std::uint64_t largest(int window, const WindowAxis& axis, int level);
  std::uint64_t tile_words(problem::Role role, int level);

  void adopt(const ChainedMapping& mapping);
  void adopt_order(const ChainedMapping& mapping);
  [[nodiscard]] int cut_of(int dim, std::size_t loop) const;
  std::uint64_t fetched(const Pair& pair, std::size_t link, std::size_t loops);
  std::uint64_t kept(const Pair& pair, std::size_t link, std::size_t loop);
  std::uint64_t words(const Pair& pair, std::size_t link);
  std::uint64_t last_outputs(const Pair& pair, std::size_t link);
  [[nodiscard]] bool splits_between(const Pair& pair) const;
  void count_pair(const Pair& pair, SumsAbove& sums, Counts& out);

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Layout& layout_;
  Sparsity sparsity_;
  PerRole<AxisPlan> plans_;
  PerLevel<PerRole<std::uint32_t>> shared_dims_;
  int temporal_slots_ = 0;
  int cuts_ = 1;
  std::vector<int> temporal_of_slot_;  ///< index among temporal slots, or -1
  PerRole<int> first_window_{};        ///< number of the role's first window axis among all
  std::unordered_map<std::uint32_t, Config> configs_;
  std::array<std::deque<Chain>, problem::kMaxDims> chains_;
  std::array<std::unordered_map<std::uint64_t, std::vector<ChainId>>, problem::kMaxDims> ids_;
  std::unordered_map<std::uint64_t, WindowBlock> blocks_;

  // The mapping at hand.
  std::uint32_t kept_ = 0;
  const Config* config_ = nullptr;
  std::array<ChainId, problem::kMaxDims> id_{};
  std::array<Chain*, problem::kMaxDims> chain_{};
  std::array<std::uint64_t*, problem::kMaxDims> value_{};
  std::vector<WindowBlock*> window_;
  base::SmallVector<LoopAt, mapping::kMaxLoops> loops_;
  /// By temporal slot and dim: place of the dim in the order of loops, from 1; 0 without one.
  std::array<std::array<std::uint8_t, problem::kMaxDims>, arch::kMaxLevels> rank_{};
};

}  // namespace dnnaccel::cost
