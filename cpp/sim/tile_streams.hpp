#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/step_words.hpp"
#include "sim/tile_time.hpp"

/// What moves between two keepers at a step, and which ports and networks it keeps busy.
namespace dnnaccel::sim {

/// Time is counted in whole ticks, so that sums do not depend on the order they are taken in.
using Ticks = std::int64_t;
inline constexpr double kTicksPerCycle = 4096;
inline double in_cycles(Ticks ticks) { return static_cast<double>(ticks) / kTicksPerCycle; }
inline Ticks in_ticks(double cycles) {
  return static_cast<Ticks>(std::ceil(cycles * kTicksPerCycle));
}

/// A port of a memory or one direction of an array's network for one tensor, numbered by level.
/// Memories: read, write, shared; arrays: inputs, weights, outputs up, outputs down.
using Resource = int;
inline constexpr int kResourcesPerLevel = 4;
inline constexpr Resource kOutermostPort = 2;  ///< the shared one of level 0
cost::Port port_of(const arch::Architecture& architecture, Resource resource);

/// The resources that limit anything, numbered from 0 on: those that never do have no number.
class Servers {
 public:
  /// The number of a resource, a new one if it has none.
  int number(Resource resource);
  [[nodiscard]] Resource resource(int number) const { return resources_[at(number)]; }
  [[nodiscard]] std::size_t size() const { return resources_.size(); }

 private:
  static constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
  std::vector<Resource> resources_;
};

/// Busy ticks of one server.
struct Busy {
  int server;
  Ticks ticks;
};
using Load = base::SmallVector<Busy, arch::kMaxLevels * kResourcesPerLevel>;

/// Words of one step: by link (StepWords), then these.
struct Amounts {
  std::array<std::uint64_t, arch::kMaxLevels * 2> link{};
  std::uint64_t hops = 0;       ///< operands: passed on by siblings
  std::uint64_t begun = 0;      ///< outputs: sums that come back to the child
  std::uint64_t additions = 0;  ///< outputs: arrivals that the parent adds in place, and so reads
};

/// The traffic of one tensor between two keepers: counts it, and says what it keeps busy.
class Stream {
 public:
  Stream(const problem::Problem& problem, const arch::Architecture& architecture,
         const mapping::Mapping& mapping, const mapping::Nest& nest, const TileOptions& options,
         Servers& servers, problem::Role role, int parent, int stepped);

  [[nodiscard]] const cost::Keepers& keepers() const { return keepers_; }
  [[nodiscard]] bool moves(int loop) const { return words_->moves(loop); }
  /// What a step moves; it is added to the counts. Of compute: what the MACs of this position move.
  /// `fresh`: sums in the parent's tiles that nobody below has begun; what now is, is taken off.
  const Amounts& step(const Digits& digits, int loop, std::uint64_t& fresh);
  /// What words on their way down (or, for compute, to and from the MACs) keep busy.
  void load_fill(const Amounts& amounts, Load& load) const { load_uses(fill_, amounts, load); }
  /// What sums on their way up keep busy.
  void load_drain(const Amounts& amounts, Load& load) const { load_uses(drain_, amounts, load); }
  [[nodiscard]] std::uint64_t received(const Amounts& amounts) const {
    return amounts.link[child_link_];
  }
  /// Enter all that was counted, from the outermost pair of a role inwards.
  void enter(cost::SumsAbove& sums, cost::Counts& counts) const;

 private:
  enum class Of : std::uint8_t { link, hops, begun, additions };
  struct Use {
    int server;
    Of of;
    std::size_t link;
    double ticks_per_word;
  };

  void plan_links(const problem::Problem& problem, const arch::Architecture& architecture,
                  const mapping::Mapping& mapping, const mapping::Nest& nest, int stepped);
  void plan_uses(const problem::Problem& problem, const arch::Architecture& architecture,
                 const mapping::Nest& nest, const TileOptions& options, Servers& servers);
  [[nodiscard]] std::uint64_t first_visits(const Digits& digits) const;
  static void load_uses(const std::vector<Use>& uses, const Amounts& amounts, Load& load);

  cost::Keepers keepers_;
  std::vector<int> arrays_;
  std::size_t child_link_ = 0;
  std::size_t once_link_ = 0;
  std::unique_ptr<StepWords> words_;
  /// Outputs of compute: the words of a block at the positions where sums can begin.
  std::unique_ptr<StepWords> first_;
  std::vector<int> reductions_;  ///< outputs: the stepped reduction loops between the two keepers
  std::vector<Use> fill_;
  std::vector<Use> drain_;
  Amounts now_;
  std::array<std::uint64_t, arch::kMaxLevels * 2> total_{};
  std::uint64_t total_begun_ = 0;
  std::uint64_t first_sent_ = 0;
  std::uint64_t first_received_ = 0;
};

}  // namespace dnnaccel::sim
