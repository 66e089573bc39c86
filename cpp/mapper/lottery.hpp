#pragma once

#include <optional>
#include <vector>

#include "base/random.hpp"
#include "mapper/candidate.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

inline constexpr std::size_t kMaxAttempts = 4000;  ///< random mappings tried for each that fits

/// Draws random mappings that have nothing to do with one another.
class Lottery {
 public:
  Lottery(const problem::Problem& problem, const mapping::Layout& layout, std::uint64_t seed);

  /// Tiles of any sizes, mostly small ones, which most memories want, and rarely divisors: more
  /// than the mapspace has, and harder to cost.
  Candidate draw_any();
  /// A point of the mapspace; none where the draw left positions that no loop of it can step over,
  /// or spread a dim wider than its axes.
  std::optional<Candidate> draw_point();

 private:
  void draw_tiles(Candidate::Chain& chain, int dim, std::vector<std::int64_t>& room);
  bool draw_factors(Candidate::Chain& chain, int dim, std::vector<std::int64_t>& room);
  std::int64_t draw_spread(std::int64_t positions, std::int64_t size, std::int64_t room,
                           bool whole);
  void draw_loops(std::int64_t positions, const mapping::Segment& segment, mapping::Chain& factors);
  void draw_orders(Candidate& candidate);
  std::vector<std::int64_t> rooms() const;
  std::vector<int> shuffled_dims();
  template <typename Items>
  void shuffle(Items& items);

  const problem::Problem& problem_;
  const mapping::Layout& layout_;
  base::Random random_;
  std::vector<int> temporal_;  ///< slots
};

}  // namespace dnnaccel::mapper
