#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "sim/dram_spec.hpp"

namespace dnnaccel::sim::dram {

enum class Kind : std::uint8_t { activate, precharge, precharge_all, read, write, refresh };
constexpr std::size_t kKinds = 6;

std::string_view name_of(Kind kind);

struct Command {
  std::uint64_t cycle = 0;
  std::uint32_t channel = 0;
  Kind kind = Kind::activate;
  std::uint32_t bank = 0;  ///< 0 where the command is for all banks
  std::uint64_t row = 0;   ///< of activate, read and write

  friend bool operator==(const Command&, const Command&) = default;
};

/// What holds a command back, by the data sheets' names.
enum class Gate : std::uint8_t {
  none,
  command_bus,
  rcd,
  rp,
  rp_all,
  ras,
  rc,
  rrd_s,
  rrd_l,
  faw,
  ccd_s,
  ccd_l,
  wtr_s,
  wtr_l,
  rtw,
  wr,
  rtp,
  ppd,
  rfc
};
constexpr std::size_t kGates = 19;

std::string_view name_of(Gate gate);

/// The first cycle at which a command may issue, and the gate that opens last.
struct Earliest {
  std::uint64_t cycle = 0;
  Gate gate = Gate::none;
};

/// A command that came before its time.
class TooEarly : public std::invalid_argument {
 public:
  TooEarly(const Command& command, const Earliest& earliest);
  Earliest earliest;
};

class Bound;

/// The timing of one channel: remembers when each bank, each bank group and the channel were last
/// given each command, and so knows when the next may come. Commands come in order of time.
class Gates {
 public:
  Gates(const Organization& sizes, const Timing& times);

  /// When `kind` may issue to `bank`, whatever the state of the bank.
  [[nodiscard]] Earliest earliest(Kind kind, std::uint32_t bank) const;

  /// Issue a command. Throws TooEarly before its time; std::domain_error if the banks are not as
  /// the command needs them (an activate needs a closed bank, a precharge an open one, a read or
  /// write its row open, a refresh all banks closed).
  void issue(const Command& command);

  [[nodiscard]] std::uint32_t banks() const { return static_cast<std::uint32_t>(banks_.size()); }
  [[nodiscard]] bool open(std::uint32_t bank) const { return banks_[bank].open; }
  [[nodiscard]] std::uint64_t row(std::uint32_t bank) const { return banks_[bank].row; }
  [[nodiscard]] std::uint32_t open_banks() const { return open_banks_; }
  /// The refresh was repeated, undisturbed, and last at `cycle`: for long idle times.
  void refreshed_at(std::uint64_t cycle);

 private:
  // Times are signed: before the first command all of them lie far back.
  using Time = std::int64_t;
  static constexpr Time kLongAgo = -(Time{1} << 40);

  struct Bank {
    Time activate = kLongAgo, precharge = kLongAgo, read = kLongAgo, write = kLongAgo;
    std::uint64_t row = 0;
    std::uint32_t group = 0;
    bool open = false;
  };
  struct Last {  ///< of a bank group, or of the channel
    Time activate = kLongAgo, read = kLongAgo, write = kLongAgo;
  };

  void check_state(const Command& command) const;
  void before_precharge(Bound& bound, const Bank& bank) const;
  [[nodiscard]] std::uint32_t bus_cycles(Kind kind) const;
  [[nodiscard]] std::size_t bus_of(Kind kind) const;

  Timing times_;
  Time write_end_;  ///< from a write to the last of its data
  std::vector<Bank> banks_;
  std::vector<Last> groups_;
  Last channel_;
  std::array<Time, 4> last_activates_;  ///< a ring; the oldest is next to be overwritten
  std::size_t oldest_ = 0;
  Time precharge_ = kLongAgo, precharge_all_ = kLongAgo, refresh_ = kLongAgo;
  std::array<Time, 2> bus_free_ = {kLongAgo, kLongAgo};
  std::uint32_t open_banks_ = 0;
};

}  // namespace dnnaccel::sim::dram
