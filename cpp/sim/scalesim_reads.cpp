#include <algorithm>
#include <unordered_map>
#include <utility>

#include "sim/scalesim_buffers.hpp"
#include "sim/scalesim_window.hpp"

namespace dnnaccel::sim::scalesim {

Fetches fetch_filter(const Folds& folds, std::int64_t capacity, const KeepGoing& keep_going) {
  // The stream of filter words is cut into blocks, each the same distinct words in the same order
  // again and again: one block per column fold where outputs stay, else one in all.
  const bool os = folds.dataflow == Dataflow::os;
  const std::int64_t blocks = os ? folds.column_folds : 1;
  const std::int64_t repeats = os                               ? folds.row_folds
                               : folds.dataflow == Dataflow::is ? folds.column_folds
                                                                : 1;
  Fetches out;
  std::int64_t held = 0;
  std::int64_t begin = 0;
  for (std::int64_t block = 0; block < blocks; ++block) {
    if (block % 4096 == 4095 && !keep_going()) throw Stopped{};
    const std::int64_t all =
        os ? folds.column_words(Operand::filter, block) : folds.words(Operand::filter);
    const std::int64_t distinct = all / repeats;
    // Words in a row from any place in the block are distinct until they are all there; so the
    // buffer fills, if at all, with the first words after a flush.
    std::int64_t done = 0;
    if (capacity - held <= distinct) {
      done = capacity - held;
      const std::int64_t more = distinct >= capacity ? (all - done) / capacity : 0;
      out.flushes += 1 + more;
      done += more * capacity;
      out.last_flush_line = folds.line_of(Operand::filter, begin + done - 1);
      held = 0;
    }
    held += std::min(distinct, all - done);
    begin += all;
  }
  out.words = out.flushes * capacity + held;
  return out;
}

namespace {

/// Walks the ifmap's demands, many lines at a time where the buffer cannot fill up or where it does
/// not, and word by word on the one line on which it does.
class IfmapWalk {
 public:
  IfmapWalk(const Layer& layer, const Shape& shape, const Folds& folds, std::int64_t capacity)
      : window_(layer, shape),
        folds_(folds),
        capacity_(capacity),
        repeats_(folds.dataflow == Dataflow::is ? 1 : folds.column_folds) {}

  Fetches run(const KeepGoing& keep_going) {
    const std::int64_t per_repeat = folds_.folds() / repeats_;
    for (repeat_ = 0; repeat_ < repeats_; ++repeat_) {
      const std::int64_t flushes = out_.flushes;
      for (std::int64_t fold = 0; fold < per_repeat; ++fold) {
        if (!keep_going()) throw Stopped{};
        walk_fold(fold, keep_going);
      }
      // All words were asked for and are still held, so that the next repeats fetch nothing.
      if (out_.flushes == flushes) break;
    }
    out_.words = out_.flushes * capacity_ + window_.held();
    return out_;
  }

 private:
  void walk_fold(std::int64_t fold, const KeepGoing& keep_going) {
    const bool is = folds_.dataflow == Dataflow::is;
    fold_ = fold;
    row_fold_ = is ? fold % folds_.row_folds : fold;
    column_fold_ = is ? fold / folds_.row_folds : 0;
    lanes_ = folds_.lanes(Operand::ifmap, row_fold_, column_fold_);
    const std::int64_t end = lanes_.end();
    std::int64_t line = lanes_.first;
    std::int64_t too_far = end + 1;  // the buffer fills before this line
    for (int turn = 0; line < end; ++turn) {
      if (turn % 16 == 15 && !keep_going()) throw Stopped{};
      // Not too much at once, so that a count can be stopped.
      std::int64_t to = std::min(end, line + std::max<std::int64_t>(kMostAtOnce / lanes_.count, 1));
      const std::int64_t words = lanes_.before(to) - lanes_.before(line);
      const bool safe = window_.held() + words < capacity_;
      if (!safe) {
        to = std::min(guess(line, to), too_far <= end ? line + (too_far - line) / 2 : end);
        if (to <= line) {
          walk_line(line);
          ++line;
          too_far = end + 1;
          continue;
        }
        window_.remember();
      }
      mark(line, to);
      if (!safe && window_.held() >= capacity_) {
        window_.take_back();
        too_far = to;
        continue;
      }
      window_.forget();
      asked_ += lanes_.before(to) - lanes_.before(line);
      line = to;
    }
  }

  /// A line up to which the buffer is not yet full, if words go on to be new as often as they were.
  [[nodiscard]] std::int64_t guess(std::int64_t line, std::int64_t end) const {
    const double room = static_cast<double>(capacity_ - window_.held());
    const double fresh =
        asked_ == 0
            ? 1.0
            : std::max(1.0 / 64, static_cast<double>(window_.held()) / static_cast<double>(asked_));
    const double lines = room / fresh / static_cast<double>(lanes_.count);
    return lines < static_cast<double>(end - line)
               ? line + std::max<std::int64_t>(static_cast<std::int64_t>(lines), 1)
               : end;
  }

