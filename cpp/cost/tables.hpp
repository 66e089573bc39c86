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

  /// Count everything about a mapping, as Counter::count does; but ramps are left at 0 on chips on
  /// which nothing waits for them. Returns false, and counts nothing, if its splits do not fit the
  /// arrays or its tiles their memories, or it has more than mapping::kMaxLoops loops of more than
  /// one trip.
  [[nodiscard]] bool count(const ChainedMapping& mapping, Counts& out);

 private:
  static constexpr std::size_t kMaxLinks = arch::kMaxLevels + 1;
  using Totals = std::array<std::uint64_t, kMaxLinks>;

  /// By dim, in the order of the chain tables: how many of the dim's loops stand before a place.
  /// Two words, so that a loop is taken in by an addition.
  struct Standing {
    std::array<std::uint64_t, 2> packed{};
    [[nodiscard]] const std::uint8_t* cuts() const {
      return reinterpret_cast<const std::uint8_t*>(packed.data());
    }
  };

  /// A memory of limited size.
  struct Bounded {
    int level = 0;
    std::uint64_t copies = 1;
    std::uint64_t words = 0;
  };

  /// A temporal slot that some dim may split.
  struct OrderedSlot {
    int number = 0;
    int level = 0;
  };

  /// One dim of a role, and what its chain at hand says.
  struct Factor {
    const Word* values = nullptr;
    std::size_t table = 0;
  };

  /// The same of a window axis.
  struct WindowFactor {
    Word* cells = nullptr;
    std::uint8_t p = 0;
    std::uint8_t r = kNoTable;
  };

  /// All axes of one role at hand.
  struct RoleAtHand {
    RoleTable* table = nullptr;
    base::SmallVector<Factor, problem::kMaxDims> plain;
    base::SmallVector<Factor, problem::kMaxDims> absent;
    base::SmallVector<WindowFactor, problem::kMaxDims> windows;
    std::uint64_t plain_positions = 1;
    std::uint64_t standing = 1;      ///< words along axes that no dim moves along: 0 or 1
    std::uint64_t plain_loops = 0;   ///< bits of the loops of plain dims
    std::uint64_t moving_loops = 0;  ///< and of those of windows too
  };

  /// A link between two keepers, and where rows and cells speak of it.
  struct Place {
    std::size_t pair = 0;
    std::size_t link = 0;
    std::size_t plain = 0;
    std::size_t absent = 0;
    std::size_t cell = 0;
  };

  enum class Ask : std::uint8_t;

  void tabulate_axes();
  static void lay_hand(const TabledAxes& axes, RoleAtHand& hand);
  void tabulate_levels();
  RoleTable& role_table(problem::Role role, std::uint32_t levels);
  void take_options(std::uint32_t options);
  bool take_chains(const ChainedMapping& mapping);
  void take_rows();
  bool take_order(const ChainedMapping& mapping);
  bool tiles_fit();
  std::uint64_t tile_words(std::size_t role, int level);
  std::uint32_t new_block(std::size_t role, std::size_t window, std::uint64_t key);

  void count_all(Counts& out);
  void count_role(std::size_t role, Counts& out);
  template <Ask kAsk>
  std::uint64_t plain_product(const RoleAtHand& hand, const Place& place,
                              const Standing& standing) const;
  template <std::size_t kLinks, Ask kAsk>
  void product(const RoleAtHand& hand, const Place& place, const Standing& standing,
               std::uint64_t plain, std::uint64_t* out) const;
  template <std::size_t kLinks>
  void words(const RoleAtHand& hand, const Place& place, std::uint64_t above,
             std::uint64_t* out) const;
  void computed(const RoleAtHand& hand, const Place& place, std::size_t links, Totals& out) const;
  void moved(const RoleAtHand& hand, const Place& place, std::size_t links, Totals& out) const;
  void first_tiles(const RoleAtHand& hand, const Place& place, std::size_t links,
                   Totals& out) const;
  void last_tiles(const RoleAtHand& hand, const Place& place, std::size_t links, Totals& out) const;
  [[nodiscard]] Place along(const Place& place, std::size_t links) const;
  std::uint64_t known(Word& cell, const RoleAtHand& hand, std::size_t window, const Place& place,
                      std::size_t link, std::size_t number) const;

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Layout& layout_;
  Sparsity sparsity_;
  int levels_ = 0;
  bool compressed_ = false;
  StepGatherer gatherer_;
  HeadPlan heads_;
  Cuts cuts_;
  PerRole<TabledAxes> axes_;
  std::vector<ChainTable> chains_;  ///< of the dims of more than one position
  std::array<std::uint8_t, problem::kMaxDims> table_of_{};  ///< by dim
  /// By table: a one in its place among cuts.
  std::array<Standing, problem::kMaxDims + 1> one_{};
  std::array<std::uint8_t, problem::kMaxDims> dim_of_{};   ///< by table
  std::array<const Word*, problem::kMaxDims> heads_of_{};  ///< by table: the first chain's head
  std::vector<OrderedSlot> temporal_;
  std::vector<Bounded> bounded_;
  PerRole<std::uint64_t> tensor_words_{};  ///< as far as the MACs touch them
  std::uint64_t output_words_ = 0;
  std::uint64_t macs_ = 0;
  bool ramps_ = false;
  WindowMemo memo_;
  std::deque<RoleTable> role_tables_;
  std::vector<PerRole<RoleTable*>> kept_;  ///< by options seen
  base::NumberMap kept_numbers_;
  PerRole<std::vector<base::NumberMap>> blocks_;  ///< by window: pairs of chains
  PerRole<std::vector<std::uint32_t>> block_counts_;

  // The mapping at hand; per dim, in the order of the chain tables.
  std::uint32_t options_ = 0;
  PerRole<RoleAtHand> at_hand_;
  std::array<ChainId, problem::kMaxDims> ids_{};
  std::array<const Word*, problem::kMaxDims> head_{};
  std::uint32_t spread_ = 0;  ///< bit l: the array at level l splits something
  std::uint64_t positions_ = 1;
  std::array<std::uint64_t, arch::kMaxLevels + 1> instances_{1};  ///< by arrays above
  PerLevel<PerRole<std::uint64_t>> tiles_{};
  std::array<std::uint8_t, mapping::kMaxLoops + 1> dims_{};  ///< of each loop
  std::array<Standing, mapping::kMaxLoops + 1> before_{};    ///< each loop, and behind the last
  std::array<std::uint8_t, arch::kMaxLevels + 1> above_{};   ///< loops above each level
};

}  // namespace dnnaccel::cost
