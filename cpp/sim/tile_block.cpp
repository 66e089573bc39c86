#include "sim/tile_block.hpp"

#include <algorithm>

namespace dnnaccel::sim::tiles {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::uint64_t kMacsBetweenPolls = 1U << 20;
const std::vector<std::int64_t> kOneIndex = {0};

}  // namespace

template <typename T>
Block<T>::Block(const problem::Problem& problem, const mapping::Nest& nest, std::size_t first,
                const Instances& units, Operand<T>& inputs, Operand<T>& weights, Sums<T>& sums,
                Poll& poll)
    : problem_(problem),
      units_(units),
      inputs_(inputs),
      weights_(weights),
      sums_(sums),
      poll_(poll),
      counts_(at(problem.dims())) {
  for (int d = 0; d < problem.dims(); ++d) {
    lists_.emplace_back(problem, nest, d, first, units.above());
  }
  set_up(tensors_[0], problem.tensors[0], inputs.store().grid(), *inputs.innermost().instances);
  set_up(tensors_[1], problem.tensors[1], weights.store().grid(), *weights.innermost().instances);
  set_up(tensors_[2], problem.tensors[2], sums.store().grid(), *sums.innermost().instances);
}

template <typename T>
void Block<T>::set_up(Tensor& tensor, const problem::Tensor& shape, const TileGrid& grid,
                      const Instances& keeper) {
  const TileGrid here(shape, units_);
  tensor.dims = shape.dims();
  tensor.fan = units_.count() / keeper.count();
  for (std::size_t a = 0; a < shape.axes.size(); ++a) {
    const problem::Axis& axis = shape.axes[a];
    Axis one{.axis = &axis, .p = axis.terms[0].dim};
    if (axis.terms.size() > 1) {
      one.r = axis.terms[1].dim;
      one.r_parts = units_.parts(one.r);
    }
    one.keeper_lane = here.lanes_in(grid, a);
    one.lanes.resize(here.lanes(a));
    for (std::size_t unit = 0; unit < units_.count() && here.lanes(a) > 1; ++unit) {
      one.lane.push_back(here.lane(a, unit));
    }
    tensor.axes.push_back(std::move(one));
  }
  tensor.places.resize(shape.axes.size());
}

/// The loop over the dim with the most indices runs innermost. The first unit has most of them all.
template <typename T>
void Block<T>::order_loops() {
  order_.clear();
  for (int d = 0; d < problem_.dims(); ++d) {
    if (lists_[at(d)].of(0).size() > 1) order_.push_back(d);
  }
  std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) {
    return lists_[at(a)].of(0).size() < lists_[at(b)].of(0).size();
  });
  moves_.assign(order_.size(), {});
  at_.assign(order_.size(), 0);
  const auto loop_of = [&](int dim) {
    const auto found = std::find(order_.begin(), order_.end(), dim);
    return found == order_.end() ? kNone : static_cast<std::size_t>(found - order_.begin());
  };
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    for (std::size_t a = 0; a < tensors_[t].axes.size(); ++a) {
      Axis& axis = tensors_[t].axes[a];
      const std::size_t p = loop_of(axis.p);
      const std::size_t r = axis.r < 0 ? kNone : loop_of(axis.r);
      axis.moves = p != kNone || r != kNone;
      if (!axis.moves) continue;
      // With two loops, the inner one knows the coordinate.
      const bool along_p = r == kNone || (p != kNone && p > r);
      moves_[along_p ? p : r][t] = {.axis = a, .along_p = along_p, .other = along_p ? r : p};
    }
  }
}