  /// Mark the words of lines [line, to) of the fold, in any order.
  void mark(std::int64_t line, std::int64_t to) {
    const std::int64_t row = row_fold_ * folds_.rows;
    if (folds_.dataflow == Dataflow::os) {
      Pixel pixel = window_.pixel(row);
      for (std::int64_t lane = 0; lane < lanes_.count; ++lane, window_.advance(pixel)) {
        window_.mark(pixel, std::max<std::int64_t>(line - lane, 0),
                     std::min(to - lane, lanes_.length));
      }
      return;
    }
    if (folds_.dataflow == Dataflow::ws) {
      const std::int64_t first = line - lanes_.first;
      const std::int64_t last = to - lanes_.first;
      const std::int64_t begin = std::max<std::int64_t>(first - lanes_.count + 1, 0);
      const std::int64_t end = std::min(last, lanes_.length);
      if (begin >= end) return;
      Pixel pixel = window_.pixel(begin);
      for (std::int64_t p = begin; p < end; ++p, window_.advance(pixel)) {
        window_.mark(pixel, row + std::max<std::int64_t>(first - p, 0),
                     row + std::min(last - p, lanes_.count));
      }
      return;
    }
    Pixel pixel = window_.pixel(column_fold_ * folds_.columns);
    for (std::int64_t lane = 0; lane < lanes_.count; ++lane, window_.advance(pixel)) {
      window_.mark(pixel, row + folds_.rows - to, row + folds_.rows - line);
    }
  }

  /// Mark the words of one line in their order, and flush where the buffer is full.
  void walk_line(std::int64_t line) {
    for (std::int64_t lane = 0; lane < lanes_.count; ++lane) {
      const auto [p, j] = demand(folds_, lanes_, row_fold_, column_fold_, line, lane);
      if (p < 0) continue;
      ++asked_;
      window_.mark(window_.pixel(p), j, j + 1);
      if (window_.held() == capacity_) flush(line, lane);
    }
  }

  void flush(std::int64_t line, std::int64_t lane) {
    window_.flush();
    asked_ = 0;
    ++out_.flushes;
    const std::int64_t place = fold_ * folds_.lines + line;
    // After a flush the place in a repeat alone says what comes: once it was here before, whole
    // periods are skipped.
    if (repeats_ > 2 && seen_.size() < kMostSeen) {
      const auto [known, is_new] =
          seen_.try_emplace(place * folds_.rows + lane, std::pair{repeat_, out_.flushes});
      if (!is_new) {
        const auto [repeat, flushes] = known->second;
        const std::int64_t period = repeat_ - repeat;
        const std::int64_t skipped = (repeats_ - 1 - repeat_) / period;
        repeat_ += skipped * period;
        out_.flushes += skipped * (out_.flushes - flushes);
        seen_.clear();
      }
    }
    out_.last_flush_line = repeat_ * (folds_.folds() / repeats_) * folds_.lines + place;
  }

  static constexpr std::size_t kMostSeen = 1'000'000;
  static constexpr std::int64_t kMostAtOnce = 1 << 25;

  Window window_;
  const Folds& folds_;
  std::int64_t capacity_;
  std::int64_t repeats_;
  Fetches out_;
  std::unordered_map<std::int64_t, std::pair<std::int64_t, std::int64_t>> seen_;
  std::int64_t repeat_ = 0;
  std::int64_t fold_ = 0;
  std::int64_t row_fold_ = 0;
  std::int64_t column_fold_ = 0;
  Lanes lanes_;
  std::int64_t asked_ = 0;  ///< words asked for since the last flush
};

/// The last line of a fold on which a word of the ifmap is asked for that exists, or -1.
std::int64_t last_line_of_fold(const Window& window, const Folds& folds, std::int64_t fold) {
  const std::int64_t row_fold = fold % folds.row_folds;
  const std::int64_t column_fold = fold / folds.row_folds;
  const std::int64_t row = row_fold * folds.rows;
  const Lanes lanes = folds.lanes(Operand::ifmap, row_fold, column_fold);
  if (folds.dataflow == Dataflow::is) {
    for (std::int64_t line = lanes.end() - 1; line >= lanes.first; --line) {
      for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
        const auto [p, j] = demand(folds, lanes, row_fold, column_fold, line, lane);
        if (window.exists(p, j)) return line;
      }
    }
    return -1;
  }
  std::int64_t last = -1;
  for (std::int64_t lane = 0; lane < lanes.count; ++lane) {
    const std::int64_t step = folds.dataflow == Dataflow::os ? window.last_element(row + lane)
                                                             : window.last_pixel(row + lane);
    if (step >= 0) last = std::max(last, lanes.first + lane + step);
  }
  return last;
}

}  // namespace

Fetches fetch_ifmap(const Layer& layer, const Shape& shape, const Folds& folds,
                    std::int64_t capacity, const KeepGoing& keep_going) {
  const std::int64_t distinct = distinct_words(layer, shape);
  if (layer.kept == layer.block && distinct < capacity) return {.words = distinct};
  return IfmapWalk(layer, shape, folds, capacity).run(keep_going);
}

std::int64_t last_ifmap_line(const Layer& layer, const Shape& shape, const Folds& folds,
                             const KeepGoing& keep_going) {
  const Window window(layer, shape);
  for (std::int64_t fold = folds.folds() - 1; fold >= 0; --fold) {
    if (!keep_going()) throw Stopped{};
    const std::int64_t line = last_line_of_fold(window, folds, fold);
    if (line >= 0) return fold * folds.lines + line;
  }
  return 0;
}

}  // namespace dnnaccel::sim::scalesim
