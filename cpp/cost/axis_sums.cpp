#include "cost/axis_sums.hpp"

#include <algorithm>

#include "base/math.hpp"

namespace dnnaccel::cost {

namespace {

using base::chunk;

std::uint64_t unsigned_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }

/// Sum of `inner(chunk)` over the chunks of an extent from chunk `first` on. Chunks are full but
/// for the last, so `inner` is called at most twice.
template <typename Inner>
std::uint64_t over_chunks(std::int64_t extent, std::int64_t tile, std::int64_t first, Inner inner) {
  const std::int64_t full = extent / tile;
  const std::int64_t rest = extent % tile;
  std::uint64_t sum = 0;
  if (full > first) sum += unsigned_of(full - first) * inner(tile);
  if (rest > 0 && full >= first) sum += inner(rest);
  return sum;
}

/// `stays` follows the new chunk and, beside it, the largest chunk that the instance would have at
/// any later inner position: the tile stays where that is empty.
std::uint64_t stays(std::int64_t now, std::int64_t later, StepSpan steps) {
  if (now == 0 || later == now)
    return 0;  // equal chunks shrink alike: the instance works on elsewhere
  if (steps.empty()) return later == 0 ? unsigned_of(now) : 0;
  const Step step = steps.front();
  const StepSpan rest = steps.subspan(1);
  const auto next = [&](std::int64_t new_now, std::int64_t new_later) -> std::uint64_t {
    if (step.keeper_below && new_later > 0) return 0;
    return stays(new_now, new_later, rest);
  };
  switch (step.part) {
    case Part::own:
      return 0;
    case Part::outer:  // stands before every inner step, so nothing is later yet
      return over_chunks(now, step.tile, 0, [&](std::int64_t e) { return next(e, 0); });
    case Part::inner:
      return next(std::min(now, step.tile),
                  std::max(std::min(later, step.tile), chunk(now, step.tile, 1)));
    case Part::summed:
    case Part::united: {
      // Instances before the one where `later` ends hold equal chunks of both and do not stay.
      std::uint64_t sum = 0;
      std::int64_t first = later / step.tile;
      if (later % step.tile != 0) {
        sum += next(chunk(now, step.tile, first), later % step.tile);
        ++first;
      }
      return sum + over_chunks(now, step.tile, first, [&](std::int64_t e) { return next(e, 0); });
    }
  }
  return 0;
}

}  // namespace

std::uint64_t plain_fetched(std::int64_t extent, StepSpan steps) {
  if (steps.empty()) return unsigned_of(extent);
  const Step step = steps.front();
  const StepSpan rest = steps.subspan(1);
  if (step.part == Part::inner) return plain_fetched(std::min(extent, step.tile), rest);
  // Instances of one dim hold disjoint chunks, so uniting them is adding them.
  return over_chunks(extent, step.tile, step.part == Part::own ? 1 : 0,
                     [&](std::int64_t e) { return plain_fetched(e, rest); });
}

std::uint64_t plain_kept(std::int64_t extent, StepSpan steps) { return stays(extent, 0, steps); }

std::uint64_t absent(std::int64_t extent, StepSpan steps) {
  if (steps.empty()) return 1;
  const Step step = steps.front();
  const StepSpan rest = steps.subspan(1);
  // Chunk 0 is the fullest: some instance works if the first one does.
  if (step.part == Part::inner || step.part == Part::united) {
    return absent(std::min(extent, step.tile), rest);
  }
  return over_chunks(extent, step.tile, step.part == Part::own ? 1 : 0,
                     [&](std::int64_t e) { return absent(e, rest); });
}

std::uint64_t plain_last(std::int64_t extent, StepSpan steps) {
  if (steps.empty()) return unsigned_of(extent);
  const Step step = steps.front();
  const StepSpan rest = steps.subspan(1);
  if (step.part == Part::summed || step.part == Part::united) {
    return over_chunks(extent, step.tile, 0, [&](std::int64_t e) { return plain_last(e, rest); });
  }
  const std::int64_t last = extent % step.tile;
  return plain_last(last == 0 ? std::min(extent, step.tile) : last, rest);
}

}  // namespace dnnaccel::cost
