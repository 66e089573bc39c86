#include "cost/tables.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace dnnaccel::cost {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

/// Cuts are packed in fields of so many bits; a dim has at most kMaxLevels loops.
constexpr int kCutBits = 5;
static_assert(arch::kMaxLevels < 1 << kCutBits && problem::kMaxDims * kCutBits <= 64);

constexpr std::size_t cut_of(std::uint64_t cuts, int j) {
  return static_cast<std::size_t>(cuts >> (kCutBits * j) & ((1U << kCutBits) - 1));
}

/// Bits of the loops before number `n`.
constexpr std::uint64_t loops_before(int n) { return n < 64 ? (1ULL << n) - 1 : ~0ULL; }

/// Marks dims that have no table.
constexpr std::uint8_t kNoTable = problem::kMaxDims;

/// Stands for "at no loop" among first loops.
constexpr std::uint8_t kNever = 64;

}  // namespace

Tables::Tables(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Layout& layout, const Sparsity& sparsity)
    : problem_(problem),
      architecture_(architecture),
      layout_(layout),
      sparsity_(sparsity),
      compressed_(sparsity.stored != Sparsity{}.stored),
      gatherer_(problem, architecture, layout),
      heads_(architecture, layout),
      macs_(problem.macs()) {
  for (int d = 0; d < problem_.dims(); ++d) {
    table_of_[at(d)] = kNoTable;
    if (problem_.bounds[at(d)] == 1) continue;
    if (problem_.bounds[at(d)] > kMaxBound) {
      throw std::invalid_argument("dim " + problem_.dim_names[at(d)] +
                                  " is too long for a search: at most " +
                                  std::to_string(kMaxBound));
    }
    table_of_[at(d)] = static_cast<std::uint8_t>(chains_.size());
    chains_.emplace_back(layout_, heads_, gatherer_, d, problem_.bounds[at(d)]);
  }
  tabulate_axes();
  std::size_t t = 0;
  for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
    if (layout_.slots()[at(s)].spatial) continue;
    const bool used = std::any_of(chains_.begin(), chains_.end(), [&](const ChainTable& chains) {
      return layout_.splits(s, chains.dim());
    });
    if (used) temporal_.emplace_back(static_cast<int>(t), layout_.slots()[at(s)].level);
    ++t;
  }
  for (int level = 1; level < architecture_.size(); ++level) {
    const arch::Memory* memory = architecture_.memory(level);
    if (memory == nullptr) continue;
    ramps_ = ramps_ || memory->buffering != arch::Buffering::stream;
    if (memory->capacity_words == arch::kUnlimitedWords) continue;
    bounded_.push_back({.level = level,
                        .copies = memory->buffering == arch::Buffering::twofold ? 2U : 1U,
                        .words = memory->capacity_words});
  }
}

void Tables::tabulate_axes() {
  const PerRole<AxisPlan> plans = axis_plans(problem_);
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    TabledAxes& axes = axes_[role];
    tensor_words_[role] = 1;
    for (int d : plans[role].plain) {
      axes.plain.push_back(table_of_[at(d)]);
      axes.plain_positions *= static_cast<std::uint64_t>(problem_.bounds[at(d)]);
    }
    for (int d : plans[role].absent) axes.absent.push_back(table_of_[at(d)]);
    for (const WindowAxis& axis : plans[role].windows) {
      const std::int64_t bound_r = axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)];
      const std::uint64_t whole =
          memo_.sum(axis, WindowSum::largest, problem_.bounds[at(axis.dim_p)], {}, bound_r, {});
      tensor_words_[role] *= whole;
      TabledWindow window{.axis = axis, .p = table_of_[at(axis.dim_p)]};
      if (window.p == kNoTable) {  // of one position, which never moves
        axes.standing *= whole;
        continue;
      }
      window.cuts_p = chains_[at(window.p)].cuts();
      if (axis.dim_r >= 0) {
        window.r = table_of_[at(axis.dim_r)];
        window.cuts_r = chains_[at(window.r)].cuts();
      }
      axes.windows.push_back(window);
    }
    tensor_words_[role] *= axes.plain_positions;
    blocks_[role].resize(axes.windows.size());
    block_counts_[role].resize(axes.windows.size());
    rows_[role].cells.resize(axes.windows.size());
  }
}

