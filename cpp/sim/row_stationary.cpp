#include "sim/row_stationary.hpp"

#include <algorithm>
#include <stdexcept>

namespace dnnaccel::sim {

namespace {

using problem::Role;
using rows::Fold;
using rows::Job;
using rows::Step;

std::uint64_t words(std::int64_t count) { return static_cast<std::uint64_t>(count); }

void widen(rows::Tags& most, const rows::Tags& tags) {
  most.rows = std::max(most.rows, tags.rows);
  most.columns = std::max(most.columns, tags.columns);
}

rows::Widths widths_of(const arch::Array& array) {
  const auto& width = array.bandwidth;
  return {.inputs = width[0], .weights = width[1], .sums_in = width[2], .sums_out = width[2]};
}

}  // namespace

template <typename T>
RowStationaryArray<T>::RowStationaryArray(const problem::Problem& problem,
                                          const arch::Architecture& architecture,
                                          const mapping::Mapping& mapping,
                                          const Tensors<T>& tensors, const RowOptions& options)
    : shape_(rows::shape_of(problem, architecture, mapping)),
      planner_(problem, shape_),
      store_(shape_, tensors),
      ahead_({shape_.nest.loops.begin(), shape_.outer}),
      elements_(shape_.places.size()),
      fresh_(shape_.places.size()) {
  const bool all = tensors.inputs != nullptr && tensors.weights != nullptr;
  if (all != store_.there() || (tensors.inputs != nullptr) != all) {
    throw std::invalid_argument(
        "row-stationary array: inputs, weights and outputs are given together or not at all");
  }
  if (store_.there()) {
    std::fill_n(tensors.outputs, problem.tensor(Role::outputs).words(), T{0});
  }
  run_.activity = Activity(shape_.array_rows, shape_.array_columns);
  std::vector<std::size_t> slots;
  for (const rows::Place& place : shape_.places) {
    slots.push_back(static_cast<std::size_t>(place.row * shape_.array_columns + place.column));
  }
  clock_.emplace(widths_of(*architecture.array(shape_.array)), options.timing, shape_.spads,
                 run_.activity, std::move(slots));
  if (options.trace != nullptr) {
    trace_.emplace(*options.trace, architecture.array(shape_.array)->name, options.trace_window);
  }
  Chunks whole{};
  for (std::size_t d = 0; d < problem.bounds.size(); ++d) {
    whole[d] = {.first = 0, .size = problem.bounds[d]};
  }
  ahead_.start(whole);
  next_jobs_ = planner_.jobs(ahead_.chunks());
}

template <typename T>
FoldTime RowStationaryArray<T>::fold(const Chunks& chunks, std::uint64_t ready) {
  if (over_ || chunks != ahead_.chunks()) {
    throw std::invalid_argument("row-stationary array: folds come in the order of the nest");
  }
  std::swap(jobs_, next_jobs_);
  const Fold fold = planner_.fold(chunks, jobs_);
  over_ = ahead_.next() < 0;
  if (!over_) next_jobs_ = planner_.jobs(ahead_.chunks());

  widen(input_tags_, rows::tags_of(fold.rows, shape_.places));
  widen(filter_tags_, rows::tags_of(fold.filters, shape_.places));
  const std::uint64_t macs_before = run_.macs;
  FoldTime time;
  time.begin = clock_->begin(ready, fold.steps.size());
  for (std::size_t step = 0; step < fold.steps.size(); ++step) {
    begin_sums(fold, fold.steps[step]);
    if (step == 0) {
      first_windows(fold);
    } else {
      slide_windows(fold, step);
    }
    multiply(fold, fold.steps[step]);
    if (step + 1 < fold.steps.size()) leave(fold, step);
  }
  leave_fold(fold);
  time.end = run_.cycles = clock_->end(fold.workers);
  ++folds_;
  if (trace_) trace_->pass(clock_->phases(), fold.steps.size(), run_.macs - macs_before);
  return time;
}

template <typename T>
const rows::Burst& RowStationaryArray<T>::burst(const Job& job, std::int64_t taps) {
  const auto [found, is_new] = bursts_.try_emplace({job.m.size, job.c.size, taps});
  if (is_new) found->second = rows::burst_of(shape_, job.m.size, job.c.size, taps);
  return found->second;
}

/// Each row of filters crosses its bus once, for all elements that have not got it.
template <typename T>
void RowStationaryArray<T>::load_filters(const Fold& fold) {
  const std::int64_t s = rows::range_of(fold.chunks, shape_.dims.s).first;
  for (const rows::Group& group : fold.filters) {
    const Job& job = jobs_[group.front()];
    const rows::FilterTile tile{
        .there = true, .g = job.g, .m = job.m.first, .c = job.c.first, .r = job.r, .s = s};
    receivers_.clear();
    for (const std::uint32_t who : group) {
      rows::Element<T>& element = elements_[who];
      if (element.filter_tile == tile) continue;
      receivers_.push_back(who);
      element.filter_tile = tile;
      if (store_.there()) store_.fill_filters(element, job, tile, fold.taps);
    }
    if (receivers_.empty()) continue;
    const std::uint64_t row = words(job.m.size * job.c.size * fold.taps);
    reads(Role::weights, parent(Role::weights)) += row;
    writes(Role::weights, spad(Role::weights)) += row * receivers_.size();
    clock_->load(receivers_, row);
  }
}

/// Elements come from different places, so each finds out for itself what it lacks.
template <typename T>
void RowStationaryArray<T>::first_windows(const Fold& fold) {
  for (const std::uint32_t who : fold.workers) {
    const rows::WindowTile wanted = planner_.window_of(fold, jobs_[who], fold.steps[0]);
    rows::Element<T>& element = elements_[who];
    std::uint64_t held = 0;
    fresh_[who].assign(words(fold.taps), 0);
    for (std::int64_t tap = 0; tap < fold.taps; ++tap) {
      const bool lacks = element.window_tile.find(shape_.columns, wanted, tap) < 0;
      fresh_[who][words(tap)] = lacks ? 1 : 0;
      held += lacks ? 0 : words(jobs_[who].c.size);
    }
    clock_->element(who, burst(jobs_[who], fold.taps), fold.row_of[who], held);
    if (store_.there()) store_.fill_window(element, jobs_[who], wanted);
    element.window_tile = wanted;
  }
  load_filters(fold);
  send_words(fold, fold.steps[0], nullptr);
  clock_->compute_first(fold.workers, planner_.motion(fold, 0), fresh_);
}

template <typename T>
void RowStationaryArray<T>::slide_windows(const Fold& fold, std::size_t step) {
  for (const std::uint32_t who : fold.workers) {
    const rows::WindowTile wanted = planner_.window_of(fold, jobs_[who], fold.steps[step]);
    if (store_.there()) store_.fill_window(elements_[who], jobs_[who], wanted);
    elements_[who].window_tile = wanted;
  }
  const rows::Motion motion = planner_.motion(fold, step);
  send_words(fold, fold.steps[step], motion.fresh.data());
  clock_->compute(fold.workers, motion);
}

/// Words in the order in which the fullest element uses them; of each, one after the other, the
/// rows of the inputs, and every element on a row's diagonal takes it by its tag. `all_fresh`: by
/// tap, for all elements; null in a first step. Padding has a place in the chip's buffer and
/// crosses like any other word, but is nothing that is fetched.
template <typename T>
void RowStationaryArray<T>::send_words(const Fold& fold, Step step, const std::uint8_t* all_fresh) {
  const rows::Burst& order = burst(jobs_[fold.workers.front()], fold.taps);
  const std::int64_t first_tap = rows::range_of(fold.chunks, shape_.dims.s).first;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  for (const std::uint32_t word : order.by_first) {
    const std::uint32_t tap = word % order.taps;
    if (all_fresh != nullptr && all_fresh[tap] == 0) continue;
    const std::int64_t x = shape_.columns.at(step.q, first_tap + tap);
    const bool column = shape_.columns.holds(x);
    for (std::uint32_t row = 0; row < fold.rows.size(); ++row) {
      const rows::Group& group = fold.rows[row];
      const Job& job = jobs_[group.front()];
      if (word / order.taps >= words(job.c.size)) continue;
      receivers_.clear();
      for (const std::uint32_t who : group) {
        if (all_fresh != nullptr || fresh_[who][tap] != 0) receivers_.push_back(who);
      }
      if (receivers_.empty()) continue;
      clock_->send(row, word, receivers_);
      if (!column || !shape_.rows.holds(job.row)) continue;
      ++sent;
      received += receivers_.size();
    }
  }
  reads(Role::inputs, parent(Role::inputs)) += sent;
  writes(Role::inputs, spad(Role::inputs)) += received;
}

/// Elements that hold no sums of these outputs begin them: at 0, but one of a chain at what the
/// buffer has of them.
template <typename T>
void RowStationaryArray<T>::begin_sums(const Fold& fold, Step step) {
  seeded_ = false;
  for (const rows::Group& chain : fold.chains) {
    bool first = true;
    for (const std::uint32_t who : chain) {
      const Job& job = jobs_[who];
      rows::Element<T>& element = elements_[who];
      const rows::SumTile tile = rows::Planner::sums_of(job, step);
      if (element.holds_sums && element.sum_tile == tile) continue;
      const std::uint64_t count = words(job.m.size);
      element.holds_sums = true;
      element.sum_tile = tile;
      element.count = count;
      element.head = first;
      if (store_.there()) element.sums.assign(count, T{0});
      if (first && fold.begun) {
        seeded_ = true;
        if (store_.there()) store_.take_sums(element);
        reads(Role::outputs, parent(Role::outputs)) += count;
        writes(Role::outputs, spad(Role::outputs)) += count;
      } else {
        // A sum that begins at 0 is not read for its first MAC.
        begun_at_zero_ += count;
      }
      first = false;
    }
  }
}

template <typename T>
void RowStationaryArray<T>::multiply(const Fold& fold, Step step) {
  std::uint64_t taps_there = 0;
  const std::int64_t first_tap = rows::range_of(fold.chunks, shape_.dims.s).first;
  for (std::int64_t tap = 0; tap < fold.taps; ++tap) {
    if (shape_.columns.holds(shape_.columns.at(step.q, first_tap + tap))) ++taps_there;
  }
  std::uint64_t macs = 0;
  std::uint64_t on_words = 0;
  for (const std::uint32_t who : fold.workers) {
    const Job& job = jobs_[who];
    const std::uint64_t pairs = words(job.m.size * job.c.size);
    macs += pairs * words(fold.taps);
    if (shape_.rows.holds(job.row)) on_words += pairs * taps_there;
    if (!store_.there()) continue;
    const std::uint64_t gated = elements_[who].multiply() * words(job.m.size);
    const rows::Place& place = shape_.places[who];
    run_.activity.gated[words(place.row * shape_.array_columns + place.column)] += gated;
    run_.gated_macs += gated;
  }
  run_.macs += macs;
  reads(Role::inputs, spad(Role::inputs)) += on_words;
  reads(Role::weights, spad(Role::weights)) += macs;
  reads(Role::outputs, spad(Role::outputs)) += macs - begun_at_zero_;
  writes(Role::outputs, spad(Role::outputs)) += macs;
  begun_at_zero_ = 0;
}

/// Between two steps of a fold everybody's sums go up.
template <typename T>
void RowStationaryArray<T>::leave(const Fold& fold, std::size_t step) {
  std::vector<std::uint32_t> leaving = fold.workers;
  if (planner_.buffered(fold.chunks, fold.steps[step]) !=
      planner_.buffered(fold.chunks, fold.steps[step + 1])) {
    for (std::uint32_t who = 0; who < elements_.size(); ++who) {
      if (!jobs_[who].works && elements_[who].holds_sums) leaving.push_back(who);
    }
  }
  drain(fold.chains, leaving);
}

/// After the last step sums stay where the next fold goes on with them, or with whoever has nothing
/// to do in it; when the buffer leaves its outputs, it takes all sums first.
template <typename T>
void RowStationaryArray<T>::leave_fold(const Fold& fold) {
  const Step last = fold.steps.back();
  bool all = over_;
  Step next{};
  if (!over_) {
    next = planner_.steps(ahead_.chunks()).front();
    all = planner_.buffered(fold.chunks, last) != planner_.buffered(ahead_.chunks(), next);
  }
  std::vector<std::uint32_t> leaving;
  std::vector<std::uint8_t> leaves(elements_.size());
  for (std::uint32_t who = 0; who < elements_.size(); ++who) {
    if (!elements_[who].holds_sums) continue;
    leaves[who] = all || (next_jobs_[who].works &&
                          elements_[who].sum_tile != rows::Planner::sums_of(next_jobs_[who], next));
    if (leaves[who] != 0) leaving.push_back(who);
  }
  std::vector<rows::Group> chains;
  for (const rows::Group& chain : fold.chains) {
    if (std::any_of(chain.begin(), chain.end(), [&](auto who) { return leaves[who] != 0; })) {
      chains.push_back(chain);
    }
  }
  drain(chains, leaving);
}

template <typename T>
void RowStationaryArray<T>::drain(const std::vector<rows::Group>& chains,
                                  const std::vector<std::uint32_t>& leaving) {
  std::uint64_t on_time = 0;
  for (const rows::Group& chain : chains) on_time += words(jobs_[chain.front()].m.size);
  clock_->drain(chains, seeded_);
  const std::uint64_t arrived = gather(leaving);
  if (arrived > on_time) clock_->drain_late(arrived - on_time);
}

template <typename T>
std::uint64_t RowStationaryArray<T>::gather(const std::vector<std::uint32_t>& leaving) {
  // Elements of one output stand together: sums of the same outputs add up on the way.
  std::map<rows::SumTile, bool> with_head;
  std::uint64_t arrived = 0;
  for (const std::uint32_t who : leaving) {
    rows::Element<T>& element = elements_[who];
    const auto [tile, is_new] = with_head.try_emplace(element.sum_tile, false);
    tile->second = tile->second || element.head;
    arrived += is_new ? element.count : 0;
    reads(Role::outputs, spad(Role::outputs)) += element.count;
    if (store_.there()) store_.add_sums(element.sum_tile, element.sums);
  }
  writes(Role::outputs, parent(Role::outputs)) += arrived;
  for (const std::uint32_t who : leaving) {
    rows::Element<T>& element = elements_[who];
    element.holds_sums = false;
    const auto found = with_head.find(element.sum_tile);
    if (found == with_head.end()) continue;
    // What arrives after the first of its outputs is added in place.
    if (!found->second) reads(Role::outputs, parent(Role::outputs)) += element.count;
    with_head.erase(found);
  }
  return arrived;
}

template <typename T>
void RowStationaryArray<T>::finish() {
  Activity& activity = run_.activity;
  std::vector<std::uint8_t> has_place(activity.active.size());
  for (const rows::Place& place : shape_.places) {
    has_place[words(place.row * shape_.array_columns + place.column)] = 1;
  }
  for (std::size_t slot = 0; slot < has_place.size(); ++slot) {
    if (has_place[slot] != 0) continue;
    auto& stalled = activity.stalled[slot];
    stalled[static_cast<std::size_t>(Stall::edge)] =
        run_.cycles - stalled[static_cast<std::size_t>(Stall::memory)];
  }
}

template class RowStationaryArray<std::int32_t>;
template class RowStationaryArray<float>;

}  // namespace dnnaccel::sim
