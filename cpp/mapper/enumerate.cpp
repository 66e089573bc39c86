#include <algorithm>

#include "base/math.hpp"
#include "mapper/candidate.hpp"
#include "mapping/chains.hpp"

namespace dnnaccel::mapper {

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

class Enumeration {
 public:
  Enumeration(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
              const std::atomic<bool>& stop)
      : problem_(problem), layout_(layout), judge_(judge), stop_(stop) {
    for (int s = 0; s < static_cast<int>(layout.slots().size()); ++s) {
      room_.push_back(layout.slots()[at(s)].size);
      if (!layout.slots()[at(s)].spatial) temporal_.push_back(s);
    }
    for (int d = 0; d < problem.dims(); ++d) {
      mapping::for_each_chain(problem, layout, d, [&](const mapping::Chain& tiles) {
        chains_[at(d)].push_back(tiles);
        return true;
      });
    }
  }

  bool run() { return choose_chain(0); }

 private:
  bool choose_chain(int dim) {
    if (dim == problem_.dims()) return choose_order(0);
    for (const mapping::Chain& tiles : chains_[at(dim)]) {
      const std::vector<std::int64_t> before = room_;
      if (take_room(dim, tiles)) {
        candidate_.change(dim) = tiles;
        if (!choose_chain(dim + 1)) return false;
      }
      room_ = before;
    }
    return true;
  }

  /// Take the instances that a chain spreads over; false if an axis has not that many left.
  bool take_room(int dim, const mapping::Chain& tiles) {
    const std::vector<int>& slots = layout_.slots_of(dim);
    std::int64_t extent = problem_.bounds[at(dim)];
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (layout_.slots()[at(slots[i])].spatial) {
        std::int64_t& room = room_[at(slots[i])];
        room /= base::ceil_div(extent, tiles[i]);
        if (room == 0) return false;
      }
      extent = tiles[i];
    }
    return true;
  }

  [[nodiscard]] bool runs(int dim, int slot) const {
    const std::vector<int>& slots = layout_.slots_of(dim);
    std::int64_t extent = problem_.bounds[at(dim)];
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::int64_t tile = candidate_.tiles[at(dim)][i];
      if (slots[i] == slot) return tile < extent;
      extent = tile;
    }
    return false;
  }

  /// Permute the loops of more than one trip within their groups; the others do nothing, and are
  /// left out.
  bool choose_order(std::size_t t) {
    if (t == temporal_.size()) return choose_kept(0);
    const int slot = temporal_[t];
    std::vector<int> running;
    for (int d = 0; d < problem_.dims(); ++d) {
      if (runs(d, slot)) running.push_back(d);
    }
    const auto by_rank = [&](int a, int b) {
      return layout_.rank(slot, a) < layout_.rank(slot, b);
    };
    do {
      if (!std::is_sorted(running.begin(), running.end(), by_rank)) continue;
      auto& order = candidate_.mapping.order[t];
      order.clear();
      for (int d : running) order.push_back(static_cast<std::uint8_t>(d));
      if (!choose_order(t + 1)) return false;
    } while (std::next_permutation(running.begin(), running.end()));
    return true;
  }

  bool choose_kept(std::size_t option) {
    if (option == layout_.options().size()) {
      judge_.judge(candidate_);
      return !stop_.load(std::memory_order_relaxed);
    }
    for (bool keep : {false, true}) {
      candidate_.mapping.kept =
          (candidate_.mapping.kept & ~(1U << option)) | (keep ? 1U << option : 0U);
      if (!choose_kept(option + 1)) return false;
    }
    return true;
  }

  const problem::Problem& problem_;
  const mapping::Layout& layout_;
  Judge& judge_;
  const std::atomic<bool>& stop_;
  Candidate candidate_;
  std::vector<int> temporal_;       ///< slots
  std::vector<std::int64_t> room_;  ///< instances left, by slot
  std::array<std::vector<mapping::Chain>, problem::kMaxDims> chains_;
};

}  // namespace

bool enumerate(const problem::Problem& problem, const mapping::Layout& layout, Judge& judge,
               const std::atomic<bool>& stop) {
  return Enumeration(problem, layout, judge, stop).run();
}

}  // namespace dnnaccel::mapper
