#include "sim/adder_tree.hpp"

#include <algorithm>

namespace dnnaccel::sim {

namespace {

using problem::Role;

constexpr std::size_t kInputs = 0;
constexpr std::size_t kWeights = 1;
constexpr std::size_t kOutputs = 2;

/// Patterns that are told apart before they are settled: edges of a few loops make few.
constexpr std::size_t kMostPatterns = 256;

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

int array_level(const arch::Architecture& architecture, const TreeOptions& options) {
  if (options.array >= 0) return options.array;
  int level = architecture.size() - 1;
  while (level >= 0 && architecture.array(level) == nullptr) --level;
  return level;
}

std::span<const mapping::NestLoop> loops(const mapping::Nest& nest, std::size_t begin,
                                         std::size_t end) {
  return {nest.loops.begin() + begin, end - begin};
}

}  // namespace

AdderTreeArray::AdderTreeArray(const problem::Problem& problem,
                               const arch::Architecture& architecture,
                               const mapping::Mapping& mapping, const TreeOptions& options)
    : problem_(problem),
      nest_(mapping::flatten(problem, architecture, mapping)),
      shape_(tree::read_shape(problem, architecture, mapping, nest_,
                              array_level(architecture, options))),
      outside_(loops(nest_, shape_.outer, shape_.spatial_begin)),
      inside_(loops(nest_, shape_.spatial_end, nest_.loops.size())),
      clock_(architecture, shape_),
      inputs_(problem, shape_, Role::inputs),
      weights_(problem, shape_, Role::weights),
      registers_(problem, shape_),
      position_(shape_.spreads.size()) {
  for (int d = 0; d < problem.dims(); ++d) {
    if ((problem.tensor(Role::outputs).dims() >> d & 1U) == 0) summed_.push_back(at(d));
  }
  run_.activity = Activity(shape_.rows, shape_.columns);
  time_.depth = tree::depth_of(shape_.rows);
  if (options.trace == nullptr) return;
  const bool loads = shape_.registers >= 0;
  trace_ = std::make_unique<tree::Trace>(*options.trace, architecture.array(shape_.array)->name,
                                         loads ? architecture.memory(shape_.registers)->name : "",
                                         options.trace_window);
}

AdderTreeArray::Pattern AdderTreeArray::make_pattern() const {
  Pattern pattern;
  pattern.alive.resize(shape_.spreads.size());
  for (std::size_t s = 0; s < shape_.spreads.size(); ++s) {
    const std::vector<tree::Digit>& digits = shape_.spreads[s].digits;
    for (std::uint32_t digit = 0; digit < digits.size(); ++digit) {
      if (works(digits[digit], position_[s])) pattern.alive[s].push_back(digit);
    }
  }
  const auto at_work = [&](const std::vector<tree::Lane>& lanes, bool rows) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t lane = 0; lane < lanes.size(); ++lane) {
      bool work = true;
      for (std::size_t s = 0; s < shape_.spreads.size(); ++s) {
        const tree::Spread& spread = shape_.spreads[s];
        if (spread.on_rows != rows) continue;
        work = work && works(spread.digits[lanes[lane].digits[s]], position_[s]);
      }
      if (work) found.push_back(lane);
    }
    return found;
  };
  pattern.lanes.rows = at_work(shape_.row_lanes, true);
  pattern.lanes.columns = at_work(shape_.column_lanes, false);
  return pattern;
}

/// Find the elements that have work at the position, or find them out.
void AdderTreeArray::find_pattern() {
  std::vector<std::int64_t> key;
  for (std::size_t s = 0; s < shape_.spreads.size(); ++s) {
    const tree::Spread& spread = shape_.spreads[s];
    const std::int64_t limit = position_[s].extent - position_[s].inner;
    const auto beyond =
        std::find_if(spread.digits.begin(), spread.digits.end(),
                     [&](const tree::Digit& digit) { return digit.offset >= limit; });
    key.push_back(beyond - spread.digits.begin());
    key.push_back(spread.same_room ? 0 : position_[s].inner);
  }
  auto found = patterns_.find(key);
  if (found == patterns_.end()) {
    if (patterns_.size() == kMostPatterns) {
      for (auto& [old, pattern] : patterns_) settle(pattern);
      patterns_.clear();
    }
    found = patterns_.emplace(std::move(key), make_pattern()).first;
    found->second.lanes.version = ++versions_;
  }
  pattern_ = &found->second;
}

/// Stand at a position of the loops inside the elements.
void AdderTreeArray::place(const Chunks& inner) {
  bool moved = pattern_ == nullptr;
  for (std::size_t s = 0; s < position_.size(); ++s) {
    const std::size_t d = at(shape_.spreads[s].dim);
    const tree::SpreadPosition here{.extent = before_[d].size,
                                    .inner = inner[d].first - before_[d].first};
    moved = moved || !(here == position_[s]);
    position_[s] = here;
  }
  if (moved) find_pattern();
}

