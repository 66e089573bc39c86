#include "sim/systolic.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::sim {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return at(problem::index(role)); }
constexpr std::int64_t kNothing = -1;

std::int64_t trips(const std::vector<SpreadLoop>& loops) {
  std::int64_t all = 1;
  for (const SpreadLoop& loop : loops) all *= loop.trips;
  return all;
}

bool twofold(const arch::Architecture& architecture, const SystolicPlan& plan) {
  return architecture.memory(plan.keepers().element)->buffering == arch::Buffering::twofold;
}

/// The chunks that loops leave to whoever stands below the first `above` of them and holds these.
Chunks enclosing(const problem::Problem& problem, const mapping::Nest& nest, int above,
                 const Chunks& chunks) {
  Chunks whole{};
  for (int d = 0; d < problem.dims(); ++d) whole[at(d)] = {0, problem.bounds[at(d)]};
  for (std::size_t l = 0; l < at(above); ++l) {
    const mapping::NestLoop& loop = nest.loops[l];
    cost::walking::Range& range = whole[at(loop.dim)];
    const std::int64_t k = (chunks[at(loop.dim)].first - range.first) / loop.tile;
    range = {.first = range.first + k * loop.tile, .size = base::chunk(range.size, loop.tile, k)};
  }
  return whole;
}

/// On which wire of a network words reach an element, by where it stands: loops over dims that the
/// network multicasts over are on one.
std::vector<std::uint64_t> wires_along(const std::vector<SpreadLoop>& loops,
                                       std::uint32_t multicast) {
  std::vector<std::uint64_t> wires = {0};
  for (const SpreadLoop& loop : loops) {
    const bool shared = (multicast >> loop.dim & 1U) != 0;
    std::vector<std::uint64_t> finer;
    for (const std::uint64_t wire : wires) {
      for (std::int64_t k = 0; k < loop.trips; ++k) {
        const auto all = static_cast<std::uint64_t>(shared ? 1 : loop.trips);
        finer.push_back(wire * all + (shared ? 0 : static_cast<std::uint64_t>(k)));
      }
    }
    wires = std::move(finer);
  }
  return wires;
}

}  // namespace

template <typename T>
SystolicArray<T>::SystolicArray(const problem::Problem& problem,
                                const arch::Architecture& architecture,
                                const mapping::Mapping& mapping, const Tensors<T>& tensors,
                                SystolicArrayOptions options)
    : problem_(problem),
      plan_(problem, architecture, mapping, options.waiting),
      options_(std::move(options)),
      rows_(trips(plan_.rows())),
      columns_(trips(plan_.columns())),
      values_(tensors.inputs != nullptr && tensors.weights != nullptr &&
              tensors.outputs != nullptr),
      tensors_(problem, plan_.stationary(), tensors),
      held_words_(problem, plan_.held()),
      clock_(plan_.stationary(), twofold(architecture, plan_)),
      held_(static_cast<std::size_t>(rows_ * columns_), kNothing),
      row_wires_(wires_along(plan_.rows(), plan_.multicast())),
      column_wires_(wires_along(plan_.columns(), plan_.multicast())) {
  for (const problem::Axis& axis : problem.tensor(plan_.held()).axes) {
    windows_ = windows_ || axis.terms.size() > 1;
  }
  const bool overlap = twofold(architecture, plan_);
  if (values_) {
    grid_.emplace(rows_, columns_, plan_.stationary(), overlap, options_.watch);
  }
  if (options_.activity) activity_.emplace(rows_, columns_, plan_.stationary(), overlap);
  if (options_.trace != nullptr) {
    trace_.emplace(*options_.trace, architecture.array(plan_.array())->name, plan_.stationary(),
                   options_.trace_window);
  }
  bool top = true;
  for (int level = 0; level < plan_.array(); ++level) {
    if ((mapping.levels[at(level)].keeps & problem::bit(Role::outputs)) == 0) continue;
    if (!top) parent_levels_.push_back(level);
    top = false;
  }
  parents_.resize(parent_levels_.size());
}

