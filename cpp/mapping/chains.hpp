#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/small_vector.hpp"
#include "mapping/mapspace.hpp"

/// How a mapspace cuts one dim: perfect factors, and spatial ones that fill their axis.
///
/// Every slot of a dim has a factor of at least 1. Fixed tiles cut the slots into segments, and one
/// that cuts an extent into R chunks of its last tile factors R so: its spatial slots, from the
/// outside in, take one of `spatial_factors` each and leave ceil(R / factor); its temporal slots
/// factor exactly what is left in the end. The tile of a slot is the product of the factors inside
/// it, times the tile that the segment ends with, or all of the segment's extent if that is less.
namespace dnnaccel::mapping {

/// One number for each slot that may split a dim, outermost first: its tiles, or its factors.
using Chain = base::SmallVector<std::int64_t, 2 * arch::kMaxLevels>;

/// Slots of a dim, from `first` to before `end` in `Layout::slots_of`, that factor what is theirs
/// without regard to the others.
struct Segment {
  std::size_t first = 0;
  std::size_t end = 0;
  std::int64_t extent = 1;
  std::int64_t tile = 1;  ///< that its last slot leaves
  std::vector<std::size_t> spatial;
  std::vector<std::size_t> temporal;

  /// Chunks of the last tile that the extent is cut into.
  [[nodiscard]] std::int64_t positions() const;
};

/// The segments of a dim, outermost first. What an innermost fixed tile leaves uncut is a segment
/// without slots: it has no factors, and the dim no chain.
std::vector<Segment> segments(const problem::Problem& problem, const Layout& layout, int dim);

/// How many instances of a spatial slot with room for `room` a dim of `positions` may be spread
/// over, ascending: every divisor of the positions; what fills the room in as few passes as that
/// takes, shared evenly over the passes (55 positions on 14 columns: 14, in 4 passes); and, if
/// there are more positions than room and no divisor takes three quarters of half the room, what
/// fills that half so (55 on half of 14 columns: 7, in 8 passes).
std::vector<std::int64_t> spatial_factors(std::int64_t positions, std::int64_t room);

/// The spatial factors of a segment, outermost first, and what they leave to its temporal slots.
struct Spread {
  Chain factors;
  std::int64_t rest = 1;
  /// Where its first factor above 1 leaves some instances idle, a smaller one may mean the same
  /// tiles, if no temporal slot outside it has a loop. Then only the smaller one counts.
  bool repeats = false;

  /// The place of its first factor above 1; their number if there is none.
  [[nodiscard]] std::size_t outermost() const;
};

/// All spreads of a segment, smaller factors first, outermost ones most significant.
std::vector<Spread> spreads(const Layout& layout, int dim, const Segment& segment);

/// The tiles that factors mean, written to the places of a segment.
void write_tiles(const Segment& segment, const Chain& factors, Chain& tiles);

/// Visit every chain of tiles of a dim once, until `visit` returns false; returns whether it never
/// did. By segment, outermost first, and there by spatial factors and then by temporal ones,
/// smaller ones first, outermost ones most significant.
bool for_each_chain(const problem::Problem& problem, const Layout& layout, int dim,
                    const std::function<bool(const Chain& tiles)>& visit);

/// How many chains a dim has; exact below 2^53. Nothing is visited.
double count_chains(const problem::Problem& problem, const Layout& layout, int dim);

/// Whether a dim may have these tiles.
bool allows(const problem::Problem& problem, const Layout& layout, int dim, const Chain& tiles);

/// How many points a mapspace has: chains of all dims, times the orders of the loops that they run
/// in each temporal slot, times what may be kept. Points whose loops want more instances than an
/// axis has count as well. Exact to 12 digits.
double count_points(const problem::Problem& problem, const Layout& layout);

}  // namespace dnnaccel::mapping