std::uint64_t AdderTreeArray::begin_fold(const Chunks& chunks, std::uint64_t ready) {
  tree::Load load;
  if (shape_.registers >= 0) {
    std::int64_t received = 0;
    load = registers_.load(chunks, pattern_->alive, pattern_->lanes.version, received);
    run_.reads[at(shape_.weights)][kWeights] += static_cast<std::uint64_t>(load.words);
    run_.writes[at(shape_.registers)][kWeights] += static_cast<std::uint64_t>(received);
  }
  tree::StallCycles waits{};
  const std::uint64_t before = clock_.now();
  const std::uint64_t begin = clock_.begin_fold(load, ready, waits);
  if (trace_ != nullptr) {
    const std::uint64_t here = before + waits[static_cast<std::size_t>(Stall::memory)];
    trace_->load(clock_.load_begin(), clock_.load_end(), load.words);
    trace_->wait(before, here, true);
    trace_->wait(here, clock_.now(), false);
  }
  for (std::size_t cause = 0; cause < waits.size(); ++cause) {
    pattern_->stalled[cause] += waits[cause];
    time_.waits[cause] += waits[cause];
  }
  ++time_.folds;
  return begin;
}

FoldTime AdderTreeArray::fold(const Chunks& chunks, std::uint64_t ready) {
  FoldTime times;
  bool begun = false;
  std::uint64_t start = 0;
  const std::uint64_t macs = run_.macs;
  const std::uint64_t steps = time_.steps;
  outside_.start(chunks);
  do {
    before_ = outside_.chunks();
    Chunks element = before_;
    for (const tree::Spread& spread : shape_.spreads) {
      std::int64_t& size = element[at(spread.dim)].size;
      size = std::min(size, spread.digits.front().room);
    }
    inside_.start(element);
    place(inside_.chunks());
    if (!begun) {
      times.begin = begin_fold(chunks, ready);
      start = clock_.now();
      begun = true;
    }
    step(inside_.chunks());
    while (inside_.next() >= 0) {
      place(inside_.chunks());
      step(inside_.chunks());
    }
  } while (outside_.next() >= 0);
  times.end = clock_.now() + time_.depth - 1;
  if (trace_ != nullptr) {
    trace_->steps(start, clock_.now(), time_.steps - steps, run_.macs - macs);
  }
  return times;
}

void AdderTreeArray::step(const Chunks& base) {
  Pattern& pattern = *pattern_;
  const tree::LanesAtWork& lanes = pattern.lanes;
  const bool first = std::all_of(summed_.begin(), summed_.end(),
                                 [&](std::size_t d) { return base[d].first == 0; });
  const bool fetches = shape_.registers < 0;
  const auto sums = static_cast<std::int64_t>(lanes.columns.size());
  const tree::Demand demand{
      .inputs = inputs_.count(base, pattern.alive, lanes.version),
      .weights = fetches ? weights_.count(base, pattern.alive, lanes.version) : 0,
      .sums_read = first ? 0 : sums,
      .sums_written = sums};
  Stall cause = Stall::bandwidth;
  const std::uint64_t waited = clock_.step(demand, cause) - 1;
  pattern.stalled[static_cast<std::size_t>(cause)] += waited;
  time_.waits[static_cast<std::size_t>(cause)] += waited;
  const std::uint64_t cycle = clock_.now() - 1;
  pattern.first = std::min(pattern.first, cycle);
  pattern.last = cycle;
  ++pattern.steps;
  ++time_.steps;

  const std::uint64_t products = lanes.rows.size() * lanes.columns.size();
  run_.macs += products;
  run_.reads[at(shape_.inputs)][kInputs] += static_cast<std::uint64_t>(demand.inputs);
  run_.reads[at(fetches ? shape_.weights : shape_.registers)][kWeights] +=
      fetches ? static_cast<std::uint64_t>(demand.weights) : products;
  run_.reads[at(shape_.sums)][kOutputs] += static_cast<std::uint64_t>(demand.sums_read);
  run_.writes[at(shape_.sums)][kOutputs] += static_cast<std::uint64_t>(demand.sums_written);
  if (values_ != nullptr) values_->step(base, lanes, first);
}

/// Enter what happened in the steps of a pattern into the activity of its elements.
void AdderTreeArray::settle(Pattern& pattern) {
  if (pattern.steps == 0) return;
  Activity& activity = run_.activity;
  for (const std::uint32_t row : pattern.lanes.rows) {
    for (const std::uint32_t column : pattern.lanes.columns) {
      const std::size_t element = row * static_cast<std::size_t>(shape_.columns) + column;
      activity.active[element] += pattern.steps;
      activity.first[element] = std::min(activity.first[element], pattern.first);
      std::uint64_t& last = activity.last[element];
      last = last == kNever ? pattern.last : std::max(last, pattern.last);
      for (std::size_t cause = 0; cause < at(kStalls); ++cause) {
        activity.stalled[element][cause] += pattern.stalled[cause];
      }
    }
  }
  pattern.steps = 0;
  pattern.stalled = {};
  pattern.first = kNever;
}

void AdderTreeArray::finish() {
  if (pattern_ == nullptr) return;
  // The pipeline runs empty: those that gave it the last products wait for their sums to leave.
  pattern_->stalled[static_cast<std::size_t>(Stall::sums)] += time_.depth - 1;
  run_.cycles = clock_.now() + time_.depth - 1;
  if (trace_ != nullptr) trace_->drain(clock_.now(), run_.cycles);
  for (auto& [key, pattern] : patterns_) settle(pattern);
  Activity& activity = run_.activity;
  for (std::size_t element = 0; element < activity.active.size(); ++element) {
    std::uint64_t known = activity.active[element];
    for (const std::uint64_t cycles : activity.stalled[element]) known += cycles;
    activity.stalled[element][static_cast<std::size_t>(Stall::edge)] += run_.cycles - known;
  }
  if (values_ == nullptr) return;
  values_->add_gated(activity.gated);
  for (const std::uint64_t gated : activity.gated) run_.gated_macs += gated;
}

}  // namespace dnnaccel::sim
