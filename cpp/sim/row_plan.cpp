#include "sim/row_plan.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/math.hpp"

namespace dnnaccel::sim::rows {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Puts elements with the same key into the same group, groups in the order of their first element.
class Grouping {
 public:
  explicit Grouping(std::vector<Group>& groups) : groups_(groups) {}

  std::uint32_t add(std::uint32_t who, const std::array<std::int64_t, 4>& key) {
    const auto next = static_cast<std::uint32_t>(groups_.size());
    const auto [found, is_new] = by_key_.try_emplace(key, next);
    if (is_new) groups_.emplace_back();
    groups_[found->second].push_back(who);
    return found->second;
  }

 private:
  std::vector<Group>& groups_;
  std::map<std::array<std::int64_t, 4>, std::uint32_t> by_key_;
};

/// The representative of a set of array rows.
std::size_t find(const std::vector<std::size_t>& parents, std::size_t row) {
  while (parents[row] != row) row = parents[row];
  return row;
}

}  // namespace

Tags tags_of(const std::vector<Group>& groups, const std::vector<Place>& places) {
  std::vector<std::size_t> parents;
  const auto row_of = [&](std::uint32_t who) {
    const auto row = static_cast<std::size_t>(places[who].row);
    while (parents.size() <= row) parents.push_back(parents.size());
    return row;
  };
  for (const Group& group : groups) {
    const std::size_t first = find(parents, row_of(group.front()));
    for (const std::uint32_t who : group) parents[find(parents, row_of(who))] = first;
  }
  std::map<std::size_t, std::uint64_t> columns;
  for (const Group& group : groups) ++columns[find(parents, row_of(group.front()))];
  Tags tags{.rows = columns.size()};
  for (const auto& [row, count] : columns) tags.columns = std::max(tags.columns, count);
  return tags;
}

std::vector<Job> Planner::jobs(const Chunks& chunks) const {
  const Dims& d = shape_.dims;
  std::vector<Job> jobs(shape_.places.size());
  for (std::size_t who = 0; who < jobs.size(); ++who) {
    Chunks here = chunks;
    bool works = true;
    for (std::size_t l = shape_.slide; l < shape_.inner && works; ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      Range& range = here[at(loop.dim)];
      const std::int64_t k = shape_.places[who].pieces[l - shape_.slide];
      range = {.first = range.first + k * loop.tile, .size = base::chunk(range.size, loop.tile, k)};
      works = range.size > 0;
    }
    if (!works) continue;
    Job& job = jobs[who];
    job = {.works = true,
           .m = range_of(here, d.m),
           .c = range_of(here, d.c),
           .g = range_of(here, d.g).first,
           .p = range_of(here, d.p).first,
           .r = range_of(here, d.r).first};
    job.row = shape_.rows.at(job.p, job.r);
  }
  return jobs;
}

std::vector<Step> Planner::steps(const Chunks& chunks) const {
  std::vector<Step> found;
  const Dims& d = shape_.dims;
  const auto run = [&](auto&& self, std::size_t l, Range n, Range q) -> void {
    if (l == shape_.slide) {
      found.push_back({n.first, q.first});
      return;
    }
    const mapping::NestLoop& loop = shape_.nest.loops[l];
    Range& range = loop.dim == d.n ? n : q;
    const Range outer = range;
    for (std::int64_t k = 0; k * loop.tile < outer.size; ++k) {
      range = {.first = outer.first + k * loop.tile, .size = base::chunk(outer.size, loop.tile, k)};
      self(self, l + 1, n, q);
    }
  };
  run(run, shape_.outer, range_of(chunks, d.n), range_of(chunks, d.q));
  return found;
}

Fold Planner::fold(const Chunks& chunks, const std::vector<Job>& jobs) const {
  const Dims& d = shape_.dims;
  Fold plan{.chunks = chunks, .steps = steps(chunks)};
  plan.row_of.resize(jobs.size());
  plan.taps = range_of(chunks, d.s).size;
  Grouping by_row(plan.rows);
  Grouping by_filter(plan.filters);
  Grouping by_chain(plan.chains);
  for (std::uint32_t who = 0; who < jobs.size(); ++who) {
    const Job& job = jobs[who];
    if (!job.works) continue;
    plan.workers.push_back(who);
    plan.row_of[who] = by_row.add(who, {job.g, job.c.first, job.row, 0});
    by_filter.add(who, {job.g, job.m.first, job.c.first, job.r});
    by_chain.add(who, {job.g, job.m.first, job.p, 0});
  }
  // Whoever comes back to an output does so in a loop that is not of its dims.
  plan.begun = range_of(chunks, d.c).first > 0 || range_of(chunks, d.r).first > 0 ||
               range_of(chunks, d.s).first > 0;
  return plan;
}

SumTile Planner::sums_of(const Job& job, Step step) {
  return {.n = step.n, .g = job.g, .m = job.m.first, .p = job.p, .q = step.q};
}

WindowTile Planner::window_of(const Fold& fold, const Job& job, Step step) const {
  return {.there = true,
          .n = step.n,
          .g = job.g,
          .c = job.c.first,
          .row = job.row,
          .q = step.q,
          .s = range_of(fold.chunks, shape_.dims.s).first,
          .taps = fold.taps};
}

SumTile Planner::buffered(const Chunks& chunks, Step step) const {
  const Dims& d = shape_.dims;
  const int buffer = shape_.parents[at(problem::index(problem::Role::outputs))];
  const std::size_t above = shape_.nest.above[at(buffer)];
  const auto held = [&](int dim, std::int64_t index) {
    if (dim < 0) return std::int64_t{0};
    Range range{.first = 0, .size = bounds_[at(dim)]};
    for (std::size_t l = 0; l < above; ++l) {
      const mapping::NestLoop& loop = shape_.nest.loops[l];
      if (loop.dim != dim) continue;
      const std::int64_t k = (index - range.first) / loop.tile;
      range = {.first = range.first + k * loop.tile, .size = base::chunk(range.size, loop.tile, k)};
    }
    return range.first;
  };
  return {.n = held(d.n, step.n),
          .g = held(d.g, range_of(chunks, d.g).first),
          .m = held(d.m, range_of(chunks, d.m).first),
          .p = held(d.p, range_of(chunks, d.p).first),
          .q = held(d.q, step.q)};
}

Motion Planner::motion(const Fold& fold, std::size_t step) const {
  const auto of = [&](std::size_t i) { return window_of(fold, Job{}, fold.steps[i]); };
  const auto taps = static_cast<std::size_t>(fold.taps);
  Motion moved;
  moved.fresh.assign(taps, 1);
  for (std::size_t s = 0; step > 0 && s < taps; ++s) {
    const auto tap = static_cast<std::int64_t>(s);
    moved.fresh[s] = of(step - 1).find(shape_.columns, of(step), tap) < 0 ? 1 : 0;
  }
  if (step + 1 == fold.steps.size()) return moved;
  moved.leaves.resize(taps);
  for (std::size_t s = 0; s < taps; ++s) {
    const auto tap = static_cast<std::int64_t>(s);
    moved.leaves[s] = of(step + 1).find(shape_.columns, of(step), tap) < 0 ? 1 : 0;
  }
  return moved;
}

}  // namespace dnnaccel::sim::rows
