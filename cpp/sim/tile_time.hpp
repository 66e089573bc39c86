#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cost/cost.hpp"
#include "cost/counts.hpp"
#include "mapping/mapping.hpp"
#include "sim/array.hpp"

/// The tile-level simulator: a nest as the schedule of its tiles, in time.
///
/// It steps through the positions of the temporal loops above the innermost memory. At each, tiles
/// change: the words that come or go cross the ports of memories and the networks between, at their
/// bandwidths; then the MACs of the position run. Memories that are double-buffered or streamed
/// fetch the next tile as soon as the MACs begin on this one, and drain the last one while they
/// work on the next; others fetch and drain between. A port serves one transfer at a time: what is
/// needed first goes first, what is fetched ahead has what is left. A tile can be passed on once it
/// is whole, or, by a streamed memory, as it arrives. Several instances of a level share its
/// transfers evenly.
namespace dnnaccel::sim {

/// Why the MACs stood still.
enum class Wait : std::uint8_t {
  fill,       ///< for the first tiles
  refill,     ///< for a single-buffered memory, which takes its next tile between two others
  bandwidth,  ///< for a tile that was fetched or drained ahead and not in time
  port,       ///< the MACs ask the memories beside them for more than those give
  drain,      ///< after the last MAC, for the outputs to leave
  array,      ///< inside an array that is simulated cycle by cycle: skew, loads, its networks
};

inline constexpr int kWaits = 6;

/// Cycles lost to one cause, and where: the memory that waited, and the port or network that made
/// it.
struct Lost {
  Wait wait = Wait::fill;
  int waiting = -1;  ///< the memory whose tile was late; -1 for the MACs themselves
  int level = -1;    ///< whose port or network was busy; -1 if nothing was too slow
  cost::Port port = cost::Port::none;
  double cycles = 0;
};

struct TileRun {
  cost::Counts counts;
  double cycles = 0;  ///< from the first word out of the outermost memory to the last one in
  double compute_cycles = 0;    ///< in which the MACs work
  std::vector<Lost> lost;       ///< by cause; with `compute_cycles` they add up to `cycles`
  std::uint64_t transfers = 0;  ///< tiles that moved
  std::uint64_t positions = 0;
};

/// What happened, for a trace. Cycles are those of the chip.
class TileObserver {
 public:
  virtual ~TileObserver() = default;
  /// Words of a tensor came to a memory (fills), or left it.
  virtual void moved(int level, problem::Role role, bool fill, double begin, double end,
                     std::uint64_t words) = 0;
  virtual void worked(double begin, double end, std::uint64_t macs) = 0;
  virtual void waited(const Lost& lost, double begin) = 0;
};

/// When the outermost memory gives or takes words, if its bandwidth alone does not say so.
class MemoryTiming {
 public:
  struct Transfer {
    double busy_cycles = 0;     ///< for which its port is taken
    double latency_cycles = 0;  ///< beyond that, until the last word is there
  };
  virtual ~MemoryTiming() = default;
  /// A transfer of so many words which may begin at `begin`, in cycles of the chip.
  virtual Transfer transfer(problem::Role role, bool write, std::uint64_t words, double begin) = 0;
};

struct TileOptions {
  cost::Sparsity sparsity;
  cost::PerLevel<double> latency{};  ///< cycles between asking a memory and its first word
  TileObserver* observer = nullptr;
  MemoryTiming* timing = nullptr;
  /// What stands at level `array_level` and below, simulated cycle by cycle. What a fold of it
  /// takes beyond its steps is added to the schedule of the memories above.
  CycleArray* array = nullptr;
  int array_level = arch::kMaxLevels;
  /// Called now and then with (positions done, all); false ends the run.
  std::function<bool(std::uint64_t, std::uint64_t)> poll;
};

/// Simulate a mapping. Capacities are not looked at here. Empty if `poll` ended it. With an array,
/// counts are those of the closed form, and the array's own must equal them.
///
/// Throws std::invalid_argument if the mapping does not belong to the problem and the architecture.
std::optional<TileRun> simulate_tiles(const problem::Problem& problem,
                                      const arch::Architecture& architecture,
                                      const mapping::Mapping& mapping, const TileOptions& options);

}  // namespace dnnaccel::sim
