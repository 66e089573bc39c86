#include "sim/row_burst.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/math.hpp"

namespace dnnaccel::sim::rows {

namespace {

constexpr std::uint32_t kNotYet = ~0U;

class Runner {
 public:
  Runner(const Shape& shape, Burst& burst) : shape_(shape), burst_(burst) {}

  void run(std::size_t loop, Range m, Range c, Range s) {
    if (loop == shape_.nest.loops.size()) {
      mac(m, c, s);
      return;
    }
    const mapping::NestLoop& here = shape_.nest.loops[loop];
    Range& range = here.dim == shape_.dims.m ? m : here.dim == shape_.dims.c ? c : s;
    const Range outer = range;
    for (std::int64_t k = 0; k * here.tile < outer.size; ++k) {
      range = {.first = outer.first + k * here.tile, .size = base::chunk(outer.size, here.tile, k)};
      run(loop + 1, m, c, s);
    }
  }

 private:
  void mac(Range m, Range c, Range s) {
    const auto word =
        static_cast<std::size_t>(c.first) * burst_.taps + static_cast<std::size_t>(s.first);
    const auto sum = static_cast<std::size_t>(m.first);
    if (burst_.first_word[word] == kNotYet) burst_.first_word[word] = burst_.macs;
    if (burst_.first_sum[sum] == kNotYet) burst_.first_sum[sum] = burst_.macs;
    burst_.last_word[word] = burst_.macs;
    burst_.last_sum[sum] = burst_.macs;
    ++burst_.macs;
  }

  const Shape& shape_;
  Burst& burst_;
};

std::vector<std::uint32_t> order_by(const std::vector<std::uint32_t>& macs) {
  std::vector<std::uint32_t> order(macs.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return macs[a] < macs[b]; });
  return order;
}

}  // namespace

Burst burst_of(const Shape& shape, std::int64_t filters, std::int64_t channels, std::int64_t taps) {
  Burst burst{.filters = static_cast<std::uint32_t>(filters),
              .channels = static_cast<std::uint32_t>(channels),
              .taps = static_cast<std::uint32_t>(taps)};
  burst.first_word.assign(static_cast<std::size_t>(channels * taps), kNotYet);
  burst.last_word = burst.first_word;
  burst.first_sum.assign(static_cast<std::size_t>(filters), kNotYet);
  burst.last_sum = burst.first_sum;
  Runner(shape, burst).run(shape.inner, {0, filters}, {0, channels}, {0, taps});
  burst.by_first = order_by(burst.first_word);
  burst.by_last = order_by(burst.last_word);
  const auto add = [&](const std::vector<std::uint32_t>& macs, Event event) {
    for (std::uint32_t i = 0; i < macs.size(); ++i) burst.moments.push_back({macs[i], event, i});
  };
  add(burst.first_word, Event::use_word);
  add(burst.first_sum, Event::begin_sum);
  add(burst.last_sum, Event::end_sum);
  add(burst.last_word, Event::drop_word);
  std::sort(burst.moments.begin(), burst.moments.end(), [](const Moment& a, const Moment& b) {
    return std::tuple(a.mac, a.event, a.index) < std::tuple(b.mac, b.event, b.index);
  });
  return burst;
}

}  // namespace dnnaccel::sim::rows
