#include "cost/window_memo.hpp"

#include <algorithm>

namespace dnnaccel::cost {

void WindowMemo::write_key(const WindowAxis& axis, WindowSum what, std::int64_t extent_p,
                           StepSpan p, std::int64_t extent_r, StepSpan r) {
  const Window& window = axis.window;
  key_.assign({static_cast<std::int64_t>(what), window.coefficient[0], window.coefficient[1],
               window.offset, window.size, extent_p, extent_r,
               static_cast<std::int64_t>(p.size())});
  for (StepSpan steps : {p, r}) {
    for (const Step& step : steps) {
      key_.push_back(step.tile);
      key_.push_back(static_cast<std::int64_t>(step.part));
    }
  }
}

std::uint64_t WindowMemo::sum(const WindowAxis& axis, WindowSum what, std::int64_t extent_p,
                              StepSpan p, std::int64_t extent_r, StepSpan r) {
  write_key(axis, what, extent_p, p, extent_r, r);
  std::uint64_t hash = 0;
  for (std::int64_t word : key_) hash = base::mix(hash, static_cast<std::uint64_t>(word));
  const std::uint32_t number = numbers_.find(hash, [&](std::uint32_t candidate) {
    const Value& value = values_[candidate];
    return value.length == key_.size() &&
           std::equal(key_.begin(), key_.end(),
                      keys_.begin() + static_cast<std::ptrdiff_t>(value.key));
  });
  if (number != base::NumberMap::kNone) return values_[number].sum;
  const std::uint64_t sum = window_sum(axis.window, what, extent_p, p, extent_r, r);
  numbers_.insert(hash, static_cast<std::uint32_t>(values_.size()));
  values_.push_back({.key = keys_.size(), .length = key_.size(), .sum = sum});
  keys_.insert(keys_.end(), key_.begin(), key_.end());
  return sum;
}

}  // namespace dnnaccel::cost