/// Calls back with the row, the column and the next word of every element that the fold uses.
template <typename T>
template <typename Call>
void SystolicArray<T>::each_element(const FoldWork& work, Call call) const {
  const Indices first = work.origin();
  std::vector<Spot> columns;
  for (const Indices& column : work.columns) columns.push_back(held_words_.spot(column));
  for (std::size_t i = 0; i < work.rows.size(); ++i) {
    if (!work.has_row(i)) continue;
    Indices indices = work.rows[i];
    for (std::size_t d = 0; d < indices.size(); ++d) indices[d] += first[d];
    const Spot row = held_words_.spot(indices, true);
    for (std::size_t j = 0; j < columns.size(); ++j) {
      if (work.has_column(j)) call(i, j, held_words_.find(row, columns[j]));
    }
  }
}

/// Every element compares its new word with the one it held; what it lacks is sent.
template <typename T>
typename SystolicArray<T>::Arrivals SystolicArray<T>::hold_operand(const FoldWork& work) {
  Arrivals arrivals;
  wires_.clear();
  each_element(work, [&](std::size_t i, std::size_t j, std::int64_t word) {
    std::int64_t& held = held_[i * static_cast<std::size_t>(columns_) + j];
    if (word != kNothing) ++arrivals.used;
    if (word != kNothing && word != held) {
      ++arrivals.lacked;
      if (windows_) {
        const std::uint64_t wire = row_wires_[i] * column_wires_.size() + column_wires_[j];
        wires_.push_back(wire * problem_.tensor(plan_.held()).words() +
                         static_cast<std::uint64_t>(word));
      }
    }
    arrivals.changed = arrivals.changed || word != held;
    held = word;
  });
  arrivals.sent = arrivals.lacked;
  if (windows_) {
    std::sort(wires_.begin(), wires_.end());
    arrivals.sent =
        static_cast<std::uint64_t>(std::unique(wires_.begin(), wires_.end()) - wires_.begin());
  }
  return arrivals;
}

template <typename T>
void SystolicArray<T>::drain(std::size_t element) {
  held_[element] = kNothing;
  ++reads(plan_.keepers().element, Role::outputs);
  ++writes(plan_.keepers().parent[at(Role::outputs)], Role::outputs);
}

/// A memory that leaves its tile of sums takes those in the elements first.
template <typename T>
void SystolicArray<T>::drain_if_parents_leave(const Chunks& chunks) {
  bool leaves = false;
  for (std::size_t n = 0; n < parents_.size(); ++n) {
    const int above = plan_.nest().above[at(parent_levels_[n])];
    const Chunks tile = enclosing(problem_, plan_.nest(), above, chunks);
    for (int d = 0; d < problem_.dims() && any_; ++d) {
      const bool moves = (problem_.tensor(Role::outputs).dims() >> d & 1U) != 0;
      if (moves && tile[at(d)] != parents_[n][at(d)]) leaves = true;
    }
    parents_[n] = tile;
  }
  if (!leaves) return;
  for (std::size_t element = 0; element < held_.size(); ++element) {
    if (held_[element] != kNothing) drain(element);
  }
}

/// Elements whose next sum is another one give up the present one; a sum that was begun comes back.
template <typename T>
void SystolicArray<T>::hold_sums(const FoldWork& work) {
  drain_if_parents_leave(work.chunks);
  const auto steps = static_cast<std::uint64_t>(work.steps);
  std::uint64_t& element_reads = reads(plan_.keepers().element, Role::outputs);
  std::uint64_t& element_writes = writes(plan_.keepers().element, Role::outputs);
  each_element(work, [&](std::size_t i, std::size_t j, std::int64_t word) {
    const std::size_t element = i * static_cast<std::size_t>(columns_) + j;
    const bool stays = held_[element] == word;
    if (!stays && held_[element] != kNothing) drain(element);
    held_[element] = word;
    element_reads += steps;
    element_writes += steps;
    if (stays) return;
    if (work.begins) {
      --element_reads;  // sums start at zero
    } else {
      ++element_writes;
      ++reads(plan_.keepers().parent[at(Role::outputs)], Role::outputs);
    }
  });
}

