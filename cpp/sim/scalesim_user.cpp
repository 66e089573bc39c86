#include "sim/scalesim_user.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/math.hpp"
#include "sim/scalesim_buffers.hpp"

namespace dnnaccel::sim::scalesim {

namespace {

/// Words of an operand's prefetch list: each is kept here.
constexpr std::int64_t kMostPrefetched = std::int64_t{1} << 27;

/// Addresses of one of the two operands, as the array's folds see them.
class Addresses {
 public:
  Addresses(const Shape& shape, const Window& window, const Folds& folds, Operand operand)
      : shape_(shape), window_(window), folds_(folds), operand_(operand) {}

  /// How many addresses there may be.
  [[nodiscard]] std::int64_t count(const Layer& layer) const {
    return operand_ == Operand::filter ? shape_.window * shape_.filters
                                       : layer.ifmap_rows * layer.ifmap_columns * layer.channels;
  }

  /// The word that a lane asks for on a line of a fold, or -1.
  [[nodiscard]] std::int64_t demanded(const Lanes& lanes, std::int64_t row_fold,
                                      std::int64_t column_fold, std::int64_t line,
                                      std::int64_t lane) const {
    if (operand_ == Operand::ifmap) {
      const auto [p, j] = demand(folds_, lanes, row_fold, column_fold, line, lane);
      return p < 0 ? -1 : window_.address(p, j);
    }
    const std::int64_t row = row_fold * folds_.rows;
    const std::int64_t column = column_fold * folds_.columns;
    if (!lanes.skewed) return filter(row + folds_.rows - 1 - line, column + lane);
    const std::int64_t step = line - lanes.first - lane;
    if (step < 0 || step >= lanes.length) return -1;
    return folds_.dataflow == Dataflow::os ? filter(step, column + lane) : filter(row + lane, step);
  }

  /// The prefetch list: every fold once, those side by side in the array as blocks of one matrix,
  /// which is read along its diagonals where demands are skewed. `slots` counts its empty ones too.
  [[nodiscard]] std::vector<std::uint32_t> list(std::int64_t& slots,
                                                const KeepGoing& keep_going) const {
    const bool stays = !folds_.lanes(operand_, 0, 0).skewed;
    const bool across = stays || (folds_.dataflow == Dataflow::os && operand_ == Operand::filter);
    const std::int64_t width = across ? folds_.columns : folds_.rows;
    const std::int64_t height = stays ? folds_.row_span : folds_.steps;
    const std::int64_t blocks = across ? folds_.column_folds : folds_.row_folds;
    const std::int64_t span = across ? folds_.column_span : folds_.row_span;
    const std::int64_t rows = blocks * height;
    slots = rows * width;
    if (slots > kMostPrefetched) {
      throw std::domain_error("SCALE-Sim: user mode would prefetch " + std::to_string(slots) +
                              " words in one order; at most 2**27 are walked");
    }
    std::vector<std::uint32_t> out;
    out.reserve(static_cast<std::size_t>(slots));
    const auto add = [&](std::int64_t row, std::int64_t column) {
      const std::int64_t spread = row / height * width + column;
      if (spread >= span) return;
      const std::int64_t address = prefetched(row % height, spread);
      if (address >= 0) out.push_back(static_cast<std::uint32_t>(address));
    };
    if (stays) {
      for (std::int64_t row = 0; row < rows; ++row) {
        if (row % 4096 == 4095 && !keep_going()) throw Stopped{};
        for (std::int64_t column = 0; column < width; ++column) add(row, column);
      }
      return out;
    }
    for (std::int64_t diagonal = 0; diagonal < rows + width - 1; ++diagonal) {
      if (diagonal % 4096 == 4095 && !keep_going()) throw Stopped{};
      const std::int64_t top = std::max<std::int64_t>(0, diagonal - width + 1);
      for (std::int64_t row = std::min(diagonal, rows - 1); row >= top; --row) {
        add(row, diagonal - row);
      }
    }
    return out;
  }

 private:
  [[nodiscard]] std::int64_t filter(std::int64_t element, std::int64_t which) const {
    return which * shape_.window + element;
  }

  /// The word at `step` (or row of what stays) and place `spread` along the array.
  [[nodiscard]] std::int64_t prefetched(std::int64_t step, std::int64_t spread) const {
    switch (folds_.dataflow) {
      case Dataflow::os:
        return operand_ == Operand::ifmap ? window_.address(spread, step) : filter(step, spread);
      case Dataflow::ws:
        return operand_ == Operand::ifmap ? window_.address(step, spread) : filter(step, spread);
      case Dataflow::is:
        return operand_ == Operand::ifmap ? window_.address(spread, step) : filter(spread, step);
    }
    return -1;
  }

  const Shape& shape_;
  const Window& window_;
  const Folds& folds_;
  Operand operand_;
};

PrefetchBuffer make_buffer(const Addresses& addresses, const Layer& layer, std::int64_t kb,
                           std::int64_t bandwidth, const KeepGoing& keep_going) {
  if (addresses.count(layer) > kMostPrefetched) {
    throw std::domain_error("SCALE-Sim: user mode would look up " +
                            std::to_string(addresses.count(layer)) +
                            " words of an operand; at most 2**27 are walked");
  }
  std::int64_t slots = 0;
  std::vector<std::uint32_t> list = addresses.list(slots, keep_going);
  return {std::move(list), slots, addresses.count(layer), kb, bandwidth};
}

/// Goes through all lines of demands, in which any of the three operands may stall the array.
class UserRun {
 public:
  UserRun(const Folds& folds, std::array<const Addresses*, 2> addresses,
          std::array<PrefetchBuffer*, 2> reads, WriteBuffer& writes)
      : folds_(folds), addresses_(addresses), reads_(reads), writes_(writes) {}

