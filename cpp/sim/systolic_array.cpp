#include "sim/systolic_array.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

namespace dnnaccel::sim {

namespace {

constexpr std::int64_t kBlock = 256;             ///< steps fetched and handed over at a time
constexpr std::int64_t kSlack = 256;             ///< cycles until a row's window starts over
constexpr std::int64_t kMaxSide = 1 << 14;       ///< of an array: its registers fit in memory
constexpr std::uint64_t kWatchWork = 1 << 23;    ///< MACs between two looks at whether to stop,
constexpr std::uint64_t kWatchCycles = 1 << 14;  ///< and cycles

constexpr std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::uint64_t unsigned_(std::int64_t i) { return static_cast<std::uint64_t>(i); }

/// The work of one row in one cycle. Plain loops over words that do not overlap: the compiler makes
/// vectors of them.
template <typename T>
void add_products(T* __restrict sums, const T* __restrict above, const T* __restrict left,
                  const T* __restrict right, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] = above[i] + left[i] * right[i];
}

template <typename T>
void accumulate(T* __restrict sums, const T* __restrict left, const T* __restrict right,
                std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += left[i] * right[i];
}

}  // namespace

template <typename T>
void SystolicGrid<T>::Ring::size(std::int64_t lines, std::int64_t total, std::int64_t block) {
  const std::int64_t span = std::min(total, block);
  const auto room = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(span)));
  mask = room - 1;
  // Lines a power of two apart would share their cache sets.
  pitch = at(room + 16);
  words.assign(at(lines) * pitch, T{});
}

template <typename T>
SystolicGrid<T>::SystolicGrid(std::int64_t rows, std::int64_t columns, Stationary stationary,
                              bool double_buffered, Watch watch)
    : rows_(rows),
      columns_(columns),
      stationary_(stationary),
      double_buffered_(double_buffered),
      watch_(std::move(watch)),
      pitch_(at(std::max<std::int64_t>(columns, 1) + 16)) {
  if (rows < 1 || columns < 1 || rows > kMaxSide || columns > kMaxSide) {
    throw std::invalid_argument(
        "systolic array: " + std::to_string(rows) + " x " + std::to_string(columns) +
        " elements; rows and columns go from 1 to " + std::to_string(kMaxSide));
  }
  const std::size_t words = at(rows) * pitch_;
  held_.assign(words, T{});
  next_.assign(words, T{});
  sums_.assign(words + pitch_, T{});
  if (stationary == Stationary::outputs) falling_.assign(words, T{});
  const std::size_t length = at(columns + kSlack + 16);
  moving_words_.assign(at(rows) * length, T{});
  for (std::size_t i = 0; i < at(rows); ++i) {
    moving_.push_back(moving_words_.data() + i * length + kSlack);
  }
}

template <typename T>
bool SystolicGrid<T>::may_start(const Flight& flight) const {
  if (flight.shape.loads && cycle_ < flight.at.load + unsigned_(flight.shape.rows)) return false;
  if (!any_) return true;
  if (!double_buffered_) return true;  // it was issued to an empty array
  const std::int64_t gap = cycles_to_next(stationary_, last_shape_, flight.shape);
  return cycle_ >= last_.start + unsigned_(gap);
}

template <typename T>
FoldCycles SystolicGrid<T>::issue(const FoldShape& shape, std::unique_ptr<FoldPort<T>> port,
                                  std::uint64_t ready) {
  if (shape.rows < 1 || shape.rows > rows_ || shape.columns < 1 || shape.columns > columns_ ||
      shape.steps < 1) {
    throw std::invalid_argument("systolic array: a fold of " + std::to_string(shape.rows) + " x " +
                                std::to_string(shape.columns) + " does not fit");
  }
  if (!double_buffered_ || waits_for_sums(stationary_, shape)) finish();
  run_to(ready);
  Flight& flight = flights_.emplace_back();
  flight.shape = shape;
  flight.port = std::move(port);
  flight.at.load = cycle_;
  const bool stays = stationary_ == Stationary::outputs;
  if (shape.loads || stays) flight.tile.assign(at(shape.rows * shape.columns), T{});
  if (shape.loads) flight.port->load(flight.tile.data());
  flight.rows.size(shape.rows, shape.steps, kBlock + shape.rows);
  if (stays) {
    flight.columns.size(shape.columns, shape.steps, kBlock + shape.columns);
  } else {
    flight.sums.size(shape.columns, shape.steps, kBlock + shape.columns);
  }
  while (!may_start(flight)) step();
  flight.at.start = cycle_;
  flight.at.end = cycle_ + unsigned_(cycles_from_start(stationary_, shape));
  flight.started = true;
  any_ = true;
  last_shape_ = shape;
  last_ = flight.at;
  return last_;
}

