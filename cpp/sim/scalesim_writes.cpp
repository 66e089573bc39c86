#include <algorithm>
#include <iterator>

#include "base/math.hpp"
#include "sim/scalesim_buffers.hpp"

namespace dnnaccel::sim::scalesim {

void WriteBuffer::put(std::int64_t words) {
  free_ -= words;
  open_ += words;
  const std::int64_t lines = open_ / bandwidth_;
  if (lines == 0) return;
  open_ %= bandwidth_;
  if (!packed_.empty() && packed_.back().fill == bandwidth_) {
    packed_.back().lines += lines;
  } else {
    packed_.push_back({lines, bandwidth_});
  }
}

void WriteBuffer::close() {
  if (open_ == 0) return;
  packed_.push_back({1, open_});
  open_ = 0;
}

void WriteBuffer::drain(std::int64_t now) {
  std::int64_t wanted = base::ceil_div(drained_, bandwidth_);
  std::int64_t lines = 0;
  std::int64_t last_fill = 0;
  while (wanted > 0 && !packed_.empty()) {
    Run& run = packed_.front();
    const std::int64_t taken = std::min(wanted, run.lines);
    lines += taken;
    wanted -= taken;
    run.lines -= taken;
    last_fill = run.fill;
    if (run.lines == 0) packed_.pop_front();
  }
  // Empty slots are left out of the last line only, wherever there are any.
  const std::int64_t words = lines * bandwidth_ - (bandwidth_ - last_fill);
  free_ += words;
  dram_.words += words;
  drain_end_ = now + lines - 1;
  dram_.start = any_ ? std::min(dram_.start, now) : now;
  dram_.stop = any_ ? std::max(dram_.stop, drain_end_) : drain_end_;
  any_ = true;
}

std::int64_t WriteBuffer::quiet_words(std::int64_t now) const {
  // While it drains, until no space is left; else until the next drain.
  return std::max<std::int64_t>((draining(now) ? free_ : free_ - (size_ - drained_) + 1) - 1, 0);
}

std::int64_t WriteBuffer::service(std::int64_t words, std::int64_t now) {
  while (words > 0) {
    const std::int64_t quiet = quiet_words(now);
    if (quiet >= words) {
      put(words);
      return now;
    }
    put(quiet + 1);
    words -= quiet + 1;
    if (draining(now)) {
      now = drain_end_;
    } else {
      close();
      drain(now);
    }
  }
  return now;
}

void WriteBuffer::empty(std::int64_t now) {
  close();
  while (!packed_.empty()) {
    drain(now);
    now = drain_end_ + 1;
  }
}

void Stalls::add(std::int64_t line, std::int64_t cycles) {
  if (cycles != 0) events_.push_back({line, total() + cycles});
}

std::int64_t Stalls::before(std::int64_t line) const {
  const auto after = std::lower_bound(events_.begin(), events_.end(), line,
                                      [](const Event& e, std::int64_t l) { return e.line < l; });
  return after == events_.begin() ? 0 : std::prev(after)->until;
}

Stalls write_outputs(const Folds& folds, WriteBuffer& buffer, const KeepGoing& keep_going) {
  const std::int64_t total = folds.words(Operand::ofmap);
  const std::int64_t lines = folds.folds() * folds.lines;
  Stalls stalls;
  std::int64_t written = 0;
  for (std::int64_t line = 0, turn = 0; line < lines; ++turn) {
    if (turn % 4096 == 4095 && !keep_going()) throw Stopped{};
    // Lines on which nothing but storing happens are skipped at once.
    const std::int64_t now = line + stalls.total();
    const std::int64_t eventful = written + buffer.quiet_words(now);
    std::int64_t next = eventful < total ? folds.line_of(Operand::ofmap, eventful) : lines;
    if (buffer.draining(now)) next = std::min(next, buffer.drain_end() - stalls.total());
    if (next > line) {
      const std::int64_t before = folds.before(Operand::ofmap, next);
      buffer.put(before - written);
      written = before;
      line = next;
      continue;
    }
    const std::int64_t words = folds.before(Operand::ofmap, line + 1) - written;
    stalls.add(line, buffer.service(words, now) - now);
    written += words;
    ++line;
  }
  buffer.empty(lines - 1 + stalls.total());
  return stalls;
}

}  // namespace dnnaccel::sim::scalesim
