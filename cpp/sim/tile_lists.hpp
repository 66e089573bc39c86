#pragma once

#include <cstdint>
#include <vector>

#include "cost/walk_nest.hpp"
#include "mapping/mapping.hpp"
#include "problem/problem.hpp"
#include "sim/tile_grid.hpp"

namespace dnnaccel::sim::tiles {

/// What every part of a dim does in one block: at all positions of the loops from `first` on, while
/// the loops outside stand still. Parts are those of the instances below the first `above` loops.
class IndexLists {
 public:
  IndexLists(const problem::Problem& problem, const mapping::Nest& nest, int dim, std::size_t first,
             int above);

  /// Make the lists for the block that begins at a position.
  void stand_at(const Position& position);

  [[nodiscard]] const std::vector<std::int64_t>& of(std::size_t part) const {
    return lists_[part].indices;
  }
  /// Changes when the list of a part does, and is never the same again.
  [[nodiscard]] std::uint64_t version(std::size_t part) const { return lists_[part].version; }

 private:
  struct List {
    std::vector<Range> ranges;
    std::vector<std::int64_t> indices;
    std::uint64_t version = 0;
  };

  const mapping::Nest& nest_;
  Range whole_;
  std::size_t first_ = 0;
  std::vector<std::size_t> loops_;
  std::vector<List> lists_;
  std::vector<std::vector<Range>> ranges_;  ///< by part, while lists are made
  std::vector<std::vector<Range>> finer_;
  std::uint64_t versions_ = 0;
};

/// How many positions the loops of a dim from `first` on have, for the first instance, whose chunks
/// are the fullest: the others run in step with it.
std::uint64_t count_positions(const problem::Problem& problem, const mapping::Nest& nest, int dim,
                              std::size_t first, const Position& position);

}  // namespace dnnaccel::sim::tiles
