#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mapping/mapping.hpp"

namespace dnnaccel::mapping {

/// What mappings may do at one level. For a memory only `dims[0]` and `fixed_tile[0]` count; for an
/// array there is one entry for rows and one for columns.
struct LevelRule {
  std::array<std::uint32_t, 2> dims{};  ///< dims that may be split here
  std::array<std::array<std::int64_t, problem::kMaxDims>, 2> fixed_tile{};  ///< 0: free
  /// Groups of dims from the outermost to the innermost; dims in no group run outside all of them.
  /// Inside a group the order is free.
  std::vector<std::uint32_t> order;
  std::uint32_t keep = 0;      ///< roles that a memory keeps
  std::uint32_t optional = 0;  ///< roles that it keeps or bypasses, as the search likes
};

/// All mappings that a chip and a dataflow allow.
struct Mapspace {
  std::vector<LevelRule> levels;
};

/// A place where loops may stand: a memory's temporal loops, or one axis of an array.
struct Slot {
  int level = 0;
  int axis = 0;
  bool spatial = false;
  std::int64_t size = 0;  ///< instances along a spatial slot
};

/// A mapspace laid out for a search: per dim the slots that may split it, outermost first.
///
/// A point of it is, for each dim, a tile for each of its slots (see chains.hpp); the order of the
/// loops in each temporal slot; and the set of optional tensors kept.
class Layout {
 public:
  /// Throws std::invalid_argument if a dim of more than one position has no slot, naming it.
  Layout(const problem::Problem& problem, const arch::Architecture& architecture,
         const Mapspace& space);

  [[nodiscard]] const std::vector<Slot>& slots() const { return slots_; }
  [[nodiscard]] const std::vector<int>& slots_of(int dim) const {
    return slots_of_[static_cast<std::size_t>(dim)];
  }
  /// Whether a dim may be split in a slot.
  [[nodiscard]] bool splits(int slot, int dim) const;
  [[nodiscard]] std::int64_t fixed_tile(int slot, int dim) const;
  /// Group of a dim in a temporal slot: loops are sorted by it, outermost first.
  [[nodiscard]] int rank(int slot, int dim) const;
  /// (level, role) pairs that may be kept or bypassed.
  struct Option {
    int level = 0;
    std::uint32_t role_bit = 0;
  };
  [[nodiscard]] const std::vector<Option>& options() const { return options_; }
  [[nodiscard]] const Mapspace& space() const { return space_; }

 private:
  Mapspace space_;
  std::vector<Slot> slots_;
  std::array<std::vector<int>, problem::kMaxDims> slots_of_;
  std::vector<Option> options_;
};

}  // namespace dnnaccel::mapping
