#pragma once

#include <cstdint>
#include <functional>
#include <vector>

/// The counting of SCALE-Sim 3.0.0, figure for figure, its slips included (docs/scalesim.md has the
/// formulas). Lines are what SCALE-Sim calls cycles before stalls: one line of demands of the
/// array.
namespace dnnaccel::sim::scalesim {

enum class Dataflow : std::uint8_t { os, ws, is };
enum class Mode : std::uint8_t {
  calc,  ///< bandwidth is worked out: reads never wait
  user,  ///< bandwidth is given: reads wait for what is prefetched
};

/// One layer as a topology file has it, padding included in its sizes. Of every `block` rows of the
/// filter matrix the first `kept` are there (sparse weights); equal numbers are dense.
struct Layer {
  std::int64_t ifmap_rows = 1;
  std::int64_t ifmap_columns = 1;
  std::int64_t filter_rows = 1;
  std::int64_t filter_columns = 1;
  std::int64_t channels = 1;
  std::int64_t filters = 1;
  std::int64_t row_stride = 1;
  std::int64_t column_stride = 1;
  std::int64_t kept = 1;
  std::int64_t block = 1;
};

/// The array and its memories. A word is a byte; bandwidths are in words per cycle, and matter in
/// user mode alone.
struct Config {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t ifmap_kb = 1;
  std::int64_t filter_kb = 1;
  std::int64_t ofmap_kb = 1;
  Dataflow dataflow = Dataflow::os;
  Mode mode = Mode::calc;
  std::int64_t ifmap_bandwidth = 10;
  std::int64_t filter_bandwidth = 10;
  std::int64_t ofmap_bandwidth = 10;
};

/// First and last cycle of an operand's traffic at one memory, and its words.
struct Traffic {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t words = 0;

  bool operator==(const Traffic&) const = default;
};

struct OperandCount {
  Traffic sram;
  Traffic dram;

  bool operator==(const OperandCount&) const = default;
};

/// What SCALE-Sim counts of one layer; its reports are quotients of these.
struct Count {
  std::int64_t cycles = 0;  ///< its "Total Cycles": the last cycle's index, stalls included
  std::int64_t stalls = 0;
  std::int64_t folds = 0;
  double mapping_efficiency = 0.0;   ///< average over folds, of 1
  double compute_utilization = 0.0;  ///< average over folds, of 1
  /// SRAM reads of the ifmap where weights stay and are sparse: each as often as blocks are longer
  /// than what they keep.
  double sparse_ifmap_reads = 0.0;
  OperandCount ifmap;
  OperandCount filter;
  OperandCount ofmap;

  bool operator==(const Count&) const = default;
};

/// Asked now and then; false stops the count, which then throws Stopped.
using KeepGoing = std::function<bool()>;
struct Stopped {};

/// Count one layer. Throws std::invalid_argument for sizes that make no sense, std::domain_error
/// for what SCALE-Sim itself cannot count or what is too large to be counted exactly.
[[nodiscard]] Count count(const Layer& layer, const Config& config, const KeepGoing& keep_going);

}  // namespace dnnaccel::sim::scalesim