std::size_t Tables::size() const {
  std::size_t size = 0;
  for (const ChainTable& chains : chains_) size += chains.size();
  for (const auto& counts : block_counts_) {
    for (std::uint32_t count : counts) size += count;
  }
  return size;
}

ChainId Tables::intern(int dim, const std::int64_t* tiles) {
  const std::uint8_t j = table_of_[at(dim)];
  return j == kNoTable ? 0 : chains_[j].intern(tiles);
}

RoleTable& Tables::role_table(Role role, std::uint32_t levels) {
  for (RoleTable& table : role_tables_) {
    if (table.plan().role == role && table.plan().levels == levels) return table;
  }
  return role_tables_.emplace_back(architecture_, keeper_plan(architecture_, role, levels),
                                   axes_[at(role)], chains_, gatherer_, memo_);
}

const Tables::Kept& Tables::kept(std::uint32_t options) {
  const std::uint32_t known = kept_numbers_.find(options);
  if (known != base::NumberMap::kNone) return kept_[known];
  PerRole<std::uint32_t> levels{};
  const auto keep = [&](int level, std::uint32_t roles) {
    for (Role role : problem::kEveryRole) {
      if ((roles & problem::bit(role)) != 0) levels[at(role)] |= 1U << level;
    }
  };
  for (int level = 0; level < architecture_.size(); ++level) {
    if (architecture_.memory(level) != nullptr) keep(level, layout_.space().levels[at(level)].keep);
  }
  for (std::size_t i = 0; i < layout_.options().size(); ++i) {
    const auto& option = layout_.options()[i];
    if ((options >> i & 1U) != 0) keep(option.level, option.role_bit);
  }
  kept_numbers_.insert(options, static_cast<std::uint32_t>(kept_.size()));
  Kept& tables = kept_.emplace_back();
  for (Role role : problem::kEveryRole) tables[at(role)] = &role_table(role, levels[at(role)]);
  return tables;
}

bool Tables::adopt(const ChainedMapping& mapping) {
  take_chains(mapping);
  if (!spreads()) return false;
  if (keep_ == nullptr || mapping.kept != options_) {
    options_ = mapping.kept;
    keep_ = &kept(options_);
  }
  take_rows();
  if (!tiles_fit()) return false;
  take_order(mapping);
  return loops_ <= static_cast<int>(mapping::kMaxLoops);
}

void Tables::take_chains(const ChainedMapping& mapping) {
  for (std::size_t j = 0; j < chains_.size(); ++j) {
    ids_[j] = mapping.chains[at(chains_[j].dim())];
    head_[j] = chains_[j].head(ids_[j]);
  }
}

bool Tables::spreads() const {
  for (std::size_t i = 0; i < heads_.spatial.size(); ++i) {
    std::uint64_t used = 1;
    for (std::size_t j = 0; j < chains_.size(); ++j) used *= head_[j][HeadPlan::kTrips + i];
    if (used > static_cast<std::uint64_t>(layout_.slots()[at(heads_.spatial[i])].size)) {
      return false;
    }
  }
  return true;
}

void Tables::take_rows() {
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    RoleTable& table = *(*keep_)[role];
    Rows& rows = rows_[role];
    for (std::size_t j = 0; j < chains_.size(); ++j) rows.row[j] = table.row(j, ids_[j]);
    for (std::size_t w = 0; w < rows.cells.size(); ++w) {
      const TabledWindow& window = axes_[role].windows[w];
      const std::uint64_t r = window.r < 0 ? 0 : ids_[at(window.r)];
      const std::uint64_t key = static_cast<std::uint64_t>(ids_[at(window.p)]) << 32 | r;
      std::uint32_t block = blocks_[role][w].find(key);
      if (block == base::NumberMap::kNone) [[unlikely]] {
        block = block_counts_[role][w]++;
        blocks_[role][w].insert(key, block);
      }
      rows.cells[w] = table.cells(w, block);
    }
  }
}

