#include "cost/role_table.hpp"

#include <algorithm>
#include <utility>

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

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
                     const TabledAxes& axes, const std::vector<ChainTable>& chains,
                     const StepGatherer& gatherer, WindowMemo& memo)
    : plan_(std::move(plan)),
      axes_(axes),
      chains_(chains),
      gatherer_(gatherer),
      memo_(memo),
      at_levels_(at(architecture.size())),
      is_plain_(chains.size(), false),
      rows_(chains.size()),
      strides_(chains.size()),
      cells_(axes.windows.size()) {
  for (int level = 1; level < architecture.size(); ++level) {
    if ((plan_.levels >> level & 1U) != 0) levels_.push_back(level);
  }
  for (const KeeperPair& pair : plan_.pairs) {
    std::uint32_t mask = 0;
    for (int level : pair.arrays) mask |= 1U << level;
    spread_masks_.push_back(mask);
  }
  const KeeperPair& compute = plan_.pairs.back();
  entries_ = compute.first_entry;
  for (int j : axes_.plain) is_plain_[at(j)] = true;
  for (std::size_t j = 0; j < chains.size(); ++j) {
    const std::size_t cuts = chains[j].cuts();
    strides_[j] = is_plain_[j] ? plain_offset(cuts, plan_.pairs.size() - 1)
                               : absent_offset(cuts, entries_ + compute.links.size());
  }
  for (std::size_t w = 0; w < axes_.windows.size(); ++w) {
    cell_strides_.push_back(cell_offset(w, entries_ + compute.links.size()));
  }
}

const Word* RoleTable::fill_row(std::size_t j, ChainId id) {
  const std::size_t begin = id * strides_[j];
  if (begin >= rows_[j].size()) rows_[j].resize(2 * begin + strides_[j]);
  Word* row = &rows_[j][begin];
  row[0] = 1;
  if (is_plain_[j]) {
    fill_plain(chains_[j], id, row);
  } else {
    fill_absent(chains_[j], id, row);
  }
  return row;
}

void RoleTable::fill_plain(const ChainTable& chains, ChainId id, Word* row) {
  const ChainView chain = chains.view(id);
  const std::size_t cuts = chains.cuts();
  Steps steps;
  for (std::size_t q = 0; q + 1 < plan_.pairs.size(); ++q) {
    Word* values = row + plain_offset(cuts, q);
    // Instances of one dim hold disjoint chunks: it is all the same which of them unite.
    gatherer_.gather(plan_, plan_.pairs[q], {}, chain, {}, steps);
    const auto loops = temporal_steps(steps);
    values[2 * cuts] = static_cast<Word>(cuts);
    values[2 * cuts + 1] = static_cast<Word>(plain_last(chain.bound, span_of(steps)));
    for (std::size_t cut = 0;; ++cut) {
      values[cut] = static_cast<Word>(plain_fetched(chain.bound, span_of(steps)));
      const auto kept = static_cast<Word>(plain_kept(chain.bound, span_of(steps)));
      values[cuts + cut] = kept;
      if (kept > 0) values[2 * cuts] = std::min(values[2 * cuts], static_cast<Word>(cut));
      if (cut == loops.size()) break;
      steps[loops[cut]].part = Part::outer;
    }
  }
}

void RoleTable::fill_absent(const ChainTable& chains, ChainId id, Word* row) {
  const ChainView chain = chains.view(id);
  const std::size_t cuts = chains.cuts();
  Steps steps;
  for (const KeeperPair& pair : plan_.pairs) {
    for (std::size_t link = 0; link < pair.links.size(); ++link) {
      Word* values = row + absent_offset(cuts, pair.first_entry + link);
      gatherer_.gather(plan_, pair, pair.links[link], chain, {}, steps);
      const auto loops = temporal_steps(steps);
      if (pair.compute) {
        for (std::size_t loop : loops) steps[loop].part = Part::outer;
        values[0] = static_cast<Word>(absent(chain.bound, span_of(steps)));
        continue;
      }
      for (std::size_t cut = 0;; ++cut) {
        values[cut] = static_cast<Word>(absent(chain.bound, span_of(steps)));
        if (cut == loops.size()) break;
        steps[loops[cut]].part = Part::own;
        values[cuts + cut] = static_cast<Word>(absent(chain.bound, span_of(steps)));
        steps[loops[cut]].part = Part::outer;
      }
    }
  }
}

std::uint64_t RoleTable::window_value(std::size_t window, const ChainId* ids, std::size_t pair,
                                      std::size_t link, Kind kind, int cut_p, int cut_r) {
  const TabledWindow& axis = axes_.windows[window];
  const KeeperPair& keepers = plan_.pairs[pair];
  const Link united = keepers.links[link];
  Steps p;
  Steps r;
  const ChainView chain_p = chains_[at(axis.p)].view(ids[axis.p]);
  gatherer_.gather(plan_, keepers, united, chain_p,
                   {.cut = cut_p, .own = kind == Kind::own_p ? cut_p : -1}, p);
  std::int64_t bound_r = 1;
  if (axis.r >= 0) {
    const ChainView chain_r = chains_[at(axis.r)].view(ids[axis.r]);
    bound_r = chain_r.bound;
    gatherer_.gather(plan_, keepers, united, chain_r,
                     {.cut = cut_r, .own = kind == Kind::own_r ? cut_r : -1}, r);
  }
  const WindowSum what = kind == Kind::fetched ? WindowSum::fetched
                         : keepers.forwards    ? WindowSum::forwarded
                                               : WindowSum::kept;
  return memo_.sum(axis.axis, what, chain_p.bound, span_of(p), bound_r, span_of(r));
}

std::uint64_t RoleTable::window_largest(std::size_t window, const ChainId* ids, int level) {
  const TabledWindow& axis = axes_.windows[window];
  Steps p;
  Steps r;
  const ChainView chain_p = chains_[at(axis.p)].view(ids[axis.p]);
  gatherer_.gather_above(level, chain_p, static_cast<int>(mapping::kMaxLoops), p);
  std::int64_t bound_r = 1;
  if (axis.r >= 0) {
    const ChainView chain_r = chains_[at(axis.r)].view(ids[axis.r]);
    bound_r = chain_r.bound;
    gatherer_.gather_above(level, chain_r, static_cast<int>(mapping::kMaxLoops), r);
  }
  return memo_.sum(axis.axis, WindowSum::largest, chain_p.bound, span_of(p), bound_r, span_of(r));
}

}  // namespace dnnaccel::cost
