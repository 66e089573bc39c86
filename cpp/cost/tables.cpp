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

/// Sixteen bytes, all 0 but for one.
std::array<std::uint64_t, 2> packed_byte(std::size_t place, std::uint8_t value) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[place] = value;
  return std::bit_cast<std::array<std::uint64_t, 2>>(bytes);
}

}  // namespace

Tables::Tables(const problem::Problem& problem, const arch::Architecture& architecture,
               const mapping::Layout& layout, const Sparsity& sparsity)
    : problem_(problem),
      architecture_(architecture),
      layout_(layout),
      sparsity_(sparsity),
      levels_(architecture.size()),
      compressed_(sparsity.stored != Sparsity{}.stored),
      gatherer_(problem, architecture, layout),
      heads_(architecture, layout),
      cuts_(heads_.cuts),
      output_words_(problem.tensor(Role::outputs).words()),
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
    const std::size_t j = chains_.size();
    chains_.emplace_back(layout_, heads_, gatherer_, d, problem_.bounds[at(d)]);
    one_[j].packed = packed_byte(j, 1);
    dim_of_[j] = static_cast<std::uint8_t>(d);
  }
  tabulate_axes();
  tabulate_levels();
}

void Tables::tabulate_axes() {
  const PerRole<AxisPlan> plans = axis_plans(problem_);
  const auto tabled = [&](int d) { return table_of_[at(d)]; };
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    TabledAxes& axes = axes_[role];
    for (int d : plans[role].plain) {
      axes.plain.push_back(tabled(d));
      axes.plain_positions *= static_cast<std::uint64_t>(problem_.bounds[at(d)]);
    }
    for (int d : plans[role].absent) axes.absent.push_back(tabled(d));
    tensor_words_[role] = axes.plain_positions;
    for (const WindowAxis& axis : plans[role].windows) {
      const std::int64_t bound_r = axis.dim_r < 0 ? 1 : problem_.bounds[at(axis.dim_r)];
      const std::uint64_t whole =
          memo_.sum(axis, WindowSum::largest, problem_.bounds[at(axis.dim_p)], {}, bound_r, {});
      tensor_words_[role] *= whole;
      if (table_of_[at(axis.dim_p)] == kNoTable) {  // of one position, which never moves
        axes.standing *= whole;
        continue;
      }
      TabledWindow& window = axes.windows.emplace_back(axis, tabled(axis.dim_p));
      if (axis.dim_r >= 0) window.r = tabled(axis.dim_r);
    }
    lay_hand(axes, at_hand_[role]);
    blocks_[role].resize(axes.windows.size());
    block_counts_[role].resize(axes.windows.size());
  }
}

/// What does not change from mapping to mapping.
void Tables::lay_hand(const TabledAxes& axes, RoleAtHand& hand) {
  hand.standing = axes.standing;
  hand.plain_positions = axes.plain_positions;
  for (std::uint8_t table : axes.plain) hand.plain.push_back({.table = table});
  for (std::uint8_t table : axes.absent) hand.absent.push_back({.table = table});
  for (const TabledWindow& window : axes.windows) {
    hand.windows.push_back({.p = window.p, .r = window.r});
  }
}