  void run(const KeepGoing& keep_going, Count& count) {
    const Count lines = count;  // SRAM starts and stops are lines until they get their cycles
    std::int64_t line = 0;
    std::int64_t done = 0;
    for (std::int64_t fold = 0; fold < folds_.folds(); ++fold) {
      enter(fold);
      for (std::int64_t local = 0; local < folds_.lines; ++local, ++line) {
        if (line % 1024 == 1023 && !keep_going()) throw Stopped{};
        const std::int64_t now = line + count.stalls;
        const std::array delays{read(0, local, now), read(1, local, now)};
        done = writes_.service(written_.before(local + 1) - written_.before(local), now);
        set_times(lines.ifmap.sram, line, now + 1 + delays[0], count.ifmap.sram);
        set_times(lines.filter.sram, line, now + 1 + delays[1], count.filter.sram);
        set_times(lines.ofmap.sram, line, done, count.ofmap.sram);
        count.stalls += std::max({delays[0], delays[1], done - now});
      }
    }
    writes_.empty(done);
    count.cycles = done;
  }

 private:
  void enter(std::int64_t fold) {
    row_fold_ = fold % folds_.row_folds;
    column_fold_ = fold / folds_.row_folds;
    lanes_ = {folds_.lanes(Operand::ifmap, row_fold_, column_fold_),
              folds_.lanes(Operand::filter, row_fold_, column_fold_)};
    written_ = folds_.lanes(Operand::ofmap, row_fold_, column_fold_);
  }

  std::int64_t read(std::size_t which, std::int64_t local, std::int64_t now) {
    PrefetchBuffer& buffer = *reads_[which];
    const Lanes& lanes = lanes_[which];
    if (!buffer.can_miss() || local < lanes.first || local >= lanes.end()) return 0;
    buffer.begin_line(now);
    for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
      const std::int64_t address =
          addresses_[which]->demanded(lanes, row_fold_, column_fold_, local, lane);
      if (address >= 0) buffer.ask(address);
    }
    return buffer.delay();
  }

  static void set_times(const Traffic& lines, std::int64_t line, std::int64_t cycle, Traffic& out) {
    if (line == lines.start) out.start = cycle;
    if (line == lines.stop) out.stop = cycle;
  }

  const Folds& folds_;
  std::array<const Addresses*, 2> addresses_;
  std::array<PrefetchBuffer*, 2> reads_;
  WriteBuffer& writes_;
  std::int64_t row_fold_ = 0;
  std::int64_t column_fold_ = 0;
  std::array<Lanes, 2> lanes_;
  Lanes written_;
};

}  // namespace

PrefetchBuffer::PrefetchBuffer(std::vector<std::uint32_t> list, std::int64_t slots,
                               std::int64_t addresses, std::int64_t kb, std::int64_t bandwidth)
    : list_(std::move(list)), bandwidth_(bandwidth) {
  const std::int64_t size = 1024 * kb;
  const std::int64_t active = base::ceil_div(size, 2);
  const std::int64_t ahead = size - active;
  set_size_ = base::ceil_div(size, 100);
  sets_ = static_cast<std::int64_t>(list_.size()) / set_size_ + 1;
  held_sets_ = std::min(sets_, base::ceil_div(active, set_size_));
  fetched_sets_ = std::min(sets_ - held_sets_, base::ceil_div(ahead, set_size_));
  first_lines_ = std::min(base::ceil_div(active, bandwidth), base::ceil_div(slots, bandwidth));
  lines_ = base::ceil_div(ahead, bandwidth);
  if (!can_miss()) return;
  there_.resize(static_cast<std::size_t>(addresses));
  for (std::int64_t set = 0; set < held_sets_; ++set) count_set(set, 1);
}

void PrefetchBuffer::count_set(std::int64_t set, std::int32_t by) {
  const auto begin = static_cast<std::size_t>(set * set_size_);
  const std::size_t end = std::min(begin + static_cast<std::size_t>(set_size_), list_.size());
  for (std::size_t i = begin; i < end; ++i) there_[list_[i]] += by;
}

void PrefetchBuffer::prefetch() {
  for (std::int64_t i = 0; i < fetched_sets_; ++i) {
    count_set((window_ + i) % sets_, -1);
    count_set((window_ + held_sets_ + i) % sets_, 1);
  }
  window_ = (window_ + fetched_sets_) % sets_;
  ++fetches_;
  end_ += lines_ + 1;
  const std::int64_t late = end_ - (now_ + latency_);
  // A slip of SCALE-Sim's: what is late counts twice.
  latency_ += late > 0 ? 2 * late : late;
}

Traffic PrefetchBuffer::dram() const {
  return {-first_lines_, end_, bandwidth_ * (first_lines_ + fetches_ * lines_)};
}

void count_user(const Layer& layer, const Config& config, const Shape& shape, const Folds& folds,
                const KeepGoing& keep_going, Count& count) {
  const Window window(layer, shape);
  const Addresses ifmap_words(shape, window, folds, Operand::ifmap);
  const Addresses filter_words(shape, window, folds, Operand::filter);
  PrefetchBuffer ifmap =
      make_buffer(ifmap_words, layer, config.ifmap_kb, config.ifmap_bandwidth, keep_going);
  PrefetchBuffer filter =
      make_buffer(filter_words, layer, config.filter_kb, config.filter_bandwidth, keep_going);
  WriteBuffer writes(config.ofmap_kb, config.ofmap_bandwidth);
  UserRun(folds, {&ifmap_words, &filter_words}, {&ifmap, &filter}, writes).run(keep_going, count);
  count.ifmap.dram = ifmap.dram();
  count.filter.dram = filter.dram();
  count.ofmap.dram = writes.dram();
}

}  // namespace dnnaccel::sim::scalesim