template <typename T>
void Block<T>::find_places(Tensor& tensor, const TileStore<T>& store) {
  const int inner = order_.empty() ? -1 : order_.back();
  for (std::size_t a = 0; a < tensor.axes.size(); ++a) {
    Axis& axis = tensor.axes[a];
    axis.plain = !axis.moves;
    for (std::size_t l = 0; l < axis.lanes.size(); ++l) {
      typename Axis::Lane& lane = axis.lanes[l];
      const std::size_t p_part = l / axis.r_parts;
      const std::size_t r_part = l % axis.r_parts;
      const IndexLists& p = lists_[at(axis.p)];
      const IndexLists* const r = axis.r < 0 ? nullptr : &lists_[at(axis.r)];
      const std::uint64_t r_version = r == nullptr ? 0 : r->version(r_part);
      const AxisSet& keeper = store.grid().now(a, axis.keeper_lane[l]);
      if (lane.p_version == p.version(p_part) && lane.r_version == r_version &&
          lane.inner == inner && lane.keeper == keeper) {
        axis.plain = axis.plain && lane.first == 0 && lane.words == 1;
        continue;
      }
      lane.p_version = p.version(p_part);
      lane.r_version = r_version;
      lane.inner = inner;
      lane.keeper = keeper;
      lane.places.find(*axis.axis, p.of(p_part), r == nullptr ? kOneIndex : r->of(r_part), keeper);
      lane.words = lane.places.words();
      lane.first = lane.places.first();
      axis.plain = axis.plain && lane.first == 0 && lane.words == 1;
      if (inner == axis.p || inner == axis.r) lane.places.lay_lines(inner == axis.r);
    }
  }
}

template <typename T>
Touched Block<T>::run(const Position& position) {
  for (IndexLists& list : lists_) list.stand_at(position);
  order_loops();
  find_places(tensors_[0], inputs_.store());
  find_places(tensors_[1], weights_.store());
  find_places(tensors_[2], sums_.store());
  Touched touched;
  for (std::size_t unit = 0; unit < units_.count(); ++unit) {
    if (units_.works(unit)) run_unit(unit, touched);
  }
  return touched;
}

template <typename T>
void Block<T>::run_unit(std::size_t unit, Touched& touched) {
  std::uint64_t macs = 1;
  for (const int d : order_) {
    counts_[at(d)] = static_cast<std::int64_t>(lists_[at(d)].of(units_.part(d, unit)).size());
    macs *= static_cast<std::uint64_t>(counts_[at(d)]);
  }
  const Offsets offsets = {aim(tensors_[0], inputs_.store(), unit),
                           aim(tensors_[1], weights_.store(), unit),
                           aim(tensors_[2], sums_.store(), unit)};
  for (std::size_t t = 0; t < tensors_.size(); ++t) touched.words[t] += tensors_[t].words;
  touched.begun += begin_sums(unit, offsets[2]);
  touched.macs += macs;
  const std::uint64_t before = done_;
  // Where one of the operands is padding, the products are zero.
  if (tensors_[0].there && tensors_[1].there) loop(0, offsets);
  done_ = before + macs;
}

/// Find the values and places that a unit works with. Returns the place of its first word on the
/// axes that no loop of the block moves along.
template <typename T>
Place Block<T>::aim(Tensor& tensor, TileStore<T>& store, std::size_t unit) {
  const std::size_t keeper = unit / tensor.fan;
  require(store.holds(keeper), "compute works where no tile is held");
  tensor.values = store.values(keeper);
  tensor.strides = store.strides(keeper);
  tensor.there = true;
  tensor.words = 1;
  Place start = 0;
  for (std::size_t a = 0; a < tensor.axes.size(); ++a) {
    const Axis& axis = tensor.axes[a];
    if (axis.plain) continue;
    const typename Axis::Lane& lane = axis.lanes[axis.lane.empty() ? 0 : axis.lane[unit]];
    tensor.words *= lane.words;
    if (axis.moves) {
      tensor.places[a] = &lane.places;
      continue;
    }
    tensor.there = tensor.there && lane.first >= 0;
    start += lane.first * tensor.strides[a];
  }
  for (const int d : order_) {
    if ((tensor.dims >> d & 1U) == 0) tensor.words *= static_cast<std::uint64_t>(counts_[at(d)]);
  }
  return start;
}

