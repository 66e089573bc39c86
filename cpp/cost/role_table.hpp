#pragma once

#include <vector>

#include "cost/chain_table.hpp"
#include "cost/window_memo.hpp"

namespace dnnaccel::cost {

/// A window axis whose dims are numbered among the chain tables; `r` is -1 where there is no second
/// dim. It has a cell for each pair of cuts.
struct TabledWindow {
  WindowAxis axis;
  int p = 0;
  int r = -1;
  std::size_t cuts_p = 1;
  std::size_t cuts_r = 1;
};

/// The axes of a role, by number of the chain table.
struct TabledAxes {
  std::vector<int> plain;
  std::vector<int> absent;
  std::vector<TabledWindow> windows;
  std::uint64_t plain_positions = 1;  ///< product of the bounds of `plain`
  std::uint64_t standing = 1;         ///< words along axes that no dim moves along: 0 or 1
};

/// The sums of one role over the chains of each dim, with the same memories keeping it.
///
/// A row holds what one chain has to say. Of a plain dim, per pair of keepers but for compute: what
/// is fetched at each cut, what is kept at each cut, the first cut at which anything is kept (one
/// past the last if none is), and the last tile. Of an absent dim, per link: positions at each cut,
/// and at each cut with the loop right there stepping; for compute one number. Rows are filled when
/// they are first asked for, all at once. A cell holds a sum of a window axis for one pair of
/// chains; cells are enumerations, and filled one by one.
class RoleTable {
 public:
  enum class Kind : std::uint8_t { fetched, kept, own_p, own_r };

  RoleTable(const arch::Architecture& architecture, KeeperPlan plan, const TabledAxes& axes,
            const std::vector<ChainTable>& chains, const StepGatherer& gatherer, WindowMemo& memo);

  [[nodiscard]] const KeeperPlan& plan() const { return plan_; }
  /// Levels below the top that keep the role.
  [[nodiscard]] const std::vector<int>& levels() const { return levels_; }
  [[nodiscard]] std::uint32_t spread_mask(std::size_t pair) const { return spread_masks_[pair]; }

  [[nodiscard]] const Word* row(std::size_t j, ChainId id) {
    const std::size_t begin = id * strides_[j];
    if (begin < rows_[j].size() && rows_[j][begin] != 0) [[likely]] return &rows_[j][begin];
    return fill_row(j, id);
  }

  /// Offsets into a row, past the mark that it is filled.
  [[nodiscard]] static std::size_t plain_offset(std::size_t cuts, std::size_t pair) {
    return 1 + pair * plain_size(cuts);
  }
  [[nodiscard]] std::size_t absent_offset(std::size_t cuts, std::size_t entry) const {
    return entry < entries_ ? 1 + entry * 2 * cuts : 1 + entries_ * 2 * cuts + entry - entries_;
  }

  /// Cells of a window for a pair of chains, by the pair's number: one up, 0 if not yet known.
  [[nodiscard]] Word* cells(std::size_t window, std::uint32_t block) {
    std::vector<Word>& cells = cells_[window];
    const std::size_t begin = block * cell_strides_[window];
    if (begin >= cells.size()) [[unlikely]] cells.resize(2 * begin + cell_strides_[window]);
    return &cells[begin];
  }
  [[nodiscard]] std::size_t cell_offset(std::size_t window, std::size_t entry) const {
    const std::size_t first = at_levels_;
    const std::size_t size = 5 * axes_.windows[window].cuts_p * axes_.windows[window].cuts_r;
    return entry < entries_ ? first + entry * size : first + entries_ * size + entry - entries_;
  }

  /// What a cell is to hold.
  [[nodiscard]] std::uint64_t window_value(std::size_t window, const ChainId* ids,
                                           std::size_t pair, std::size_t link, Kind kind,
                                           int cut_p, int cut_r);
  /// The largest tile of a window axis above a level.
  [[nodiscard]] std::uint64_t window_largest(std::size_t window, const ChainId* ids, int level);

 private:
  static std::size_t plain_size(std::size_t cuts) { return 2 * cuts + 2; }
  const Word* fill_row(std::size_t j, ChainId id);
  void fill_plain(const ChainTable& chains, ChainId id, Word* row);
  void fill_absent(const ChainTable& chains, ChainId id, Word* row);

  KeeperPlan plan_;
  const TabledAxes& axes_;
  const std::vector<ChainTable>& chains_;
  const StepGatherer& gatherer_;
  WindowMemo& memo_;
  std::vector<int> levels_;
  std::vector<std::uint32_t> spread_masks_;
  std::size_t entries_ = 0;  ///< links but those of compute
  std::size_t at_levels_ = 0;
  std::vector<bool> is_plain_;
  std::vector<std::vector<Word>> rows_;
  std::vector<std::size_t> strides_;
  std::vector<std::vector<Word>> cells_;
  std::vector<std::size_t> cell_strides_;
};

}  // namespace dnnaccel::cost
