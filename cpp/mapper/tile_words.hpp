#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cost/axis_plan.hpp"
#include "mapper/chain_graph.hpp"

namespace dnnaccel::mapper {

/// Number of a tile among the values of its dim, for every dim.
using Tiles = std::array<std::uint16_t, problem::kMaxDims>;

/// A window dim that slides, step after step, over a run of tiles.
struct Slide {
  int axis = -1;  ///< among the window axes of the inputs; -1: nothing slides
  int dim = -1;
};

/// Words of the tiles of each tensor, from tables by tile: what a search bounds traffic with.
class TileWords {
 public:
  TileWords(const problem::Problem& problem, const std::vector<DimGraph>& graphs);

  /// Words of all tiles of a role, each fetched anew at every step of every loop outside it.
  [[nodiscard]] double fetched(int role, const Tiles& tiles) const;

  /// Words of the inputs, each once for every step of the loops that do not move them.
  [[nodiscard]] double distinct(const Tiles& tiles) const;

  /// Words of the largest tile.
  [[nodiscard]] double largest(int role, const Tiles& tiles) const;

  /// Steps of the loops of a dim outside its tile.
  [[nodiscard]] double passes(int dim, std::uint16_t value) const {
    return passes_[static_cast<std::size_t>(dim)][value];
  }

  /// Instances over which a dim is spread, times its passes, over its chunks: at most.
  [[nodiscard]] double idle(int dim) const;

  /// Whether `slid` knows all windows: only those of the inputs slide here.
  [[nodiscard]] bool complete() const { return complete_; }

  /// The parts of `fetched` that are left, at least, if a window dim slides from the tiles at hand
  /// to a larger one, new coordinates alone being fetched.
  struct Slid {
    double open = 1;    ///< if every run may go on where another ended
    double closed = 1;  ///< if runs only start anew where others began
    double apart = 1;   ///< if a run shares nothing with the one before
  };
  [[nodiscard]] const Slid& slid(const Slide& slide, const Tiles& tiles, std::uint16_t to) const;

  /// The least that `slid` says of any larger tile.
  [[nodiscard]] double least_slid(const Slide& slide, const Tiles& tiles) const;

  /// Whether a tile overlaps the next one, `step` tiles' steps further, along a window dim.
  [[nodiscard]] bool overlaps(const Slide& slide, const Tiles& tiles, std::int64_t step) const;

  /// The dims that a role lacks.
  [[nodiscard]] std::uint32_t absent(int role) const {
    return absent_[static_cast<std::size_t>(role)];
  }
  /// The window dims of the inputs that share an axis.
  [[nodiscard]] const std::vector<Slide>& slides() const { return slides_; }
  [[nodiscard]] std::int64_t tile(int dim, std::uint16_t value) const {
    return (*graphs_)[static_cast<std::size_t>(dim)].values[value];
  }

 private:
  struct WindowTable {
    cost::WindowAxis axis;
    std::size_t stride = 1;       ///< values of the second dim
    std::vector<double> fetched;  ///< by tile of the first and of the second dim
    std::vector<double> largest;
    std::array<std::vector<double>, 2> least_slid;  ///< along the first and the second dim
    std::array<std::vector<Slid>, 2> slid;          ///< by cell and tile slid to
  };

  struct RoleTables {
    double plain_words = 1;
    std::vector<int> plain;
    std::vector<int> absent;
    std::vector<WindowTable> windows;
  };

  void tabulate(WindowTable& table) const;
  void tabulate_slides(const Slide& slide);
  [[nodiscard]] Slid slide_parts(const Slide& slide, const Tiles& tiles, std::uint16_t to) const;
  [[nodiscard]] double kept_at_starts(const WindowTable& table, const Slide& slide,
                                      const Tiles& tiles, std::uint16_t to, bool closed) const;
  [[nodiscard]] std::int64_t span(const WindowTable& table, std::int64_t p, std::int64_t r) const;
  [[nodiscard]] std::size_t cell(const WindowTable& table, const Tiles& tiles) const;

  const std::vector<DimGraph>* graphs_;
  std::array<std::int64_t, problem::kMaxDims> bounds_{};
  std::array<std::vector<double>, problem::kMaxDims> passes_;
  std::array<RoleTables, problem::kRoles> roles_;
  std::array<std::uint32_t, problem::kRoles> absent_{};
  std::vector<Slide> slides_;
  bool complete_ = true;
};

}  // namespace dnnaccel::mapper
