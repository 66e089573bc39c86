#include "cost/role_table.hpp"

#include <cassert>
#include <utility>

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Lines that hold so many words, at least one.
std::size_t lines(std::size_t words) {
  constexpr std::size_t kWords = std::tuple_size_v<decltype(Line::words)>;
  return words == 0 ? 1 : (words + kWords - 1) / kWords;
}

StepSpan span_of(const Steps& steps) { return {steps.data(), steps.size()}; }

/// Numbers of the temporal steps.
base::SmallVector<std::uint8_t, mapping::kMaxLoops> temporal_steps(const Steps& steps) {
  base::SmallVector<std::uint8_t, mapping::kMaxLoops> numbers;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].part == Part::inner) numbers.push_back(static_cast<std::uint8_t>(i));
  }
  return numbers;
}

}  // namespace

RoleTable::RoleTable(const arch::Architecture& architecture, KeeperPlan plan,
                     const TabledAxes& axes, const std::vector<ChainTable>& chains, Cuts cuts,
                     const StepGatherer& gatherer, WindowMemo& memo)
    : plan_(std::move(plan)),
      axes_(axes),
      chains_(chains),
      cuts_(cuts),
      gatherer_(gatherer),
      memo_(memo),
      cells_(axes.windows.size()) {
  for (int level = 1; level < architecture.size(); ++level) {
    if ((plan_.levels >> level & 1U) != 0) levels_.push_back(level);
  }
  for (const KeeperPair& pair : plan_.pairs) {
    FlatPair& flat = pairs_.emplace_back();
    static_cast<Keepers&>(flat) = pair;
    flat.links = static_cast<std::uint8_t>(pair.links.size());
    flat.child_link = static_cast<std::uint8_t>(pair.child_link);
    flat.once_link = static_cast<std::uint8_t>(pair.once_link);
    for (int level : pair.arrays) {
      flat.between |= 1U << level;
      flat.arrays.push_back(static_cast<std::uint8_t>(level));
    }
  }
  const std::size_t compute_links = plan_.pairs.back().links.size();
  const std::size_t links = plan_.pairs.back().first_entry;
  for (std::uint8_t table : axes_.plain) is_plain_[table] = true;
  const std::size_t pairs = plan_.pairs.size() - 1;
  last_tiles_ = pairs * cuts.of_pair;
  largest_tiles_ = links * cuts.cells_of_link + compute_links;
  const std::size_t plain_lines =
      lines(last_tiles_ + (plan_.role == problem::Role::outputs ? pairs : 0));
  const std::size_t absent_lines = lines(links * cuts.of_link + compute_links);
  for (std::size_t j = 0; j < chains.size(); ++j) {
    strides_[j] = is_plain_[j] ? plain_lines : absent_lines;
    reserve_rows(j, chains[j].size());
  }
  cell_stride_ = lines(largest_tiles_ + at(architecture.size()));
}

void RoleTable::reserve_rows(std::size_t table, std::size_t chains) {
  const std::size_t size = chains * strides_[table];
  if (size > rows_[table].size()) rows_[table].resize(2 * size);
}

void RoleTable::reserve_cells(std::size_t window, std::size_t blocks) {
  const std::size_t size = blocks * cell_stride_;
  if (size > cells_[window].size()) cells_[window].resize(2 * size);
}

void RoleTable::fill_row(std::size_t table, ChainId id, Word* row) {
  if (is_plain_[table]) {
    fill_plain(chains_[table], id, row);
  } else {
    fill_absent(chains_[table], id, row);
  }
  assert(row[0] != 0);
}

void RoleTable::fill_plain(const ChainTable& chains, ChainId id, Word* values) const {
  const ChainView chain = chains.view(id);
  if (plan_.pairs.size() == 1) values[0] = 1;  // compute asks for each position once
  Word* last = values + last_tiles_;
  Steps steps;
  for (const KeeperPair& pair : plan_.pairs) {
    if (pair.compute) return;
    // Instances of one dim hold disjoint chunks: it is all the same which of them unite.
    gatherer_.gather(plan_, pair, {}, chain, {}, steps);
    const auto loops = temporal_steps(steps);
    if (pair.role == problem::Role::outputs) {
      *last++ = static_cast<Word>(plain_last(chain.bound, span_of(steps)));
    }
    for (std::size_t cut = 0;; ++cut) {
      values[cut] = static_cast<Word>(plain_fetched(chain.bound, span_of(steps)));
      values[cuts_.count + cut] = static_cast<Word>(plain_kept(chain.bound, span_of(steps)));
      // What is kept though many loops wrap is kept when fewer do: `Tables` relies on it.
      assert(cut == 0 || values[cuts_.count + cut - 1] == 0 || values[cuts_.count + cut] != 0);
      if (cut == loops.size()) break;
      steps[loops[cut]].part = Part::outer;
    }
    values += cuts_.of_pair;
  }
}

