#include "sim/scalesim.hpp"

#include <initializer_list>
#include <stdexcept>
#include <string>

#include "base/math.hpp"
#include "sim/scalesim_buffers.hpp"
#include "sim/scalesim_user.hpp"
#include "sim/scalesim_window.hpp"

namespace dnnaccel::sim::scalesim {

namespace {

/// SCALE-Sim keeps cycles and addresses as doubles: beyond this it does not count exactly itself.
constexpr std::int64_t kLargest = std::int64_t{1} << 53;
/// Sums over folds are made one by one, as SCALE-Sim makes them, for they round.
constexpr std::int64_t kMostFolds = std::int64_t{1} << 30;
/// Words of an ifmap that does not fit its memory: each takes a bit here.
constexpr std::int64_t kMostWalked = std::int64_t{1} << 33;
constexpr std::int64_t kLargestSize = (std::int64_t{1} << 31) - 1;

void require(std::int64_t value, const char* what, std::int64_t most = kLargestSize) {
  if (value >= 1 && value <= most) return;
  throw std::invalid_argument(std::string("SCALE-Sim: ") + what + " is " + std::to_string(value) +
                              "; it must be from 1 to " + std::to_string(most));
}

void validate(const Layer& layer, const Config& config) {
  require(config.rows, "rows of the array", 1 << 16);
  require(config.columns, "columns of the array", 1 << 16);
  require(config.ifmap_kb, "ifmap memory in kB");
  require(config.filter_kb, "filter memory in kB");
  require(config.ofmap_kb, "ofmap memory in kB");
  require(config.ifmap_bandwidth, "ifmap bandwidth");
  require(config.filter_bandwidth, "filter bandwidth");
  require(config.ofmap_bandwidth, "ofmap bandwidth");
  require(layer.ifmap_rows, "ifmap height");
  require(layer.ifmap_columns, "ifmap width");
  require(layer.filter_rows, "filter height", layer.ifmap_rows);
  require(layer.filter_columns, "filter width", layer.ifmap_columns);
  require(layer.channels, "number of channels");
  require(layer.filters, "number of filters");
  require(layer.row_stride, "stride of rows");
  require(layer.column_stride, "stride of columns");
  require(layer.block, "block size of sparsity");
  require(layer.kept, "kept rows of a sparse block", layer.block);
}

void require_countable(std::initializer_list<std::int64_t> factors, const char* what) {
  double product = 1.0;
  for (const std::int64_t factor : factors) product *= static_cast<double>(factor);
  if (product < static_cast<double>(kLargest)) return;
  throw std::domain_error(std::string("SCALE-Sim: the layer has too many ") + what +
                          "; from 2**53 on SCALE-Sim itself loses count");
}

/// Products are checked before anything is multiplied in integers.
void require_countable(const Layer& layer, const Config& config) {
  require_countable({layer.ifmap_rows, layer.ifmap_columns, layer.channels}, "ifmap words");
  require_countable({layer.filter_rows, layer.filter_columns, layer.channels, layer.filters},
                    "filter words");
  const Shape shape(layer);
  const std::int64_t dense = shape.dense_window;
  require_countable({shape.pixel_rows, shape.pixel_columns, layer.filters}, "outputs");
  require_countable({shape.pixel_rows, shape.pixel_columns, dense, layer.filters, 100}, "MACs");
  const Folds folds(shape, config);
  require_countable({folds.row_folds, folds.column_folds, folds.lines + config.columns, config.rows,
                     config.columns},
                    "cycles");
  if (folds.folds() > kMostFolds) {
    throw std::domain_error("SCALE-Sim: the layer takes " + std::to_string(folds.folds()) +
                            " folds, more than 2**30; a larger array or a smaller layer is needed");
  }
  if (folds.folds() * folds.lines == 1) {
    throw std::domain_error(
        "SCALE-Sim: the layer takes one cycle, of which SCALE-Sim makes 0 and divides by it");
  }
}

/// Averages over folds, added up in SCALE-Sim's order, since the sums round.
void average(const Layer& layer, const Folds& folds, const KeepGoing& keep_going, Count& count) {
  const std::int64_t lines = folds.lines + (folds.dataflow == Dataflow::os ? 0 : folds.columns - 1);
  const double cells = static_cast<double>(folds.rows * folds.columns);
  const double cycles = static_cast<double>(folds.rows * folds.columns * lines);
  double mapped = 0.0;
  double busy = 0.0;
  const double again = static_cast<double>(layer.block) / static_cast<double>(layer.kept);
  for (std::int64_t column_fold = 0; column_fold < folds.column_folds; ++column_fold) {
    const std::int64_t across = folds.used_columns(column_fold);
    for (std::int64_t row_fold = 0; row_fold < folds.row_folds; ++row_fold) {
      if ((column_fold * folds.row_folds + row_fold) % 65536 == 65535 && !keep_going())
        throw Stopped{};
      const std::int64_t used = across * folds.used_rows(row_fold);
      mapped += static_cast<double>(used) / cells;
      busy += static_cast<double>(used * folds.steps) / cycles;
      count.sparse_ifmap_reads +=
          static_cast<double>(folds.used_rows(row_fold) * folds.steps) * again;
    }
  }
  count.mapping_efficiency = mapped / static_cast<double>(folds.folds());
  count.compute_utilization = busy / static_cast<double>(folds.folds());
}

/// First and last line, and words, of what the array asks of the SRAM; then stalls come on top.
Traffic demanded(const Folds& folds, Operand operand) {
  const std::int64_t words = folds.words(operand);
  return {folds.line_of(operand, 0), folds.line_of(operand, words - 1), words};
}

Traffic fetched(const Fetches& fetches, std::int64_t capacity, std::int64_t first_line,
                const Stalls& stalls) {
  constexpr std::int64_t kFirstBandwidth = 10;
  if (fetches.flushes == 0) {
    const std::int64_t set = capacity / 50;
    const std::int64_t sets = base::ceil_div(fetches.words, set);
    return {-base::ceil_div(sets * set, kFirstBandwidth), -1, fetches.words};
  }
  const std::int64_t last = fetches.last_flush_line;
  return {first_line - base::ceil_div(capacity, kFirstBandwidth), last + stalls.before(last) + 1,
          fetches.words};
}

void count_calc(const Layer& layer, const Config& config, const Shape& shape, const Folds& folds,
                const KeepGoing& keep_going, Count& count) {
  WriteBuffer buffer(config.ofmap_kb, config.columns);
  const Stalls stalls = write_outputs(folds, buffer, keep_going);
  count.stalls = stalls.total();
  count.cycles = folds.folds() * folds.lines - 1 + count.stalls;
  count.ofmap.dram = buffer.dram();
  const std::int64_t ifmap = read_capacity(config.ifmap_kb);
  const std::int64_t filter = read_capacity(config.filter_kb);
  count.ifmap.dram = fetched(fetch_ifmap(layer, shape, folds, ifmap, keep_going), ifmap,
                             count.ifmap.sram.start, stalls);
  count.filter.dram =
      fetched(fetch_filter(folds, filter, keep_going), filter, count.filter.sram.start, stalls);
  for (OperandCount* read : {&count.ifmap, &count.filter}) {
    // A read is there one cycle after it was asked for.
    read->sram.start += stalls.before(read->sram.start) + 1;
    read->sram.stop += stalls.before(read->sram.stop) + 1;
  }
  count.ofmap.sram.start += stalls.before(count.ofmap.sram.start + 1);
  count.ofmap.sram.stop += stalls.before(count.ofmap.sram.stop + 1);
}

}  // namespace

Count count(const Layer& layer, const Config& config, const KeepGoing& keep_going) {
  validate(layer, config);
  require_countable(layer, config);
  const Shape shape(layer);
  const Folds folds(shape, config);
  const std::int64_t ifmap_words = layer.ifmap_rows * layer.ifmap_columns * layer.channels;
  if (ifmap_words > kMostWalked && distinct_words(layer, shape) >= read_capacity(config.ifmap_kb)) {
    throw std::domain_error("SCALE-Sim: an ifmap of " + std::to_string(ifmap_words) +
                            " words does not fit its memory, and more than 2**33 are not walked");
  }
  Count count;
  count.folds = folds.folds();
  average(layer, folds, keep_going, count);
  count.ifmap.sram = demanded(folds, Operand::ifmap);
  count.ifmap.sram.stop = last_ifmap_line(layer, shape, folds, keep_going);
  count.filter.sram = demanded(folds, Operand::filter);
  count.ofmap.sram = demanded(folds, Operand::ofmap);
  // A slip of SCALE-Sim's: rows and columns of the array on top of each fold's outputs.
  if (config.dataflow == Dataflow::os) {
    count.ofmap.sram.words += folds.folds() * (folds.rows + folds.columns);
  }
  if (config.mode == Mode::user) {
    count_user(layer, config, shape, folds, keep_going, count);
  } else {
    count_calc(layer, config, shape, folds, keep_going, count);
  }
  return count;
}

}  // namespace dnnaccel::sim::scalesim
