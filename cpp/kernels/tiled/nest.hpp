#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv/shape.hpp"
#include "kernels/tile.hpp"

// A loop nest over a convolution, as a person or a mapper writes it.
namespace dnnaccel::kernels {

/// Batch, groups, output channels and channels of a group, output rows and columns, kernel rows and
/// columns: the dims of dnnaccel's problems.
enum Dim : std::uint8_t { kN, kG, kM, kC, kP, kQ, kR, kS };
inline constexpr int kDims = 8;
inline constexpr char kDimNames[] = "NGMCPQRS";

/// Sums run over these; all others tell outputs apart.
constexpr bool reduced(Dim dim) { return dim == kC || dim == kR || dim == kS; }

/// `dim` is cut into chunks of `tile`, the last one shorter, and what is inside runs for each.
struct NestLoop {
  Dim dim;
  std::int64_t tile;
};

/// The part of a convolution that stands inside some loops.
struct Box {
  std::array<std::int64_t, kDims> begin{};
  std::array<std::int64_t, kDims> end{};
  std::int64_t size(Dim dim) const { return end[dim] - begin[dim]; }
};

/// Loops, outermost first, around a box that the tile kernels compute.
class Nest {
 public:
  static constexpr std::size_t kMostLoops = 64;

  /// Loops that run once are dropped. Loops over what is reduced that stand innermost are dropped
  /// too where a tile of `level` holds the outputs of the box inside them: the sums then stay in
  /// registers as long as those loops run, and the tile kernel runs them. Throws
  /// std::invalid_argument for an unknown dim, a tile below 1, or more than kMostLoops loops.
  Nest(const ConvShape& shape, const std::vector<std::pair<std::string, std::int64_t>>& loops,
       const TileLevel& level);

  const std::vector<NestLoop>& loops() const { return loops_; }
  /// All of the convolution.
  const Box& whole() const { return whole_; }
  /// What a full box inside all loops holds of a dim.
  std::int64_t inside(Dim dim) const { return inside_[dim]; }

  /// Where boxes begin in 0 ... `whole().end[dim]`, ascending.
  std::vector<std::int64_t> starts(Dim dim) const;

  /// At least `wanted` boxes that together are all of the convolution, made by the outermost loops
  /// alone as long as those tell outputs apart; fewer where they do not make so many. Each is what
  /// the loops from `first_loop` on run in.
  struct Parts {
    std::vector<Box> boxes;
    std::size_t first_loop;
  };
  Parts parts(std::int64_t wanted) const;

 private:
  bool fits(const TileLevel& level) const;
  void measure();

  Box whole_;
  std::vector<NestLoop> loops_;
  std::array<std::int64_t, kDims> inside_{};
};

}  // namespace dnnaccel::kernels