void Tables::tabulate_levels() {
  int number = 0;
  for (int s = 0; s < static_cast<int>(layout_.slots().size()); ++s) {
    const mapping::Slot& slot = layout_.slots()[at(s)];
    if (slot.spatial) continue;
    const bool used = std::any_of(chains_.begin(), chains_.end(), [&](const ChainTable& chains) {
      return layout_.splits(s, chains.dim());
    });
    if (used) temporal_.push_back({.number = number, .level = slot.level});
    ++number;
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
  if (j == kNoTable) return 0;
  const std::size_t known = chains_[j].size();
  const ChainId id = chains_[j].intern(tiles);
  if (id == known) {
    heads_of_[j] = chains_[j].head(0);
    for (RoleTable& table : role_tables_) table.reserve_rows(j, known + 1);
  }
  return id;
}

RoleTable& Tables::role_table(Role role, std::uint32_t levels) {
  for (RoleTable& table : role_tables_) {
    if (table.plan().role == role && table.plan().levels == levels) return table;
  }
  RoleTable& table =
      role_tables_.emplace_back(architecture_, keeper_plan(architecture_, role, levels),
                                axes_[at(role)], chains_, cuts_, gatherer_, memo_);
  for (std::size_t w = 0; w < block_counts_[at(role)].size(); ++w) {
    table.reserve_cells(w, block_counts_[at(role)][w]);
  }
  return table;
}

/// Find, or make, the tables of what is kept.
void Tables::take_options(std::uint32_t options) {
  if (at_hand_[0].table != nullptr && options == options_) return;
  options_ = options;
  std::uint32_t number = kept_numbers_.find(options);
  if (number == base::NumberMap::kNone) {
    PerRole<std::uint32_t> levels{};
    const auto keep = [&](int level, std::uint32_t roles) {
      for (Role role : problem::kEveryRole) {
        if ((roles & problem::bit(role)) != 0) levels[at(role)] |= 1U << level;
      }
    };
    for (int level = 0; level < architecture_.size(); ++level) {
      if (architecture_.memory(level) == nullptr) continue;
      keep(level, layout_.space().levels[at(level)].keep);
    }
    for (std::size_t i = 0; i < layout_.options().size(); ++i) {
      const auto& option = layout_.options()[i];
      if ((options >> i & 1U) != 0) keep(option.level, option.role_bit);
    }
    number = static_cast<std::uint32_t>(kept_.size());
    kept_numbers_.insert(options, number);
    PerRole<RoleTable*>& tables = kept_.emplace_back();
    for (Role role : problem::kEveryRole) tables[at(role)] = &role_table(role, levels[at(role)]);
  }
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    at_hand_[role].table = kept_[number][role];
  }
}

bool Tables::count(const ChainedMapping& mapping, Counts& out) {
  if (!take_chains(mapping)) return false;
  take_options(mapping.kept);
  take_rows();
  if (!tiles_fit() || !take_order(mapping)) return false;
  count_all(out);
  return true;
}

/// What the heads of the mapping's chains say; false if they spread too far.
bool Tables::take_chains(const ChainedMapping& mapping) {
  const std::size_t spatial = heads_.spatial.size();
  std::array<std::uint64_t, kMaxSlots> used;
  std::fill_n(used.begin(), spatial, 1);
  std::fill_n(instances_.begin() + 1, heads_.depths, 1);
  spread_ = 0;
  positions_ = 1;
  for (std::size_t j = 0, tables = chains_.size(); j < tables; ++j) {
    ids_[j] = mapping.chains[dim_of_[j]];
    const Word* head = heads_of_[j] + ids_[j] * heads_.size;
    head_[j] = head;
    spread_ |= head[HeadPlan::kSpread];
    positions_ *= head[HeadPlan::kPositions];
    for (std::size_t i = 0; i < spatial; ++i) used[i] *= head[HeadPlan::kTrips + i];
    for (std::size_t i = 0; i < at(heads_.depths); ++i) {
      instances_[i + 1] *= head[heads_.instances + i];
    }
  }
  for (std::size_t i = 0; i < spatial; ++i) {
    if (used[i] > heads_.sizes[i]) return false;
  }
  return true;
}

std::uint32_t Tables::new_block(std::size_t role, std::size_t window, std::uint64_t key) {
  const std::uint32_t block = block_counts_[role][window]++;
  blocks_[role][window].insert(key, block);
  for (RoleTable& table : role_tables_) {
    if (at(table.plan().role) == role) table.reserve_cells(window, block + 1);
  }
  return block;
}

void Tables::take_rows() {
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    RoleAtHand& hand = at_hand_[role];
    RoleTable& table = *hand.table;
    for (Factor& dim : hand.plain) dim.values = table.row(dim.table, ids_[dim.table]);
    for (Factor& dim : hand.absent) dim.values = table.row(dim.table, ids_[dim.table]);
    for (std::size_t w = 0; w < hand.windows.size(); ++w) {
      WindowFactor& window = hand.windows[w];
      const std::uint64_t r = window.r == kNoTable ? 0 : ids_[window.r];
      const std::uint64_t key = static_cast<std::uint64_t>(ids_[window.p]) << 32 | r;
      std::uint32_t block = blocks_[role][w].find(key);
      if (block == base::NumberMap::kNone) [[unlikely]]
        block = new_block(role, w, key);
      window.cells = table.cells(w, block);
    }
  }
}

