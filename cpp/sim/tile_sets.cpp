#include "sim/tile_sets.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::sim::tiles {

Place AxisSet::place_among_gaps(std::int64_t distance) const {
  if (distance < 0) return kNowhere;
  if (irregular != nullptr) {
    const auto span = static_cast<std::int64_t>(irregular->places.size());
    return distance < span ? irregular->places[static_cast<std::size_t>(distance)] : kNowhere;
  }
  return distance % step == 0 && distance / step < count ? distance / step : kNowhere;
}

AxisSet AxisSets::progression(std::int64_t first, std::int64_t step, std::int64_t count) const {
  const std::int64_t skipped = first < 0 ? base::ceil_div(-first, step) : 0;
  first += skipped * step;
  const std::int64_t room = first < axis_.size ? (axis_.size - 1 - first) / step + 1 : 0;
  count = std::min(count - skipped, room);
  // One form for each set, so that equal sets compare equal.
  if (count <= 0) return {};
  return {.first = first, .step = count == 1 ? 1 : step, .count = count, .irregular = nullptr};
}

AxisSet AxisSets::touched(Range p, Range r) {
  if (p.size == 0 || r.size == 0) return {};
  const std::int64_t stride = axis_.terms[0].coefficient;
  const std::int64_t first = axis_.offset + stride * p.first;
  if (axis_.terms.size() == 1) return progression(first, stride, p.size);
  const std::int64_t dilation = axis_.terms[1].coefficient;
  const std::int64_t start = first + dilation * r.first;
  if (r.size == 1) return progression(start, stride, p.size);
  if (p.size == 1) return progression(start, dilation, r.size);
  // Windows that meet or overlap leave no gap.
  if (stride % dilation == 0 && r.size >= stride / dilation) {
    return progression(start, dilation, (p.size - 1) * (stride / dilation) + r.size);
  }
  if (dilation % stride == 0 && p.size >= dilation / stride) {
    return progression(start, stride, (r.size - 1) * (dilation / stride) + p.size);
  }
  return gaps(p, r);
}

AxisSet AxisSets::gaps(Range p, Range r) {
  const auto [known, fresh] = known_.try_emplace({p.first, p.size, r.first, r.size});
  if (!fresh) return known->second;
  auto made = std::make_unique<Irregular>();
  std::vector<std::int64_t>& coordinates = made->coordinates;
  for (std::int64_t i = p.first; i < p.first + p.size; ++i) {
    for (std::int64_t j = r.first; j < r.first + r.size; ++j) {
      const std::int64_t x =
          axis_.offset + axis_.terms[0].coefficient * i + axis_.terms[1].coefficient * j;
      if (x >= 0 && x < axis_.size) coordinates.push_back(x);
    }
  }
  std::sort(coordinates.begin(), coordinates.end());
  coordinates.erase(std::unique(coordinates.begin(), coordinates.end()), coordinates.end());
  const auto count = static_cast<std::int64_t>(coordinates.size());
  if (count == 0) return known->second;
  const std::int64_t step = count > 1 ? coordinates[1] - coordinates[0] : 1;
  bool even = true;
  for (std::size_t i = 1; i < coordinates.size(); ++i) {
    even = even && coordinates[i] - coordinates[i - 1] == step;
  }
  AxisSet& set = known->second;
  if (even) {
    set = progression(coordinates.front(), step, count);
    return set;
  }
  made->places.assign(static_cast<std::size_t>(coordinates.back() - coordinates.front() + 1),
                      kNowhere);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t x = coordinates[static_cast<std::size_t>(i)];
    made->places[static_cast<std::size_t>(x - coordinates.front())] = i;
  }
  set = {.first = coordinates.front(), .step = 0, .count = count, .irregular = made.get()};
  irregular_.push_back(std::move(made));
  return set;
}

std::int64_t AxisSets::most(std::int64_t p_size, std::int64_t r_size) const {
  std::int64_t most = p_size;
  if (axis_.terms.size() == 2) {
    const std::int64_t span =
        (p_size - 1) * axis_.terms[0].coefficient + (r_size - 1) * axis_.terms[1].coefficient + 1;
    most = std::min(p_size * r_size, span);
  }
  return std::min(most, axis_.size);
}

void find_places(const AxisSet& from, const AxisSet& to, std::vector<Place>& places) {
  places.resize(static_cast<std::size_t>(from.count));
  for (std::int64_t i = 0; i < from.count; ++i) {
    places[static_cast<std::size_t>(i)] = to.place_of(from.coordinate(i));
  }
}

}  // namespace dnnaccel::sim::tiles
