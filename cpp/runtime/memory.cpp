#include "runtime/memory.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace dnnaccel::runtime {

namespace {

using Order = std::vector<std::size_t>;

/// Orders drawn at random, once those with a reason have not reached the bound.
constexpr int kDraws = 60;
/// Placing is quadratic: large programs get fewer draws, so that planning never takes seconds.
constexpr std::size_t kPairsInAll = 200'000'000;

std::int64_t filled_up(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void check(const std::vector<Lifetime>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Lifetime& t = tensors[i];
    if (t.bytes >= 0 && t.bytes <= std::numeric_limits<std::int64_t>::max() / 2 && t.first >= 0 &&
        t.first <= t.last)
      continue;
    throw std::invalid_argument("tensor " + std::to_string(i) + " of " + std::to_string(t.bytes) +
                                " bytes cannot be needed from step " + std::to_string(t.first) +
                                " to " + std::to_string(t.last));
  }
}

std::int64_t find_lower_bound(const std::vector<Lifetime>& tensors) {
  std::vector<std::pair<std::int64_t, std::int64_t>> changes;  // step, bytes
  for (const Lifetime& t : tensors) {
    changes.emplace_back(t.first, t.bytes);
    changes.emplace_back(t.last + 1, -t.bytes);
  }
  std::sort(changes.begin(), changes.end());  // of one step, what goes before what comes
  std::int64_t live = 0;
  std::int64_t most = 0;
  for (const auto& [step, bytes] : changes) most = std::max(most, live += bytes);
  return most;
}

/// Tensors one after the other, each into the smallest gap between those already placed that are
/// needed at one of its steps.
class Placing {
 public:
  explicit Placing(const std::vector<Lifetime>& tensors) : tensors_(tensors) {}

  MemoryPlan place(const Order& order) {
    MemoryPlan plan;
    plan.offsets.resize(tensors_.size());
    placed_.clear();
    for (const std::size_t index : order) {
      const Lifetime& t = tensors_[index];
      const std::int64_t at = find_gap(t, plan.offsets);
      plan.offsets[index] = at;
      plan.bytes = std::max(plan.bytes, at + t.bytes);
      const auto before = [&](std::size_t other, std::int64_t offset) {
        return plan.offsets[other] < offset;
      };
      placed_.insert(std::lower_bound(placed_.begin(), placed_.end(), at, before), index);
    }
    return plan;
  }

 private:
  std::int64_t find_gap(const Lifetime& t, const std::vector<std::int64_t>& offsets) const {
    std::int64_t best = -1;
    std::int64_t best_size = std::numeric_limits<std::int64_t>::max();
    std::int64_t end = 0;
    for (const std::size_t other : placed_) {  // by offset
      const Lifetime& o = tensors_[other];
      if (o.last < t.first || t.last < o.first || o.bytes == 0) continue;
      const std::int64_t gap = offsets[other] - end;
      if (gap >= t.bytes && gap < best_size) {
        best = end;
        best_size = gap;
      }
      end = std::max(end, offsets[other] + o.bytes);
    }
    return best >= 0 ? best : end;
  }

  const std::vector<Lifetime>& tensors_;
  Order placed_;
};

}  // namespace

MemoryPlan plan_memory(const std::vector<Lifetime>& given) {
  check(given);
  std::vector<Lifetime> tensors = given;
  for (Lifetime& t : tensors) t.bytes = filled_up(t.bytes);
  const std::int64_t bound = find_lower_bound(tensors);
  Placing placing(tensors);
  Order order(tensors.size());
  MemoryPlan best;
  best.bytes = std::numeric_limits<std::int64_t>::max();
  const auto attempt = [&](const Order& tried) {
    MemoryPlan plan = placing.place(tried);
    if (plan.bytes < best.bytes) {
      best = std::move(plan);
      order = tried;
    }
    return best.bytes <= bound;
  };
  const auto sorted = [&](auto before) {
    Order tried(tensors.size());
    std::iota(tried.begin(), tried.end(), std::size_t{0});
    std::stable_sort(tried.begin(), tried.end(),
                     [&](std::size_t a, std::size_t b) { return before(tensors[a], tensors[b]); });
    return tried;
  };
  const auto area = [](const Lifetime& t) {
    return static_cast<double>(t.bytes) * static_cast<double>(t.last - t.first + 1);
  };
  bool done = attempt(sorted([](const auto& a, const auto& b) { return a.bytes > b.bytes; })) ||
              attempt(sorted([&](const auto& a, const auto& b) { return area(a) > area(b); })) ||
              attempt(sorted([](const auto& a, const auto& b) { return a.first < b.first; })) ||
              attempt(sorted([](const auto& a, const auto& b) {
                return a.last - a.first > b.last - b.first;
              }));
  // Two tensors of the best order change places, as long as that leads somewhere.
  std::mt19937 random(1);
  const std::size_t pairs = tensors.size() * tensors.size() + 1;
  const auto draws = std::min<std::size_t>(kDraws, kPairsInAll / pairs);
  for (std::size_t draw = 0; draw < draws && !done && tensors.size() > 1; ++draw) {
    Order tried = order;
    const auto a = static_cast<std::size_t>(random() % tensors.size());
    const auto b = static_cast<std::size_t>(random() % tensors.size());
    const std::size_t moved = tried[a];  // to another turn, earlier ones the more often
    tried.erase(tried.begin() + static_cast<std::ptrdiff_t>(a));
    tried.insert(tried.begin() + static_cast<std::ptrdiff_t>(std::min(a, b)), moved);
    done = attempt(tried);
  }
  if (tensors.empty()) best.bytes = 0;
  best.lower_bound = bound;
  return best;
}

}  // namespace dnnaccel::runtime
