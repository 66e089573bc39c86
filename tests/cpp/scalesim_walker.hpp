#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "sim/scalesim.hpp"

/// SCALE-Sim as it is written: matrices of addresses, matrices of demands line by line, and buffers
/// that look at every word. Slow and plain; what cpp/sim/scalesim* must equal.
namespace dnnaccel::testing::scalesim {

using namespace dnnaccel::sim::scalesim;
using Matrix = std::vector<std::vector<std::int64_t>>;

inline constexpr std::int64_t kEmpty = -1;

inline std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

inline Matrix transposed(const Matrix& m) {
  Matrix out(m[0].size(), std::vector<std::int64_t>(m.size()));
  for (std::size_t i = 0; i < m.size(); ++i) {
    for (std::size_t j = 0; j < m[i].size(); ++j) out[j][i] = m[i][j];
  }
  return out;
}

/// Rows and columns from (row, column) on, filled up with empty slots to height x width.
inline Matrix block(const Matrix& m, std::int64_t row, std::int64_t column, std::int64_t height,
                    std::int64_t width) {
  Matrix out(static_cast<std::size_t>(height),
             std::vector<std::int64_t>(static_cast<std::size_t>(width), kEmpty));
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      const auto r = static_cast<std::size_t>(row + i);
      const auto c = static_cast<std::size_t>(column + j);
      if (r < m.size() && c < m[r].size())
        out[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = m[r][c];
    }
  }
  return out;
}

/// Empty lines before, the matrix with each column a line later than its neighbour where skewed,
/// and empty lines until there are `lines`.
inline void append(Matrix& demands, const Matrix& m, std::int64_t before, bool skewed,
                   std::int64_t lines) {
  const std::size_t start = demands.size();
  demands.resize(start + static_cast<std::size_t>(lines),
                 std::vector<std::int64_t>(m[0].size(), kEmpty));
  for (std::size_t i = 0; i < m.size(); ++i) {
    for (std::size_t j = 0; j < m[i].size(); ++j) {
      const std::size_t line = static_cast<std::size_t>(before) + i + (skewed ? j : 0);
      if (m[i][j] != kEmpty) demands.at(start + line)[j] = m[i][j];
    }
  }
}

struct Operands {
  Matrix a;  ///< pixels x window
  Matrix b;  ///< window x filters
  Matrix o;  ///< pixels x filters
};

inline Operands operands(const Layer& l) {
  const std::int64_t rows = up(l.ifmap_rows - l.filter_rows + l.row_stride, l.row_stride);
  const std::int64_t columns =
      up(l.ifmap_columns - l.filter_columns + l.column_stride, l.column_stride);
  Operands out;
  for (std::int64_t p = 0; p < rows * columns; ++p) {
    std::vector<std::int64_t>& window = out.a.emplace_back();
    for (std::int64_t j = 0; j < l.filter_rows * l.filter_columns * l.channels; ++j) {
      if (j % l.block >= l.kept) continue;
      const std::int64_t y = p / columns * l.row_stride + j / (l.filter_columns * l.channels);
      const std::int64_t x = p % columns * l.column_stride + j / l.channels % l.filter_columns;
      const bool there = y < l.ifmap_rows && x < l.ifmap_columns;
      window.push_back(there ? (y * l.ifmap_columns + x) * l.channels + j % l.channels : kEmpty);
    }
    std::vector<std::int64_t>& outputs = out.o.emplace_back();
    for (std::int64_t k = 0; k < l.filters; ++k) outputs.push_back(p * l.filters + k);
  }
  const auto window = static_cast<std::int64_t>(out.a[0].size());
  for (std::int64_t j = 0; j < window; ++j) {
    std::vector<std::int64_t>& row = out.b.emplace_back();
    for (std::int64_t k = 0; k < l.filters; ++k) row.push_back(k * window + j);
  }
  return out;
}

struct Demands {
  Matrix ifmap;
  Matrix filter;
  Matrix ofmap;
};

inline Demands demands(const Operands& m, const Config& c) {
  const std::int64_t r = c.rows;
  const std::int64_t w = c.columns;
  const auto pixels = static_cast<std::int64_t>(m.a.size());
  const auto window = static_cast<std::int64_t>(m.b.size());
  const auto filters = static_cast<std::int64_t>(m.b[0].size());
  const Matrix at = transposed(m.a);
  const Matrix outputs_by_filter = transposed(m.o);
  Demands out;
  if (c.dataflow == Dataflow::os) {
    const std::int64_t lines = window + r + w - 2;
    for (std::int64_t fc = 0; fc < filters; fc += w) {
      for (std::int64_t fr = 0; fr < pixels; fr += r) {
        append(out.ifmap, block(at, 0, fr, window, r), 0, true, lines);
        append(out.filter, block(m.b, 0, fc, window, w), 0, true, lines);
        Matrix outputs = block(m.o, fr, fc, r, w);
        std::reverse(outputs.begin(), outputs.end());
        append(out.ofmap, outputs, window - 1, true, lines);
      }
    }
    return out;
  }
  const bool ws = c.dataflow == Dataflow::ws;
  const std::int64_t steps = ws ? pixels : filters;
  const std::int64_t lines = 2 * r + w + steps - 2;
  const Matrix& stays = ws ? m.b : at;
  const Matrix bt = transposed(m.b);
  const Matrix& streams = ws ? m.a : bt;
  for (std::int64_t fc = 0; fc < (ws ? filters : pixels); fc += w) {
    for (std::int64_t fr = 0; fr < window; fr += r) {
      Matrix loaded = block(stays, fr, fc, r, w);
      std::reverse(loaded.begin(), loaded.end());
      append(ws ? out.filter : out.ifmap, loaded, 0, false, lines);
      append(ws ? out.ifmap : out.filter, block(streams, 0, fr, steps, r), r, true, lines);
      append(out.ofmap, block(ws ? m.o : outputs_by_filter, 0, fc, steps, w), 2 * r - 1, true,
             lines);
    }
  }
  return out;
}

