#pragma once

#include <array>
#include <vector>

#include "cost/chain_table.hpp"
#include "cost/window_memo.hpp"

namespace dnnaccel::cost {

/// Stands for the number of a chain table where there is none: a dim without loops, whose cut is
/// always 0.
inline constexpr std::uint8_t kNoTable = problem::kMaxDims;

/// A window axis, its dims by number of their chain tables; the second may be missing.
struct TabledWindow {
  WindowAxis axis;
  std::uint8_t p = 0;
  std::uint8_t r = kNoTable;
};

/// The axes of a role, dims by number of their chain tables.
struct TabledAxes {
  std::vector<std::uint8_t> plain;
  std::vector<std::uint8_t> absent;
  std::vector<TabledWindow> windows;
  std::uint64_t plain_positions = 1;  ///< product of the bounds of `plain`
  std::uint64_t standing = 1;         ///< words along axes that no dim moves along: 0 or 1
};

/// The sums of one role over the chains of each dim, with the same memories keeping it.
///
/// A row holds what one chain has to say, and begins with 0 while it is not filled. Of a plain dim,
/// per pair of keepers but for compute: what is fetched at each cut, what is kept at each cut;
/// then, of each pair, the last tile. Of an absent dim, per link: positions at each cut, and at
/// each cut with the loop right there stepping; for compute one number. Rows are filled when they
/// are first asked for, all at once. Cells hold the sums of a window axis for one pair of chains:
/// per link what is fetched by both cuts, and what is kept by both cuts, those of a stepping dim
/// set further; for compute one number; then the largest tile above each level. They are
/// enumerations, and filled one by one: 0 is unknown, other cells hold one more than the sum.
class RoleTable {
 public:
  RoleTable(const arch::Architecture& architecture, KeeperPlan plan, const TabledAxes& axes,
            const std::vector<ChainTable>& chains, Cuts cuts, const StepGatherer& gatherer,
            WindowMemo& memo);

  [[nodiscard]] const KeeperPlan& plan() const { return plan_; }
  /// Levels below the top that keep the role.
  [[nodiscard]] const std::vector<int>& levels() const { return levels_; }
  /// A pair of the plan, as short as can be.
  struct FlatPair : Keepers {
    std::uint32_t between = 0;  ///< bit l: the array at level l stands between
    std::uint8_t links = 1;
    std::uint8_t child_link = 0;
    std::uint8_t once_link = 0;
    base::SmallVector<std::uint8_t, arch::kMaxLevels> arrays;
  };
  [[nodiscard]] const std::vector<FlatPair>& pairs() const { return pairs_; }

  /// Make room for so many chains of a dim, for so many pairs of chains of a window. Rows and cells
  /// may move.
  void reserve_rows(std::size_t table, std::size_t chains);
  void reserve_cells(std::size_t window, std::size_t blocks);

  [[nodiscard]] const Word* row(std::size_t table, ChainId id) {
    Word* row = rows_[table][id * strides_[table]].words.data();
    if (row[0] == 0) [[unlikely]]
      fill_row(table, id, row);
    return row;
  }
  [[nodiscard]] Word* cells(std::size_t window, std::uint32_t block) {
    return cells_[window][block * cell_stride_].words.data();
  }
  /// Where the last tiles stand in the row of a plain dim, and the largest tiles among cells.
  [[nodiscard]] std::size_t last_tiles() const { return last_tiles_; }
  [[nodiscard]] std::size_t largest_tiles() const { return largest_tiles_; }

  /// What a cell of one link is to hold; `cell` counts from the first of the link.
  [[nodiscard]] std::uint64_t window_value(std::size_t window, const ChainId* ids, std::size_t pair,
                                           std::size_t link, std::size_t cell) const;
  /// The largest tile of a window axis above a level.
  [[nodiscard]] std::uint64_t window_largest(std::size_t window, const ChainId* ids,
                                             int level) const;

 private:
  void fill_row(std::size_t table, ChainId id, Word* row);
  void fill_plain(const ChainTable& chains, ChainId id, Word* values) const;
  void fill_absent(const ChainTable& chains, ChainId id, Word* values) const;
  [[nodiscard]] std::uint64_t window_sum_of(const TabledWindow& window, WindowSum what,
                                            const ChainId* ids, const Steps& p,
                                            const Steps& r) const;

  KeeperPlan plan_;
  const TabledAxes& axes_;
  const std::vector<ChainTable>& chains_;
  Cuts cuts_;
  const StepGatherer& gatherer_;
  WindowMemo& memo_;
  std::vector<int> levels_;
  std::vector<FlatPair> pairs_;
  std::array<std::vector<Line>, problem::kMaxDims> rows_;
  std::array<std::size_t, problem::kMaxDims> strides_{};  ///< in lines
  std::array<bool, problem::kMaxDims> is_plain_{};
  std::vector<std::vector<Line>> cells_;
  std::size_t cell_stride_ = 0;  ///< in lines
  std::size_t last_tiles_ = 0;
  std::size_t largest_tiles_ = 0;
};

}  // namespace dnnaccel::cost
