#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

/// What the processing elements of an array did, cycle by cycle, added up.
namespace dnnaccel::sim {

/// Why an element that has work left does none in a cycle, or why it has none.
enum class Stall : std::uint8_t {
  operand,    ///< waits for an input word: the skew of a systolic array, a window that slides
  weights,    ///< waits for its weights to be loaded
  sums,       ///< waits for partial sums to arrive, or to leave
  bandwidth,  ///< waits because a network or a port is busy with somebody else's words
  memory,     ///< waits for the memory above the array
  edge,       ///< idles: the tile at the edge does not reach it
};

inline constexpr int kStalls = 6;
inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

/// Per element, row by row. A cycle in which an element multiplies is active, whatever the operands
/// are; of those, `gated` are the ones in which a zero kept the multiplier still.
struct Activity {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::uint64_t> active;
  std::vector<std::uint64_t> gated;
  std::vector<std::uint64_t> first;  ///< first active cycle, or kNever
  std::vector<std::uint64_t> last;   ///< last active cycle, or kNever
  std::vector<std::array<std::uint64_t, kStalls>> stalled;

  Activity() = default;
  Activity(std::int64_t rows_, std::int64_t columns_)
      : rows(rows_),
        columns(columns_),
        active(static_cast<std::size_t>(rows_ * columns_)),
        gated(active.size()),
        first(active.size(), kNever),
        last(active.size(), kNever),
        stalled(active.size()) {}
};

}  // namespace dnnaccel::sim