/// The read buffer of CALC mode: sets are filled, and all are dropped when there are 50.
struct FlushedBuffer {
  std::int64_t set_size;
  std::set<std::int64_t> held;
  std::int64_t first = -1;
  std::int64_t flushes = 0;
  std::int64_t last_flush = 0;
  std::int64_t reads = 0;

  explicit FlushedBuffer(std::int64_t kb) : set_size(1024 * kb / 100) {}

  std::int64_t serve(const std::vector<std::int64_t>& line, std::int64_t now) {
    for (const std::int64_t address : line) {
      if (address == kEmpty) continue;
      if (first < 0) first = now;
      if (!held.insert(address).second) continue;
      ++reads;
      if (static_cast<std::int64_t>(held.size()) < 50 * set_size) continue;
      held.clear();
      ++flushes;
      last_flush = now;
    }
    return 0;
  }

  [[nodiscard]] Traffic dram() const {
    const std::int64_t sets = up(static_cast<std::int64_t>(held.size()), set_size);
    if (flushes == 0) return {-up(sets * set_size, 10), -1, reads};
    return {first - up(50 * set_size, 10), last_flush + 1, reads};
  }
};

/// The read buffer of USER mode: a ring of sets, a window on it, and fetches one after another.
struct RingBuffer {
  std::vector<std::set<std::int64_t>> sets{{}};
  std::int64_t bandwidth;
  std::int64_t active;
  std::int64_t ahead;
  std::int64_t held;
  std::int64_t step;
  std::int64_t first_lines;
  std::int64_t at = 0;
  std::int64_t fetches = 0;
  std::int64_t end = -1;

  RingBuffer(const std::vector<std::int64_t>& list, std::int64_t kb, std::int64_t words_per_cycle)
      : bandwidth(words_per_cycle), active(512 * kb), ahead(512 * kb) {
    const std::int64_t size = up(1024 * kb, 100);
    std::int64_t in_set = 0;
    for (const std::int64_t address : list) {
      if (address == kEmpty) continue;
      sets.back().insert(address);
      if (++in_set < size) continue;
      sets.emplace_back();
      in_set = 0;
    }
    const auto all = static_cast<std::int64_t>(sets.size());
    held = std::min(all, up(active, size));
    step = std::min(all - held, up(ahead, size));
    first_lines =
        std::min(up(active, bandwidth), up(static_cast<std::int64_t>(list.size()), bandwidth));
  }

  [[nodiscard]] bool hit(std::int64_t address) const {
    for (std::int64_t i = 0; i < held; ++i) {
      const auto set = static_cast<std::size_t>(at + i) % sets.size();
      if (sets[set].contains(address)) return true;
    }
    return false;
  }

  std::int64_t serve(const std::vector<std::int64_t>& line, std::int64_t now) {
    std::int64_t offset = 1;
    for (const std::int64_t address : line) {
      if (address == kEmpty) continue;
      while (!hit(address)) {
        at = (at + step) % static_cast<std::int64_t>(sets.size());
        ++fetches;
        end += up(ahead, bandwidth) + 1;
        const std::int64_t late = end - (now + offset);
        offset += late;
        if (late > 0) offset += late;
      }
    }
    return offset - 1;
  }

  [[nodiscard]] Traffic dram() const {
    return {-first_lines, end, bandwidth * (first_lines + fetches * up(ahead, bandwidth))};
  }
};

/// The write buffer of both modes, word by word, line by line.
struct PackedBuffer {
  std::int64_t size;
  std::int64_t bandwidth;
  std::int64_t free = size;
  std::int64_t open = 0;
  std::deque<std::int64_t> lines;
  std::int64_t drain_end = 0;
  bool any = false;
  Traffic dram;

  std::int64_t serve(const std::vector<std::int64_t>& line, std::int64_t now) {
    for (const std::int64_t address : line) {
      if (address == kEmpty) continue;
      --free;
      if (++open == bandwidth) close();
      if (now < drain_end) {
        if (free <= 0) now = drain_end;
      } else if (free < size - size / 2) {
        close();
        drain(now);
      }
    }
    return now;
  }