template <typename T>
FoldCycles SystolicArray<T>::time(const FoldWork& work, std::uint64_t ready) {
  const FoldShape shape = work.shape();
  auto port = std::make_unique<TensorFold<T>>(tensors_, work, streams_);
  FoldCycles cycles;
  if (grid_) {
    cycles = grid_->issue(shape, std::move(port), ready);
  } else {
    port->count_streams();
    cycles = clock_.fold(shape, ready);
  }
  if (activity_) activity_->fold(shape, cycles, work.empty_rows, work.empty_columns);
  if (trace_) trace_->fold(work, cycles);
  return cycles;
}

template <typename T>
FoldTime SystolicArray<T>::fold(const Chunks& chunks, std::uint64_t ready) {
  FoldWork work = plan_.work(chunks);
  const bool empties = !work.empty_rows.empty() || !work.empty_columns.empty();
  std::uint64_t lines = 0;
  std::uint64_t columns = 0;
  for (std::size_t i = 0; i < work.rows.size(); ++i) lines += work.has_row(i) ? 1 : 0;
  for (std::size_t j = 0; j < work.columns.size(); ++j) columns += work.has_column(j) ? 1 : 0;
  const auto steps = static_cast<std::uint64_t>(work.steps);
  const ArrayKeepers& keepers = plan_.keepers();
  run_.macs += lines * columns * steps;
  if (plan_.stationary() == Stationary::outputs) {
    hold_sums(work);
    work.loads = !work.begins;
  } else {
    const Arrivals arrivals = hold_operand(work);
    work.loads = arrivals.changed || passed_empty_ || !any_;
    writes(keepers.element, plan_.held()) += arrivals.lacked;
    reads(keepers.parent[at(plan_.held())], plan_.held()) += arrivals.sent;
    reads(keepers.element, plan_.held()) += arrivals.used * steps;
    const int sums = keepers.parent[at(Role::outputs)];
    writes(sums, Role::outputs) += columns * steps;
    if (!work.begins) reads(sums, Role::outputs) += columns * steps;
  }
  passed_empty_ = empties;
  any_ = true;
  ++folds_;
  const FoldShape shape = work.shape();
  ramp_ += static_cast<std::uint64_t>(cycles_from_start(plan_.stationary(), shape) - shape.steps +
                                      (shape.loads ? shape.rows : 0));
  const FoldCycles cycles = time(work, ready);
  return {.begin = cycles.load, .end = cycles.end};
}

template <typename T>
void SystolicArray<T>::finish() {
  if (grid_) grid_->finish();
  if (plan_.stationary() == Stationary::outputs) {
    for (std::size_t element = 0; element < held_.size(); ++element) {
      if (held_[element] != kNothing) drain(element);
    }
  }
  // What entered rows (and columns, where outputs stay) was fetched by the folds' ports.
  const Role row = Placement{plan_.stationary()}.rows();
  reads(plan_.keepers().parent[at(row)], row) += streams_.reads[at(row)];
  if (plan_.stationary() == Stationary::outputs) {
    reads(plan_.keepers().parent[at(Role::weights)], Role::weights) +=
        streams_.reads[at(Role::weights)];
  }
  run_.cycles = grid_ ? grid_->cycle() : clock_.end();
  if (activity_) run_.activity = activity_->finish(run_.cycles);
  if (trace_) trace_->finish(run_.cycles);
}

template class SystolicArray<std::uint32_t>;
template class SystolicArray<float>;

}  // namespace dnnaccel::sim
