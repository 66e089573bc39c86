#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/math.hpp"
#include "cost/walk_nest.hpp"
#include "mapping/mapping.hpp"

namespace dnnaccel::sim {

using cost::walking::Chunks;
using cost::walking::Range;

/// Where each loop of a nest stands; 0 for spatial ones.
using Digits = std::array<std::int64_t, mapping::kMaxLoops>;

/// Where temporal loops stand, and what they leave to whatever is inside them. They run as the
/// whole nest does (DESIGN.md section 4): every chunk of a loop in turn, the last one as short as
/// it is, and no step for a chunk that would be empty. Spatial loops among them stand at their
/// first instance, which has the most to do. Inline: an array asks once a cycle.
class Steps {
 public:
  explicit Steps(std::span<const mapping::NestLoop> loops) : loops_(loops) {}

  /// Begin anew on these indices of every dim.
  void start(const Chunks& whole) {
    chunks_ = whole;
    descend(0);
  }
  /// The indices of every dim that are left below these loops.
  [[nodiscard]] const Chunks& chunks() const { return chunks_; }

  [[nodiscard]] const Digits& digits() const { return index_; }

  /// Go to the next position. Returns the loop that stepped (every loop inside it is back at its
  /// start), or -1 if that was the last position.
  int next() {
    for (std::size_t l = loops_.size(); l-- > 0;) {
      Range& range = chunks_[static_cast<std::size_t>(loops_[l].dim)];
      if (loops_[l].spatial) {
        range = given_[l];
        continue;
      }
      const std::int64_t size = base::chunk(given_[l].size, loops_[l].tile, ++index_[l]);
      if (size > 0) {
        range = {.first = given_[l].first + index_[l] * loops_[l].tile, .size = size};
        descend(l + 1);
        return static_cast<int>(l);
      }
      range = given_[l];
    }
    return -1;
  }

 private:
  void descend(std::size_t from) {
    for (std::size_t l = from; l < loops_.size(); ++l) {
      Range& range = chunks_[static_cast<std::size_t>(loops_[l].dim)];
      given_[l] = range;
      index_[l] = 0;
      range.size = base::chunk(range.size, loops_[l].tile, 0);
    }
  }

  std::span<const mapping::NestLoop> loops_;
  Chunks chunks_{};
  /// By loop: what it was given to cut, and which piece stands below it.
  std::array<Range, mapping::kMaxLoops> given_{};
  Digits index_{};
};

/// All indices of a problem's dims.
inline Chunks whole(const problem::Problem& problem) {
  Chunks chunks{};
  for (std::size_t d = 0; d < problem.bounds.size(); ++d) {
    chunks[d] = {.first = 0, .size = problem.bounds[d]};
  }
  return chunks;
}

/// MACs of these indices.
inline std::uint64_t macs(const problem::Problem& problem, const Chunks& chunks) {
  std::uint64_t macs = 1;
  for (std::size_t d = 0; d < problem.bounds.size(); ++d) {
    macs *= static_cast<std::uint64_t>(chunks[d].size);
  }
  return macs;
}

}  // namespace dnnaccel::sim