  void close() {
    if (open > 0) lines.push_back(open);
    open = 0;
  }

  void drain(std::int64_t now) {
    const std::int64_t taken =
        std::min(up(size / 2, bandwidth), static_cast<std::int64_t>(lines.size()));
    const std::int64_t last = lines[static_cast<std::size_t>(taken - 1)];
    const std::int64_t words = (taken - 1) * bandwidth + last;
    lines.erase(lines.begin(), lines.begin() + taken);
    free += words;
    dram.words += words;
    drain_end = now + taken - 1;
    dram.start = any ? std::min(dram.start, now) : now;
    dram.stop = any ? std::max(dram.stop, drain_end) : drain_end;
    any = true;
  }

  void empty(std::int64_t now) {
    for (close(); !lines.empty(); now = drain_end + 1) drain(now);
  }
};

/// Blocks of a matrix, `width` columns each, one below the other, read along diagonals if `skewed`.
inline std::vector<std::int64_t> prefetch_order(const Matrix& m, std::int64_t width, bool skewed) {
  Matrix stack;
  const auto height = static_cast<std::int64_t>(m.size());
  for (std::int64_t column = 0; column < static_cast<std::int64_t>(m[0].size()); column += width) {
    for (auto& row : block(m, 0, column, height, width)) stack.push_back(row);
  }
  std::vector<std::int64_t> out;
  if (!skewed) {
    for (const auto& row : stack) out.insert(out.end(), row.begin(), row.end());
    return out;
  }
  const auto rows = static_cast<std::int64_t>(stack.size());
  for (std::int64_t diagonal = 0; diagonal < rows + width; ++diagonal) {
    for (std::int64_t row = std::min(diagonal, rows - 1);
         row >= std::max<std::int64_t>(0, diagonal - width + 1); --row) {
      out.push_back(stack[static_cast<std::size_t>(row)][static_cast<std::size_t>(diagonal - row)]);
    }
  }
  return out;
}

inline bool asks(const std::vector<std::int64_t>& line) {
  return std::any_of(line.begin(), line.end(), [](std::int64_t a) { return a != kEmpty; });
}

/// Go through all lines and count what the reports show of traffic and time.
template <typename ReadBuffer>
Count walk_lines(const Demands& d, ReadBuffer ifmap, ReadBuffer filter, PackedBuffer ofmap) {
  Count out;
  std::array<bool, 3> seen{};
  std::array<OperandCount*, 3> counts{&out.ifmap, &out.filter, &out.ofmap};
  std::int64_t done = 0;
  for (std::size_t line = 0; line < d.ofmap.size(); ++line) {
    const std::int64_t now = static_cast<std::int64_t>(line) + out.stalls;
    const std::int64_t a = ifmap.serve(d.ifmap[line], now);
    const std::int64_t b = filter.serve(d.filter[line], now);
    done = ofmap.serve(d.ofmap[line], now);
    const std::array times{now + a + 1, now + b + 1, done};
    const std::array lines{&d.ifmap[line], &d.filter[line], &d.ofmap[line]};
    for (std::size_t i = 0; i < 3; ++i) {
      if (!asks(*lines[i])) continue;
      if (!seen[i]) counts[i]->sram.start = times[i];
      counts[i]->sram.stop = times[i];
      seen[i] = true;
    }
    out.stalls += std::max({a, b, done - now});
  }
  ofmap.empty(done);
  out.cycles = done;
  out.ifmap.dram = ifmap.dram();
  out.filter.dram = filter.dram();
  out.ofmap.dram = ofmap.dram;
  return out;
}

/// Stalls, cycles, DRAM traffic and SRAM times of a layer; SRAM words and averages are left at 0.
inline Count walk(const Layer& layer, const Config& config) {
  const Operands m = operands(layer);
  const Demands d = demands(m, config);
  const std::int64_t size = 1024 * config.ofmap_kb;
  if (config.mode == Mode::calc) {
    return walk_lines(d, FlushedBuffer(config.ifmap_kb), FlushedBuffer(config.filter_kb),
                      PackedBuffer{.size = size, .bandwidth = config.columns});
  }
  const Matrix at = transposed(m.a);
  const Matrix bt = transposed(m.b);
  const std::int64_t r = config.rows;
  const std::int64_t w = config.columns;
  const auto [ifmap,
              filter] = [&]() -> std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> {
    switch (config.dataflow) {
      case Dataflow::os:
        return {prefetch_order(at, r, true), prefetch_order(m.b, w, true)};
      case Dataflow::ws:
        return {prefetch_order(m.a, r, true), prefetch_order(m.b, w, false)};
      case Dataflow::is:
        return {prefetch_order(at, w, false), prefetch_order(bt, r, true)};
    }
    return {};
  }();
  return walk_lines(d, RingBuffer(ifmap, config.ifmap_kb, config.ifmap_bandwidth),
                    RingBuffer(filter, config.filter_kb, config.filter_bandwidth),
                    PackedBuffer{.size = size, .bandwidth = config.ofmap_bandwidth});
}

}  // namespace dnnaccel::testing::scalesim
