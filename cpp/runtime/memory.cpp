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
constexpr std::size_t kDraws = 100;
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

/// Tries orders, and keeps the best plan.
class Search {
 public:
  explicit Search(const std::vector<Lifetime>& tensors)
      : tensors_(tensors), placing_(tensors), bound_(find_lower_bound(tensors)) {
    best_.bytes = std::numeric_limits<std::int64_t>::max();
  }

  MemoryPlan run() {
    const auto area = [](const Lifetime& t) {
      return static_cast<double>(t.bytes) * static_cast<double>(t.last - t.first + 1);
    };
    const bool done =
        attempt(sorted([](const auto& a, const auto& b) { return a.bytes > b.bytes; })) ||
        attempt(sorted([&](const auto& a, const auto& b) { return area(a) > area(b); })) ||
        attempt(sorted([](const auto& a, const auto& b) { return a.first < b.first; })) ||
        attempt(sorted(
            [](const auto& a, const auto& b) { return a.last - a.first > b.last - b.first; }));
    if (!done) improve();
    best_.lower_bound = bound_;
    return best_;
  }

 private:
  template <class Before>
  Order sorted(Before before) const {
    Order order(tensors_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return before(tensors_[a], tensors_[b]);
    });
    return order;
  }

  /// Whether the bound is reached.
  bool attempt(const Order& order) {
    MemoryPlan plan = placing_.place(order);
    if (plan.bytes <= best_.bytes) {  // of equals the later one, which may lead somewhere
      best_ = std::move(plan);
      order_ = order;
    }
    return best_.bytes <= bound_;
  }

  /// Give a tensor that reaches to the very end an earlier turn, again and again.
  void improve() {
    std::mt19937 random(1);
    const std::size_t pairs = tensors_.size() * tensors_.size() + 1;
    for (std::size_t draws = std::min(kDraws, kPairsInAll / pairs); draws > 0; --draws) {
      Order tried = order_;
      const auto at_end = std::find_if(tried.begin(), tried.end(), [&](std::size_t index) {
        return best_.offsets[index] + tensors_[index].bytes == best_.bytes;
      });
      const auto turns = static_cast<std::size_t>(at_end - tried.begin()) + 1;
      const auto turn = static_cast<std::ptrdiff_t>(random() % turns);
      std::rotate(tried.begin() + turn, at_end, at_end + 1);
      if (attempt(tried)) return;
    }
  }

  const std::vector<Lifetime>& tensors_;
  Placing placing_;
  std::int64_t bound_;
  MemoryPlan best_;
  Order order_;
};

}  // namespace

MemoryPlan plan_memory(const std::vector<Lifetime>& given) {
  check(given);
  if (given.empty()) return {};
  std::vector<Lifetime> tensors = given;
  for (Lifetime& t : tensors) t.bytes = filled_up(t.bytes);
  return Search(tensors).run();
}

}  // namespace dnnaccel::runtime
