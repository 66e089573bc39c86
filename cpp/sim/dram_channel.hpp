#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/dram_address.hpp"
#include "sim/dram_gates.hpp"
#include "sim/dram_spec.hpp"

namespace dnnaccel::sim::dram {

/// What the controller is free to decide.
struct Policy {
  std::uint32_t window = 64;     ///< bursts that wait in a channel, and may be reordered
  std::uint32_t batch = 48;      ///< reads (or writes) in a row while writes (or reads) wait
  std::uint32_t max_hits = 128;  ///< of an open row in a row while the bank's oldest wants another
  bool closed_page = false;      ///< close a row that nothing waits for
};

/// A burst, as it waits in a channel.
struct Burst {
  Location place;
  std::uint64_t arrival = 0;
  std::uint64_t request = 0;
  bool write = false;
};

/// What was seen of the bursts that a channel served.
struct Service {
  std::uint64_t row_hits = 0;        ///< found their row open
  std::uint64_t row_misses = 0;      ///< found the bank closed
  std::uint64_t row_conflicts = 0;   ///< found another row open
  std::uint64_t latency_cycles = 0;  ///< sum over bursts, from arrival to the last of the data
  std::uint64_t max_latency_cycles = 0;
  std::uint64_t last_data = 0;  ///< the cycle by which all data had moved
};

/// Where commands and the ends of requests go, if anyone wants them.
struct Sinks {
  std::vector<Command>* log = nullptr;
  std::size_t log_limit = 0;
  std::vector<std::uint64_t>* finish = nullptr;  ///< by request: when its last data had moved
};

/// One channel and its controller: first ready, first come, first served (FR-FCFS) over a bounded
/// window. Each cycle issues, of the commands whose gates are open, a read or write before an
/// activate, that before a precharge, and of those the one for the oldest burst. Reads and writes
/// are served in batches: the direction turns when none of it waits, or after `batch` bursts while
/// others wait. A bank looks only at what waits in the present direction.
/// Every tREFI all banks are closed and refreshed, before anything else and never postponed.
class Channel {
 public:
  Channel(const Spec& spec, const Policy& policy, std::uint32_t index, const Sinks& sinks);

  [[nodiscard]] bool full() const { return free_.empty(); }
  [[nodiscard]] bool idle() const { return waiting_[0] + waiting_[1] == 0; }
  /// Add a burst; bursts come in order of arrival, and `advance` has been called with it.
  void push(const Burst& burst);
  /// Issue every command that may issue before `cycle`.
  void advance(std::uint64_t cycle);
  /// Issue commands until a burst has left the window, and return the cycle at which it did.
  std::uint64_t make_room();
  /// Serve everything that waits.
  void drain();

  /// Counts up to `cycle`; background energy is for all of that time.
  [[nodiscard]] Counts counts(std::uint64_t cycle) const;
  [[nodiscard]] const Service& service() const { return service_; }

 private:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();

  struct Waiting {
    Burst burst;
    std::uint64_t order = 0;
    bool conflict = false;
    bool activated = false;
  };
  /// What a bank would do next; `slot` is kNobody for a row closed because nothing waits for it.
  struct Choice {
    Kind kind = Kind::precharge;
    std::uint32_t slot = kNobody;
  };
  struct Queue {
    std::array<std::vector<std::uint32_t>, 2> slots;  ///< by direction, oldest first
    std::uint32_t hits = 0;                           ///< since the row was opened
  };

  bool step(std::uint64_t limit);
  bool step_refresh(std::uint64_t limit);
  void skip_idle_refreshes(std::uint64_t limit);
  void turn_if_due();
  void choose(std::uint32_t bank);
  void issue(Kind kind, std::uint32_t bank, std::uint64_t row, std::uint64_t cycle);
  void serve(std::uint32_t bank, std::uint32_t slot, std::uint64_t cycle);
  void all_undecided();

  Gates gates_;
  Organization sizes_;
  Timing times_;
  Policy policy_;
  std::uint32_t index_;
  Sinks sinks_;

  std::vector<Waiting> window_;
  std::vector<std::uint32_t> free_;
  std::vector<Queue> queues_;  ///< by bank
  std::vector<Choice> choices_;
  std::uint64_t undecided_ = 0;  ///< banks whose choice is out of date, as bits
  std::uint64_t choosing_ = 0;   ///< banks that have a choice
  std::array<std::uint32_t, 2> waiting_ = {0, 0};
  std::uint32_t direction_ = 0;  ///< 0 reads, 1 writes
  std::uint32_t batched_ = 0;
  std::uint64_t order_ = 0;

  std::uint64_t now_ = 0;  ///< cycle of the last command
  std::uint64_t last_arrival_ = 0;
  std::uint64_t next_refresh_;
  std::uint64_t opened_at_ = 0;  ///< when the first of the open rows was opened
  Counts counts_;
  Service service_;
};

}  // namespace dnnaccel::sim::dram
