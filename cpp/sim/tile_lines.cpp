#include "sim/tile_lines.hpp"

#include "sim/tile_store.hpp"

namespace dnnaccel::sim::tiles {

void AxisPlaces::find(const problem::Axis& axis, const std::vector<std::int64_t>& p,
                      const std::vector<std::int64_t>& r, const AxisSet& keeper) {
  r_count_ = r.size();
  words_ = 0;
  places_.clear();
  const bool window = axis.terms.size() > 1;
  for (const std::int64_t i : p) {
    const std::int64_t start = axis.offset + axis.terms[0].coefficient * i;
    for (const std::int64_t j : r) {
      const std::int64_t x = window ? start + axis.terms[1].coefficient * j : start;
      Place place = kNowhere;
      if (x >= 0 && x < axis.size) {
        place = keeper.place_of(x);
        require(place >= 0, "compute asks for a word that is not in the tile");
        ++words_;
      }
      places_.push_back(place);
    }
  }
}

void AxisPlaces::lay_lines(bool along_r) {
  along_r_ = along_r;
  const std::size_t p_count = r_count_ == 0 ? 0 : places_.size() / r_count_;
  const std::size_t length = along_r ? r_count_ : p_count;
  lines_.assign(along_r ? p_count : r_count_, Line{});
  for (std::size_t other = 0; other < lines_.size(); ++other) {
    Line& line = lines_[other];
    const Place* const places = line_places(other);
    const std::size_t step = line_step();
    std::size_t begin = 0;
    std::size_t end = length;
    while (begin < end && places[begin * step] < 0) ++begin;
    while (end > begin && places[(end - 1) * step] < 0) --end;
    line.begin = static_cast<std::int64_t>(begin);
    line.end = static_cast<std::int64_t>(end);
    if (begin == end) continue;
    line.start = places[begin * step];
    if (end - begin > 1) line.step = places[(begin + 1) * step] - line.start;
    for (std::size_t k = begin; k + 1 < end; ++k) {
      const Place gap = places[(k + 1) * step] - places[k * step];
      line.even = line.even && gap == line.step && places[k * step] >= 0;
    }
  }
}

}  // namespace dnnaccel::sim::tiles