inline std::uint64_t Tables::tile_words(std::size_t role, int level) {
  const RoleAtHand& hand = at_hand_[role];
  std::uint64_t words = hand.standing;
  for (const Factor& dim : hand.plain) words *= head_[dim.table][heads_.tile + at(level)];
  for (std::size_t w = 0; w < hand.windows.size(); ++w) {
    Word& largest = hand.windows[w].cells[hand.table->largest_tiles() + at(level)];
    if (largest == 0) [[unlikely]] {
      const std::uint64_t value = hand.table->window_largest(w, ids_.data(), level);
      largest = static_cast<Word>(value + 1);
    }
    words *= largest - 1;
  }
  return words;
}

bool Tables::tiles_fit() {
  for (std::size_t role = 0; role < at(kRoles); ++role) {
    for (int level : at_hand_[role].table->levels()) {
      tiles_[at(level)][role] = tile_words(role, level);
    }
  }
  for (const Bounded& memory : bounded_) {
    std::uint64_t needed = 0;
    for (int role = 0; role < kRoles; ++role) {
      if ((at_hand_[at(role)].table->plan().levels >> memory.level & 1U) == 0) continue;
      const std::uint64_t words = tiles_[at(memory.level)][at(role)];
      needed +=
          memory.copies * (compressed_ ? sparsity_.stored_words(memory.level, role, words) : words);
    }
    if (needed > memory.words) return false;
  }
  return true;
}

/// Lay the loops of more than one trip out in order; false if there are too many. Without branches,
/// since which dims loop where is anyone's guess.
bool Tables::take_order(const ChainedMapping& mapping) {
  std::array<Word, problem::kMaxDims + 1> looping;
  std::array<std::uint64_t, problem::kMaxDims + 1> loops_of;
  for (std::size_t j = 0; j < chains_.size(); ++j) {
    looping[j] = head_[j][HeadPlan::kLooping];
    loops_of[j] = 0;
  }
  looping[kNoTable] = 0;
  loops_of[kNoTable] = 0;
  const bool many = chains_.size() > sizeof(std::uint64_t);
  Standing standing;
  std::size_t n = 0;
  int level = 0;
  for (const OrderedSlot& slot : temporal_) {
    for (; level <= slot.level; ++level) above_[at(level)] = static_cast<std::uint8_t>(n);
    const auto& order = mapping.order[at(slot.number)];
    if (n + order.size() > mapping::kMaxLoops) [[unlikely]] {
      std::size_t running = n;
      for (std::uint8_t dim : order) running += looping[table_of_[dim]] >> slot.number & 1U;
      if (running > mapping::kMaxLoops) return false;
    }
    for (std::uint8_t dim : order) {
      const std::uint8_t j = table_of_[dim];
      const std::uint64_t loops = looping[j] >> slot.number & 1U;
      dims_[n] = j;
      before_[n] = standing;
      loops_of[j] |= loops << (n & 63U);
      standing.packed[0] += one_[j].packed[0] & (0 - loops);
      if (many) standing.packed[1] += one_[j].packed[1] & (0 - loops);
      n += loops;
    }
  }
  for (; level <= levels_; ++level) above_[at(level)] = static_cast<std::uint8_t>(n);
  before_[n] = standing;
  for (RoleAtHand& hand : at_hand_) {
    hand.plain_loops = 0;
    for (const Factor& dim : hand.plain) hand.plain_loops |= loops_of[dim.table];
    hand.moving_loops = hand.plain_loops;
    for (const WindowFactor& window : hand.windows) {
      hand.moving_loops |= loops_of[window.p] | loops_of[window.r];
    }
  }
  return true;
}

}  // namespace dnnaccel::cost