std::uint64_t Tables::tile_words(std::size_t role, int level) {
  const TabledAxes& axes = axes_[role];
  std::uint64_t words = axes.standing;
  for (int j : axes.plain) words *= head_[at(j)][heads_.tile + at(level)];
  for (std::size_t w = 0; w < axes.windows.size(); ++w) {
    Word& largest = rows_[role].cells[w][level];
    if (largest == 0) [[unlikely]] {
      largest =
          1 + static_cast<Word>((*keep_)[role]->window_largest(w, ids_.data(), level));
    }
    words *= largest - 1;
  }
  return words;
}

bool Tables::tiles_fit() {
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    for (int level : (*keep_)[role]->levels()) tiles_[at(level)][role] = tile_words(role, level);
  }
  for (const Bounded& memory : bounded_) {
    std::uint64_t needed = 0;
    for (int role = 0; role < kRoles; ++role) {
      if (((*keep_)[at(role)]->plan().levels >> memory.level & 1U) == 0) continue;
      const std::uint64_t words = tiles_[at(memory.level)][at(role)];
      needed += memory.copies *
                (compressed_ ? sparsity_.stored_words(memory.level, role, words) : words);
    }
    if (needed > memory.words) return false;
  }
  return true;
}

/// Lay the loops of more than one trip out in order. Without branches: which dims loop where is
/// anyone's guess.
void Tables::take_order(const ChainedMapping& mapping) {
  std::array<Word, problem::kMaxDims + 1> looping{};
  for (std::size_t j = 0; j < chains_.size(); ++j) {
    looping[j] = head_[j][HeadPlan::kLooping];
    loops_of_[j] = 0;
    first_[j].fill(kNever);
    first_[j][0] = 0;
  }
  std::uint64_t cuts = 0;
  int n = 0;
  int level = 0;
  for (const auto& [slot, slot_level] : temporal_) {
    for (; level <= slot_level; ++level) above_[at(level)] = static_cast<std::uint8_t>(n);
    for (std::uint8_t dim : mapping.order[at(slot)]) {
      const std::uint8_t j = table_of_[dim];
      const std::uint64_t loops = looping[j] >> slot & 1U;
      dims_[at(n)] = j;
      before_[at(n)] = cuts;
      loops_of_[j] |= loops << n;
      first_[j][cut_of(cuts, j) + 1] = loops != 0 ? static_cast<std::uint8_t>(n + 1) : kNever;
      cuts += loops << (kCutBits * j);
      n += static_cast<int>(loops);
      if (n > static_cast<int>(mapping::kMaxLoops)) [[unlikely]] break;
    }
  }
  for (; level <= architecture_.size(); ++level) above_[at(level)] = static_cast<std::uint8_t>(n);
  before_[at(n)] = cuts;
  loops_ = n;
}

inline std::uint64_t Tables::cell(std::size_t role, std::size_t window, std::size_t pair,
                                  std::size_t link, RoleTable::Kind kind, std::size_t cut_p,
                                  std::size_t cut_r) {
  RoleTable& table = *(*keep_)[role];
  const TabledWindow& axis = axes_[role].windows[window];
  const KeeperPair& keepers = table.plan().pairs[pair];
  std::size_t offset = table.cell_offset(window, keepers.first_entry + link);
  if (keepers.compute) {
    cut_p = cut_r = mapping::kMaxLoops;
  } else if (kind == RoleTable::Kind::fetched) {
    offset += cut_p * axis.cuts_r + cut_r;
  } else {
    const std::size_t row = cut_p + (kind == RoleTable::Kind::own_p ? axis.cuts_p : 0);
    const std::size_t column = cut_r + (kind == RoleTable::Kind::own_r ? axis.cuts_r : 0);
    offset += axis.cuts_p * axis.cuts_r + row * 2 * axis.cuts_r + column;
  }
  Word& value = rows_[role].cells[window][offset];
  if (value == 0) [[unlikely]] {
    value = 1 + static_cast<Word>(table.window_value(window, ids_.data(), pair, link, kind,
                                                     static_cast<int>(cut_p),
                                                     static_cast<int>(cut_r)));
  }
  return value - 1;
}