/// Mark the outputs of the unit's MACs that had not begun; returns how many.
template <typename T>
std::uint64_t Block<T>::begin_sums(std::size_t unit, Place start) {
  const Tensor& outputs = tensors_[2];
  const std::size_t keeper = unit / outputs.fan;
  std::uint64_t& fresh = sums_.fresh(keeper);
  if (fresh == 0) return 0;
  sum_places_.assign(1, start);
  for (std::size_t a = 0; a < outputs.axes.size(); ++a) {
    if (!outputs.axes[a].moves) continue;
    longer_.clear();
    const auto count = static_cast<std::size_t>(counts_[at(outputs.axes[a].p)]);
    for (const Place outer : sum_places_) {
      for (std::size_t k = 0; k < count; ++k) {
        longer_.push_back(outer + outputs.places[a]->place(k, 0) * outputs.strides[a]);
      }
    }
    std::swap(sum_places_, longer_);
  }
  std::uint8_t* const begun = sums_.begun(keeper);
  std::uint64_t count = 0;
  for (const Place place : sum_places_) {
    count += begun[place] == 0 ? 1 : 0;
    begun[place] = 1;
  }
  fresh -= count;
  return count;
}

template <typename T>
void Block<T>::loop(std::size_t depth, const Offsets& offsets) {
  if (depth + 1 >= order_.size()) {
    line(offsets);
    return;
  }
  const auto count = static_cast<std::size_t>(counts_[at(order_[depth])]);
  for (std::size_t k = 0; k < count; ++k) {
    at_[depth] = k;
    Offsets inner = offsets;
    bool there = true;
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      const Move& move = moves_[depth][t];
      if (move.axis == kNone) continue;
      const std::size_t other = move.other == kNone ? 0 : at_[move.other];
      const AxisPlaces& places = *tensors_[t].places[move.axis];
      const Place place = move.along_p ? places.place(k, other) : places.place(other, k);
      there = there && place >= 0;
      inner[t] += place * tensors_[t].strides[move.axis];
    }
    if (there) loop(depth + 1, inner);
  }
}

/// All MACs along the innermost loop.
template <typename T>
void Block<T>::line(const Offsets& offsets) {
  std::int64_t begin = 0;
  std::int64_t end = 1;
  std::array<Line, problem::kRoles> lines{};
  bool even = true;
  const std::size_t depth = order_.size() - 1;  // not looked at if there is no loop
  if (!order_.empty()) {
    end = counts_[at(order_.back())];
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      const Move& move = moves_[depth][t];
      if (move.axis == kNone) continue;
      lines[t] = tensors_[t].places[move.axis]->line(move.other == kNone ? 0 : at_[move.other]);
      begin = std::max(begin, lines[t].begin);
      end = std::min(end, lines[t].end);
      even = even && lines[t].even;
    }
  }
  if (begin >= end) return;
  done_ += static_cast<std::uint64_t>(end - begin);
  if (done_ >= look_up_) {
    look_up_ = done_ + kMacsBetweenPolls;
    poll_(done_);
  }
  std::array<T*, problem::kRoles> values{};
  std::array<std::int64_t, problem::kRoles> steps{};
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    values[t] = tensors_[t].values + offsets[t];
    if (order_.empty() || moves_[depth][t].axis == kNone || !even) continue;
    const std::int64_t stride = tensors_[t].strides[moves_[depth][t].axis];
    values[t] += (lines[t].start + (begin - lines[t].begin) * lines[t].step) * stride;
    steps[t] = lines[t].step * stride;
  }
  if (even) {
    multiply<T>(end - begin, values[2], steps[2], values[0], steps[0], values[1], steps[1]);
    return;
  }
  const auto place_at = [&](std::size_t t, std::int64_t k) -> Place {
    const Move& move = moves_[depth][t];
    if (move.axis == kNone) return 0;
    const AxisPlaces& places = *tensors_[t].places[move.axis];
    const Place* const first = places.line_places(move.other == kNone ? 0 : at_[move.other]);
    return first[static_cast<std::size_t>(k) * places.line_step()] * tensors_[t].strides[move.axis];
  };
  for (std::int64_t k = begin; k < end; ++k) {
    T& sum = values[2][place_at(2, k)];
    sum = plus(sum, times(values[0][place_at(0, k)], values[1][place_at(1, k)]));
  }
}

template class Block<std::int32_t>;
template class Block<float>;

}  // namespace dnnaccel::sim::tiles
