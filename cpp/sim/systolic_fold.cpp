#include "sim/systolic_fold.hpp"

#include <algorithm>
#include <utility>

namespace dnnaccel::sim {

using problem::Role;

namespace {

constexpr std::size_t at(Role role) { return static_cast<std::size_t>(problem::index(role)); }

}  // namespace

Indices FoldWork::origin() const {
  Indices origin{};
  for (std::size_t d = 0; d < origin.size(); ++d) origin[d] = chunks[d].first;
  return origin;
}

template <typename T>
TensorFold<T>::TensorFold(const FoldTensors<T>& tensors, FoldWork work, EdgeTraffic& traffic)
    : tensors_(tensors),
      work_(std::move(work)),
      traffic_(traffic),
      row_stream_(work_.loops, work_.chunks),
      column_stream_(row_stream_),
      output_stream_(row_stream_) {
  const bool stays = tensors.placement.stationary == Stationary::outputs;
  rows_ = {spots(tensors.row_words, work_.rows, true), work_.empty_rows};
  columns_ = {spots(stays ? tensors.held_words : tensors.output_words, work_.columns, true),
              work_.empty_columns};
}

template <typename T>
std::vector<Spot> TensorFold<T>::spots(const TensorWords& words,
                                       const std::vector<Indices>& indices, bool origin) const {
  const Indices first = work_.origin();
  std::vector<Spot> found;
  found.reserve(indices.size());
  for (Indices here : indices) {
    if (origin) {
      for (std::size_t d = 0; d < here.size(); ++d) here[d] += first[d];
    }
    found.push_back(words.spot(here, origin));
  }
  return found;
}

template <typename T>
const std::vector<Spot>& TensorFold<T>::next_steps(const TensorWords& words, StreamSteps& stream,
                                                   std::int64_t steps) {
  steps_.clear();
  for (std::int64_t k = 0; k < steps; ++k, stream.next()) {
    steps_.push_back(words.spot(stream.indices()));
  }
  return steps_;
}

template <typename T>
void TensorFold<T>::load(T* tile) {
  const bool sums = tensors_.placement.stationary == Stationary::outputs;
  const TensorWords& words = sums ? tensors_.output_words : tensors_.held_words;
  const T* data = sums ? tensors_.outputs : tensors_.held_data;
  const std::vector<Spot> rows = spots(words, work_.rows, true);
  const std::vector<Spot> columns = spots(words, work_.columns, false);
  std::uint64_t read = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < columns.size(); ++j, ++tile) {
      const bool there = work_.has_row(i) && work_.has_column(j);
      const std::int64_t address = there ? words.find(rows[i], columns[j]) : -1;
      *tile = address < 0 ? T{} : data[address];
      read += address < 0 ? 0 : 1;
    }
  }
  traffic_.reads[at(sums ? Role::outputs : tensors_.placement.held())] += read;
}

template <typename T>
std::uint64_t TensorFold<T>::enter(const TensorWords& words, const T* data, const Lines& lines,
                                   StreamSteps& stream, std::int64_t steps, T* block,
                                   std::size_t pitch) {
  const std::vector<Spot>& places = next_steps(words, stream, steps);
  std::uint64_t read = 0;
  for (std::size_t i = 0; i < lines.spots.size(); ++i, block += pitch) {
    if (!lines.has(i)) {
      std::fill_n(block, steps, T{});
      continue;
    }
    T* out = block;
    for (const Spot& place : places) {
      const std::int64_t address = words.find(lines.spots[i], place);
      *out++ = address < 0 ? T{} : data[address];
      read += address < 0 ? 0 : 1;
    }
  }
  return read;
}

template <typename T>
std::uint64_t TensorFold<T>::count(const TensorWords& words, const Lines& lines,
                                   StreamSteps& stream) {
  std::uint64_t read = 0;
  for (std::int64_t k = 0; k < work_.steps; ++k, stream.next()) {
    const Spot place = words.spot(stream.indices());
    for (std::size_t i = 0; i < lines.spots.size(); ++i) {
      if (lines.has(i) && words.find(lines.spots[i], place) >= 0) ++read;
    }
  }
  return read;
}

template <typename T>
void TensorFold<T>::count_streams() {
  traffic_.reads[at(tensors_.placement.rows())] += count(tensors_.row_words, rows_, row_stream_);
  if (tensors_.placement.stationary != Stationary::outputs) return;
  traffic_.reads[at(Role::weights)] += count(tensors_.held_words, columns_, column_stream_);
}

template <typename T>
void TensorFold<T>::enter_rows(std::int64_t, std::int64_t steps, T* block, std::size_t pitch) {
  traffic_.reads[at(tensors_.placement.rows())] +=
      enter(tensors_.row_words, tensors_.row_data, rows_, row_stream_, steps, block, pitch);
}

template <typename T>
void TensorFold<T>::enter_columns(std::int64_t, std::int64_t steps, T* block, std::size_t pitch) {
  traffic_.reads[at(Role::weights)] +=
      enter(tensors_.held_words, tensors_.held_data, columns_, column_stream_, steps, block, pitch);
}

template <typename T>
void TensorFold<T>::leave_tile(const T* tile, std::size_t pitch) {
  const TensorWords& words = tensors_.output_words;
  const std::vector<Spot> rows = spots(words, work_.rows, true);
  const std::vector<Spot> columns = spots(words, work_.columns, false);
  for (std::size_t i = 0; i < rows.size(); ++i, tile += pitch) {
    for (std::size_t j = 0; j < columns.size(); ++j) {
      if (!work_.has_row(i) || !work_.has_column(j)) continue;
      tensors_.outputs[words.find(rows[i], columns[j])] = tile[j];
      ++traffic_.writes[at(Role::outputs)];
    }
  }
}

template <typename T>
void TensorFold<T>::leave(std::int64_t, std::int64_t steps, const T* block, std::size_t pitch) {
  if (tensors_.placement.stationary == Stationary::outputs) {
    leave_tile(block, pitch);
    return;
  }
  const std::vector<Spot>& places = next_steps(tensors_.output_words, output_stream_, steps);
  std::uint64_t moved = 0;
  for (std::size_t j = 0; j < columns_.spots.size(); ++j, block += pitch) {
    if (!columns_.has(j)) continue;
    for (std::size_t k = 0; k < places.size(); ++k) {
      T& sum = tensors_.outputs[tensors_.output_words.find(columns_.spots[j], places[k])];
      sum = work_.begins ? block[k] : sum + block[k];
    }
    moved += places.size();
  }
  traffic_.writes[at(Role::outputs)] += moved;
  if (!work_.begins) traffic_.reads[at(Role::outputs)] += moved;
}

template class TensorFold<std::uint32_t>;
template class TensorFold<float>;

}  // namespace dnnaccel::sim
