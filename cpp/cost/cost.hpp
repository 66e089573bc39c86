#pragma once

#include <vector>

#include "base/small_vector.hpp"
#include "cost/counts.hpp"
#include "cost/sparsity.hpp"

/// What counts cost: latency and energy.
namespace dnnaccel::cost {

/// The way into or out of a level that keeps it busy longest.
enum class Port : std::uint8_t { none, read, write, shared, inputs, weights, outputs };

/// Latency and energy of one mapping. Cycles are real numbers here and rounded up once, in
/// `cycles`. Words are those that really move, zeros and formats taken into account.
struct Cost {
  std::uint64_t cycles = 0;
  double compute_cycles = 0;  ///< steps of the nest: one MAC per unit and step
  double exposed_cycles = 0;  ///< refills of single-buffered memories, which compute waits for
  double ramp_cycles = 0;     ///< first fill and last drain of double-buffered memories
  PerLevel<double> level_cycles{};  ///< how long a memory's ports, or an array's network, are busy
  PerLevel<Port> level_ports{};     ///< which port, or tensor, that is
  int bound_by = -1;                ///< slowest level, or -1 for compute
  PerLevel<PerRole<double>> reads{};
  PerLevel<PerRole<double>> writes{};
  PerLevel<PerRole<double>> memory_energy{};
  PerLevel<PerRole<double>> network_energy{};
  double mac_energy = 0;
  double leakage_energy = 0;
  double energy = 0;  ///< all of the above
};

/// What a search compares mappings by.
struct Price {
  double energy = 0;
  std::uint64_t cycles = 0;
};

/// Prices counts of one problem on one architecture.
///
/// cycles = max(compute + exposed, busiest level) + ramp. A memory is busy for reads / read
/// bandwidth or writes / write bandwidth, whichever is longer, or (reads + writes) / shared
/// bandwidth, spread over the instances that work; an array's network for the words of the slowest
/// tensor / its bandwidth. Exposed is, for every single-buffered memory below the top, the time its
/// refills take through the parent's ports, the networks between and its own port; and, since
/// compute stops meanwhile, the first tiles of the streamed operands beside it in the PE, anew
/// after each such stop. Ramp is the first tile in and the last tile out of every double-buffered
/// memory.
class Pricer {
 public:
  /// Throws std::invalid_argument if `sparsity` is malformed. The architecture must outlive it.
  Pricer(const problem::Problem& problem, const arch::Architecture& architecture,
         const Sparsity& sparsity = {});

  [[nodiscard]] Cost price(const Counts& counts) const;

  /// Energy and cycles of `price`, to the bit, and nothing else: a search asks millions of times.
  [[nodiscard]] Price total(const Counts& counts) const;

 private:
  /// Cycles per word of a memory's ports; 0 where a port never limits.
  struct Ports {
    double read = 0;
    double write = 0;
    double shared = 0;
  };

  /// Cycles of refills that nothing hides, as `Cost` has them.
  struct Waits {
    double exposed = 0;
    double ramp = 0;
  };

  /// What crosses to refill a memory, by level, and how it is bounded.
  struct Transfer;

  [[nodiscard]] double busy(int level, double reads, double writes, const Counts& counts) const;
  [[nodiscard]] double network_busy(int level, problem::Role role, double words,
                                    const Counts& counts) const;
  [[nodiscard]] Transfer transfer_of(const Counts& counts, int level, bool ramp_only) const;
  [[nodiscard]] double cycles_of(const Transfer& transfer, int level, const Counts& counts) const;
  [[nodiscard]] double restarts(const Counts& counts, int level) const;

  /// A memory or an array as `total` needs it.
  struct FlatLevel {
    int level = 0;
    const arch::Array* array = nullptr;  ///< of an array
    /// Roles that a memory can keep; of others nothing is counted there.
    base::SmallVector<std::uint8_t, kRoles> roles;
    double read_energy = 0;
    double write_energy = 0;
    Ports ports;
    bool waits = false;  ///< for its refills: a memory below the top that is not streamed
    bool twofold = false;
    bool limited = false;  ///< some port, or some role's network, has a bandwidth
    PerRole<double> network{};
  };

  void flatten();
  [[nodiscard]] double total_memory(const FlatLevel& flat, const Counts& counts,
                                    PerRole<double>& energies) const;
  [[nodiscard]] double total_network(const FlatLevel& flat, const Counts& counts,
                                     PerRole<double>& energies) const;
  void price_words(const Counts& counts, Cost& cost) const;
  void price_networks(const Counts& counts, Cost& cost) const;
  [[nodiscard]] Waits waits(const Counts& counts) const;

  const arch::Architecture& architecture_;
  Sparsity sparsity_;
  double outputs_ = 0;  ///< words of the output tensor
  PerLevel<Ports> ports_{};
  PerLevel<PerRole<double>> network_{};  ///< cycles per word; 0 where it never limits
  bool dense_ = false;                   ///< no zeros, and every count is exact as a double
  bool waits_ = false;                   ///< some memory below the top is not streamed
  std::vector<FlatLevel> flat_;
  PerLevel<int> pe_group_{};  ///< arrays around a level: levels of one group are beside each other
};

}  // namespace dnnaccel::cost
