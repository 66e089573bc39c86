#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/scalesim_folds.hpp"

/// SCALE-Sim's buffers between the array and DRAM.
namespace dnnaccel::sim::scalesim {

/// What a read buffer of calc mode fetched. It is flushed whenever it is full.
struct Fetches {
  std::int64_t words = 0;
  std::int64_t flushes = 0;
  std::int64_t last_flush_line = 0;
};

/// Words that a read buffer of calc mode holds: 50 sets of a hundredth of the memory each.
[[nodiscard]] constexpr std::int64_t read_capacity(std::int64_t kb) { return 1024 * kb / 100 * 50; }

[[nodiscard]] Fetches fetch_filter(const Folds& folds, std::int64_t capacity,
                                   const KeepGoing& keep_going);
[[nodiscard]] Fetches fetch_ifmap(const Layer& layer, const Shape& shape, const Folds& folds,
                                  std::int64_t capacity, const KeepGoing& keep_going);
/// The last line on which the array asks for a word of the ifmap that exists.
[[nodiscard]] std::int64_t last_ifmap_line(const Layer& layer, const Shape& shape,
                                           const Folds& folds, const KeepGoing& keep_going);

/// The buffer of the outputs: words are packed into lines as wide as the way to DRAM, and half of
/// the memory is drained when more than half is in use.
class WriteBuffer {
 public:
  WriteBuffer(std::int64_t kb, std::int64_t bandwidth)
      : size_(1024 * kb), drained_(size_ - (size_ + 1) / 2), bandwidth_(bandwidth), free_(size_) {}

  /// So many words arrive on one line, at cycle `now`. Returns when the line is done: later than
  /// `now` if the buffer was full.
  std::int64_t service(std::int64_t words, std::int64_t now);
  /// Words that can arrive from cycle `now` on before anything happens but their being stored, if
  /// they come before `quiet_until(now)`.
  [[nodiscard]] std::int64_t quiet_words(std::int64_t now) const;
  [[nodiscard]] bool draining(std::int64_t now) const { return now < drain_end_; }
  [[nodiscard]] std::int64_t drain_end() const { return drain_end_; }
  /// Store words of which `quiet_words` says that nothing happens.
  void put(std::int64_t words);
  /// Everything leaves, from cycle `now` on.
  void empty(std::int64_t now);

  [[nodiscard]] const Traffic& dram() const { return dram_; }

 private:
  struct Run {
    std::int64_t lines;
    std::int64_t fill;
  };

  void close();
  void drain(std::int64_t now);

  std::int64_t size_;
  std::int64_t drained_;
  std::int64_t bandwidth_;
  std::int64_t free_;
  std::int64_t open_ = 0;  ///< words in the line that is being packed
  std::deque<Run> packed_;
  std::int64_t drain_end_ = 0;
  bool any_ = false;
  Traffic dram_;
};

/// Stalls by line, and how many there were until then.
class Stalls {
 public:
  void add(std::int64_t line, std::int64_t cycles);
  [[nodiscard]] std::int64_t total() const { return events_.empty() ? 0 : events_.back().until; }
  /// Stalls of the lines before `line`.
  [[nodiscard]] std::int64_t before(std::int64_t line) const;

 private:
  struct Event {
    std::int64_t line;
    std::int64_t until;
  };
  std::vector<Event> events_;
};

/// Let all outputs of a layer pass through their buffer, where nothing else stalls.
[[nodiscard]] Stalls write_outputs(const Folds& folds, WriteBuffer& buffer,
                                   const KeepGoing& keep_going);

}  // namespace dnnaccel::sim::scalesim