/// The products of one position, for the first `links` links of a pair: what is fetched with the
/// loops before it summed over, or what is kept when a loop steps.
template <bool kStepping>
void Tables::products(std::size_t role, std::size_t pair, std::size_t links, Position position,
                      Totals& out) {
  const TabledAxes& axes = axes_[role];
  const Rows& rows = rows_[role];
  const std::size_t entry = (*keep_)[role]->plan().pairs[pair].first_entry;
  std::uint64_t shared = axes.standing;
  for (int j : axes.plain) {
    const std::size_t cuts = chains_[at(j)].cuts();
    const std::size_t offset = RoleTable::plain_offset(cuts, pair) + (kStepping ? cuts : 0);
    shared *= rows.row[at(j)][offset + cut_of(position.cuts, j)];
  }
  for (std::size_t link = 0; link < links; ++link) {
    std::uint64_t product = shared;
    for (int j : axes.absent) {
      const std::size_t cuts = chains_[at(j)].cuts();
      const std::size_t own = kStepping && j == position.own ? cuts : 0;
      product *= rows.row[at(j)][1 + (entry + link) * 2 * cuts + cut_of(position.cuts, j) + own];
    }
    for (std::size_t w = 0; w < axes.windows.size(); ++w) {
      const TabledWindow& window = axes.windows[w];
      auto kind = kStepping ? RoleTable::Kind::kept : RoleTable::Kind::fetched;
      if (kStepping && window.p == position.own) kind = RoleTable::Kind::own_p;
      if (kStepping && window.r == position.own) kind = RoleTable::Kind::own_r;
      const std::size_t cut_r = window.r < 0 ? 0 : cut_of(position.cuts, window.r);
      product *= cell(role, w, pair, link, kind, cut_of(position.cuts, window.p), cut_r);
    }
    out[link] = product;
  }
}

/// What compute asks for: everything it touches, each time.
std::uint64_t Tables::computed(std::size_t role, std::size_t link) {
  const TabledAxes& axes = axes_[role];
  const RoleTable& table = *(*keep_)[role];
  const std::size_t pair = table.plan().pairs.size() - 1;
  const std::size_t entry = table.plan().pairs[pair].first_entry + link;
  std::uint64_t product = axes.standing * axes.plain_positions;
  for (int j : axes.absent) {
    product *= rows_[role].row[at(j)][table.absent_offset(chains_[at(j)].cuts(), entry)];
  }
  for (std::size_t w = 0; w < axes.windows.size(); ++w) {
    product *= cell(role, w, pair, link, RoleTable::Kind::fetched, 0, 0);
  }
  return product;
}

void Tables::words(std::size_t role, std::size_t pair, std::size_t links, Totals& out) {
  const TabledAxes& axes = axes_[role];
  const KeeperPair& keepers = (*keep_)[role]->plan().pairs[pair];
  if (keepers.compute) {
    for (std::size_t link = 0; link < links; ++link) out[link] = computed(role, link);
    return;
  }
  std::uint64_t plain = 0;
  std::uint64_t relevant = 0;
  int start = 0;  // before it, no step leaves anything of the old tile
  for (int j : axes.plain) {
    const std::size_t cuts = chains_[at(j)].cuts();
    plain |= loops_of_[at(j)];
    const Word kept_from =
        rows_[role].row[at(j)][RoleTable::plain_offset(cuts, pair) + 2 * cuts];
    start = std::max(start, static_cast<int>(first_[at(j)][kept_from]));
  }
  for (const TabledWindow& window : axes.windows) {
    relevant |= loops_of_[at(window.p)] | (window.r < 0 ? 0 : loops_of_[at(window.r)]);
  }
  relevant = (relevant | plain) & loops_before(above_[at(keepers.child)]);
  const int end = 64 - std::countl_zero(relevant);  // past the innermost loop that moves the tile
  products<false>(role, pair, links, {.cuts = before_[at(end)]}, out);
  std::uint64_t steps = loops_before(end) & ~loops_before(start) & ~plain;
  Totals kept;
  for (; steps != 0; steps &= steps - 1) {
    const int i = std::countr_zero(steps);
    products<true>(role, pair, links, {.cuts = before_[at(i)], .own = dims_[at(i)]}, kept);
    for (std::size_t link = 0; link < links; ++link) out[link] -= kept[link];
  }
}

