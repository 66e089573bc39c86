#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "cost/role_table.hpp"
#include "cost/sparsity.hpp"
#include "mapping/mapspace.hpp"

/// The counts of `Counter`, looked up: what a search costs millions of mappings with.
///
/// A chain is the tiles of one dim, a tile for each slot of a layout that may split it. Of a
/// mapping, only its chains, the order of its loops and what it keeps matter, and a sum over an
/// axis needs only the chains of the axis' dims and, of the order, how many of their loops stand
/// outside the loop in question: its cut. So all sums of a chain are tabulated by cut when it is
/// first used, those of a window axis by pairs of chains as they are asked for, and a mapping costs
/// one look-up for each factor.
namespace dnnaccel::cost {

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
  /// Throws std::invalid_argument if the problem has a dim beyond `kMaxBound`. What is given must
  /// outlive the tables.
  Tables(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Layout& layout, const Sparsity& sparsity = {});
  // Its parts point to one another.
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  /// Largest bound of a dim: sums are held in 32 bits.
  static constexpr std::int64_t kMaxBound = 0xffffffffLL;

  /// How many chains, and pairs of chains of a window, are tabulated: about a kilobyte each. They
  /// are never forgotten; who costs mappings without end starts afresh now and then.
  [[nodiscard]] std::size_t size() const;

  /// The number of a chain: `tiles` has an entry for each of layout.slots_of(dim).
  ChainId intern(int dim, const std::int64_t* tiles);

  /// Take up a mapping. Returns whether it can be: its splits fit the arrays, its tiles fit their
  /// memories, and it has no more than mapping::kMaxLoops loops of more than one trip.
  bool adopt(const ChainedMapping& mapping);
  /// Count everything about the mapping taken up, as Counter::count does. Ramps are left at 0 on
  /// chips on which nothing waits for them.
  void count(Counts& out);

 private:
  /// What a choice of options keeps, by role.
  using Kept = PerRole<RoleTable*>;

  /// The axes of a role at hand: rows of its dims, cells of its windows.
  struct Rows {
    std::array<const Word*, problem::kMaxDims> row{};
    std::vector<Word*> cells;
  };

  /// A loop at hand, and where the others stand around it.
  struct Position {
    std::uint64_t cuts = 0;  ///< packed: loops of each dim before it
    int own = -1;            ///< the dim that steps, by number of its table
  };

  struct Bounded {
    int level = 0;
    std::uint64_t copies = 1;
    std::uint64_t words = 0;
  };

  static constexpr std::size_t kMaxLinks = arch::kMaxLevels + 2;
  using Totals = std::array<std::uint64_t, kMaxLinks>;

  void tabulate_axes();
  const Kept& kept(std::uint32_t options);
  RoleTable& role_table(problem::Role role, std::uint32_t levels);
  void take_chains(const ChainedMapping& mapping);
  void take_rows();
  void take_order(const ChainedMapping& mapping);
  [[nodiscard]] bool spreads() const;
  bool tiles_fit();
  std::uint64_t tile_words(std::size_t role, int level);

  template <bool kStepping>
  void products(std::size_t role, std::size_t pair, std::size_t links, Position position,
                Totals& out);
  std::uint64_t computed(std::size_t role, std::size_t link);
  std::uint64_t last_outputs(std::size_t pair, std::size_t link);
  void words(std::size_t role, std::size_t pair, std::size_t links, Totals& out);
  void count_pair(std::size_t role, std::size_t pair, SumsAbove& sums, Counts& out);
  void count_instances(Counts& out) const;
  std::uint64_t cell(std::size_t role, std::size_t window, std::size_t pair, std::size_t link,
                     RoleTable::Kind kind, std::size_t cut_p, std::size_t cut_r);

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Layout& layout_;
  Sparsity sparsity_;
  bool compressed_ = false;
  StepGatherer gatherer_;
  HeadPlan heads_;
  PerRole<TabledAxes> axes_;
  std::vector<ChainTable> chains_;  ///< of the dims of more than one position
  std::array<std::uint8_t, problem::kMaxDims> table_of_{};  ///< by dim
  std::vector<std::pair<int, int>> temporal_;  ///< (temporal slot, level) that some dim may split
  std::vector<Bounded> bounded_;
  PerRole<std::uint64_t> tensor_words_{};  ///< as far as the MACs touch it
  std::uint64_t macs_ = 0;
  bool ramps_ = false;
  WindowMemo memo_;
  std::deque<RoleTable> role_tables_;
  std::deque<Kept> kept_;
  base::NumberMap kept_numbers_;
  PerRole<std::vector<base::NumberMap>> blocks_;  ///< by window: pairs of chains
  PerRole<std::vector<std::uint32_t>> block_counts_;

  // The mapping at hand; per dim, by number of its table.
  std::uint32_t options_ = 0;
  const Kept* keep_ = nullptr;
  std::array<ChainId, problem::kMaxDims> ids_{};
  std::array<const Word*, problem::kMaxDims> head_{};
  PerRole<Rows> rows_;
  PerLevel<PerRole<std::uint64_t>> tiles_{};
  int loops_ = 0;
  std::array<std::uint8_t, mapping::kMaxLoops + 1> dims_{};    ///< of each loop
  std::array<std::uint64_t, mapping::kMaxLoops + 2> before_{};  ///< packed cuts before each loop
  std::array<std::uint64_t, problem::kMaxDims + 1> loops_of_{};  ///< bit i: loop i is of this dim
  /// By dim and cut: the first loop with so many of the dim's loops before it.
  std::array<std::array<std::uint8_t, 24>, problem::kMaxDims + 1> first_{};
  std::array<std::uint8_t, arch::kMaxLevels + 1> above_{};  ///< loops above each level
};

}  // namespace dnnaccel::cost