template <typename T>
void SystolicGrid<T>::finish() {
  while (!flights_.empty()) step();
}

template <typename T>
void SystolicGrid<T>::run_to(std::uint64_t cycle) {
  while (cycle_ < cycle && !flights_.empty()) step();
  cycle_ = std::max(cycle_, cycle);
}

template <typename T>
void SystolicGrid<T>::step() {
  shift_moving_words();
  // The oldest fold is furthest to the right and below. What the elements hold is replaced only
  // after it was used, so what is shifted in comes last.
  for (Flight& flight : flights_) {
    if (!flight.started) break;
    if (flight.at.end <= cycle_) continue;  // a small tile may be done before the one ahead of it
    const auto now = static_cast<std::int64_t>(cycle_ - flight.at.start);
    fetch(flight, now);
    if (stationary_ == Stationary::outputs) {
      wave_of_products(flight, now);
      shift_out(flight, now);
    } else {
      wave_of_sums(flight, now);
    }
  }
  for (Flight& flight : flights_) {
    if (flight.shape.loads) shift_in(flight, static_cast<std::int64_t>(cycle_ - flight.at.load));
  }
  ++cycle_;
  while (!flights_.empty() && flights_.front().started && flights_.front().at.end <= cycle_) {
    flights_.pop_front();
  }
  if (watch_ && (macs_ - watched_ >= kWatchWork || cycle_ % kWatchCycles == 0)) {
    watched_ = macs_;
    watch_(macs_);
  }
}

/// Every word that moves goes one element further; what enters is put in its place after this.
template <typename T>
void SystolicGrid<T>::shift_moving_words() {
  const std::size_t length = at(columns_ + kSlack + 16);
  T* begin = moving_words_.data();
  for (T*& row : moving_) {
    if (row == begin) {
      std::memmove(begin + kSlack, begin, at(columns_) * sizeof(T));
      row = begin + kSlack;
    }
    --row;
    begin += length;
  }
  if (!falling_.empty()) top_ = (top_ + rows_ - 1) % rows_;
}

/// Take the next block of words when the first row needs its first one.
template <typename T>
void SystolicGrid<T>::fetch(Flight& flight, std::int64_t now) {
  if (now >= flight.shape.steps || now != flight.rows.steps) return;
  const std::int64_t steps = std::min(kBlock, flight.shape.steps - now);
  flight.port->enter_rows(now, steps, flight.rows.from(now), flight.rows.pitch);
  flight.rows.steps += steps;
  if (stationary_ == Stationary::outputs) {
    flight.port->enter_columns(now, steps, flight.columns.from(now), flight.columns.pitch);
  }
}

/// One cycle of a fold whose sums move down. Rows go from the bottom up: each takes the sums of the
/// row above before that row makes its next ones.
template <typename T>
void SystolicGrid<T>::wave_of_sums(Flight& flight, std::int64_t now) {
  const auto& [rows, columns, steps, loads] = flight.shape;
  const std::int64_t bottom = std::min(rows - 1, now);
  const std::int64_t top = std::max<std::int64_t>(0, now - (steps - 1) - (columns - 1));
  for (std::int64_t row = bottom; row >= top; --row) {
    const std::int64_t lead = now - row;  // the column that the first word has reached
    const std::int64_t low = std::max<std::int64_t>(0, lead - (steps - 1));
    const std::int64_t high = std::min(columns - 1, lead);
    T* words = moving(row);
    T* held = line(held_, row);
    if (lead < steps) words[0] = flight.rows.word(row, lead);
    if (loads && lead < columns) held[lead] = line(next_, row)[lead];
    add_products(line(sums_, row + 1) + low, line(sums_, row) + low, held + low, words + low,
                 high - low + 1);
    macs_ += unsigned_(high - low + 1);
  }
  const std::int64_t lead = now - (rows - 1);
  if (lead < 0) return;
  const std::int64_t low = std::max<std::int64_t>(0, lead - (steps - 1));
  const T* sums = line(sums_, rows);
  for (std::int64_t j = low; j <= std::min(columns - 1, lead); ++j) {
    flight.sums.word(j, lead - j) = sums[j];
  }
  hand_over(flight, lead - (columns - 1) + 1);
}