void RoleTable::fill_absent(const ChainTable& chains, ChainId id, Word* values) const {
  const ChainView chain = chains.view(id);
  Steps steps;
  for (const KeeperPair& pair : plan_.pairs) {
    for (const Link& link : pair.links) {
      gatherer_.gather(plan_, pair, link, chain, {}, steps);
      const auto loops = temporal_steps(steps);
      if (pair.compute) {
        for (std::size_t loop : loops) steps[loop].part = Part::outer;
        *values++ = static_cast<Word>(absent(chain.bound, span_of(steps)));
        continue;
      }
      for (std::size_t cut = 0;; ++cut) {
        values[cut] = static_cast<Word>(absent(chain.bound, span_of(steps)));
        if (cut == loops.size()) break;
        steps[loops[cut]].part = Part::own;
        values[cuts_.count + cut] = static_cast<Word>(absent(chain.bound, span_of(steps)));
        steps[loops[cut]].part = Part::outer;
      }
      values += cuts_.of_link;
    }
  }
}

std::uint64_t RoleTable::window_sum_of(const TabledWindow& window, WindowSum what,
                                       const ChainId* ids, const Steps& p, const Steps& r) const {
  const ChainView chain_p = chains_[window.p].view(ids[window.p]);
  const std::int64_t bound_r = window.r == kNoTable ? 1 : chains_[window.r].bound();
  return memo_.sum(window.axis, what, chain_p.bound, span_of(p), bound_r, span_of(r));
}

std::uint64_t RoleTable::window_value(std::size_t number, const ChainId* ids,
                                      std::size_t pair_number, std::size_t link,
                                      std::size_t cell) const {
  const KeeperPair& pair = plan_.pairs[pair_number];
  const TabledWindow& window = axes_.windows[number];
  const bool kept = !pair.compute && cell >= cuts_.fetched_cells;
  const int count = static_cast<int>(cuts_.count);
  const auto cut_of = [&](std::size_t cut) {
    const int place = static_cast<int>(cut);
    return place < count ? ChainCut{.cut = place}
                         : ChainCut{.cut = place - count, .own = place - count};
  };
  const ChainCut whole{.cut = static_cast<int>(mapping::kMaxLoops)};
  ChainCut cut_p = whole;
  ChainCut cut_r = whole;
  if (!pair.compute) {
    const std::size_t columns = cuts_.count * (kept ? 2U : 1U);
    const std::size_t place = kept ? cell - cuts_.fetched_cells : cell;
    cut_p = cut_of(place / columns);
    cut_r = cut_of(place % columns);
  }
  Steps p;
  Steps r;
  const auto gather = [&](std::uint8_t table, ChainCut cut, Steps& steps) {
    if (table == kNoTable) return;
    gatherer_.gather(plan_, pair, pair.links[link], chains_[table].view(ids[table]), cut, steps);
  };
  gather(window.p, cut_p, p);
  gather(window.r, cut_r, r);
  const WindowSum what = !kept           ? WindowSum::fetched
                         : pair.forwards ? WindowSum::forwarded
                                         : WindowSum::kept;
  return window_sum_of(window, what, ids, p, r);
}

std::uint64_t RoleTable::window_largest(std::size_t number, const ChainId* ids, int level) const {
  const TabledWindow& window = axes_.windows[number];
  Steps p;
  Steps r;
  const auto gather = [&](std::uint8_t table, Steps& steps) {
    if (table == kNoTable) return;
    gatherer_.gather_above(level, chains_[table].view(ids[table]),
                           static_cast<int>(mapping::kMaxLoops), steps);
  };
  gather(window.p, p);
  gather(window.r, r);
  return window_sum_of(window, WindowSum::largest, ids, p, r);
}

}  // namespace dnnaccel::cost
