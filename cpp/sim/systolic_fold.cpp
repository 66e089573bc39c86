#include "sim/systolic_fold.hpp"

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
  row_spots_ = spots(tensors.row_words, work_.rows, true);
  column_spots_ = spots(stays ? tensors.held_words : tensors.output_words, work_.columns, true);
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
const std::vector<Spot>& TensorFold<T>::next_steps(const TensorWords& words, Stream& stream,
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
  for (const Spot& row : rows) {
    for (const Spot& column : columns) {
      const std::int64_t address = words.find(row, column);
      *tile++ = address < 0 ? T{} : data[address];
      read += address < 0 ? 0 : 1;
    }
  }
  traffic_.reads[at(sums ? Role::outputs : tensors_.placement.held())] += read;
}

template <typename T>
std::uint64_t TensorFold<T>::enter(const TensorWords& words, const T* data,
                                   const std::vector<Spot>& lines, Stream& stream,
                                   std::int64_t steps, T* block, std::size_t pitch) {
  const std::vector<Spot>& places = next_steps(words, stream, steps);
  std::uint64_t read = 0;
  for (const Spot& line : lines) {
    T* out = block;
    for (const Spot& place : places) {
      const std::int64_t address = words.find(line, place);
      *out++ = address < 0 ? T{} : data[address];
      read += address < 0 ? 0 : 1;
    }
    block += pitch;
  }
  return read;
}

template <typename T>
void TensorFold<T>::enter_rows(std::int64_t, std::int64_t steps, T* block, std::size_t pitch) {
  traffic_.reads[at(tensors_.placement.rows())] +=
      enter(tensors_.row_words, tensors_.row_data, row_spots_, row_stream_, steps, block, pitch);
}

template <typename T>
void TensorFold<T>::enter_columns(std::int64_t, std::int64_t steps, T* block, std::size_t pitch) {
  traffic_.reads[at(Role::weights)] += enter(tensors_.held_words, tensors_.held_data, column_spots_,
                                             column_stream_, steps, block, pitch);
}

template <typename T>
void TensorFold<T>::leave(std::int64_t, std::int64_t steps, const T* block, std::size_t pitch) {
  const TensorWords& words = tensors_.output_words;
  const bool stays = tensors_.placement.stationary == Stationary::outputs;
  std::uint64_t& writes = traffic_.writes[at(Role::outputs)];
  if (stays) {  // a line of the block is a row of the tile
    const std::vector<Spot> rows = spots(words, work_.rows, true);
    const std::vector<Spot> columns = spots(words, work_.columns, false);
    for (const Spot& row : rows) {
      for (std::size_t j = 0; j < columns.size(); ++j) {
        tensors_.outputs[words.find(row, columns[j])] = block[j];
      }
      block += pitch;
    }
    writes += rows.size() * columns.size();
    return;
  }
  const std::vector<Spot>& places = next_steps(words, output_stream_, steps);
  for (const Spot& column : column_spots_) {
    for (std::size_t k = 0; k < places.size(); ++k) {
      T& sum = tensors_.outputs[words.find(column, places[k])];
      sum = work_.begins ? block[k] : sum + block[k];
    }
    block += pitch;
  }
  const std::uint64_t moved = column_spots_.size() * static_cast<std::uint64_t>(steps);
  writes += moved;
  if (!work_.begins) traffic_.reads[at(Role::outputs)] += moved;
}

template class TensorFold<std::uint32_t>;
template class TensorFold<float>;

}  // namespace dnnaccel::sim
