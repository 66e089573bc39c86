#include "cost/chain_table.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::cost {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

HeadPlan::HeadPlan(const arch::Architecture& architecture, const mapping::Layout& layout) {
  int temporal_slots = 0;
  for (std::size_t s = 0; s < layout.slots().size(); ++s) {
    const bool is_spatial = layout.slots()[s].spatial;
    if (is_spatial) {
      spatial.push_back(static_cast<int>(s));
      sizes.push_back(static_cast<std::uint64_t>(layout.slots()[s].size));
    }
    temporal.push_back(is_spatial ? -1 : temporal_slots++);
  }
  for (int level = 0; level <= architecture.size(); ++level) {
    arrays_above.push_back(depths);
    if (level < architecture.size() && architecture.array(level) != nullptr) ++depths;
  }
  std::size_t most = 1;
  for (int d = 0; d < problem::kMaxDims; ++d) {
    std::size_t count = 1;
    for (int slot : layout.slots_of(d)) count += layout.slots()[at(slot)].spatial ? 0 : 1;
    most = std::max(most, count);
  }
  cuts = Cuts(most);
  instances = kTrips + spatial.size();
  tile = instances + at(depths);
  size = tile + at(architecture.size());
}

ChainTable::ChainTable(const mapping::Layout& layout, const HeadPlan& plan,
                       const StepGatherer& gatherer, int dim, std::int64_t bound)
    : layout_(layout),
      plan_(plan),
      gatherer_(gatherer),
      dim_(dim),
      bound_(bound),
      slots_(layout.slots_of(dim)) {}

ChainId ChainTable::intern(const std::int64_t* tiles) {
  const std::size_t length = slots_.size();
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < length; ++i) {
    hash = base::mix(hash, static_cast<std::uint64_t>(tiles[i]));
  }
  const ChainId known = ids_.find(
      hash, [&](ChainId id) { return std::equal(tiles, tiles + length, &tiles_[id * length]); });
  if (known != base::NumberMap::kNone) return known;
  const auto id = static_cast<ChainId>(size_++);
  ids_.insert(hash, id);
  tiles_.insert(tiles_.end(), tiles, tiles + length);
  heads_.resize(size_ * plan_.size);
  write_head(id);
  return id;
}

void ChainTable::write_head(ChainId id) {
  const ChainView chain = view(id);
  Word* head = &heads_[id * plan_.size];
  std::fill_n(head + HeadPlan::kTrips, plan_.spatial.size(), Word{1});
  std::int64_t extent = bound_;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const mapping::Slot& slot = layout_.slots()[at(slots_[i])];
    const std::int64_t tile = chain.tiles[i];
    if (tile < extent && !slot.spatial) {
      head[HeadPlan::kLooping] |= 1U << plan_.temporal[at(slots_[i])];
    } else if (tile < extent) {
      head[HeadPlan::kSpread] |= 1U << slot.level;
      const auto number = std::find(plan_.spatial.begin(), plan_.spatial.end(), slots_[i]);
      head[HeadPlan::kTrips + static_cast<std::size_t>(number - plan_.spatial.begin())] =
          static_cast<Word>(base::ceil_div(extent, tile));
    }
    extent = tile;
  }
  Steps steps;
  const auto levels = static_cast<int>(plan_.arrays_above.size()) - 1;
  for (int level = 0; level <= levels; ++level) {
    gatherer_.gather_above(level, chain, 0, steps);
    const StepSpan span{steps.data(), steps.size()};
    // Loops between two arrays do not change how many instances work.
    if (const int depth = plan_.arrays_above[at(level)]; depth > 0) {
      head[plan_.instances + at(depth - 1)] = static_cast<Word>(absent(bound_, span));
    }
    if (level < levels) {
      head[plan_.tile + at(level)] = static_cast<Word>(steps.empty() ? bound_ : steps.back().tile);
    }
  }
  KeeperPair whole;
  whole.child = levels;
  gatherer_.gather(KeeperPlan{}, whole, {.from_level = 0, .all = true}, chain,
                   {.cut = static_cast<int>(mapping::kMaxLoops)}, steps);
  head[HeadPlan::kPositions] = static_cast<Word>(absent(bound_, {steps.data(), steps.size()}));
}

}  // namespace dnnaccel::cost