std::uint64_t Tables::last_outputs(std::size_t pair, std::size_t link) {
  const TabledAxes& axes = axes_[at(Role::outputs)];
  const Rows& rows = rows_[at(Role::outputs)];
  const RoleTable& table = *(*keep_)[at(Role::outputs)];
  const std::size_t entry = table.plan().pairs[pair].first_entry + link;
  std::uint64_t words = 1;
  for (int j : axes.plain) {
    const std::size_t cuts = chains_[at(j)].cuts();
    words *= rows.row[at(j)][RoleTable::plain_offset(cuts, pair) + 2 * cuts + 1];
  }
  for (int j : axes.absent) {
    words *= rows.row[at(j)][table.absent_offset(chains_[at(j)].cuts(), entry)];
  }
  return words;
}

void Tables::count_pair(std::size_t role, std::size_t pair, SumsAbove& sums, Counts& out) {
  const RoleTable& table = *(*keep_)[role];
  const KeeperPair& keepers = table.plan().pairs[pair];
  std::uint32_t spread = 0;
  for (std::size_t j = 0; j < chains_.size(); ++j) spread |= head_[j][HeadPlan::kSpread];
  // Without splits between, nothing is shared and all links carry the same.
  const bool split = (spread & table.spread_mask(pair)) != 0;
  const std::size_t links = split ? keepers.links.size() : 1;
  const auto of = [&](const Totals& totals, std::size_t link) {
    return totals[split ? link : 0];
  };
  Totals moved;
  words(role, pair, links, moved);
  Flow flow;
  flow.sent = moved[0];
  flow.received = of(moved, keepers.child_link);
  flow.once = of(moved, keepers.once_link);
  if (ramps_ && !keepers.compute) {
    Totals ramp;
    products<false>(role, pair, links, {}, ramp);
    if (role == at(Role::outputs)) {
      for (std::size_t link = 0; link < links; ++link) ramp[link] = last_outputs(pair, link);
    }
    flow.ramp_sent = ramp[0];
    flow.ramp_received = of(ramp, keepers.child_link);
  }
  enter(keepers, flow, sums, out);
  std::uint64_t entering = flow.sent;
  for (std::size_t i = 0; i < keepers.arrays.size(); ++i) {
    const std::uint64_t leaving = of(moved, i + 1);
    enter_network(keepers, keepers.arrays[i], entering, leaving, out);
    entering = leaving;
  }
}

void Tables::count_instances(Counts& out) const {
  std::array<std::uint64_t, arch::kMaxLevels + 1> inside{1};
  for (int depth = 1; depth <= heads_.depths; ++depth) {
    inside[at(depth)] = 1;
    for (std::size_t j = 0; j < chains_.size(); ++j) {
      inside[at(depth)] *= head_[j][heads_.instances + at(depth - 1)];
    }
  }
  for (int level = 0; level < architecture_.size(); ++level) {
    out.instances[at(level)] = inside[at(heads_.arrays_above[at(level)])];
  }
  out.active_macs = inside[at(heads_.depths)];
}

void Tables::count(Counts& out) {
  out.clear(architecture_.size());
  out.macs = macs_;
  out.steps = 1;
  for (std::size_t j = 0; j < chains_.size(); ++j) out.steps *= head_[j][HeadPlan::kPositions];
  count_instances(out);
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    const RoleTable& table = *(*keep_)[role];
    out.memories[0][role].tile = tensor_words_[role];
    for (int level : table.levels()) out.memories[at(level)][role].tile = tiles_[at(level)][role];
    SumsAbove sums{.drained = problem_.tensor(Role::outputs).words()};
    for (std::size_t pair = 0; pair < table.plan().pairs.size(); ++pair) {
      count_pair(role, pair, sums, out);
    }
  }
}

}  // namespace dnnaccel::cost