/// Give away whole blocks of steps whose sums have left all columns.
template <typename T>
void SystolicGrid<T>::hand_over(Flight& flight, std::int64_t done) {
  const std::int64_t ready = done - flight.sums.steps;
  if (ready < kBlock && done != flight.shape.steps) return;
  flight.port->leave(flight.sums.steps, ready, flight.sums.from(flight.sums.steps),
                     flight.sums.pitch);
  flight.sums.steps = done;
}

/// One cycle of a fold whose sums stay.
template <typename T>
void SystolicGrid<T>::wave_of_products(Flight& flight, std::int64_t now) {
  const auto& [rows, columns, steps, loads] = flight.shape;
  T* first = falling(0);
  for (std::int64_t j = std::max<std::int64_t>(0, now - (steps - 1));
       j <= std::min(columns - 1, now); ++j) {
    first[j] = flight.columns.word(j, now - j);
  }
  const std::int64_t bottom = std::min(rows - 1, now);
  const std::int64_t top = std::max<std::int64_t>(0, now - (steps - 1) - (columns - 1));
  for (std::int64_t row = bottom; row >= top; --row) {
    const std::int64_t lead = now - row;
    const std::int64_t last = lead - (steps - 1);  // the column that finishes
    const std::int64_t low = std::max<std::int64_t>(0, last);
    const std::int64_t high = std::min(columns - 1, lead);
    T* words = moving(row);
    T* held = line(held_, row);
    if (lead < steps) words[0] = flight.rows.word(row, lead);
    if (lead < columns) held[lead] = loads ? line(next_, row)[lead] : T{};
    accumulate(held + low, words + low, falling(row) + low, high - low + 1);
    macs_ += unsigned_(high - low + 1);
    if (last >= 0) line(sums_, row)[last] = held[last];
  }
}

/// Sums that are finished go down: a column begins when its last row is done, one row a cycle.
template <typename T>
void SystolicGrid<T>::shift_out(Flight& flight, std::int64_t now) {
  const auto& [rows, columns, steps, loads] = flight.shape;
  const std::int64_t lead = now - (steps + rows - 1);  // the column that begins
  if (lead < 0) return;
  const std::int64_t high = std::min(columns - 1, lead);
  const T* bottom = line(sums_, rows - 1);
  for (std::int64_t j = std::max<std::int64_t>(0, lead - rows + 1); j <= high; ++j) {
    flight.tile[at((rows - 1 - (lead - j)) * columns + j)] = bottom[j];
  }
  for (std::int64_t row = rows - 1; row >= 1; --row) {
    const std::int64_t low = std::max<std::int64_t>(0, lead - row + 1);
    if (low > high) break;
    std::memcpy(line(sums_, row) + low, line(sums_, row - 1) + low, at(high - low + 1) * sizeof(T));
  }
  if (lead == rows + columns - 2) flight.port->leave(0, columns, flight.tile.data(), at(columns));
}

/// A tile goes down into the registers that the fold will take it from, its last row first. Column
/// j does so j cycles after the first, as everything in the array does.
template <typename T>
void SystolicGrid<T>::shift_in(Flight& flight, std::int64_t now) {
  const std::int64_t rows = flight.shape.rows;
  const std::int64_t columns = flight.shape.columns;
  if (now > rows + columns - 2) return;
  const std::int64_t low = std::max<std::int64_t>(0, now - rows + 1);
  for (std::int64_t row = std::min(rows - 1, now); row >= 1; --row) {
    const std::int64_t high = std::min(columns - 1, now - row);
    if (low > high) continue;
    std::memcpy(line(next_, row) + low, line(next_, row - 1) + low, at(high - low + 1) * sizeof(T));
  }
  T* first = line(next_, 0);
  for (std::int64_t j = low; j <= std::min(columns - 1, now); ++j) {
    first[j] = flight.tile[at((rows - 1 - (now - j)) * columns + j)];
  }
}

template class SystolicGrid<std::uint32_t>;
template class SystolicGrid<float>;

}  // namespace dnnaccel::sim
