#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/steps.hpp"
#include "sim/tile_streams.hpp"
#include "sim/tile_time.hpp"

/// The schedule behind `simulate_tiles`.
namespace dnnaccel::sim::timing {

/// What made the MACs wait.
struct Blame {
  Wait wait = Wait::bandwidth;
  int waiting = -1;
  int server = -1;
  bool operator==(const Blame&) const = default;
};

/// One port or network: for how long it has been busy or is claimed already, and until when what
/// was needed at once keeps it.
struct Server {
  Ticks used = 0;
  Ticks free = 0;

  /// Ticks until a time, or until all that is claimed is done, in which it had nothing to do.
  [[nodiscard]] Ticks idle(Ticks time) const { return std::max(time, free) - used; }
};

constexpr std::size_t kMaxServers = arch::kMaxLevels * kResourcesPerLevel;

/// A moment, and for how long every server had been idle by then.
struct Moment {
  Ticks time = 0;
  std::array<Ticks, kMaxServers> idle;
};

/// A memory's tiles of one tensor, and what feeds them.
struct Tiles {
  Stream stream;
  int parent = -1;  ///< the tiles that they come from; -1: the outermost memory
  int child = -1;
  arch::Buffering buffering = arch::Buffering::single;
  bool changed = false;
  Ticks asked = 0;  ///< when the transfer of the tile that is here may have begun
  Ticks ready = 0;  ///< when it was whole
  Moment in_use{};  ///< when the MACs began on it
  // Outputs: the tile on its way up, and the one that the MACs work on, which leaves next.
  Load draining;
  std::uint64_t draining_words = 0;
  std::uint64_t arriving_words = 0;  ///< of these at the parent, where some met on the way
  Ticks drain_from = 0;
  Ticks drained = 0;
  Moment left{};
  Load leaving;
  std::uint64_t leaving_words = 0;
  std::uint64_t leaving_arrive = 0;
  std::uint64_t fresh = 0;  ///< sums here that nobody below has begun
};

class TileTimer {
 public:
  TileTimer(const problem::Problem& problem, const arch::Architecture& architecture,
            const mapping::Mapping& mapping, const TileOptions& options);
  std::optional<TileRun> run();

 private:
  struct Served {
    Ticks end = 0;
    int slowest = -1;
  };

  void change(int loop);
  void leave(Tiles& tiles);
  void fetch(Tiles& tiles, const Amounts& amounts);
  Served serve(const Load& load, Ticks from, const Moment& moment);
  void settle_drain(Tiles& tiles, Wait wait);
  Ticks time_outermost(const Tiles& tiles, bool write, std::uint64_t words, Ticks from, Load& load);
  void wait_for(Ticks ready, const Blame& blame);
  void lose(const Blame& blame, Ticks ticks);
  void begin_fold(int loop);
  void wait_for_array(std::uint64_t end);
  void work();
  void finish();
  void remember(Moment& moment, Ticks time) const;
  std::uint64_t& fresh_above(int parent) {
    return parent < 0 ? fresh_ : tiles_[static_cast<std::size_t>(parent)].fresh;
  }
  [[nodiscard]] std::uint64_t all_positions() const;
  void enter_counts();
  void check_array();
  TileRun results();

  const problem::Problem& problem_;
  const arch::Architecture& architecture_;
  const mapping::Mapping& mapping_;
  const TileOptions& options_;
  mapping::Nest nest_;
  int stepped_;
  Steps positions_;
  BlockWork block_;
  int array_above_;  ///< loops outside the array's folds; all without one
  BlockWork fold_;   ///< what a fold of the array does
  Steps folds_;      ///< the next one
  Servers names_;
  std::vector<Tiles> tiles_;                ///< by role, from the outside in
  std::vector<Stream> compute_;             ///< by role
  std::vector<int> innermost_;              ///< by role: the tiles that the MACs work on, or -1
  std::uint64_t fresh_ = 0;                 ///< outputs that nobody has begun
  std::uint64_t fold_steps_ = 0;            ///< of the folds so far
  std::uint64_t array_lost_ = 0;            ///< what the array has taken beyond these
  std::vector<std::vector<int>> moved_by_;  ///< by loop + 1: tiles that its step can change
  std::array<Server, kMaxServers> servers_{};
  Ticks now_ = 0;    ///< the MACs have worked until here
  Ticks start_ = 0;  ///< they can go on from here
  bool begun_ = false;
  std::vector<std::pair<Blame, Ticks>> lost_;
  TileRun out_;
};

}  // namespace dnnaccel::sim::timing
